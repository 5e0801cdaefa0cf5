"""`python -m gochan demo`: count the lines and words of a source tree, by kind of file.

The program is goroutines that are joined by two channels:

    walk  -- paths -->  count, count, count, ...  -- results -->  the main loop

`walk` closes `paths` when it has seen the tree, which ends the loops of the workers. Nobody may
close `results` before the last of its senders has finished, so one more goroutine waits for them
on a WaitGroup and closes it then, which ends the main loop.

All of them look at one context. Ctrl-C cancels it, and `--timeout` gives it a deadline; then each
goroutine stops by itself, and what was counted so far is printed.
"""

import errno
import importlib
import math
import os
import signal
import stat
import sys
import sysconfig
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import FrameType

from gochan import (
    CancelContext,
    Canceled,
    Chan,
    Context,
    DeadlineExceeded,
    RecvChan,
    SendChan,
    WaitGroup,
    background,
    go,
    with_cancel,
    with_timeout,
)
from gochan._demo_report import (
    BINARY,
    Counted,
    Item,
    Tally,
    Unreadable,
    fail,
    printable,
    report,
    write,
)

CHUNK = 256 * 1024  # bytes read at a time: a file of any size is counted in little memory
GRACE = 0.2  # seconds that busy workers get after a stop
INTERRUPTED, TIMED_OUT = 130, 124  # exit codes: as a shell has it for Ctrl-C, as timeout(1) does
TOGETHER = 1.0  # seconds within which several SIGINTs are one Ctrl-C
INSTALLED = ("site-packages", "dist-packages")  # inside the standard library, not of it


# ---------------------------------------------------------------- the goroutines


def start(ctx: Context, root: str, skip: set[str], workers: int, results: SendChan[Item]) -> None:
    """Start every goroutine. They send one item per file, then close `results`."""
    # A little room lets the walker run ahead of the workers; more would only use memory.
    paths = Chan[str](2 * workers)
    senders = WaitGroup()
    senders.go(walk, ctx, root, skip, paths, results)
    for _ in range(workers):
        senders.go(count, ctx, paths, results)
    go(close_after, senders, results)


def walk(
    ctx: Context, root: str, skip: set[str], paths: SendChan[str], results: SendChan[Item]
) -> None:
    """Send the path of every file under `root` (or `root` itself, when it is a file)."""
    # Leaving closes it, also when something goes wrong in here. When the context is done a send
    # that waits for a worker raises.
    with paths, suppress(Canceled, DeadlineExceeded):
        if not os.path.isdir(root):
            paths.send(root, ctx=ctx)
            return
        # A list, not recursion: a tree may be deeper than Python's stack.
        folders = [root]
        while folders and ctx.err is None:
            folder = folders.pop()
            try:
                files, inner = list_folder(folder)
            except OSError as error:
                results.send(Unreadable(folder, reason(error)))
                continue
            folders += [path for path in inner if path not in skip]
            for path in files:
                paths.send(path, ctx=ctx)


def count(ctx: Context, paths: RecvChan[str], results: SendChan[Item]) -> None:
    """A worker: count files until there are no more. All workers receive from one channel."""
    for path in paths:
        if ctx.err is not None:
            return
        results.send(count_file(path))


def close_after(senders: WaitGroup, results: SendChan[Item]) -> None:
    senders.wait()
    results.close()


# ---------------------------------------------------------------- one folder, one file


def list_folder(folder: str) -> tuple[list[str], list[str]]:
    """The paths of the files and of the folders in `folder`."""
    files: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            # A link to a folder may lead back up, and the walk would never end: left out. A link
            # to a file counts as that file, and one that leads nowhere as unreadable.
            # (os.path.isdir: False for a link to itself, where entry.is_dir() would raise.)
            elif not (entry.is_symlink() and os.path.isdir(entry.path)):
                files.append(entry.path)
    return files, folders


def count_file(path: str) -> Item:
    """Count as wc does: newline characters, and words between white space."""
    lines = words = 0
    in_word = False
    try:
        with open(path, "rb", buffering=0, opener=open_regular) as file:
            # os.read, because file.read() turns "no data yet" into the end of the file.
            while chunk := os.read(file.fileno(), CHUNK):
                if b"\0" in chunk:
                    return Counted(BINARY, 0, 0)
                lines += chunk.count(b"\n")
                words += len(chunk.split())
                if in_word and not chunk[:1].isspace():
                    words -= 1  # the rest of a word that the chunk before has counted
                in_word = not chunk[-1:].isspace()
    except OSError as error:
        return Unreadable(path, reason(error))
    return Counted(kind_of(path), lines, words)


def open_regular(path: str, flags: int) -> int:
    """An opener for open() that cannot hang: only a regular file is opened.

    Opening a FIFO waits for a writer, and opening a device may do anything. So look before, and
    once more at what was opened, for the name may have got another file in between.
    """
    require_regular(os.stat(path))
    fd = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    try:
        require_regular(os.fstat(fd))
    except OSError:
        os.close(fd)
        raise
    return fd


def require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")


def reason(error: OSError) -> str:
    return error.strerror or str(error)


KINDS = {
    "Python": ".py .pyi .pyw",
    "C": ".c .h",
    "C++": ".cc .cpp .cxx .hh .hpp .hxx",
    "Cython": ".pyx .pxd",
    "Go": ".go",
    "Java": ".java",
    "JavaScript": ".js .mjs .cjs .jsx",
    "TypeScript": ".ts .tsx",
    "Rust": ".rs",
    "assembly": ".s .asm",
    "shell": ".sh .bash .zsh .fish",
    "batch": ".bat .cmd .ps1",
    "HTML": ".html .htm",
    "CSS": ".css .scss",
    "XML": ".xml .svg .xsl",
    "JSON": ".json",
    "TOML": ".toml",
    "YAML": ".yaml .yml",
    "settings": ".cfg .ini .conf",
    "Markdown": ".md",
    "reStructuredText": ".rst",
    "text": ".txt",
    "table": ".csv .tsv",
}
KIND_OF_EXTENSION = {ext: kind for kind, exts in KINDS.items() for ext in exts.split()}


def kind_of(path: str) -> str:
    """The kind of a file by its extension; an unknown extension is a kind of its own."""
    extension = os.path.splitext(path)[1].lower()
    if extension in ("", "."):
        return "no extension"
    return KIND_OF_EXTENSION.get(extension, extension)


# ---------------------------------------------------------------- the main loop


def run(
    path: str | None, *, workers: int | None = None, top: int = 10, timeout: float | None = None
) -> int:
    """The command; returns its exit code."""
    root = sysconfig.get_path("stdlib") if path is None else path
    skip = {os.path.join(root, name) for name in INSTALLED} if path is None else set[str]()
    try:
        status = os.stat(root)
        if not stat.S_ISDIR(status.st_mode):
            require_regular(status)
    except OSError as error:
        return fail(f"{printable(root)}: {reason(error)}", 2)
    if workers is None:
        # Some more than CPUs: while one waits for the disk another can count.
        workers = min(32, (os.cpu_count() or 1) + 4)

    tally = Tally()
    stopped = 0
    results = Chan[Item](2 * workers)
    with one_interrupt(), context(timeout) as ctx:
        began = time.perf_counter()
        try:
            start(ctx, root, skip, workers, results)
            with progress_line() as step:
                while item := results.recv_ok(ctx=ctx)[0]:
                    tally.add(item)
                    step()
        except KeyboardInterrupt:
            stopped = INTERRUPTED
            ctx.cancel()
            take_the_rest(results, tally)
        except DeadlineExceeded:
            stopped = TIMED_OUT
            take_the_rest(results, tally)
        seconds = time.perf_counter() - began
        title = printable(root) + (" (without installed packages)" if skip else "")
        goroutines = workers + 2  # and the walker, and the one that closes `results`
        text = report(
            tally,
            title=title,
            top=top,
            seconds=seconds,
            goroutines=goroutines,
            partial=bool(stopped),
        )
    code = write(text)
    return stopped or code


def context(timeout: float | None) -> CancelContext:
    return with_cancel(background()) if timeout is None else with_timeout(background(), timeout)


def take_the_rest(results: RecvChan[Item], tally: Tally) -> None:
    """After the stop: take what the goroutines had in hand, until they have ended.

    One may be in the middle of a long file or of a slow disk. It is left behind, as Go leaves its
    goroutines when main returns.
    """
    deadline = time.monotonic() + GRACE
    with suppress(TimeoutError):
        while item := results.recv_ok(timeout=deadline - time.monotonic())[0]:
            tally.add(item)


@contextmanager
def one_interrupt() -> Generator[None, None, None]:
    """Make one KeyboardInterrupt of several SIGINTs that come together.

    `timeout -s INT` sends two at once, and so does a shell script that passes one on. The second
    would hit the code that is about to print the partial result.
    """
    last = -math.inf

    def handler(signum: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > TOGETHER:
            last = now
            raise KeyboardInterrupt

    # Another handler than Python's own means that somebody wants it so, nohup for one.
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual:
        signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        if usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def progress_line() -> Generator[Callable[[], object], None, None]:
    """Give a function to call once per file. It draws on a terminal only, and only with tqdm."""
    tqdm = None
    if sys.stderr is not None and sys.stderr.isatty():
        with suppress(ImportError):
            tqdm = importlib.import_module("tqdm").tqdm
    if tqdm is None:
        yield lambda: None
    else:
        with tqdm(desc="counting", unit=" files", miniters=1, leave=False) as bar:
            yield bar.update

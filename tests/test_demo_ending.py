"""The main job, `python -m gochan demo`, on a terminal, in a pipe and under Ctrl-C."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import DEMO, PATIENCE, PROSE, count, make, parse, posix, prelude, run

# ---------------------------------------------------------------- Ctrl-C


def open_terminal() -> tuple[int, int]:
    """A pseudo-terminal of 80 columns; without a width tqdm draws nothing."""
    import termios  # not on Windows

    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    return master, slave


def terminal_text(master: int, until: str | None = None) -> str:
    """What comes out of a pseudo-terminal, up to a pattern or else to its end."""
    text = ""
    deadline = time.monotonic() + PATIENCE
    while until is None or not re.search(until, text):
        ready, _, _ = select.select([master], [], [], deadline - time.monotonic())
        assert ready, f"no {until!r} in {text!r}"
        try:
            data = os.read(master, 4096)
        except OSError:  # Linux's way to say that the other end is closed
            data = b""
        if not data:
            assert until is None, f"ended without {until!r}: {text!r}"
            break
        text += data.decode()
    return text


@posix
def test_ctrl_c_prints_what_was_counted_so_far(tmp_path: Path) -> None:
    # One long text under 10,000 names is more to count than the test has patience for, so that
    # the signal cannot come too late; the progress line shows that it does not come too early.
    text = PROSE * 3
    lines, words = count(text)
    make(tmp_path, {"long": text})
    tree = tmp_path / "tree"
    tree.mkdir()
    for n in range(10_000):
        (tree / f"{n}.txt").symlink_to("../long")
    master, slave = open_terminal()
    with subprocess.Popen([*DEMO, tree], stdout=subprocess.PIPE, stderr=slave, text=True) as demo:
        os.close(slave)
        try:
            terminal_text(master, until=r"counting: [1-9]\d* files")
            demo.send_signal(signal.SIGINT)
            stdout, _ = demo.communicate(timeout=PATIENCE)
            assert "Traceback" not in terminal_text(master)
        finally:
            demo.kill()
            os.close(master)
    assert demo.returncode == 130
    seen = parse(stdout)
    assert seen.partial
    files = seen.total[0]
    assert 1 <= files < 10_000
    assert seen.rows == {"text": (files, files * lines, files * words)}
    assert not seen.unreadable


# A worker that never comes back from one file, and says so on stderr when all else is counted.
STUCK = """
others = threading.Event()
real_add = _demo.Tally.add
def add(self, item):
    real_add(self, item)
    if self.kinds["Python"].files == 3:
        others.set()
_demo.Tally.add = add
real_count = _demo.count_file
def count_file(path):
    if path.endswith("stuck"):
        others.wait()
        os.write(2, b"stuck\\n")
        os.read(os.pipe()[0], 1)
    return real_count(path)
_demo.count_file = count_file
"""


def interrupt_a_stuck_one(tmp_path: Path, more: str = "") -> str:
    make(tmp_path, {"a.py": b"1\n", "b.py": b"2\n", "c.py": b"3\n", "stuck": b""})
    with subprocess.Popen(
        prelude(STUCK + more, tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        try:
            assert demo.stderr is not None
            assert demo.stderr.readline() == "stuck\n"
            demo.send_signal(signal.SIGINT)
            stdout, stderr = demo.communicate(timeout=PATIENCE)
        finally:
            demo.kill()
    assert (demo.returncode, stderr) == (130, "")
    return stdout


@posix
def test_ctrl_c_leaves_a_worker_behind_that_does_not_come_back(tmp_path: Path) -> None:
    seen = parse(interrupt_a_stuck_one(tmp_path))
    assert seen.partial
    assert seen.rows == {"Python": (3, 3, 3)}


# The second one comes in the middle of stopping.
SECOND = """
import signal
real_rest = _demo.take_the_rest
def take_the_rest(*args):
    signal.raise_signal(signal.SIGINT)
    real_rest(*args)
_demo.take_the_rest = take_the_rest
"""


@posix
def test_a_second_sigint_right_behind_the_first_changes_nothing(tmp_path: Path) -> None:
    # timeout(1) sends two. However slow this machine is, these two belong together.
    seen = parse(interrupt_a_stuck_one(tmp_path, SECOND + "_demo.TOGETHER = 3600"))
    assert seen.partial
    assert seen.rows == {"Python": (3, 3, 3)}


@posix
def test_a_later_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    assert interrupt_a_stuck_one(tmp_path, SECOND + "_demo.TOGETHER = -1") == ""


@posix
def test_after_ctrl_c_nothing_new_is_begun_and_nothing_stays_blocked(tmp_path: Path) -> None:
    # Interrupted when each of the 4 workers holds a file, 8 paths fill their channel, and the
    # walker stands in the send of one more.
    make(tmp_path, {f"{n:04}.py": b"1\n" for n in range(100)})
    hold = """
held, sending, stopped = threading.Semaphore(0), threading.Event(), threading.Event()
sent = 0

real_walk, real_count, real_start, real_rest = (
    _demo.walk, _demo.count_file, _demo.start, _demo.take_the_rest)

class Spy:
    def __init__(self, paths):
        self.paths = paths
    def __enter__(self):
        return self.paths.__enter__()
    def __exit__(self, *exc):
        return self.paths.__exit__(*exc)
    def send(self, path, ctx):
        global sent
        sent += 1
        if sent == 4 + 8 + 1:
            sending.set()
        self.paths.send(path, ctx=ctx)

def walk(ctx, root, skip, paths, results):
    real_walk(ctx, root, skip, Spy(paths), results)

def count_file(path):
    held.release()
    stopped.wait()
    return real_count(path)

def take_the_rest(results, tally):
    stopped.set()
    real_rest(results, tally)
    print("sent", sent, "closed", results.closed, "left", len(results), file=sys.stderr)

def start(*args):
    real_start(*args)
    for _ in range(4):
        held.acquire()
    sending.wait()
    raise KeyboardInterrupt

_demo.walk, _demo.count_file, _demo.start, _demo.take_the_rest = (
    walk, count_file, start, take_the_rest)
_demo.GRACE = 3600
"""
    command = prelude(hold, tmp_path, "--workers", 4)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (130, "sent 13 closed True left 0\n")
    seen = parse(done.stdout)
    assert seen.partial
    assert seen.rows == {"Python": (4, 4, 4)}


@posix
def test_ctrl_c_while_the_result_is_printed_is_quiet(tmp_path: Path) -> None:
    interrupt = """
import signal
_demo.write = lambda text: signal.raise_signal(signal.SIGINT)
"""
    command = prelude(interrupt, tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


# ---------------------------------------------------------------- where the output goes


@pytest.fixture
def buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buffer the output as usual: what could not be written is then tried again at exit."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


@posix
@pytest.mark.usefixtures("buffered")
@pytest.mark.parametrize("interrupted", [False, True])
def test_a_reader_that_is_gone_ends_it_quietly(tmp_path: Path, interrupted: bool) -> None:
    make(tmp_path, {"a.py": b"1\n"})
    reader, writer = os.pipe()
    os.close(reader)
    interrupt = """
import signal
real_add = _demo.Tally.add
def add(self, item):
    signal.raise_signal(signal.SIGINT)
_demo.Tally.add = add
"""
    command = prelude(interrupt if interrupted else "", tmp_path)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=PATIENCE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (130 if interrupted else 141, b"")


@posix
@pytest.mark.usefixtures("buffered")
def test_head(tmp_path: Path) -> None:
    make(tmp_path, {f"{n}.kind{n}": b"1\n" for n in range(3000)})
    line = f"'{sys.executable}' -m gochan demo '{tmp_path}' --top 3000 | head -n 1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path}\n", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
@pytest.mark.usefixtures("buffered")
def test_a_full_disk_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*DEMO, tmp_path], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE
        )
    assert done.returncode == 1
    assert done.stderr == b"gochan demo: cannot write the result: No space left on device\n"


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    master, slave = open_terminal()
    yield master, slave
    os.close(master)


@posix
def test_progress_on_a_terminal(tmp_path: Path, terminal: tuple[int, int]) -> None:
    make(tmp_path, {f"{n}.py": b"1\n" for n in range(50)})
    master, slave = terminal
    done = subprocess.run(
        [*DEMO, tmp_path], stdout=subprocess.PIPE, stderr=slave, text=True, timeout=PATIENCE
    )
    os.close(slave)
    drawn = terminal_text(master)
    assert done.returncode == 0
    assert re.search(r"counting: \d+ files", drawn)
    assert not drawn.rpartition("\r")[0].rpartition("\r")[2].strip(), "the line was not wiped"
    assert parse(done.stdout).total == (50, 50, 50)


@posix
def test_no_progress_without_tqdm(tmp_path: Path, terminal: tuple[int, int]) -> None:
    make(tmp_path, {"a.py": b"1\n"})
    master, slave = terminal
    done = subprocess.run(
        prelude("sys.modules['tqdm'] = None", tmp_path),
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
        timeout=PATIENCE,
    )
    os.close(slave)
    assert (done.returncode, terminal_text(master)) == (0, "")
    assert parse(done.stdout).total == (1, 1, 1)


@posix
def test_no_progress_and_no_tqdm_where_stderr_is_no_terminal(
    tmp_path: Path, terminal: tuple[int, int]
) -> None:
    make(tmp_path, {"a.py": b"1\n"})
    master, slave = terminal
    tell = "import atexit; atexit.register(lambda: os.write(2, b'%r' % ('tqdm' in sys.modules)))"
    done = subprocess.run(
        prelude(tell, tmp_path), stdout=slave, stderr=subprocess.PIPE, timeout=PATIENCE
    )
    os.close(slave)
    assert (done.returncode, done.stderr) == (0, b"False")
    assert parse(terminal_text(master).replace("\r\n", "\n")).total == (1, 1, 1)


def test_a_timeout_prints_what_was_counted_so_far(tmp_path: Path) -> None:
    make(tmp_path, {f"{n}.py": b"x\n" for n in range(8)})
    slow = """
real, first, never = _demo.count_file, threading.Lock(), threading.Event()

def count_file(path):
    if not first.acquire(blocking=False):
        never.wait()
    return real(path)

_demo.count_file = count_file
_demo.GRACE = 0
"""
    command = prelude(slow, tmp_path, "--timeout", 0.5)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (124, "")
    seen = parse(done.stdout)
    assert seen.partial
    assert seen.rows == {"Python": (1, 1, 1)}


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_that_is_none(seconds: str) -> None:
    done = run("--timeout", seconds)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--timeout" in done.stderr

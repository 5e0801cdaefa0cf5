"""What the demo has counted so far, and how it is shown."""

import os
import sys
from collections.abc import Iterable, Iterator
from functools import reduce
from typing import NamedTuple

NAMED = 10  # unreadable files listed by name
BINARY = "binary"  # the kind of every file with a NUL in it


class Counted(NamedTuple):
    """A file that was read to its end."""

    kind: str
    lines: int
    words: int


class Unreadable(NamedTuple):
    """A file or folder that could not be read, and why."""

    path: str
    reason: str


Item = Counted | Unreadable


class Row(NamedTuple):
    """One line of the table."""

    files: int = 0
    lines: int = 0
    words: int = 0

    def plus(self, other: "Row") -> "Row":
        return Row(self.files + other.files, self.lines + other.lines, self.words + other.words)


class Tally:
    """What the main loop knows so far. No lock: only the main loop uses it."""

    def __init__(self) -> None:
        self.kinds: dict[str, Row] = {}
        self.unreadable: list[Unreadable] = []

    def add(self, item: Item) -> None:
        match item:
            case Counted(kind, lines, words):
                # A single store, because Ctrl-C may come between any two steps: a file is in
                # the table with all its figures or not at all.
                self.kinds[kind] = self.kinds.get(kind, Row()).plus(Row(1, lines, words))
            case Unreadable():
                self.unreadable.append(item)


def report(
    tally: Tally, *, title: str, top: int, seconds: float, goroutines: int, partial: bool
) -> str:
    """The text to print: title, table, the figures of the run, what could not be read."""
    lines = [title, "", *table(tally, top, partial), ""]
    if partial:
        lines.append("Partial result: interrupted before all files were counted.")
    files = total(tally.kinds.values()).files
    lines.append(
        f"{plural(files, 'file')} in {seconds:.2f} s, {files / max(seconds, 1e-9):,.0f} files/s, "
        f"{goroutines} goroutines"
    )
    lines += unreadable(tally.unreadable)
    return "\n".join(lines)


def table(tally: Tally, top: int, partial: bool) -> Iterator[str]:
    """The kinds with the most lines, one row for all the other ones, and the total."""

    def rank(kind: str) -> tuple[int, int, str]:
        row = tally.kinds[kind]
        return -row.lines, -row.files, kind

    # Binary files have no lines, so they would always come last: a row of their own.
    kinds = sorted(tally.kinds.keys() - {BINARY}, key=rank)
    rows = [(clip(printable(kind)), tally.kinds[kind]) for kind in kinds[:top]]
    if others := [tally.kinds[kind] for kind in kinds[top:]]:
        rows.append((plural(len(others), "other kind"), total(others)))
    if BINARY in tally.kinds:
        rows.append((BINARY, tally.kinds[BINARY]))
    rows.append(("total so far" if partial else "total", total(tally.kinds.values())))

    cells = [("kind", "files", "lines", "words")]
    cells += [(name, f"{r.files:,}", f"{r.lines:,}", f"{r.words:,}") for name, r in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    for place, (name, *figures) in enumerate(cells):
        if place in (1, len(cells) - 1):
            yield rule
        right = (f"{text:>{width}}" for text, width in zip(figures, widths[1:], strict=True))
        yield "  ".join((f"{name:<{widths[0]}}", *right))


def unreadable(items: list[Unreadable]) -> Iterator[str]:
    if not items:
        return
    yield f"{plural(len(items), 'file or folder', 'files or folders')} could not be read:"
    for path, why in sorted(items)[:NAMED]:
        yield "  " + printable(f"{path}: {why}")
    if len(items) > NAMED:
        yield f"  and {len(items) - NAMED:,} more"


def total(rows: Iterable[Row]) -> Row:
    return reduce(Row.plus, rows, Row())


def plural(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def clip(text: str, width: int = 24) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def printable(name: str) -> str:
    """A file name that fits on one line of any terminal.

    Escaped are control characters, bytes that are no text, and letters that the output's encoding
    does not have.
    """

    def escape(char: str) -> str:
        # A byte of a name that is no UTF-8 arrives as a lone surrogate, U+DC80 to U+DCFF.
        if "\udc80" <= char <= "\udcff":
            return f"\\x{ord(char) - 0xDC00:02x}"
        return char.encode("unicode_escape").decode("ascii")

    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = "".join(char if char.isprintable() else escape(char) for char in name)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def write(text: str) -> int:
    """Print the report; returns the exit code for how that went."""
    try:
        print(text, flush=True)
    except OSError as error:
        # The interpreter would try again at exit, and complain: let it write to nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 141  # what the shell shows for a program that `| head` cut off
        return fail(f"cannot write the result: {error.strerror}", 1)
    return 0


def fail(message: str, code: int) -> int:
    print(f"gochan demo: {message}", file=sys.stderr)
    return code

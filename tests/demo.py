"""Run `python -m gochan demo` as a user does, as a command, and read what it prints."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

DEMO = (sys.executable, "-m", "gochan", "demo")
PATIENCE = 60  # seconds until a test calls a command hung

# Code that runs before the command, in the same process, where a test has to stop it at one point.
PRELUDE = """
import os, sys, threading
from gochan import _demo, _demo_report
from gochan.__main__ import main
{}
sys.exit(main())
"""

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFO, pty or SIGINT to send")


class Report(NamedTuple):
    rows: dict[str, tuple[int, ...]]  # kind -> files, lines, words
    total: tuple[int, ...]
    partial: bool
    unreadable: list[str]
    text: str


def run(*args: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*DEMO, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=cwd)


def prelude(code: str, *args: object) -> list[str]:
    return [sys.executable, "-c", PRELUDE.format(code), "demo", *map(str, args)]


def parse(text: str) -> Report:
    """Read the report the way a person does; a table that is out of shape fails here."""
    lines = text.splitlines()
    rules = [n for n, line in enumerate(lines) if line and not line.strip("-")]
    first, last = rules[0], rules[-1]  # one and the same in a table without rows
    assert lines[first - 1].split() == ["kind", "files", "lines", "words"]
    rows = {}
    for line in lines[first + 1 : last]:
        name, *figures = re.split(r"  +", line)
        rows[name] = tuple(int(figure.replace(",", "")) for figure in figures)
    name, *figures = re.split(r"  +", lines[last + 1])
    total = tuple(int(figure.replace(",", "")) for figure in figures)
    table = lines[first - 1 : last + 2]
    assert len({len(line) for line in table}) == 1, f"columns do not line up:\n{text}"
    assert total == tuple(map(sum, zip((0, 0, 0), *rows.values(), strict=True)))
    partial = name == "total so far"
    assert partial == ("Partial result: interrupted before all files were counted." in lines)
    unreadable = [line[2:] for line in lines[last + 2 :] if line.startswith("  ")]
    return Report(rows, total, partial, unreadable, text)


def report(*args: object) -> Report:
    """Run the command on something it must manage, and read what it printed."""
    done = run(*args)
    assert (done.returncode, done.stderr) == (0, "")
    return parse(done.stdout)


def count(data: bytes) -> tuple[int, int]:
    """Lines and words, found in another way than the demo's."""
    return len(re.findall(rb"\n", data)), len(re.findall(rb"[^ \t\n\v\f\r]+", data))


def make(root: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


# Words of one to nine letters: a cut at any power of two falls inside some of them.
PROSE = b" ".join(b"abcdefghi"[: 1 + n % 9] + b"\n" * (n % 7 == 0) for n in range(200_000))

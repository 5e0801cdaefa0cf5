"""Jobs for pools, in a module that other processes can import too."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from watch import PATIENCE


def square(n: int) -> int:
    return n * n


def pid(_: object = None) -> int:
    return os.getpid()


def keyed(n: int, *, key: int, pure: int = 0) -> int:
    """Its keywords are some that executors have too."""
    return n + key + pure


def fail_at(n: int, bad: int) -> int:
    if n == bad:
        raise LookupError(f"no {n} here")
    return n


def when(gate: str, value: int) -> int:
    """Return when the file is there: what a test holds back jobs with, in whatever process."""
    deadline = time.monotonic() + PATIENCE
    while not Path(gate).exists():
        assert time.monotonic() < deadline, f"nobody made {gate}"
        time.sleep(0.005)
    return value


def when_first(gate: str, value: int) -> int:
    """Only the first is held back, until the others have let it go."""
    if value == 0:
        return when(gate, 0)
    Path(gate).touch()
    return value


def when_even(gate: str, value: int) -> int:
    """The even ones are held back until somebody else opens the gate."""
    return when(gate, value) if value % 2 == 0 else value


async def double(n: int) -> int:
    return 2 * n


class Counting(Iterator[int]):
    """0, 1, 2 ... without end; knows how many were taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __next__(self) -> int:
        self.taken += 1
        return self.taken - 1

"""A SIGINT that comes while no Python runs, so that its handler runs in the first function written
in Python that gochan calls: KeyboardInterrupt comes out of what the user called, or soon after.
"""

from __future__ import annotations

import signal
import sys
import weakref
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import pytest

from gochan import Pool, background, go, run, with_deadline, with_value
from interrupting import raise_in_c
from reporting import Reports

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")

interrupt = partial(raise_in_c, signal.SIGINT)


class Number(weakref.ref[Any]):
    """Its callback is called with it, and a function in C takes it for a number."""

    _as_parameter_ = 0


class Last:
    """A SIGINT comes when it goes."""

    def __init__(self) -> None:
        self.ref = Number(self, interrupt)


class Main:
    """An `async def`. A SIGINT comes when its name is looked up, before it begins."""

    def __init__(self) -> None:
        self.begun = False
        self.__code__ = Main.__call__.__code__

    async def __call__(self) -> None:
        self.begun = True

    __getattr__ = staticmethod(interrupt)


def test_before_main_begins() -> None:
    hooks, main = sys.get_asyncgen_hooks(), Main()
    with pytest.raises(KeyboardInterrupt):
        run(main)
    assert not main.begun
    assert sys.get_asyncgen_hooks() == hooks


def test_after_main_has_ended() -> None:
    """Where run() puts back what it found."""
    hooks = sys.get_asyncgen_hooks()

    async def main() -> None:
        last = Last()
        assert last

    with pytest.raises(KeyboardInterrupt):
        run(main)
    assert sys.get_asyncgen_hooks() == hooks


def test_while_an_error_of_main_is_read() -> None:
    """It is read to explain one of asyncio's own. That runs no signal handlers."""

    class Asyncios(RuntimeError):
        def __init__(self) -> None:
            super().__init__("no running event loop")
            self.last = [Last()]

        def __str__(self) -> str:
            raise AssertionError("nobody asks for it")

    async def main() -> None:
        raise Asyncios

    with pytest.raises(RuntimeError) as caught:
        run(main)
    assert "gochan.aio" in caught.value.__notes__[0]


def test_an_error_that_nobody_looked_at_is_reported(reports: Reports) -> None:
    """The interrupt comes after the report, and not in place of it."""

    def fails() -> None:
        raise ValueError("unseen")

    def drop() -> None:
        goroutine = go(fails)
        goroutine.join()
        both: list[Any] = [goroutine, Last()]
        del goroutine
        both.clear()  # the last one first
        for _ in range(100):
            pass

    with pytest.raises(KeyboardInterrupt):
        drop()
    assert reports.settled() == ["unseen"]


@pytest.mark.parametrize("make", [Pool, lambda: iter(Pool(1).map(abs, range(9)))])
def test_the_end_of_a_pool_or_map_runs_no_python(make: Callable[[], object]) -> None:
    """In a finalizer an interrupt is printed, and lost."""
    Pool(1).submit(int).result()  # everything is imported

    def drop() -> None:
        both = [make(), Last()]
        both.clear()
        for _ in range(100):
            pass

    with pytest.raises(KeyboardInterrupt):
        drop()


class Key:
    """A signal comes in its `__hash__`, as in any function in Python."""

    def __hash__(self) -> int:
        raise KeyboardInterrupt


class Seconds(Fraction):
    def __float__(self) -> float:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "call",
    [
        lambda: with_value(background(), Key(), 1),
        lambda: background().value(Key()),
        lambda: with_deadline(background(), Seconds(1)),  # type: ignore[arg-type]
    ],
)
def test_it_is_no_wrong_argument(call: Callable[[], object]) -> None:
    """An error of a user's own function says what is wrong with an argument; this one does not."""
    with pytest.raises(KeyboardInterrupt):
        call()

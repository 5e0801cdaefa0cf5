"""The event loops the suite runs on, and one way to run a coroutine function on them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

import pytest

from hosts import LoopHost

T = TypeVar("T")
Call: TypeAlias = Callable[[Callable[[], Any]], Any]
NewLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]

LIMIT = 30.0  # only a hang gets here

KINDS: list[NewLoop] = [asyncio.new_event_loop]
if sys.platform != "win32":  # uvloop does not exist there
    import uvloop

    KINDS.append(uvloop.new_event_loop)

on_each_loop = pytest.mark.parametrize("new_loop", KINDS, ids=["asyncio", "uvloop"][: len(KINDS)])


def run(new_loop: NewLoop, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """`asyncio.run(main())` on a loop of that kind, under the deadline of a loop host."""
    results: list[T] = []

    async def body() -> None:
        results.append(await main())

    LoopHost("loop", new_loop).run(body)
    return results[0]


def debugging(new_loop: NewLoop) -> NewLoop:
    """The same kind of loop in debug mode, which checks who calls what from which thread."""

    def factory() -> asyncio.AbstractEventLoop:
        loop = new_loop()
        loop.set_debug(True)
        return loop

    return factory


def from_thread(fn: Callable[[], T]) -> T:
    """Call it in another thread while this one, and the loop it runs, stands still.

    So a wake-up that `fn` sends to this loop is certainly on its way and not yet there.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(fn).result(LIMIT)


def right_here(fn: Callable[[], T]) -> T:
    """The counterpart for a waker on the loop's own thread."""
    return fn()


on_each_waker = pytest.mark.parametrize("call", [right_here, from_thread])

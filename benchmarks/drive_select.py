"""The timed loops of select; see drive.py for the rules.

`puts` has a put for each channel, which are used in turn; `take` selects over all of them. A
contestant that receives from one channel brings one put.
"""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, TypeAlias

import drive
from drive import Get, Put
from drive_coro import APut, Together

ASelect: TypeAlias = Callable[[], Awaitable[object]]
Chosen: TypeAlias = tuple[Any, ...]  # the number of the arm comes first


def select_and_refill(puts: Sequence[Put], select: Callable[[], Chosen], n: int) -> float:
    """One thread: take one, and put one where it came from, so that all are ready all the time."""
    for put in puts:
        put(0)
    begin = perf_counter()
    for i in range(n):
        arm = select()[0]
        puts[arm](i)
    return perf_counter() - begin


def recv_and_refill(put: Put, get: Get, n: int) -> float:
    """The same without a select."""
    put(0)
    begin = perf_counter()
    for i in range(n):
        get()
        put(i)
    return perf_counter() - begin


def send_and_select(puts: Sequence[Put], take: Get, n: int) -> float:
    """One thread: put one, take it; neither has to wait."""
    arms = len(puts)
    begin = perf_counter()
    for i in range(n):
        puts[i % arms](i)
        take()
    return perf_counter() - begin


async def asend_and_select(puts: Sequence[APut], take: ASelect, n: int) -> float:
    """One coroutine: put one, take it; neither has to wait."""
    arms = len(puts)
    begin = perf_counter()
    for i in range(n):
        await puts[i % arms](i)
        await take()
    return perf_counter() - begin


async def feed_and_select(together: Together, puts: Sequence[APut], take: ASelect, n: int) -> float:
    """Two coroutines: one puts n values, the other takes them."""
    arms = len(puts)

    async def feed() -> None:
        for i in range(n):
            await puts[i % arms](i)

    async def choose() -> None:
        for _ in range(n):
            await take()

    begin = perf_counter()
    await together([choose, feed])
    return perf_counter() - begin


def feed_and_select_threads(puts: Sequence[Put], take: Get, n: int) -> float:
    """Two threads: one puts n values, the other takes them."""
    arms = len(puts)

    def feed() -> None:
        for i in range(n):
            puts[i % arms](i)

    return drive.together([lambda: drive.get_all(take, n), feed])

"""The timed loops of timers, contexts and sleeps; see drive.py for the rules."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from statistics import median
from time import perf_counter, process_time, sleep
from typing import TypeVar

T = TypeVar("T")
GiveWay = Callable[[], Awaitable[object]]

FAR = 60.0  # seconds until what is taken back would have been due
# Parties give way after so many: asyncio clears away cancelled timers only in between.
TURN = 100
SLEEPERS, NAP, NAP_SPREAD = 100_000, 0.5, 1.0
PAUSES = [3e-3, 4e-3, 5e-3, 6e-3, 7e-3]  # several, so that they do not march in step with a tick


async def set_and_stop(
    make: Callable[[], T], stop: Callable[[T], object], give_way: GiveWay, n: int
) -> float:
    """Make something that is due far in the future, and take it back."""
    begin = perf_counter()
    for _ in range(n // TURN):
        for _ in range(TURN):
            stop(make())
        await give_way()
    return perf_counter() - begin


async def scoped(
    make: Callable[[], AbstractContextManager[object]], give_way: GiveWay, n: int
) -> float:
    """Enter and leave a scope with a limit far in the future."""
    begin = perf_counter()
    for _ in range(n // TURN):
        for _ in range(TURN):
            with make():
                pass
        await give_way()
    return perf_counter() - begin


async def ascoped(
    make: Callable[[], AbstractAsyncContextManager[object]], give_way: GiveWay, n: int
) -> float:
    """The same where that is `async with`."""
    begin = perf_counter()
    for _ in range(n // TURN):
        for _ in range(TURN):
            async with make():
                pass
        await give_way()
    return perf_counter() - begin


async def cpu_of_sleepers(
    sleep_all: Callable[[Sequence[float]], Awaitable[object]], spread: float, n: int
) -> float:
    """CPU seconds of the whole process from the first start to the last end, n times.

    SLEEPERS coroutines sleep, each NAP seconds and its part of `spread`.
    """
    naps = [NAP + spread * i / SLEEPERS for i in range(SLEEPERS)]
    begin = process_time()
    for _ in range(n):
        await sleep_all(naps)
    return process_time() - begin


def _late(waits: Iterable[tuple[float, float]]) -> float:
    return median(took - asked for asked, took in waits)


async def lateness(asleep: Callable[[float], Awaitable[object]], n: int) -> float:
    """n times what a pause is late by at the median."""
    waits = []
    for i in range(n):
        asked = PAUSES[i % len(PAUSES)]
        begin = perf_counter()
        await asleep(asked)
        waits.append((asked, perf_counter() - begin))
    return n * _late(waits)


def thread_lateness(n: int) -> float:
    """The floor: what the system itself is late by."""
    waits = []
    for i in range(n):
        asked = PAUSES[i % len(PAUSES)]
        begin = perf_counter()
        sleep(asked)
        waits.append((asked, perf_counter() - begin))
    return n * _late(waits)

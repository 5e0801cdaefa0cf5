"""The timed loops for coroutines of any host: asyncio tasks, trio tasks, gochan's goroutines.

See drive.py for the rules. A host brings `together`, which starts jobs and returns when all have
ended, or `spawn`, which starts one and looks back no more. What is still waiting when a loop here
returns is the host's to clear away, outside the clock.
"""

import gc
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import count, pairwise
from time import perf_counter
from typing import Any

from drive import RIVALS
from memory import resident

APut = Callable[[int], Awaitable[object]]
AGet = Callable[[], Awaitable[int]]
Job = Callable[[], Coroutine[Any, Any, None]]
Together = Callable[[Sequence[Job]], Awaitable[object]]
Spawn = Callable[..., object]
Lock = AbstractAsyncContextManager[object]

# Both are timed, because the size decides much: a goroutine of a small burst costs Go 0.3 us, of a
# large one 1 us; asyncio's task 4 and 6 us.
BURST, LARGE_BURST = 1_000, 20_000
CROWD = 1_000
RING = 1_000
PRIMES, LAST_PRIME = 500, 3_571


async def ping_pong(
    together: Together, there: APut, get_there: AGet, back: APut, get_back: AGet, n: int
) -> float:
    """Two coroutines: one sends and awaits the answer; the clock sees n round trips."""

    async def ping() -> None:
        for i in range(n):
            await there(i)
            await get_back()

    async def pong() -> None:
        for i in range(n):
            await get_there()
            await back(i)

    begin = perf_counter()
    await together([ping, pong])
    return perf_counter() - begin


async def stream(together: Together, put: APut, get: AGet, n: int) -> float:
    """Two coroutines: one puts n values, one gets them."""

    async def produce() -> None:
        for i in range(n):
            await put(i)

    async def consume() -> None:
        for _ in range(n):
            await get()

    begin = perf_counter()
    await together([produce, consume])
    return perf_counter() - begin


async def locked(lock: Lock, n: int) -> float:
    """One coroutine: lock and unlock."""
    begin = perf_counter()
    for _ in range(n):
        async with lock:
            pass
    return perf_counter() - begin


async def locked_by_four(
    together: Together, lock: Lock, give_way: Callable[[], Awaitable[object]], n: int
) -> float:
    """RIVALS coroutines share n locks of one lock evenly, and give way once inside."""

    async def rival() -> None:
        for _ in range(n // RIVALS):
            async with lock:
                await give_way()

    begin = perf_counter()
    await together([rival] * RIVALS)
    return perf_counter() - begin


async def ring(together: Together, make: Callable[[], tuple[APut, AGet]], n: int) -> float:
    """A token goes round RING coroutines over as many channels; n hops, whole laps.

    The first lap, in which all of them come to stand in their get, is outside the clock.
    """
    laps = n // RING
    taken = 0.0
    links = [make() for _ in range(RING)]

    def node(get: AGet, put: APut) -> Job:
        async def pass_on() -> None:
            for _ in range(laps + 1):
                await put(await get())

        return pass_on

    async def drive() -> None:
        nonlocal taken
        put, get = links[0][0], links[-1][1]
        await put(0)
        await get()
        begin = perf_counter()
        for lap in range(laps):
            await put(lap)
            await get()
        taken = perf_counter() - begin

    pairs = pairwise(links)
    await together([*(node(before[1], after[0]) for before, after in pairs), drive])
    return taken


async def sieve(spawn: Spawn, make: Callable[[], tuple[APut, AGet]]) -> float:
    """The daisy chain of filters up to the PRIMES-th prime; its coroutines are left waiting."""
    begin = perf_counter()
    prime = 0
    put, get = make()
    spawn(_count, put)
    for _ in range(PRIMES):
        prime = await get()
        put, get_rest = make()
        spawn(_sift, get, put, prime)
        get = get_rest
    taken = perf_counter() - begin
    if prime != LAST_PRIME:
        raise AssertionError(f"{prime} is not prime number {PRIMES}")
    return taken


async def _count(put: APut) -> None:
    for i in count(2):
        await put(i)


async def _sift(get: AGet, put: APut, prime: int) -> None:
    while True:
        i = await get()
        if i % prime:
            await put(i)


async def bursts(run_burst: Callable[[int], Awaitable[object]], n: int, size: int) -> float:
    """n coroutines that do nothing in bursts of `size`, each burst waited for before the next."""
    begin = perf_counter()
    for _ in range(n // size):
        await run_burst(size)
    return perf_counter() - begin


async def memory(park: Callable[[], Awaitable[object]], n: int) -> float:
    """Bytes that n waiting coroutines add to the resident memory.

    `park` starts CROWD more and returns when all wait; in such portions, so that what only the
    start needs does not count. The first portion warms up.
    """
    await park()
    gc.collect()
    before = resident()
    for _ in range(n // CROWD):
        await park()
    gc.collect()
    return resident() - before

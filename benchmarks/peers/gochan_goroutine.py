"""gochan's `async def` goroutines under run(): unbuffered Chan(), Chan(128), go, WaitGroup."""

from collections.abc import Callable, Coroutine, Sequence
from time import perf_counter
from typing import Any

import drive_coro
from drive_coro import AGet, APut, Job
from gochan import Chan, WaitGroup, go, run


def in_goroutine(fn: Callable[..., Coroutine[Any, Any, float]], *args: Any) -> float:
    """Not in main: that one keeps to the thread that called run(), and is resumed there."""

    async def main() -> float:
        return await go(fn, *args)

    return run(main)


async def together(jobs: Sequence[Job]) -> None:
    for goroutine in [go(job) for job in jobs]:
        await goroutine


def _make() -> tuple[APut, AGet]:
    ch = Chan[int]()
    return ch.asend, ch.arecv


def ping_pong(n: int) -> float:
    there, back = Chan[int](), Chan[int]()
    return run(drive_coro.ping_pong, together, there.asend, there.arecv, back.asend, back.arecv, n)


def stream(n: int) -> float:
    ch = Chan[int](128)
    return run(drive_coro.stream, together, ch.asend, ch.arecv, n)


def ring(n: int) -> float:
    return run(drive_coro.ring, together, _make, n)


def sieve(n: int) -> float:
    # A run() each: what is left of the chain is abandoned with it.
    return sum(run(drive_coro.sieve, go, _make) for _ in range(n))


async def _done(wg: WaitGroup) -> None:
    wg.done()


async def _burst(size: int) -> None:
    # add, go and done step by step, as the Go program does; nobody keeps the handles.
    wg = WaitGroup()
    for _ in range(size):
        wg.add(1)
        go(_done, wg)
    await wg


def spawn(n: int) -> float:
    return run(drive_coro.bursts, _burst, n, drive_coro.BURST)


def spawn_large(n: int) -> float:
    return run(drive_coro.bursts, _burst, n, drive_coro.LARGE_BURST)


async def _parked(ch: Chan[int], parked: WaitGroup) -> None:
    parked.done()
    await ch.arecv()


def memory(n: int) -> float:
    ch = Chan[int]()

    async def park() -> None:
        parked = WaitGroup()
        for _ in range(drive_coro.CROWD):
            parked.add(1)
            go(_parked, ch, parked)
        await parked

    # They are abandoned at the end of run().
    return run(drive_coro.memory, park, n)


async def _visit(gate: Chan[int], parked: WaitGroup, left: WaitGroup) -> None:
    parked.done()
    await gate.arecv_ok()
    left.done()


async def _release(n: int) -> float:
    gate, parked, left = Chan[int](), WaitGroup(), WaitGroup()
    begin = perf_counter()
    for _ in range(n):
        parked.add(1)
        left.add(1)
        go(_visit, gate, parked, left)
    await parked
    gate.close()
    await left
    return perf_counter() - begin


def release(n: int) -> float:
    return run(_release, n)

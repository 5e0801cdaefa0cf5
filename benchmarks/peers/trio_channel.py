"""trio: memory channels, unbuffered and of 128, and nurseries."""

from collections.abc import Sequence

import trio
from trio.testing import wait_all_tasks_blocked

import drive_coro
from drive_coro import AGet, APut, Job


async def _together(jobs: Sequence[Job]) -> None:
    async with trio.open_nursery() as nursery:
        for job in jobs:
            nursery.start_soon(job)


def _make(capacity: int = 0) -> tuple[APut, AGet]:
    send, receive = trio.open_memory_channel[int](capacity)
    return send.send, receive.receive


def ping_pong(n: int) -> float:
    return trio.run(drive_coro.ping_pong, _together, *_make(), *_make(), n)


def stream(n: int) -> float:
    return trio.run(drive_coro.stream, _together, *_make(128), n)


def ring(n: int) -> float:
    return trio.run(drive_coro.ring, _together, _make, n)


async def _sieve() -> float:
    async with trio.open_nursery() as nursery:
        taken = await drive_coro.sieve(nursery.start_soon, _make)
        nursery.cancel_scope.cancel()
    return taken


def sieve(n: int) -> float:
    return sum(trio.run(_sieve) for _ in range(n))


async def _nothing() -> None:
    pass


async def _burst(size: int) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(size):
            nursery.start_soon(_nothing)


def spawn(n: int) -> float:
    return trio.run(drive_coro.bursts, _burst, n, drive_coro.BURST)


async def _memory(n: int) -> float:
    _send, receive = trio.open_memory_channel[int](0)
    async with trio.open_nursery() as nursery:

        async def park() -> None:
            for _ in range(drive_coro.CROWD):
                nursery.start_soon(receive.receive)
            await wait_all_tasks_blocked()

        added = await drive_coro.memory(park, n)
        nursery.cancel_scope.cancel()
    return added


def memory(n: int) -> float:
    return trio.run(_memory, n)

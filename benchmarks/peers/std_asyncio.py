"""asyncio's own queue, the bare futures under it, and its ways to and from a thread."""

import asyncio
import queue
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any

import drive_async
import drive_coro


async def ready(n: int) -> float:
    q = asyncio.Queue[int](128)
    return await drive_async.alternate(q.put, q.get, n)


async def ping_pong(n: int) -> float:
    there, back = asyncio.Queue[int](1), asyncio.Queue[int](1)
    return await drive_coro.ping_pong(
        drive_async.together, there.put, there.get, back.put, back.get, n
    )


async def bare_future(n: int) -> float:
    """The floor: a fresh future per hand-off and nothing else."""
    loop = asyncio.get_running_loop()
    there: asyncio.Future[int] = loop.create_future()
    back: asyncio.Future[int] = loop.create_future()

    async def ping() -> None:
        nonlocal back
        for i in range(n):
            back = loop.create_future()
            there.set_result(i)
            await back

    async def pong() -> None:
        nonlocal there
        for _ in range(n):
            value = await there
            there = loop.create_future()
            back.set_result(value)

    begin = perf_counter()
    await asyncio.gather(asyncio.create_task(ping()), asyncio.create_task(pong()))
    return perf_counter() - begin


async def thread_to_task_unbounded(n: int) -> float:
    q = asyncio.Queue[int]()
    call = asyncio.get_running_loop().call_soon_threadsafe

    def put(value: int) -> None:
        call(q.put_nowait, value)

    return await drive_async.thread_to_task(put, q.get, n)


async def thread_to_task_bounded(n: int) -> float:
    q = asyncio.Queue[int](128)
    loop = asyncio.get_running_loop()

    def put(value: int) -> None:
        asyncio.run_coroutine_threadsafe(q.put(value), loop).result()

    return await drive_async.thread_to_task(put, q.get, n)


async def task_to_thread_bounded(n: int) -> float:
    q = queue.Queue[int](128)
    loop = asyncio.get_running_loop()

    async def put(value: int) -> None:
        await loop.run_in_executor(None, q.put, value)

    return await drive_async.task_to_thread(put, q.get, n)


async def stream(n: int) -> float:
    q = asyncio.Queue[int](128)
    return await drive_coro.stream(drive_async.together, q.put, q.get, n)


def _make() -> tuple[drive_coro.APut, drive_coro.AGet]:
    q = asyncio.Queue[int](1)
    return q.put, q.get


async def ring(n: int) -> float:
    return await drive_coro.ring(drive_async.together, _make, n)


async def _sieve() -> float:
    tasks: list[asyncio.Task[None]] = []

    def spawn(fn: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
        tasks.append(asyncio.create_task(fn(*args)))

    taken = await drive_coro.sieve(spawn, _make)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return taken


async def sieve(n: int) -> float:
    return sum([await _sieve() for _ in range(n)])


async def _nothing() -> None:
    pass


async def _burst(size: int) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(size):
            group.create_task(_nothing())


async def spawn(n: int) -> float:
    return await drive_coro.bursts(_burst, n, drive_coro.BURST)


async def spawn_large(n: int) -> float:
    return await drive_coro.bursts(_burst, n, drive_coro.LARGE_BURST)


async def memory(n: int) -> float:
    q = asyncio.Queue[int]()

    async def park() -> None:
        # The least a task can be: a coroutine of its own around the get would add 190 bytes.
        for _ in range(drive_coro.CROWD):
            asyncio.create_task(q.get())  # noqa: RUF006 - the queue holds it
        await asyncio.sleep(0)

    added = await drive_coro.memory(park, n)
    for i in range(n + drive_coro.CROWD):
        q.put_nowait(i)
    await asyncio.sleep(0)
    return added


async def release(n: int) -> float:
    # An Event is asyncio's way to release many at once. The count stands in for a TaskGroup, which
    # would hold every task and a callback for each.
    gate, all_left = asyncio.Event(), asyncio.Event()
    left = n

    async def visit() -> None:
        nonlocal left
        await gate.wait()
        left -= 1
        if left == 0:
            all_left.set()

    begin = perf_counter()
    for _ in range(n):
        asyncio.create_task(visit())  # noqa: RUF006 - the event holds it
    await asyncio.sleep(0)
    gate.set()
    await all_left.wait()
    return perf_counter() - begin

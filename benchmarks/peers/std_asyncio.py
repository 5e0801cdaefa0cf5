"""asyncio's own queue, the bare futures under it, and its ways to and from a thread."""

import asyncio
import queue
from time import perf_counter

import drive_async


async def ready(n: int) -> float:
    q = asyncio.Queue[int](128)
    return await drive_async.alternate(q.put, q.get, n)


async def ping_pong(n: int) -> float:
    there, back = asyncio.Queue[int](1), asyncio.Queue[int](1)
    return await drive_async.ping_pong(there.put, there.get, back.put, back.get, n)


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

"""The timed loops for asyncio tasks, alone or facing a thread; see drive.py for the rules.

Apart from drive.py so that a sample of threads alone does not load asyncio.
"""

import asyncio
from collections.abc import Awaitable, Callable
from threading import Event
from time import perf_counter

from drive import Get, Put, get_all, put_all, start

APut = Callable[[int], Awaitable[object]]
AGet = Callable[[], Awaitable[object]]


async def alternate(put: APut, get: AGet, n: int) -> float:
    """One task: put one, get one; neither ever has to wait."""
    begin = perf_counter()
    for i in range(n):
        await put(i)
        await get()
    return perf_counter() - begin


async def ping_pong(there: APut, get_there: AGet, back: APut, get_back: AGet, n: int) -> float:
    """Two tasks of one loop: one sends and awaits the answer; the clock sees n round trips."""

    async def ping() -> None:
        for i in range(n):
            await there(i)
            await get_back()

    async def pong() -> None:
        for i in range(n):
            await get_there()
            await back(i)

    begin = perf_counter()
    tasks = [asyncio.create_task(ping()), asyncio.create_task(pong())]
    await asyncio.gather(*tasks)
    return perf_counter() - begin


async def thread_to_task(put: Put, get: AGet, n: int) -> float:
    """A thread puts n values, this task gets them; the clock stops with the last one got."""
    gate = Event()

    def produce() -> None:
        gate.wait()
        put_all(put, n)

    thread = start(produce)
    begin = perf_counter()
    gate.set()
    for _ in range(n):
        await get()
    taken = perf_counter() - begin
    # Not on the loop's thread: a producer may need the loop to finish its last put.
    await asyncio.to_thread(thread.join)
    return taken


async def task_to_thread(put: APut, get: Get, n: int) -> float:
    """This task puts n values, a thread gets them; the clock stops with the last one got."""
    gate = Event()
    end = 0.0

    def consume() -> None:
        nonlocal end
        gate.wait()
        get_all(get, n)
        end = perf_counter()

    thread = start(consume)
    begin = perf_counter()
    gate.set()
    for i in range(n):
        await put(i)
    await asyncio.to_thread(thread.join)
    return end - begin

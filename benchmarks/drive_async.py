"""The timed loops for an asyncio task that is alone or faces a thread; see drive.py for the rules.

Apart from drive.py and drive_coro.py so that a sample without asyncio does not load it.
"""

import asyncio
from collections.abc import Sequence
from threading import Event
from time import perf_counter

import drive_coro
from drive import Get, Put, get_all, put_all, start
from drive_coro import AGet, APut, Job, Lock


async def alternate(put: APut, get: AGet, n: int) -> float:
    """One task: put one, get one; neither ever has to wait."""
    begin = perf_counter()
    for i in range(n):
        await put(i)
        await get()
    return perf_counter() - begin


async def together(jobs: Sequence[Job]) -> None:
    """The jobs as tasks of the running loop, until all have ended."""
    await asyncio.gather(*[asyncio.create_task(job()) for job in jobs])


async def locked_by_four(lock: Lock, n: int) -> float:
    """Tasks of the running loop; see drive_coro.py."""
    return await drive_coro.locked_by_four(together, lock, lambda: asyncio.sleep(0), n)


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

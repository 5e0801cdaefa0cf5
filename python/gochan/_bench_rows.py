"""What `python -m gochan bench` measures: one function per contestant, in seconds for n operations.

All contestants of a row go through the same loop, and what that costs stays in everybody's figure.
A row is run in a process of its own: `python -m gochan._bench_rows ROW CONTESTANT SECONDS` prints
one figure, of the last and longest of growing runs.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import queue
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any, NamedTuple

from gochan import Chan, WaitGroup, asleep, go, run

Put = Callable[[int], Any]
Get = Callable[[], Any]
Pair = tuple[Put, Get]
APut = Callable[[int], Awaitable[Any]]
AGet = Callable[[], Awaitable[Any]]
APair = tuple[APut, AGet]

CAPACITY = 128
BURST = 1000
CROWD = 20_000


class Contestant(NamedTuple):
    name: str
    run: Callable[[int], float]  # n operations: seconds, or bytes
    needs: str = ""  # a module that may not be installed


class Row(NamedTuple):
    name: str
    title: str
    contestants: tuple[Contestant, ...]  # gochan is the first
    unit: str = "s"
    once: int = 0  # so many operations, a single time; else as many as fill the time


# ---------------------------------------------------------------------- threads
def one_thread(of: Callable[[], Pair], n: int) -> float:
    put, get = of()
    began = time.perf_counter()
    for value in range(n):
        put(value)
        get()
    return time.perf_counter() - began


def stream(of: Callable[[], Pair], n: int) -> float:
    put, get = of()

    def produce() -> None:
        for value in range(n):
            put(value)

    producer = threading.Thread(target=produce)
    began = time.perf_counter()
    producer.start()
    for _ in range(n):
        get()
    producer.join()
    return time.perf_counter() - began


def ping_pong(of: Callable[[], Pair], n: int) -> float:
    there, back = of(), of()

    def answer() -> None:
        for _ in range(n):
            back[0](there[1]())

    partner = threading.Thread(target=answer)
    began = time.perf_counter()
    partner.start()
    for value in range(n):
        there[0](value)
        back[1]()
    partner.join()
    return time.perf_counter() - began


def of_chan(capacity: int) -> Pair:
    ch = Chan[int](capacity)
    return ch.send, ch.recv


def of_queue(size: int) -> Pair:
    q = queue.Queue[int](size)
    return q.put, q.get


def of_simple() -> Pair:
    q = queue.SimpleQueue[int]()
    return q.put, q.get


def noop() -> None:
    pass


def start_functions(n: int) -> float:
    workers = WaitGroup()
    began = time.perf_counter()
    for _ in range(n):
        workers.go(noop)
    workers.wait()
    return time.perf_counter() - began


def submit_functions(n: int) -> float:
    with ThreadPoolExecutor(8) as pool:
        pool.submit(noop).result()
        began = time.perf_counter()
        wait([pool.submit(noop) for _ in range(n)])
        return time.perf_counter() - began


# ---------------------------------------------------------------------- coroutines
Start = Callable[[Callable[[], Coroutine[Any, Any, None]]], object]


def start_task(fn: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(fn())


def of_achan(capacity: int) -> APair:
    ch = Chan[int](capacity)
    return ch.asend, ch.arecv


def of_aqueue(size: int) -> APair:
    q = asyncio.Queue[int](size)
    return q.put, q.get


def of_trio() -> APair:
    put, get = importlib.import_module("trio").open_memory_channel(0)
    return put.send, get.receive


async def ready(of: Callable[[], APair], n: int) -> float:
    put, get = of()
    began = time.perf_counter()
    for value in range(n):
        await put(value)
        await get()
    return time.perf_counter() - began


async def aping_pong(of: Callable[[], APair], start: Start, n: int) -> float:
    there, back = of(), of()

    async def answer() -> None:
        for _ in range(n):
            await back[0](await there[1]())

    partner = start(answer)
    began = time.perf_counter()
    for value in range(n):
        await there[0](value)
        await back[1]()
    took = time.perf_counter() - began
    del partner
    return took


async def trio_ping_pong(n: int) -> float:
    async with importlib.import_module("trio").open_nursery() as nursery:
        return await aping_pong(of_trio, nursery.start_soon, n)


def on_trio(n: int) -> float:
    took: float = importlib.import_module("trio").run(trio_ping_pong, n)
    return took


def on_asyncio(main: Callable[..., Coroutine[Any, Any, float]], *args: Any) -> float:
    return asyncio.run(main(*args))


def on_uvloop(main: Callable[..., Coroutine[Any, Any, float]], *args: Any) -> float:
    took: float = importlib.import_module("uvloop").run(main(*args))
    return took


def on_gochan(main: Callable[..., Coroutine[Any, Any, float]], *args: Any) -> float:
    async def one() -> float:
        return await main(*args)

    async def above() -> float:
        return await go(one)  # one like all others: the main goroutine has a thread of its own

    return run(above)


async def from_thread(n: int, put: Put, get: AGet) -> float:
    def produce() -> None:
        for value in range(n):
            put(value)

    producer = threading.Thread(target=produce)
    began = time.perf_counter()
    producer.start()
    for _ in range(n):
        await get()
    took = time.perf_counter() - began
    producer.join()
    return took


async def from_thread_gochan(n: int) -> float:
    ch = Chan[int](CAPACITY)
    return await from_thread(n, ch.send, ch.arecv)


async def from_thread_call_soon(n: int) -> float:
    q, loop = asyncio.Queue[int](), asyncio.get_running_loop()
    return await from_thread(n, lambda value: loop.call_soon_threadsafe(q.put_nowait, value), q.get)


async def from_thread_janus(n: int) -> float:
    q = importlib.import_module("janus").Queue(CAPACITY)
    took = await from_thread(n, q.sync_q.put, q.async_q.get)
    await q.aclose()
    return took


async def nothing() -> None:
    pass


async def spawn_goroutines(n: int) -> float:
    workers = WaitGroup()
    began = time.perf_counter()
    for _ in range(0, n, BURST):
        for _ in range(BURST):
            workers.go(nothing)
        await workers
    return (time.perf_counter() - began) * n / (-(-n // BURST) * BURST)


async def spawn_tasks(n: int) -> float:
    began = time.perf_counter()
    for _ in range(0, n, BURST):
        async with asyncio.TaskGroup() as group:
            for _ in range(BURST):
                group.create_task(nothing())
    return (time.perf_counter() - began) * n / (-(-n // BURST) * BURST)


def resident() -> int:
    """Bytes of this process in memory; Linux tells."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def crowd(start: Start, of: APair, turn: AGet, n: int) -> float:
    """Bytes that n more of them take while they wait."""

    async def one() -> None:
        await of[1]()

    few = [start(one) for _ in range(1000)]
    await turn()
    before = resident()
    many = [start(one) for _ in range(n)]
    await turn()
    took = resident() - before
    for _ in range(len(few) + len(many)):
        await of[0](0)
    return took


async def goroutine_crowd(n: int) -> float:
    return await crowd(go, of_achan(0), lambda: asleep(0.3), n)


async def task_crowd(n: int) -> float:
    return await crowd(start_task, of_aqueue(0), lambda: asyncio.sleep(0.3), n)


# ---------------------------------------------------------------------- the rows
CHAN, QUEUE = partial(of_chan, CAPACITY), partial(of_queue, CAPACITY)
ACHAN, AQUEUE = partial(of_achan, CAPACITY), partial(of_aqueue, CAPACITY)
ACHAN0, AQUEUE1 = partial(of_achan, 0), partial(of_aqueue, 1)

ROWS = (
    Row(
        "one-thread",
        "send and receive in one thread",
        (
            Contestant("gochan", partial(one_thread, CHAN)),
            Contestant("queue.SimpleQueue", partial(one_thread, of_simple)),
            Contestant("queue.Queue", partial(one_thread, QUEUE)),
        ),
    ),
    Row(
        "threads",
        "a value from thread to thread",
        (
            Contestant("gochan", partial(stream, CHAN)),
            Contestant("queue.SimpleQueue, unbounded", partial(stream, of_simple)),
            Contestant("queue.Queue", partial(stream, QUEUE)),
        ),
    ),
    Row(
        "threads-ping-pong",
        "a round trip between two threads",
        (
            Contestant("gochan, unbuffered", partial(ping_pong, partial(of_chan, 0))),
            Contestant("queue.SimpleQueue", partial(ping_pong, of_simple)),
            Contestant("queue.Queue(1)", partial(ping_pong, partial(of_queue, 1))),
        ),
    ),
    Row(
        "functions",
        "start a plain function, and wait for it",
        (
            Contestant("gochan, WaitGroup.go", start_functions),
            Contestant("ThreadPoolExecutor(8).submit", submit_functions),
        ),
    ),
    Row(
        "asyncio",
        "send and receive in an asyncio task",
        (
            Contestant("gochan", partial(on_asyncio, ready, ACHAN)),
            Contestant("asyncio.Queue", partial(on_asyncio, ready, AQUEUE)),
        ),
    ),
    Row(
        "asyncio-ping-pong",
        "a round trip between two asyncio tasks",
        (
            Contestant("gochan, unbuffered", partial(on_asyncio, aping_pong, ACHAN0, start_task)),
            Contestant("asyncio.Queue(1)", partial(on_asyncio, aping_pong, AQUEUE1, start_task)),
            Contestant(
                "asyncio.Queue(1) on uvloop",
                partial(on_uvloop, aping_pong, AQUEUE1, start_task),
                "uvloop",
            ),
        ),
    ),
    Row(
        "thread-to-asyncio",
        "a value from a thread to an asyncio task",
        (
            Contestant("gochan", partial(on_asyncio, from_thread_gochan)),
            Contestant("janus", partial(on_asyncio, from_thread_janus), "janus"),
            Contestant(
                "call_soon_threadsafe, unbounded", partial(on_asyncio, from_thread_call_soon)
            ),
        ),
    ),
    Row(
        "goroutines-ping-pong",
        "a round trip between two goroutines",
        (
            Contestant("gochan, unbuffered", partial(on_gochan, aping_pong, ACHAN0, go)),
            Contestant("asyncio.Queue(1)", partial(on_asyncio, aping_pong, AQUEUE1, start_task)),
            Contestant("trio, unbuffered", on_trio, "trio"),
        ),
    ),
    Row(
        "goroutines",
        "start a goroutine that does nothing, and wait for it",
        (
            Contestant("gochan", partial(on_gochan, spawn_goroutines)),
            Contestant("asyncio.TaskGroup", partial(on_asyncio, spawn_tasks)),
        ),
    ),
    Row(
        "memory",
        f"memory of one of {CROWD:,} that wait",
        (
            Contestant("gochan", partial(on_gochan, goroutine_crowd)),
            Contestant("asyncio", partial(on_asyncio, task_crowd)),
        ),
        unit="B",
        once=CROWD,
    ),
)


# ---------------------------------------------------------------------- one sample
def sample(row: Row, contestant: Contestant, seconds: float) -> float:
    """Per operation. Runs grow until one takes that long: it pays for what is done only once."""
    if row.once:
        return contestant.run(row.once) / row.once
    n = 100
    while True:
        took = contestant.run(n)
        if took >= seconds:
            return took / n
        n *= min(10, max(2, int(1.2 * seconds / max(took, 1e-9))))


def find(row: str, contestant: str) -> tuple[Row, Contestant]:
    found = next(one for one in ROWS if one.name == row)
    return found, next(one for one in found.contestants if one.name == contestant)


if __name__ == "__main__":
    print(sample(*find(sys.argv[1], sys.argv[2]), float(sys.argv[3])))

"""py-routine (distribution pygo-routines, import pyroutine): threads and channels in Python."""

import time
from collections.abc import Iterable
from functools import partial

from pyroutine import Chan, WaitGroup, aio

import drive
import drive_async
import drive_coro


def one_thread(n: int) -> float:
    ch = Chan[int](128)
    return drive.alternate(ch.send, ch.recv, n)


def _filled(size: int) -> Iterable[int]:
    ch = Chan[int](size)
    values: Iterable[int] = ch  # said here because it is Any where the peer is not installed
    drive.put_all(ch.send, size)
    ch.close()
    return values


def drain(n: int) -> float:
    return drive.drain(_filled, n)


def stream(n: int) -> float:
    ch = Chan[int](128)
    return drive.stream(ch.send, ch.recv, n)


def stream_4x4(n: int) -> float:
    ch = Chan[int](128)
    return drive.stream(ch.send, ch.recv, n, pairs=4)


def ping_pong(n: int) -> float:
    there, back = Chan[int](), Chan[int]()
    return drive.ping_pong(there.send, there.recv, back.send, back.recv, n)


async def ready(n: int) -> float:
    ch = Chan[int](128)
    return await drive_async.alternate(partial(aio.send, ch), partial(aio.recv, ch), n)


async def async_ping_pong(n: int) -> float:
    there, back = Chan[int](), Chan[int]()
    return await drive_coro.ping_pong(
        drive_async.together,
        partial(aio.send, there),
        partial(aio.recv, there),
        partial(aio.send, back),
        partial(aio.recv, back),
        n,
    )


async def thread_to_task(n: int) -> float:
    ch = Chan[int](128)
    return await drive_async.thread_to_task(ch.send, partial(aio.recv, ch), n)


async def task_to_thread(n: int) -> float:
    ch = Chan[int](128)
    return await drive_async.task_to_thread(partial(aio.send, ch), ch.recv, n)


def spawn(n: int) -> float:
    def burst() -> None:
        wg = WaitGroup()
        for _ in range(drive.BURST):
            wg.go(drive.tiny)
        wg.wait()

    return drive.bursts(burst, n)


def sleep(n: int) -> float:
    def nap_all() -> None:
        wg = WaitGroup()
        for _ in range(drive.SLEEPERS):
            wg.go(time.sleep, drive.NAP)
        wg.wait()

    return drive.crowds(nap_all, n)

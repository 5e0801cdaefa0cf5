"""gochan: Chan(128), unbuffered Chan() for ping-pong, WaitGroup.go."""

import time
from collections.abc import Iterable

import drive
import drive_async
import drive_coro
from gochan import Chan, WaitGroup


def one_thread(n: int) -> float:
    ch = Chan[int](128)
    return drive.alternate(ch.send, ch.recv, n)


def _filled(size: int) -> Iterable[int]:
    ch = Chan[int](size)
    drive.put_all(ch.send, size)
    ch.close()
    return ch


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
    return await drive_async.alternate(ch.asend, ch.arecv, n)


async def async_ping_pong(n: int) -> float:
    there, back = Chan[int](), Chan[int]()
    return await drive_coro.ping_pong(
        drive_async.together, there.asend, there.arecv, back.asend, back.arecv, n
    )


async def thread_to_task(n: int) -> float:
    ch = Chan[int](128)
    return await drive_async.thread_to_task(ch.send, ch.arecv, n)


async def task_to_thread(n: int) -> float:
    ch = Chan[int](128)
    return await drive_async.task_to_thread(ch.asend, ch.recv, n)


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

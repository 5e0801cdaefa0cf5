"""gochan's Mutex."""

import drive
import drive_async
import drive_coro
from gochan import Mutex, agosched, run
from peers.gochan_goroutine import together


def alone(n: int) -> float:
    mutex = Mutex()
    return drive.locked(mutex.lock, mutex.unlock, n)


def threads(n: int) -> float:
    mutex = Mutex()
    return drive.locked_by_four(mutex.lock, mutex.unlock, n)


async def with_it(n: int) -> float:
    return await drive_coro.locked(Mutex(), n)


async def tasks(n: int) -> float:
    return await drive_async.locked_by_four(Mutex(), n)


def goroutines(n: int) -> float:
    return run(drive_coro.locked_by_four, together, Mutex(), agosched, n)

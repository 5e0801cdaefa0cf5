"""gochan's Mutex."""

from collections.abc import Sequence

import drive
import drive_async
import drive_coro
from drive_coro import Job
from gochan import Mutex, agosched, go, run


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


async def _together(jobs: Sequence[Job]) -> None:
    for goroutine in [go(job) for job in jobs]:
        await goroutine


def goroutines(n: int) -> float:
    return run(drive_coro.locked_by_four, _together, Mutex(), agosched, n)

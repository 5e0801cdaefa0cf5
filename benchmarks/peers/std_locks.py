"""The locks of the standard library."""

import asyncio
import threading

import drive
import drive_async
import drive_coro


def alone(n: int) -> float:
    lock = threading.Lock()
    return drive.locked(lock.acquire, lock.release, n)


def alone_reentrant(n: int) -> float:
    lock = threading.RLock()
    return drive.locked(lock.acquire, lock.release, n)


def threads(n: int) -> float:
    lock = threading.Lock()
    return drive.locked_by_four(lock.acquire, lock.release, n)


async def with_it(n: int) -> float:
    return await drive_coro.locked(asyncio.Lock(), n)


async def tasks(n: int) -> float:
    return await drive_async.locked_by_four(asyncio.Lock(), n)

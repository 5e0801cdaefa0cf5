"""The words of the tests about locks: lock and acquire on any host, and who waits for what."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gochan import Chan, Cond, Mutex, RecvChan, RWMutex, Semaphore
from hosts import Host


async def lock(host: Host, mu: Mutex, **limits: Any) -> None:
    if host.blocking:
        mu.lock(**limits)
    else:
        await mu.alock(**limits)


async def rlock(host: Host, rw: RWMutex, **limits: Any) -> None:
    if host.blocking:
        rw.rlock(**limits)
    else:
        await rw.arlock(**limits)


async def acquire(host: Host, sem: Semaphore, n: int = 1, **limits: Any) -> None:
    if host.blocking:
        sem.acquire(n, **limits)
    else:
        await sem.aacquire(n, **limits)


async def wait(host: Host, cond: Cond) -> None:
    if host.blocking:
        cond.wait()
    else:
        await cond


@asynccontextmanager
async def holding(host: Host, what: Mutex | Semaphore) -> AsyncIterator[None]:
    """`with` or `async with`."""
    if host.blocking:
        with what as same:
            assert same is what
            yield
    else:
        async with what as same:
            assert same is what
            yield


def waiting(what: object) -> int:
    """How many are parked, as its repr says, of all kinds."""
    found = re.findall(r" waiters=(\d+)| waiting_\w+=(\d+)", repr(what))
    assert found, f"no waiters in {what!r}"
    if isinstance(what, Cond):
        found = found[:1]  # the others wait for its lock
    return sum(int(a or b) for a, b in found)


async def until_waiting(host: Host, what: object, count: int) -> None:
    await host.until(lambda: waiting(what) == count, what)


class Gone(Exception):
    """Why a context of these tests was done."""


class Ctx:
    """The least that `ctx=` takes."""

    def __init__(self) -> None:
        self._done = Chan[None]()
        self.err: BaseException | None = None

    @property
    def done(self) -> RecvChan[None]:
        return self._done.receiver

    def value(self, key: object) -> None:
        return None

    def cancel(self) -> None:
        self.err = Gone()
        self._done.close()

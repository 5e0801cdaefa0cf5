"""One that is called and does not come: its run() has ended, or its loop stands still.

Others wait behind it, and are not to wait for ever for what is free (M3, PY7, PY8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from cancelling import start
from gochan import Chan, Goroutine, Mutex, Semaphore, agosched, go, run
from holding import waiting
from parking import wait_until
from scheduler import under_a_deadline
from watch import PATIENCE, parked

pytestmark = under_a_deadline


def left_behind(
    operation: Callable[[], Any], is_parked: Callable[[], bool], wake: Callable[[], None]
) -> bool:
    """Have a goroutine wait for it, and end its run() between its wake and its next step.

    False if it was faster. Its handle is kept, so the collector does not see to it.
    """
    came = False
    kept: list[Goroutine[None]] = []

    async def child() -> None:
        nonlocal came
        await operation()
        came = True

    async def main() -> None:
        kept.append(go(child))
        while not is_parked():
            await agosched()
        wake()

    run(main)
    # If it was just being resumed, until that step is over.
    wait_until(lambda: kept[0].state in ("waiting", "done"), "it is not going to be resumed")
    return not came


def test_a_mutex() -> None:
    """It was called, and the mutex is free. Who waits behind it is called by the next unlock."""
    mu = Mutex()

    def called() -> bool:
        nonlocal mu
        mu = Mutex()
        mu.lock()
        return left_behind(mu.alock, lambda: waiting(mu) == 1, mu.unlock)

    wait_until(called, "it was called in vain")
    assert not mu.locked
    mu.lock()
    g = go(mu.lock)
    wait_until(lambda: waiting(mu) == 1, "it waits")
    mu.unlock()
    g.result(PATIENCE)


def test_permits() -> None:
    sem = Semaphore(3)

    def granted() -> bool:
        nonlocal sem
        sem = Semaphore(3)
        sem.acquire(3)
        return left_behind(
            lambda: sem.aacquire(2), lambda: waiting(sem) == 1, lambda: sem.release(3)
        )

    wait_until(granted, "it was handed permits in vain")
    sem.acquire(3, timeout=PATIENCE)


def test_a_value() -> None:
    ch = Chan[int]()

    def sent() -> bool:
        nonlocal ch
        ch = Chan()
        return left_behind(ch.arecv, lambda: parked(ch) == (1, 0), lambda: ch.send_nowait(7))

    wait_until(sent, "it was sent in vain")
    assert ch.recv(timeout=PATIENCE) == 7


def test_a_loop_that_stands_still() -> None:
    """Its task was called. Others lock and unlock: one who waits is not to wait for that loop."""
    mu = Mutex()
    mu.lock()
    loop = asyncio.new_event_loop()
    try:
        task = loop.run_until_complete(start(mu.alock()))
        mu.unlock()
        mu.lock()
        g = go(mu.lock)
        wait_until(lambda: waiting(mu) == 1, "it waits")
        mu.unlock()

        def once_more() -> bool:
            if g.state != "done" and mu.try_lock():
                mu.unlock()
            return g.state == "done"

        wait_until(once_more, "it has the mutex")
        mu.unlock()
        loop.run_until_complete(task)
        assert mu.locked
    finally:
        loop.close()

"""One that is called and does not come, because its loop stands still, keeps nobody waiting (M3).

What becomes of goroutines whose run() has ended is in test_run_hands_back.py.
"""

from __future__ import annotations

import asyncio

from cancelling import start
from gochan import Mutex, go
from holding import waiting
from parking import wait_until
from scheduler import under_a_deadline

pytestmark = under_a_deadline


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

"""What a goroutine was handed when its `run()` was about to end goes back, and on to others (PY8).

It was woken, but never runs again: a value would be lost with it, and a lock would stay locked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from gochan import Chan, Cond, Group, Mutex, RWMutex, Semaphore, aselect, go, run, sending
from holding import waiting
from parking import wait_blocked, wait_until, wait_waiting
from scheduler import beside, under_a_deadline
from watch import PATIENCE, parked

pytestmark = under_a_deadline


@dataclass
class Scene:
    wait: Callable[[], Coroutine[Any, Any, object]]
    """In a goroutine that is abandoned."""
    parked: Callable[[], bool]
    give: Callable[[], object]
    """Wakes it."""
    back: Callable[[], object]
    """Takes, elsewhere, what it was given; in vain for ever if that is lost."""


def value() -> Scene:
    ch = Chan[int]()

    async def wait() -> None:
        await ch.arecv()

    def back() -> None:
        assert ch.recv(timeout=PATIENCE) == 7

    return Scene(wait, lambda: parked(ch) == (1, 0), lambda: ch.send_nowait(7), back)


def selected_value() -> Scene:
    ch, other = Chan[int](), Chan[int]()

    async def wait() -> None:
        await aselect(other, sending(other, 1), ch)

    def back() -> None:
        assert ch.recv(timeout=PATIENCE) == 7
        wait_until(lambda: parked(other) == (0, 0), "the other queues are left")

    return Scene(wait, lambda: parked(ch) == (1, 0), lambda: ch.send_nowait(7), back)


def value_beside_an_operation_stepped_by_hand() -> Scene:
    ch, other = Chan[int](), Chan[int]()
    by_hand = other.arecv()

    async def wait() -> None:
        by_hand.send(None)
        await ch.arecv()

    def give() -> None:
        other.send_nowait(1)
        by_hand.close()  # what it waits for beside is what it waits for now
        ch.send_nowait(7)

    def back() -> None:
        assert ch.recv(timeout=PATIENCE) == 7

    return Scene(wait, lambda: parked(ch) == (1, 0), give, back)


def call_to_a_mutex() -> Scene:
    """It is free then; but nobody else is called while one is on the way."""
    mu = Mutex()
    mu.lock()

    async def wait() -> None:
        async with mu:
            pass

    def back() -> None:
        assert mu.try_lock()
        locking = threading.Thread(target=mu.lock, daemon=True)
        locking.start()
        wait_blocked(locking)
        mu.unlock()
        locking.join(PATIENCE)
        assert not locking.is_alive(), mu

    return Scene(wait, lambda: waiting(mu) == 1, mu.unlock, back)


def lock() -> Scene:
    rw = RWMutex()
    rw.lock()

    async def wait() -> None:
        async with rw:
            pass

    return Scene(wait, lambda: waiting(rw) == 1, rw.unlock, lambda: rw.lock(timeout=PATIENCE))


def permits() -> Scene:
    sem = Semaphore(2)
    sem.acquire(2)

    async def wait() -> None:
        await sem.aacquire(2)

    def back() -> None:
        sem.acquire(2, timeout=PATIENCE)

    return Scene(wait, lambda: waiting(sem) == 1, lambda: sem.release(2), back)


class Busy:
    """Keeps the thread that drops it, which would run the next goroutine, until main has ended."""

    def __del__(self) -> None:
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            pass


def place() -> Scene:
    """In a group: a call that had to wait for its turn never begins, and the next one may."""
    group, gate = Group(limit=1), Chan[Busy]()
    # Of no run(): it is here before, and ends after.
    beside(group.go, gate.recv).result(PATIENCE)

    async def wait() -> None:
        await group.ago(len, "")

    def back() -> None:
        wait_until(lambda: group.try_go(len, ""), "the place")
        group.wait(timeout=PATIENCE)

    def give() -> None:
        gate.send(Busy())
        while "queued=1" in repr(group):
            pass  # without giving way: it is to have its place, and not to run

    return Scene(wait, lambda: "queued=1" in repr(group), give, back)


def signal() -> Scene:
    cond = Cond()

    def other() -> None:
        with cond.lock:
            cond.wait(timeout=PATIENCE)

    async def wait() -> None:
        async with cond.lock:
            await cond

    second = None

    def both() -> bool:
        """The other one stands behind it, and is not of the run."""
        nonlocal second
        if waiting(cond) == 1 and second is None:
            second = beside(other)
        return waiting(cond) == 2

    return Scene(wait, both, cond.signal, lambda: second.result(PATIENCE))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "make",
    [
        value,
        selected_value,
        value_beside_an_operation_stepped_by_hand,
        call_to_a_mutex,
        lock,
        permits,
        place,
        signal,
    ],
    ids=lambda f: f.__name__,
)
def test_it_goes_back(make: Callable[[], Scene]) -> None:
    for _ in range(50):
        scene = make()
        came: list[int] = []

        async def child(scene: Scene = scene, came: list[int] = came) -> None:
            await scene.wait()
            came.append(1)

        async def main(scene: Scene = scene, child: Callable[[], Any] = child) -> Any:
            g = go(child)
            wait_waiting(g)
            wait_until(scene.parked, "it waits, and whoever else is to")
            scene.give()
            return g

        g = run(main)
        if came:
            continue  # it was faster than main's end
        assert g.state in ("runnable", "waiting")
        scene.back()
        assert not came
        return
    raise AssertionError("it was faster than main's end each time")

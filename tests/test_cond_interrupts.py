"""Cond and Ctrl-C: the first is raised with the lock held, because leaving `with` unlocks it."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress

import pytest

from gochan import Cond, run
from holding import waiting
from parking import wait_until
from watch import PATIENCE


def test_ctrl_c_waits_for_the_lock_once() -> None:
    """The first is raised with the lock held; a second one is for a lock that does not come."""
    cond = Cond()
    main = threading.main_thread()
    release = threading.Event()

    def interrupts() -> None:
        wait_until(lambda: waiting(cond) == 1, "main waits for a signal")
        cond.lock.lock()
        signal.pthread_kill(main.ident or 0, signal.SIGINT)
        wait_until(lambda: waiting(cond.lock) == 1, "main wants the lock back")
        if not release.is_set():
            cond.lock.unlock()
            return
        signal.pthread_kill(main.ident or 0, signal.SIGINT)

    for twice in (False, True):
        if twice:
            release.set()
        thread = threading.Thread(target=interrupts)
        cond.lock.lock()
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            cond.wait()
        thread.join(PATIENCE)
        assert cond.lock.locked and waiting(cond.lock) == 0
        cond.lock.unlock()


def test_ctrl_c_in_run_waits_for_the_lock() -> None:
    """The same in the main goroutine of run(), which suspends once more for it."""
    cond, seen = Cond(), list[bool]()

    async def main() -> None:
        async with cond.lock:
            try:
                await cond
            finally:
                seen.append(cond.lock.locked)

    def interrupts() -> None:
        wait_until(lambda: waiting(cond) == 1, "main waits for a signal")
        cond.lock.lock()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        wait_until(lambda: waiting(cond.lock) == 1, "main wants the lock back")
        assert not seen
        cond.lock.unlock()

    thread = threading.Thread(target=interrupts)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run(main)
    thread.join(PATIENCE)
    assert seen == [True]
    assert not cond.lock.locked


@pytest.mark.parametrize("limit", [None, 0.005])
def test_the_first_ctrl_c_waits_for_the_lock_whatever_ended_the_wait(limit: float | None) -> None:
    """A signal, or a timeout that is kept. Leaving `with` would unlock what somebody else holds."""
    cond = Cond()
    main = threading.main_thread().ident or 0
    came, over = threading.Event(), threading.Event()
    theirs = taken = False

    def interrupts() -> None:
        nonlocal theirs
        with cond.lock:
            theirs = True
            if limit is None:
                cond.signal()
            wait_until(lambda: waiting(cond.lock) == 1, "main wants the lock back")
            signal.pthread_kill(main, signal.SIGINT)
            wait_until(came.is_set, "main was interrupted")
            wait_until(lambda: waiting(cond.lock) == 1 or over.is_set(), "main waits on")
            theirs = False

    def handler(_number: int, _frame: object) -> None:
        came.set()
        raise KeyboardInterrupt

    def waits() -> None:
        nonlocal taken
        try:
            while True:
                with suppress(TimeoutError):
                    cond.wait(timeout=limit)
        finally:
            taken = theirs
            over.set()

    before = signal.signal(signal.SIGINT, handler)
    thread = threading.Thread(target=interrupts)
    try:
        with cond.lock:
            thread.start()
            wait_until(lambda: waiting(cond.lock) == 1, "it waits for main")
            with pytest.raises(KeyboardInterrupt):
                waits()
        thread.join(PATIENCE)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not taken
    assert not cond.lock.locked and waiting(cond.lock) == 0

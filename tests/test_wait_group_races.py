"""WaitGroup under many threads: rounds, races with the last done(), crowds; Go tests these too."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

import pytest

from gochan import Chan, WaitGroup, go
from parking import wait_until, wait_waiting
from watch import PATIENCE


def counted(n: int) -> WaitGroup:
    wg = WaitGroup()
    wg.add(n)
    return wg


def test_done_happens_before_the_return_of_wait() -> None:
    """W7"""
    for _ in range(200):
        wg = counted(1)
        written: list[int] = []

        def work(wg: WaitGroup = wg, written: list[int] = written) -> None:
            written.append(1)
            wg.done()

        g = go(work)
        wg.wait(timeout=PATIENCE)
        assert written == [1]
        g.join(PATIENCE)


def test_used_again_over_many_rounds() -> None:
    """W1: a late waiter of one round is not caught in the count of the next."""
    wg = WaitGroup()
    rounds = 50
    start: Chan[int] = Chan()

    def waiter() -> int:
        seen = 0
        for _ in start:
            wg.wait(timeout=PATIENCE)
            seen += 1
        return seen

    waiters = [go(waiter) for _ in range(3)]
    for i in range(rounds):
        wg.add(2)
        for _ in waiters:
            start.send(i, timeout=PATIENCE)
        wait_until(lambda: "waiters=3" in repr(wg), "all of them waiting")
        for _ in range(2):
            go(wg.done)
        wg.wait(timeout=PATIENCE)
    start.close()
    assert [g.result(PATIENCE) for g in waiters] == [rounds] * 3
    assert wg.count == 0


def test_two_groups_pass_each_other() -> None:
    """A crowd waits on one group, and counts down another that its leader waits on; eight times."""
    for _ in range(8):
        n = 16
        wg1, wg2 = counted(n), counted(n)
        exited: Chan[bool] = Chan(n)

        def member(wg1: WaitGroup = wg1, wg2: WaitGroup = wg2, exited: Chan[bool] = exited) -> None:
            wg1.done()
            wg2.wait(timeout=PATIENCE)
            exited.send(True)

        crowd = [go(member) for _ in range(n)]
        wg1.wait(timeout=PATIENCE)
        for _ in range(n):
            assert len(exited) == 0, "released too soon"
            wg2.done()
        for _ in range(n):
            assert exited.recv(timeout=PATIENCE)
        for g in crowd:
            g.result(PATIENCE)


def test_wait_races_with_the_last_done() -> None:
    for _ in range(300):
        wg = counted(2)
        together = threading.Barrier(3)

        def finish(wg: WaitGroup = wg, together: threading.Barrier = together) -> None:
            together.wait(PATIENCE)
            wg.done()

        finishers = [go(finish), go(finish)]
        together.wait(PATIENCE)
        wg.wait(timeout=PATIENCE)
        assert wg.count == 0
        for g in finishers:
            g.result(PATIENCE)


def test_many_count_at_once() -> None:
    wg = counted(1)

    def up_and_down() -> None:
        for _ in range(500):
            wg.add(3)
            wg.done()
            wg.add(-2)

    workers = [go(up_and_down) for _ in range(4)]
    for g in workers:
        g.result(PATIENCE)
    assert wg.count == 1
    wg.done()
    wg.wait(timeout=0)


def test_an_unreachable_group_is_freed() -> None:
    """K11, also after it had waiters."""
    wg = counted(1)
    gone = weakref.ref(wg)
    waiters = [go(wg.wait) for _ in range(3)]
    wait_waiting(*waiters)
    wg.done()
    for g in waiters:
        g.result(PATIENCE)
    del wg, waiters, g
    wait_until(lambda: gone() is None, "the group freed")


FORMS: list[Callable[[WaitGroup], object]] = [WaitGroup.wait, lambda wg: wg.wait(timeout=PATIENCE)]


@pytest.mark.parametrize("form", FORMS, ids=["wait", "with timeout"])
def test_a_thread_of_ones_own_waits_too(form: Callable[[WaitGroup], object]) -> None:
    wg = counted(1)
    done: Chan[None] = Chan(1)
    thread = threading.Thread(target=lambda: (form(wg), done.send(None)))  # type: ignore[func-returns-value]
    thread.start()
    with pytest.raises(TimeoutError):
        done.recv(timeout=0.01)
    wg.done()
    done.recv(timeout=PATIENCE)
    thread.join()

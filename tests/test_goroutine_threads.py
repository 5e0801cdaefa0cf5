"""The threads behind goroutines: more when they block, none before the first, fewer afterwards."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import procs
from gochan import Chan, WaitGroup, agosched, go
from parking import wait_until
from scheduler import by_run
from watch import PATIENCE

# ---------------------------------------------------------------- those that block


def test_many_def_goroutines_block_at_once() -> None:
    """In something that gochan knows nothing of: all have to be there before one goes on."""
    barrier = threading.Barrier(200)
    goroutines = [go(barrier.wait, PATIENCE) for _ in range(200)]
    assert sorted(g.result(PATIENCE) for g in goroutines) == list(range(200))


def test_many_def_goroutines_sleep_at_once() -> None:
    asleep = [0]
    most = [0]
    lock = threading.Lock()
    given_up = time.monotonic() + PATIENCE

    def sleep() -> None:
        with lock:
            asleep[0] += 1
            most[0] = max(most[0], asleep[0])
        while most[0] < 200 and time.monotonic() < given_up:
            time.sleep(0.05)
        with lock:
            asleep[0] -= 1

    goroutines = [go(sleep) for _ in range(200)]
    for g in goroutines:
        g.result(2 * PATIENCE)
    assert most[0] == 200


def test_async_goroutines_that_block_each_take_a_thread() -> None:
    """Each costs its thread, not the program."""
    barrier = threading.Barrier(20)

    async def block() -> int:
        await agosched()
        return barrier.wait(PATIENCE)

    goroutines = [go(block) for _ in range(20)]
    assert sorted(g.result(PATIENCE) for g in goroutines) == list(range(20))


@pytest.mark.parametrize("order", ["def first", "async first", "in turn"])
@pytest.mark.parametrize(("defs", "asyncs"), [(1, 1), (2, 3), (4, 2), (5, 5), (40, 20)])
def test_both_kinds_block_at_once(defs: int, asyncs: int, order: str) -> None:
    barrier = threading.Barrier(defs + asyncs)

    def block() -> int:
        return barrier.wait(PATIENCE)

    async def ablock() -> int:
        return barrier.wait(PATIENCE)

    bodies: list[Callable[[], Any]] = [block] * defs + [ablock] * asyncs
    if order == "async first":
        bodies.reverse()
    elif order == "in turn":
        bodies = bodies[::2] + bodies[1::2]
    goroutines = [go(body) for body in bodies]
    assert sorted(g.result(PATIENCE) for g in goroutines) == list(range(defs + asyncs))


@pytest.mark.parametrize("kind", ["def", "async"])
def test_each_waits_for_one_that_is_started_later(kind: str) -> None:
    """The last one, at the end of the queue, lets all of them go, from the back to the front."""
    events = [threading.Event() for _ in range(51)]
    order: list[int] = []

    def step(i: int) -> None:
        assert events[i + 1].wait(PATIENCE)
        order.append(i)
        events[i].set()

    async def astep(i: int) -> None:
        step(i)

    body: Callable[[int], Any] = step if kind == "def" else astep
    goroutines = [go(body, i) for i in range(50)]
    go(events[50].set)
    for g in goroutines:
        g.result(PATIENCE)
    assert order == list(range(49, -1, -1))


def test_blocked_in_all_ways_at_once() -> None:
    ch, wg, lock, event = Chan[int](), WaitGroup(), threading.Lock(), threading.Event()
    wg.add()
    lock.acquire()

    def hold() -> None:
        with lock:
            pass

    blocking: list[Callable[[], object]] = [ch.recv_ok, wg.wait, hold, event.wait]

    async def in_async(fn: Callable[[], object]) -> None:
        fn()

    goroutines: list[Any] = [go(fn) for fn in blocking * 5]
    goroutines += [go(in_async, fn) for fn in blocking * 5]
    assert go(pow, 2, 3).result(PATIENCE) == 8
    assert not [g for g in goroutines if g.state == "done"]
    ch.close()
    wg.done()
    lock.release()
    event.set()
    for g in goroutines:
        g.result(PATIENCE)


def test_main_under_run_may_block() -> None:
    reached: list[int] = []

    async def count() -> None:
        for i in range(100):
            reached.append(i)
            await agosched()

    async def main() -> None:
        g = go(count)
        wait_until(lambda: len(reached) == 100, "the others go on while main blocks")
        await g

    by_run(main)


# ---------------------------------------------------------------- those that share


def test_turns_are_shared() -> None:
    """Everybody who gives up the turn gets it back as often as the others."""
    turns: Counter[int] = Counter()
    over: list[int] = []
    at_the_end: list[Counter[int]] = []
    gate = Chan[None]()

    async def turn(me: int) -> None:
        await gate.arecv_ok()
        while not over:
            turns[me] += 1
            if turns[me] == 2000:
                over.append(me)
                at_the_end.append(turns.copy())
            await agosched()

    goroutines = [go(turn, i) for i in range(10)]
    gate.close()
    for g in goroutines:
        g.result(PATIENCE)
    # In a queue they come in turn; a thread that is taken off for a while disturbs that a little.
    assert min(at_the_end[0][i] for i in range(10)) >= 500, at_the_end


def test_pairs_share() -> None:
    """Ping-pong goes from hand to hand, past the queue, but not for ever."""
    rounds: Counter[int] = Counter()
    over: list[int] = []
    at_the_end: list[Counter[int]] = []

    async def echo(there: Chan[int], back: Chan[int]) -> None:
        async for value in there:
            await back.asend(value)

    async def pair(me: int) -> None:
        there, back = Chan[int](), Chan[int]()
        go(echo, there, back)
        while not over:
            await there.asend(1)
            await back.arecv()
            rounds[me] += 1
            if rounds[me] == 100_000:
                over.append(me)
                at_the_end.append(rounds.copy())
        there.close()

    async def main() -> None:
        # Started in one turn, so that none has a start on the others.
        for g in [go(pair, i) for i in range(5)]:
            await g

    go(main).result(PATIENCE)
    assert min(at_the_end[0][i] for i in range(5)) >= 10_000, at_the_end


# ---------------------------------------------------------------- how many there are

linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")


@linux
def test_no_thread_before_the_first_goroutine() -> None:
    finished = procs.run("""
        import asyncio, gc, os, threading
        import gochan

        def alone():
            assert threading.active_count() == 1, threading.enumerate()
            assert os.listdir("/proc/self/task") == [str(os.getpid())]

        alone()
        assert gochan.gomaxprocs() >= 1
        assert gochan.num_goroutine() == 1
        gochan.gosched()
        ch = gochan.Chan(1)
        repr(ch)
        ch.send(1)

        async def main():
            await gochan.agosched()
            assert await ch.arecv() == 1
            try:
                await ch.arecv(timeout=0.001)
            except TimeoutError:
                pass

        asyncio.run(main())
        try:
            gochan.go(None)
        except TypeError:
            pass
        try:
            gochan.goexit()
        except RuntimeError:
            pass
        gochan.set_excepthook(None)
        gc.collect()
        alone()
        """)
    assert finished.ok() == ""


def test_no_loop_before_the_first_aio() -> None:
    """Who needs no asyncio does not pay for it."""
    finished = procs.run("""
        import sys
        from gochan import Chan, agosched, aio, go, run

        async def body(ch):
            await agosched()
            try:
                await ch.arecv(timeout=0.001)
            except TimeoutError:
                return await go(pow, 2, 3)

        assert run(body, Chan()) == 8
        assert go(body, Chan()).result(20) == 8
        assert "asyncio" not in sys.modules
        """)
    assert finished.ok() == ""


@linux
def test_async_goroutines_need_few_threads() -> None:
    """However many there are, and whatever they do but block."""
    finished = procs.run("""
        import os
        from gochan import Chan, agosched, go
        from parking import wait_parked

        gate = Chan()
        most = [0]

        async def body(i):
            for _ in range(3):
                await agosched()
            if i % 100 == 0:
                most[0] = max(most[0], len(os.listdir("/proc/self/task")))
            if i % 2:
                await gate.arecv_ok()
            else:
                try:
                    await gate.arecv_ok(timeout=0.001 * (i % 7))
                except TimeoutError:
                    await gate.arecv_ok()

        goroutines = [go(body, i) for i in range(10_000)]
        wait_parked(gate, receivers=10_000)
        assert len(os.listdir("/proc/self/task")) < 30
        gate.close()
        for g in goroutines:
            g.join(20)
        # Reading the directory blocks, so that a spare thread may step in now and then.
        assert most[0] < 30, most
        """)
    assert finished.ok() == ""


@linux
def test_tiny_def_goroutines_share_a_few_threads() -> None:
    """A burst of those that do not block is worked off, not spread over thousands of threads."""
    finished = procs.run("""
        import os
        from gochan import WaitGroup, go

        most = [0]

        def body(i):
            if i % 50 == 0:
                most[0] = max(most[0], len(os.listdir("/proc/self/task")))

        with WaitGroup() as wg:
            for i in range(5000):
                wg.go(body, i)
        assert most[0] < 100, most
        """)
    assert finished.ok() == ""


@linux
def test_idle_threads_end() -> None:
    finished = procs.run(
        """
        import os, threading
        from gochan import agosched, go, run
        from parking import wait_until

        def threads():
            return len(os.listdir("/proc/self/task"))

        barrier = threading.Barrier(61)

        def wait():
            threading.current_thread()  # up to 3.12 Python notes the thread for ever
            barrier.wait(20)

        async def block():
            wait()
            await agosched()

        burst = [go(wait) for _ in range(40)] + [go(block) for _ in range(20)]
        wait_until(lambda: barrier.n_waiting == 60, "all of them there")
        assert threads() > 60
        barrier.wait(20)
        for g in burst:
            g.join(20)
        # They are kept for some seconds, and so are the two that run no Python.
        wait_until(lambda: threads() == 1, "idle threads gone", 60)
        assert threading.active_count() == 1, threading.enumerate()
        assert go(pow, 2, 3).result(20) == 8

        async def turn():
            await agosched()
            return 1

        assert go(turn).result(20) == 1
        assert run(turn) == 1
        """,
        limit=90,
    )
    assert finished.ok() == ""

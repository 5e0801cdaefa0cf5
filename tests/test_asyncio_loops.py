"""Channels belong to no loop: many loops and threads at once, and loops that come to an end."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gochan import Chan, RecvChan, SendChan, WouldBlock, go
from hosts import drain
from loops import KINDS, Call, NewLoop, from_thread, on_each_loop, on_each_waker, run
from parking import settle, wait_parked
from watch import DEADLINE, alarm, parked

# ---------------------------------------------------------------- many at once


def test_a_ring_of_loops_and_threads() -> None:
    """A token goes round through tasks of several loops and through threads, in strict turn."""
    rounds = 200
    stations = len(KINDS) * 2 + 2
    chans: list[Chan[int]] = [Chan() for _ in range(stations + 1)]

    def by_loop(new_loop: NewLoop, source: RecvChan[int], to: SendChan[int]) -> None:
        async def main() -> None:
            async with to:
                async for token in source:
                    await to.asend(token + 1)

        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())

    def by_thread(source: RecvChan[int], to: SendChan[int]) -> None:
        with to:
            for token in source:
                to.send(token + 1)

    pairs = [(a.receiver, b.sender) for a, b in pairwise(chans)]
    with ThreadPoolExecutor(stations) as pool:
        jobs = []
        for place, (source, to) in enumerate(pairs):
            if place % 3 == 0:
                jobs.append(pool.submit(by_thread, source, to))
            else:
                jobs.append(pool.submit(by_loop, KINDS[place % len(KINDS)], source, to))
        try:
            for i in range(rounds):
                chans[0].send(i, timeout=20)
                assert chans[-1].recv(timeout=20) == i + stations
        finally:
            chans[0].close()
        assert chans[-1].recv_ok(timeout=20) == (None, False)
        for job in jobs:
            job.result(20)


@pytest.mark.parametrize("capacity", [0, 1, 64])
def test_many_loops_and_threads_share_one_channel(capacity: int) -> None:
    """K1: what all senders offered is what all receivers got, each value once."""
    ch: Chan[tuple[str, int]] = Chan(capacity)
    each = 500
    names = [f"loop{i}" for i in range(2 * len(KINDS))] + ["thread0", "thread1"]

    def sending_loop(name: str, new_loop: NewLoop) -> None:
        async def one(task: int) -> None:
            for i in range(each // 2):
                await ch.asend((f"{name}.{task}", i))

        async def main() -> None:
            await asyncio.gather(one(0), one(1))

        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())

    def sending_thread(name: str) -> None:
        for i in range(each):
            ch.send((name, i))

    def receiving_loop(new_loop: NewLoop) -> list[tuple[str, int]]:
        async def one() -> list[tuple[str, int]]:
            return [value async for value in ch]

        async def main() -> list[tuple[str, int]]:
            first, second = await asyncio.gather(one(), one())
            return first + second

        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(main())

    with ThreadPoolExecutor(20) as pool:
        receivers = [pool.submit(receiving_loop, kind) for kind in KINDS * 2]
        receivers += [pool.submit(list, ch) for _ in range(2)]
        senders = [
            pool.submit(sending_thread, name)
            if name.startswith("thread")
            else pool.submit(sending_loop, name, KINDS[i % len(KINDS)])
            for i, name in enumerate(names)
        ]
        try:
            for sender in senders:
                sender.result(60)
        finally:
            ch.close()
        got = [value for receiver in receivers for value in receiver.result(60)]

    assert len(got) == each * len(names)
    assert max(Counter(got).values()) == 1


@on_each_loop
def test_blocking_forms_in_other_threads_of_the_loop(new_loop: NewLoop) -> None:
    """asyncio.to_thread and executors: the thread waits, the loop goes on."""

    async def main() -> None:
        ch: Chan[int] = Chan()
        waiting = asyncio.create_task(asyncio.to_thread(ch.recv))
        while parked(ch) != (1, 0):
            await asyncio.sleep(0)
        await ch.asend(1)
        assert await waiting == 1
        offering = asyncio.create_task(asyncio.to_thread(ch.send, 2))
        assert await ch.arecv() == 2
        await offering

    run(new_loop, main)


# ---------------------------------------------------------------- loops that stand still


@contextmanager
def manual(new_loop: NewLoop) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that turns only when the test says so."""
    loop = new_loop()
    try:
        with alarm(DEADLINE):
            yield loop
    finally:
        if not loop.is_closed():
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(settle())
            loop.close()


@on_each_waker
@on_each_loop
def test_a_task_is_woken_while_its_loop_is_not_running(new_loop: NewLoop, call: Call) -> None:
    with manual(new_loop) as loop:
        ch: Chan[int] = Chan()
        receiver = loop.create_task(ch.arecv())
        loop.run_until_complete(settle())
        call(lambda: ch.send(1, timeout=20))
        assert not receiver.done()
        assert loop.run_until_complete(receiver) == 1
        sender = loop.create_task(ch.asend(2))
        loop.run_until_complete(settle())
        assert call(lambda: ch.recv(timeout=20)) == 2
        loop.run_until_complete(sender)


# ---------------------------------------------------------------- loops that are gone


def park_and_close(loop: asyncio.AbstractEventLoop, *ops: Any) -> list[asyncio.Task[Any]]:
    """Park them on a loop that never runs again."""
    tasks = [loop.create_task(op) for op in ops]
    loop.run_until_complete(settle())
    loop.close()
    return tasks


@on_each_waker
@on_each_loop
def test_receivers_of_a_closed_loop_swallow_nothing(
    new_loop: NewLoop, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """They stand at the head of the queue, and nobody will ever resume them."""
    caplog.set_level(logging.CRITICAL, "asyncio")  # "Task was destroyed but it is pending!"
    with manual(new_loop) as loop:
        ch: Chan[int] = Chan(2)
        stranded = park_and_close(loop, ch.arecv(), ch.arecv_ok(), ch.arecv_many(2))
        call(lambda: ch.send(1, timeout=20))
        call(lambda: ch.send_nowait(2))
        assert ch.recv(timeout=20) == 1
        assert call(lambda: ch.recv(timeout=20)) == 2
        assert len(ch) == 0
        ch.close()
        assert not any(task.done() for task in stranded)


@on_each_waker
@on_each_loop
def test_a_value_passes_over_a_closed_loop_to_the_next_receiver(
    new_loop: NewLoop, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "asyncio")
    with manual(new_loop) as loop:
        ch: Chan[int] = Chan()
        stranded = park_and_close(loop, ch.arecv())
        living = go(ch.recv)
        wait_parked(ch, receivers=2)
        call(lambda: ch.send(1, timeout=20))
        assert living.result(timeout=20) == 1
        assert not stranded[0].done()


@on_each_loop
def test_a_task_of_another_loop_gets_what_a_closed_loop_cannot_take(
    new_loop: NewLoop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "asyncio")
    with manual(new_loop) as closed_loop, manual(new_loop) as loop:
        ch: Chan[int] = Chan()
        stranded = park_and_close(closed_loop, ch.arecv())
        living = loop.create_task(ch.arecv())
        loop.run_until_complete(settle())
        from_thread(lambda: ch.send(1, timeout=20))
        assert loop.run_until_complete(asyncio.wait_for(living, 20)) == 1
        assert not stranded[0].done()


@on_each_waker
@on_each_loop
def test_a_value_handed_to_a_loop_that_then_closes_comes_back(
    new_loop: NewLoop, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing tells us of the close. But the coroutine goes with its task, and that does."""
    caplog.set_level(logging.CRITICAL, "asyncio")
    ch: Chan[int] = Chan(1)

    def hand_over_and_close() -> weakref.ref[asyncio.Task[int]]:
        loop = new_loop()
        receiver = loop.create_task(ch.arecv())
        loop.run_until_complete(settle())
        call(lambda: ch.send_nowait(1))
        loop.close()
        call(lambda: ch.send_nowait(2))
        return weakref.ref(receiver)

    gone = hand_over_and_close()
    gc.collect()
    assert gone() is None
    assert drain(ch) == [1, 2]


@on_each_loop
def test_a_sender_of_a_closed_loop(new_loop: NewLoop, caplog: pytest.LogCaptureFixture) -> None:
    """Its value was offered. It may still be taken, but once at most, and nobody hangs on it."""
    caplog.set_level(logging.CRITICAL, "asyncio")
    with manual(new_loop) as loop:
        ch: Chan[int] = Chan()
        stranded = park_and_close(loop, ch.asend(1))
        living = go(ch.send, 2)
        wait_parked(ch, senders=2)
        got = [ch.recv(timeout=20)]
        if got == [1]:
            got.append(ch.recv(timeout=20))
        assert got[-1] == 2
        living.result(timeout=20)
        assert drain(ch) == []
        assert not stranded[0].done()


@on_each_loop
def test_a_parked_task_nobody_can_wake_is_collected(
    new_loop: NewLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """Channel and task hold each other; the collector has to see both ways."""
    caplog.set_level(logging.CRITICAL, "asyncio")
    with manual(new_loop) as loop:
        ch: Chan[object] = Chan()
        tasks = [loop.create_task(op) for op in (ch.arecv(), ch.arecv_many(3))]
        loop.run_until_complete(settle())
        gone = [weakref.ref(thing) for thing in (ch, *tasks)]
        gc.collect()
        assert parked(ch) == (2, 0), "a reachable channel keeps its waiters"
        del ch, tasks
        gc.collect()
        assert [ref() for ref in gone] == [None, None, None]


@on_each_loop
def test_the_end_of_a_run_gives_up_the_places_of_its_tasks(new_loop: NewLoop) -> None:
    """asyncio.run() cancels what is left over: the next value is for others."""
    ch: Chan[int] = Chan(1)
    tasks: list[asyncio.Task[int]] = []

    async def main() -> None:
        tasks.extend(asyncio.create_task(ch.arecv()) for _ in range(3))
        await settle()
        assert parked(ch) == (3, 0)
        from_thread(lambda: ch.send_nowait(1))  # it arrives in the last rounds, or too late

    run(new_loop, main)
    got = [task.result() for task in tasks if not task.cancelled()]
    assert got + drain(ch) == [1]
    assert parked(ch) == (0, 0)
    with pytest.raises(WouldBlock):
        ch.recv_nowait()


# ---------------------------------------------------------------- what a loop leaves behind


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts descriptors in /proc")
@on_each_loop
def test_loops_leave_no_descriptors_behind(new_loop: NewLoop) -> None:
    ch: Chan[int] = Chan()

    def one_loop() -> None:
        async def main() -> None:
            receiver = asyncio.create_task(ch.arecv())
            await settle()
            from_thread(lambda: ch.send(1, timeout=20))
            assert await receiver == 1

        run(new_loop, main)

    def descriptors() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    one_loop()
    before = descriptors()
    for _ in range(30):
        one_loop()
    assert descriptors() <= before


@on_each_loop
def test_a_loop_and_its_tasks_are_freed(new_loop: NewLoop) -> None:
    """A channel that lives on must not keep a finished loop alive."""
    ch: Chan[int] = Chan()

    def one_loop() -> list[weakref.ref[Any]]:
        refs: list[weakref.ref[Any]] = []

        async def main() -> None:
            receiver = asyncio.create_task(ch.arecv())
            refs.append(weakref.ref(receiver))
            await settle()
            from_thread(lambda: ch.send(1, timeout=20))
            assert await receiver == 1

        loop = new_loop()
        refs.append(weakref.ref(loop))
        loop.run_until_complete(main())
        loop.close()
        return refs

    # Another thread, so that nothing of this one's frames or caches keeps them.
    found: list[weakref.ref[Any]] = []
    thread = threading.Thread(target=lambda: found.extend(one_loop()))
    thread.start()
    thread.join()
    gc.collect()
    assert [ref() for ref in found] == [None] * len(found)

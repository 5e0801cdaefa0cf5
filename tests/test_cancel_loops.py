"""One cancel() ends a loop of operations, none is swallowed, and asyncio's counts stay right."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from cancelling import cancelled, offer, on_each_receive, start
from gochan import Chan, ChanClosed
from hosts import drain
from loops import Call, NewLoop, from_thread, on_each_loop, on_each_waker, run
from parking import settle
from watch import parked

# ---------------------------------------------------------------- counts


@on_each_waker
@on_each_loop
def test_cancelling_and_uncancel(new_loop: NewLoop, call: Call) -> None:
    """A CancelledError counts once, wherever it met the operation, and uncancel() takes it off."""

    async def main() -> None:
        for handed_over in (False, True):
            ch: Chan[int] = Chan(1)
            counts: list[int] = []

            async def body(ch: Chan[int] = ch, counts: list[int] = counts) -> int:
                me = asyncio.current_task()
                assert me is not None
                counts.append(me.cancelling())
                with pytest.raises(asyncio.CancelledError):
                    await ch.arecv()
                counts.append(me.cancelling())
                counts.append(me.uncancel())
                await asyncio.sleep(0)  # nothing comes later
                return await ch.arecv()

            task = await start(body())
            if handed_over:
                call(partial(offer, ch, 1))
            task.cancel()
            if not handed_over:
                call(partial(offer, ch, 1))
            assert await task == 1
            assert counts == [0, 1, 0]

    run(new_loop, main)


@on_each_waker
@on_each_loop
def test_two_cancels_at_once_are_one_error(new_loop: NewLoop, call: Call) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()

        async def body() -> list[int]:
            me = asyncio.current_task()
            assert me is not None
            seen = []
            for _ in range(2):
                try:
                    seen.append(await ch.arecv())
                except asyncio.CancelledError:
                    seen.append(-me.cancelling())
            return seen

        task = await start(body())
        call(lambda: offer(ch, 1))
        task.cancel()
        task.cancel()
        assert await task == [-2, 1]

    run(new_loop, main)


@on_each_loop
def test_timeouts_around_a_wait_leave_no_count(new_loop: NewLoop) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        me = asyncio.current_task()
        assert me is not None
        for op in (ch.arecv, lambda: ch.asend(1), lambda: ch.arecv_many(2)):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await op()
            assert me.cancelling() == 0
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(op(), 0.005)
            assert me.cancelling() == 0
        assert parked(ch) == (0, 0)

    run(new_loop, main)


@on_each_loop
def test_an_own_timeout_is_no_cancellation(new_loop: NewLoop) -> None:
    """The innermost limit speaks: its TimeoutError passes through asyncio.timeout() as it is."""

    async def main() -> None:
        ch: Chan[int] = Chan()
        me = asyncio.current_task()
        assert me is not None
        async with asyncio.timeout(20) as limit:
            with pytest.raises(TimeoutError):
                await ch.arecv(timeout=0.005)
        assert not limit.expired()
        assert me.cancelling() == 0

    run(new_loop, main)


# ---------------------------------------------------------------- loops of operations


async def walk(ch: Chan[int], got: list[int]) -> None:
    async for value in ch:
        got.append(value)  # one by one: what it got is here when it ends


async def receive(ch: Chan[int], got: list[int]) -> None:
    while True:
        got.append(await ch.arecv())


async def receive_ok(ch: Chan[int], got: list[int]) -> None:
    while True:
        match await ch.arecv_ok():
            case (value, True):
                got.append(value)


async def receive_many(ch: Chan[int], got: list[int]) -> None:
    while True:
        got += await ch.arecv_many(5)


async def receive_in_time(ch: Chan[int], got: list[int]) -> None:
    while True:
        got.append(await ch.arecv(timeout=20))


on_each_loop_of_receives = pytest.mark.parametrize(
    "body", [walk, receive, receive_ok, receive_many, receive_in_time]
)


@pytest.mark.parametrize("capacity", [0, 1, 8])
@on_each_loop_of_receives
@on_each_loop
def test_one_cancel_ends_a_loop_of_receives(
    new_loop: NewLoop,
    body: Callable[[Chan[int], list[int]], Coroutine[Any, Any, None]],
    capacity: int,
) -> None:
    """A thread sends all the while, so the cancel meets the loop anywhere. K1 and K2 hold."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for strike in range(0, 60, 3):
            ch: Chan[int] = Chan(capacity)
            got: list[int] = []
            task = asyncio.create_task(body(ch, got))
            sent: list[int] = []

            def feed(
                ch: Chan[int] = ch,
                task: asyncio.Task[None] = task,
                sent: list[int] = sent,
                strike: int = strike,
            ) -> None:
                for value in range(1_000_000):
                    if value == strike:
                        loop.call_soon_threadsafe(task.cancel)
                    try:
                        ch.send(value)
                    except ChanClosed:
                        return
                    sent.append(value)

            feeder = threading.Thread(target=feed)
            feeder.start()
            try:
                await cancelled(task)
            finally:
                ch.close()
                feeder.join()
            assert got + drain(ch) == sent

    run(new_loop, main)


@on_each_loop
def test_one_cancel_ends_a_loop_of_sends(new_loop: NewLoop) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for strike in range(0, 60, 3):
            ch: Chan[int] = Chan()
            sent: list[int] = []

            async def body(ch: Chan[int] = ch, sent: list[int] = sent) -> None:
                value = 0
                while True:
                    await ch.asend(value)
                    sent.append(value)
                    value += 1

            task = asyncio.create_task(body())
            got: list[int] = []

            def take(
                ch: Chan[int] = ch,
                task: asyncio.Task[None] = task,
                got: list[int] = got,
                strike: int = strike,
            ) -> None:
                for value in ch:
                    if value == strike:
                        loop.call_soon_threadsafe(task.cancel)
                    got.append(value)

            taker = threading.Thread(target=take)
            taker.start()
            try:
                await cancelled(task)
            finally:
                ch.close()
                taker.join()
            # The last one may have been taken in the moment of the cancel: it stays sent.
            assert got in (sent, [*sent, len(sent)])

    run(new_loop, main)


@on_each_loop
def test_one_cancel_ends_two_tasks_that_keep_each_other_busy(new_loop: NewLoop) -> None:
    """Each wakes the other, so neither is ever parked for a whole round of the loop."""

    async def main() -> None:
        for rounds in range(12):
            there: Chan[int] = Chan()
            back: Chan[int] = Chan()

            async def ping(there: Chan[int] = there, back: Chan[int] = back) -> None:
                while True:
                    await there.asend(1)
                    await back.arecv()

            async def pong(there: Chan[int] = there, back: Chan[int] = back) -> None:
                async for value in there:
                    await back.asend(value)

            tasks = [asyncio.create_task(ping()), asyncio.create_task(pong())]
            for _ in range(rounds):
                await asyncio.sleep(0)
            tasks[rounds % 2].cancel()
            await cancelled(tasks[rounds % 2])
            tasks[1 - rounds % 2].cancel()
            await cancelled(tasks[1 - rounds % 2])
            assert parked(there) == parked(back) == (0, 0)

    run(new_loop, main)


# ---------------------------------------------------------------- limits that end at any moment


async def by_wait_for(ch: Chan[int], limit: float) -> int:
    return await asyncio.wait_for(ch.arecv(), limit)


async def by_timeout(ch: Chan[int], limit: float) -> int:
    async with asyncio.timeout(limit):
        return await ch.arecv()


async def by_own_limit(ch: Chan[int], limit: float) -> int:
    return await ch.arecv(timeout=limit)


@pytest.mark.parametrize("capacity", [0, 3])
@pytest.mark.parametrize("limited", [by_wait_for, by_timeout, by_own_limit])
@on_each_loop
def test_limits_that_run_out_as_values_arrive(
    new_loop: NewLoop, limited: Callable[[Chan[int], float], Any], capacity: int
) -> None:
    """Limits of some microseconds, values from a thread: one ends in every possible moment."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    count = 1500

    async def main() -> None:
        ch: Chan[int] = Chan(capacity)
        feeder = asyncio.create_task(asyncio.to_thread(feed, ch))
        got: list[int] = []
        misses = 0
        while len(got) < count:
            try:
                got.append(await limited(ch, chance.choice([0.0, 1e-6, 1e-5, 5e-5, 1e-4])))
            except TimeoutError:
                misses += 1
        await feeder
        assert got == list(range(count))
        assert misses > 0, "no limit ever ran out: the test has tested nothing"
        assert drain(ch) == []

    def feed(ch: Chan[int]) -> None:
        for value in range(count):
            ch.send(value)

    run(new_loop, main)


# ---------------------------------------------------------------- structured concurrency


@on_each_receive
@on_each_loop
def test_a_failing_task_group_ends_its_parked_tasks(
    new_loop: NewLoop, receive: Callable[[Chan[int]], Coroutine[Any, Any, list[int]]]
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()

        async def fail() -> None:
            await settle()
            from_thread(lambda: offer(ch, 1))
            raise ZeroDivisionError("the group ends here")

        got: list[int] = []

        async def keep() -> None:
            got.extend(await receive(ch))

        async def together() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(keep())
                group.create_task(fail())

        with pytest.raises(ExceptionGroup) as info:
            await together()
        assert info.group_contains(ZeroDivisionError)
        assert got + drain(ch) == [1]
        assert parked(ch) == (0, 0)

    run(new_loop, main)

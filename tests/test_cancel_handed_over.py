"""Cancelling a task that a peer has completed, and that was not resumed yet.

There asyncio insists on its CancelledError. So a value that was received goes back to the head of
its channel and is offered to the next receiver, and a value that was sent stays sent.
"""

from __future__ import annotations

import asyncio

import pytest

from cancelling import Receive, cancelled, offer, on_each_receive, start
from gochan import Chan, ChanClosed, WouldBlock, go
from hosts import drain
from loops import Call, NewLoop, on_each_loop, on_each_waker, run
from parking import wait_parked
from watch import parked


@on_each_waker
@on_each_receive
@on_each_loop
def test_a_value_handed_over_goes_back_to_the_head(
    new_loop: NewLoop, receive: Receive, call: Call
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        task = await start(receive(ch))
        call(lambda: offer(ch, 1))
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError) as info:
            await task
        assert info.value.args == ("why",)
        assert len(ch) == 1, "one more than its capacity, rather than lose it"
        assert await ch.arecv() == 1
        assert len(ch) == 0
        with pytest.raises(WouldBlock):
            offer(ch, 2)

    run(new_loop, main)


@on_each_waker
@on_each_receive
@on_each_loop
def test_it_comes_before_the_values_that_were_sent_after_it(
    new_loop: NewLoop, receive: Receive, call: Call
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan(2)
        task = await start(receive(ch))
        call(lambda: offer(ch, 1, 2, 3))
        late = go(ch.send, 4)
        wait_parked(ch, senders=1)  # without a turn of this loop
        task.cancel()
        await cancelled(task)
        assert len(ch) == 3
        assert ch.recv_nowait() == 1
        # Now the buffer is just full again: the sender behind it still has to wait.
        assert (len(ch), parked(ch)) == (2, (0, 1))
        assert drain(ch) == [2, 3, 4]
        await late

    run(new_loop, main)


@on_each_waker
@on_each_receive
@on_each_loop
def test_it_is_offered_to_the_next_in_the_queue(
    new_loop: NewLoop, receive: Receive, call: Call
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        first, second, third = [await start(receive(ch)) for _ in range(3)]
        call(lambda: offer(ch, 1))
        first.cancel()
        await cancelled(first)
        assert await second == [1]
        # Handed over to all who waited: what comes back then has nobody to go to.
        fourth = await start(receive(ch))
        call(lambda: offer(ch, 2, 3))
        third.cancel()
        await cancelled(third)
        # One that takes along what is there may find it all the same when it is resumed.
        assert [*await fourth, *drain(ch)] == [3, 2]

    run(new_loop, main)


@on_each_waker
@on_each_receive
@on_each_loop
def test_it_is_offered_to_a_thread(new_loop: NewLoop, receive: Receive, call: Call) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        task = await start(receive(ch))
        call(lambda: offer(ch, 1))
        thread = go(ch.recv)
        wait_parked(ch, receivers=1)
        task.cancel()
        await cancelled(task)
        assert await thread == 1

    run(new_loop, main)


@on_each_waker
@on_each_receive
@on_each_loop
def test_several_come_back_at_once(new_loop: NewLoop, receive: Receive, call: Call) -> None:
    """Each goes to the head, so the order among them is not promised; the values are."""

    async def main() -> None:
        ch: Chan[int] = Chan(1)
        tasks = [await start(receive(ch)) for _ in range(3)]
        call(lambda: offer(ch, 1, 2, 3, 4))
        for task in tasks:
            task.cancel()
        for task in tasks:
            await cancelled(task)
        values = drain(ch)
        assert sorted(values) == [1, 2, 3, 4]
        assert values[-1] == 4

    run(new_loop, main)


@on_each_waker
@on_each_receive
@on_each_loop
def test_it_comes_back_to_a_channel_that_was_closed(
    new_loop: NewLoop, receive: Receive, call: Call
) -> None:
    """It was sent before the close, so it stays receivable (C10)."""

    async def main() -> None:
        ch: Chan[int] = Chan()
        task = await start(receive(ch))
        call(lambda: offer(ch, 1))
        call(ch.close)
        task.cancel()
        await cancelled(task)
        assert await ch.arecv() == 1
        with pytest.raises(ChanClosed):
            await ch.arecv()

    run(new_loop, main)


@on_each_waker
@on_each_receive
@on_each_loop
def test_a_close_that_has_not_arrived_yields_to_the_cancel(
    new_loop: NewLoop, receive: Receive, call: Call
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        task = await start(receive(ch))
        call(ch.close)
        task.cancel()
        await cancelled(task)

    run(new_loop, main)


@on_each_waker
@on_each_receive
@on_each_loop
def test_a_task_may_catch_it_and_receive_again(
    new_loop: NewLoop, receive: Receive, call: Call
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()

        async def stubborn() -> list[int]:
            try:
                return await receive(ch)
            except asyncio.CancelledError:
                return [-1, *await receive(ch)]

        task = await start(stubborn())
        call(lambda: offer(ch, 1))
        task.cancel()
        assert await task == [-1, 1]
        assert drain(ch) == []

    run(new_loop, main)


@on_each_waker
@on_each_receive
@on_each_loop
def test_an_expired_asyncio_timeout_takes_nothing_along(
    new_loop: NewLoop, receive: Receive, call: Call
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        limits: list[asyncio.Timeout] = []

        async def limited() -> tuple[list[int], int]:
            task = asyncio.current_task()
            assert task is not None
            try:
                async with asyncio.timeout(None) as limit:
                    limits.append(limit)
                    values = await receive(ch)
            except TimeoutError:
                return await receive(ch), task.cancelling()
            # uvloop may come to the wake-up first; then the value has won. asyncio does not.
            assert "uvloop" in type(asyncio.get_running_loop()).__module__
            return values, task.cancelling()

        task = await start(limited())
        # Due at once: asyncio cancels the task in its next round, before it gets to the wake-up
        # that is sent now.
        limits[0].reschedule(asyncio.get_running_loop().time() - 1)
        call(lambda: offer(ch, 1))
        assert await task == ([1], 0)
        assert drain(ch) == []

    run(new_loop, main)


@on_each_waker
@on_each_loop
def test_what_a_peer_took_stays_sent(new_loop: NewLoop, call: Call) -> None:
    """A cancelled send cannot be undone once the receiver has the value: it must not be resent."""

    async def main() -> None:
        ch: Chan[int] = Chan()
        task = await start(ch.asend(1))
        assert call(ch.recv_nowait) == 1
        task.cancel()
        await cancelled(task)
        assert drain(ch) == []

        ch = Chan(1)
        offer(ch, 1)
        task = await start(ch.asend(2))
        assert call(ch.recv_nowait) == 1
        task.cancel()
        await cancelled(task)
        assert drain(ch) == [2], "it had moved into the buffer"

    run(new_loop, main)

"""Cancelling a task before its operation, while it is parked and after: it ends, and takes nothing.

The moments of an operation are: before its first step; parked; handed over (a peer has completed
it, the task was not resumed yet); resumed. The third, the delicate one, has a file of its own.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Coroutine
from functools import partial
from typing import Any

import pytest

from cancelling import Receive, arecv, cancelled, offer, on_each_receive, start
from gochan import Chan, WouldBlock
from hosts import drain
from loops import Call, NewLoop, on_each_loop, on_each_waker, run
from parking import settle
from watch import parked

# ---------------------------------------------------------------- before the first step


@on_each_loop
def test_cancelled_before_the_first_step(new_loop: NewLoop) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan(4)
        ch.send_nowait(1)
        ops: list[Coroutine[Any, Any, object]] = [
            ch.arecv(),
            ch.arecv_ok(),
            ch.arecv_many(3),
            ch.asend(2),
            arecv(ch),
        ]
        for op in ops:
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                task = asyncio.create_task(op)
                task.cancel()
                await cancelled(task)
            assert [str(w.message) for w in seen] == []
            assert len(ch) == 1
        assert drain(ch) == [1]

    run(new_loop, main)


@on_each_receive
@on_each_loop
def test_cancelled_by_itself_before_it_parks(new_loop: NewLoop, receive: Receive) -> None:
    """The request is there when the operation parks, and ends it at once."""

    async def main() -> None:
        ch: Chan[int] = Chan()

        async def body() -> None:
            me = asyncio.current_task()
            assert me is not None
            me.cancel()
            await receive(ch)

        task = asyncio.create_task(body())
        await cancelled(task)
        assert parked(ch) == (0, 0)
        with pytest.raises(WouldBlock):
            ch.send_nowait(1)

    run(new_loop, main)


@on_each_receive
@on_each_loop
def test_a_ready_operation_is_no_place_to_be_cancelled(new_loop: NewLoop, receive: Receive) -> None:
    """It does not suspend, so it completes; the request waits for the next one that does."""

    async def main() -> None:
        ch: Chan[int] = Chan(1)
        ch.send_nowait(1)
        got: list[int] = []

        async def body() -> None:
            me = asyncio.current_task()
            assert me is not None
            me.cancel()
            got.extend(await receive(ch))
            await asyncio.sleep(0)
            got.append(-1)

        task = asyncio.create_task(body())
        await cancelled(task)
        assert got == [1]

    run(new_loop, main)


# ---------------------------------------------------------------- parked


@on_each_waker
@on_each_receive
@on_each_loop
def test_cancelled_while_parked(new_loop: NewLoop, receive: Receive, call: Call) -> None:
    async def main() -> None:
        for capacity in (0, 1):
            ch: Chan[int] = Chan(capacity)
            task = await start(receive(ch))
            task.cancel("why")
            # From here on a value is for the next receiver, though the task was not resumed.
            if capacity:
                call(partial(offer, ch, 1))
            else:
                with pytest.raises(WouldBlock):
                    call(partial(offer, ch, 1))
            with pytest.raises(asyncio.CancelledError) as info:
                await task
            assert info.value.args == ("why",)
            assert parked(ch) == (0, 0)
            assert drain(ch) == [1] * capacity

    run(new_loop, main)


@on_each_waker
@on_each_loop
def test_a_parked_sender_that_is_cancelled_sends_nothing(new_loop: NewLoop, call: Call) -> None:
    async def main() -> None:
        for capacity in (0, 1):
            ch: Chan[int] = Chan(capacity)
            offer(ch, *range(capacity))
            task = await start(ch.asend(9))
            task.cancel()
            assert call(partial(drain, ch)) == list(range(capacity))
            await cancelled(task)
            assert drain(ch) == []

    run(new_loop, main)


@on_each_loop
def test_cancelling_one_in_the_middle_keeps_the_others_in_order(new_loop: NewLoop) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        tasks = [await start(arecv(ch)) for _ in range(5)]
        tasks[0].cancel()
        tasks[2].cancel()
        await settle()
        assert parked(ch) == (3, 0)
        offer(ch, 1, 3, 4)
        assert [await tasks[i] for i in (1, 3, 4)] == [[1], [3], [4]]

        senders = [await start(ch.asend(i)) for i in range(5)]
        senders[0].cancel()
        senders[4].cancel()
        await settle()
        assert [ch.recv_nowait() for _ in range(3)] == [1, 2, 3]
        with pytest.raises(WouldBlock):
            ch.recv_nowait()

    run(new_loop, main)


# ---------------------------------------------------------------- resumed


@on_each_waker
@on_each_receive
@on_each_loop
def test_a_value_that_arrived_is_the_tasks(new_loop: NewLoop, receive: Receive, call: Call) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        got: list[int] = []

        async def body() -> None:
            got.extend(await receive(ch))
            await asyncio.Event().wait()

        task = await start(body())
        call(lambda: offer(ch, 1))
        while not got:
            await asyncio.sleep(0)
        task.cancel()
        await cancelled(task)
        assert got == [1]
        assert drain(ch) == []

    run(new_loop, main)


@on_each_loop
def test_cancelling_a_task_that_ended_changes_nothing(new_loop: NewLoop) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        task = await start(ch.arecv())
        offer(ch, 1)
        assert await task == 1
        assert not task.cancel()
        assert drain(ch) == []

    run(new_loop, main)

"""Every meeting of a cancellation and a hand-over, within some rounds of the loop, in both orders.

The tests of single moments say what has to happen in each. This file says only what must hold in
all of them, also in those nobody thought of: each value is somewhere, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from itertools import chain, product
from typing import Any

import pytest

from cancelling import Receive, offer, on_each_receive
from gochan import Chan, WouldBlock
from hosts import drain
from loops import Call, NewLoop, on_each_loop, on_each_waker, run
from parking import settle
from watch import parked

ROUNDS = 5


class Waiting:
    """A task that waits for `op()`, and one of asyncio's ways to end that from outside."""

    def __init__(self, op: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self.op = op
        self.results: list[Any] = []  # what the operation itself returned, whatever came after
        self.task: asyncio.Task[Any] = asyncio.create_task(self.body())

    async def inner(self) -> None:
        self.results.append(await self.op())

    async def body(self) -> None:
        await self.inner()

    def strike(self) -> None:
        self.task.cancel()

    async def end(self) -> None:
        """See it end, now at the latest."""
        await settle()
        self.strike()
        await asyncio.wait([self.task], timeout=20)
        assert self.task.done(), "the end was swallowed"
        if not self.task.cancelled():
            error = self.task.exception()
            assert error is None or isinstance(error, TimeoutError | ExceptionGroup)


class InWaitFor(Waiting):
    async def body(self) -> None:
        await asyncio.wait_for(self.inner(), 30)


class InTimeout(Waiting):
    limit: asyncio.Timeout | None = None

    async def body(self) -> None:
        async with asyncio.timeout(None) as self.limit:
            await self.inner()

    def strike(self) -> None:
        if self.limit is None:
            self.task.cancel()  # before its first step there is no timeout yet
        elif not self.limit.expired() and not self.task.done():
            self.limit.reschedule(asyncio.get_running_loop().time() - 1)


class InGroup(Waiting):
    """Ended because a sibling in the TaskGroup fails."""

    def __init__(self, op: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        super().__init__(op)

    async def body(self) -> None:
        async with asyncio.TaskGroup() as group:
            inner = group.create_task(self.inner())
            sibling = group.create_task(self.sibling())
            inner.add_done_callback(lambda _: sibling.cancel())

    async def sibling(self) -> None:
        await self.failure

    def strike(self) -> None:
        if not self.failure.done():
            self.failure.set_exception(ZeroDivisionError("a sibling failed"))


on_each_way = pytest.mark.parametrize("way", [Waiting, InWaitFor, InTimeout, InGroup])
MEETINGS = list(product(range(ROUNDS), range(ROUNDS), [True, False]))


async def meet(
    strike: Callable[[], None], peer: Callable[[], None], meeting: tuple[int, int, bool]
) -> None:
    """Do both, each in its round, and in the given order where it is the same round."""
    strike_round, peer_round, strike_first = meeting
    for turn in range(ROUNDS):
        acts = [strike] * (turn == strike_round) + [peer] * (turn == peer_round)
        for act in acts if strike_first else reversed(acts):
            act()
        await asyncio.sleep(0)


@on_each_waker
@on_each_receive
@on_each_way
@on_each_loop
def test_a_receiver_struck_around_its_value(
    new_loop: NewLoop, way: type[Waiting], receive: Receive, call: Call
) -> None:
    async def main() -> None:
        for meeting in MEETINGS:
            ch: Chan[int] = Chan(2)
            receiver = way(partial(receive, ch))
            await meet(receiver.strike, partial(call, partial(offer, ch, 1, 2)), meeting)
            await receiver.end()
            assert parked(ch) == (0, 0), meeting
            assert [*chain(*receiver.results), *drain(ch)] == [1, 2], meeting

    run(new_loop, main)


@on_each_waker
@on_each_receive
@on_each_loop
def test_a_receiver_struck_before_another_one(
    new_loop: NewLoop, receive: Receive, call: Call
) -> None:
    """What the first gives back is received by the second, or still there: never both."""

    async def main() -> None:
        for meeting in MEETINGS:
            ch: Chan[int] = Chan()
            struck, other = Waiting(partial(receive, ch)), Waiting(partial(receive, ch))
            sent: list[int] = []
            await meet(struck.strike, partial(call, partial(offer_some, ch, sent)), meeting)
            await struck.end()
            await other.end()
            got = [*chain(*struck.results, *other.results), *drain(ch)]
            assert sorted(got) == sent, meeting

    run(new_loop, main)


@pytest.mark.parametrize("capacity", [0, 1])
@on_each_waker
@on_each_way
@on_each_loop
def test_a_sender_struck_around_its_receiver(
    new_loop: NewLoop, way: type[Waiting], capacity: int, call: Call
) -> None:
    """Sent for certain when it says so; at most once when it was ended."""

    async def main() -> None:
        for meeting in MEETINGS:
            ch: Chan[int] = Chan(capacity)
            offer(ch, *range(capacity))
            sender = way(partial(ch.asend, 9))
            got: list[int] = []
            await meet(sender.strike, partial(call, partial(take_one, ch, got)), meeting)
            await sender.end()
            got += drain(ch)
            assert got[:capacity] == list(range(capacity)), meeting
            assert got[capacity:] in ([[9]] if sender.results else [[], [9]]), meeting
            assert parked(ch) == (0, 0), meeting

    run(new_loop, main)


def offer_some(ch: Chan[int], sent: list[int]) -> None:
    """Hand values to the receivers that are parked now."""
    for value in (1, 2):
        try:
            ch.send_nowait(value)
        except WouldBlock:
            return
        sent.append(value)


def take_one(ch: Chan[int], got: list[int]) -> None:
    with suppress(WouldBlock):
        got.append(ch.recv_nowait())

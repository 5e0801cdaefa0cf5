"""Hypothesis plays with a channel and with its model (K3), and both have to agree at every step.

Parked operations are tasks of one loop, which turns only when the machine lets it. So between a
hand-over and the moment the task learns of it any other step can come: a cancel, a close, more
operations. The model decides each outcome in the step that causes it; a task must end with it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from chan_model import CANCELLED, CLOSED, SENT, WOULD_WAIT, Got, Kind, Model, Outcome, Wait
from gochan import Chan, ChanClosed, WouldBlock
from hosts import state

TURNS = 200  # of the loop, until a task that has its outcome must have ended
RECEIVES = st.sampled_from(["recv", "recv_ok", "recv_many"])


class Party:
    """A task in an operation, and what the model says of it."""

    def __init__(self, wait: Wait, task: asyncio.Task[Outcome]) -> None:
        self.wait = wait
        self.task = task


async def outcome_of(ch: Chan[int], wait: Wait, timeout: float | None) -> Outcome:
    """Do the operation and say what came of it in the model's words."""
    try:
        if wait.kind == "send":
            await ch.asend(wait.value, timeout=timeout)
            return SENT
        if wait.kind == "recv":
            return Got(await ch.arecv(timeout=timeout))
        if wait.kind == "recv_ok":
            value, ok = await ch.arecv_ok(timeout=timeout)
            return Got(value) if ok and value is not None else CLOSED
        values = await ch.arecv_many(wait.limit, timeout=timeout)
        return Got(values[0], tuple(values[1:])) if values else CLOSED
    except ChanClosed:
        return CLOSED
    except TimeoutError:
        return WOULD_WAIT
    except asyncio.CancelledError:
        return CANCELLED


class ChanMachine(RuleBasedStateMachine):
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop

    def __init__(self) -> None:
        super().__init__()
        self.loop = type(self).new_loop()
        self.parties: list[Party] = []
        self.numbers = 0

    @initialize(capacity=st.sampled_from([0, 0, 1, 1, 2, 5]))
    def make(self, capacity: int) -> None:
        self.ch: Chan[int] = Chan(capacity)
        self.model = Model(capacity)

    # ------------------------------------------------------------ the loop

    def turn(self, count: int = 1) -> None:
        async def turns() -> None:
            for _ in range(count):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    def settle(self) -> None:
        """Let the loop turn until every task that has an outcome has ended, and check it."""
        for _ in range(TURNS):
            self.turn()
            if all(p.task.done() for p in self.parties if p.wait.outcome is not None):
                break
        self.turn(2)  # so that one that ends without an outcome has the time to do so
        for party in self.parties:
            expected = party.wait.outcome
            ended = party.task.result() if party.task.done() else None
            assert ended == expected, f"{party.wait.kind}: {ended}, the model says {expected}"
        self.parties = [p for p in self.parties if not p.task.done()]

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def begin(self, kind: Kind, value: int = 0, limit: int = 1) -> None:
        """Start a waiting form and let it park. What others were handed before, they now see."""
        self.launch(Wait(kind, value, limit))
        self.settle()

    def launch(self, wait: Wait) -> None:
        task = self.loop.create_task(outcome_of(self.ch, wait, None))
        self.model.start(wait)
        self.parties.append(Party(wait, task))

    def call(self, immediate: Callable[[], Any], inside: bool) -> Any:
        """On the loop's thread, from a callback of the loop or while the loop stands still."""
        if not inside:
            return immediate()

        async def main() -> Any:
            return immediate()

        return self.loop.run_until_complete(main())

    # ------------------------------------------------------------ the steps

    @rule(count=st.integers(1, 3))
    def start_sends(self, count: int) -> None:
        for _ in range(count):
            self.begin("send", self.number())

    @rule(kind=RECEIVES, limit=st.integers(1, 4), count=st.integers(1, 3))
    def start_receives(self, kind: Kind, limit: int, count: int) -> None:
        for _ in range(count):
            self.begin(kind, limit=limit)

    @rule(inside=st.booleans())
    def send_nowait(self, inside: bool) -> None:
        value = self.number()
        expected = self.model.send(value)
        try:
            self.call(lambda: self.ch.send_nowait(value), inside)
            assert expected == SENT
        except WouldBlock:
            assert expected == WOULD_WAIT
        except ChanClosed:
            assert expected == CLOSED
        self.batches_see_one()

    @rule(inside=st.booleans())
    def recv_nowait(self, inside: bool) -> None:
        expected = self.model.recv()
        try:
            assert Got(self.call(self.ch.recv_nowait, inside)) == expected
        except WouldBlock:
            assert expected == WOULD_WAIT
        except ChanClosed:
            assert expected == CLOSED

    @rule(kind=st.sampled_from(["send", "recv", "recv_ok", "recv_many"]), limit=st.integers(1, 4))
    def timeout_zero(self, kind: Kind, limit: int) -> None:
        """The loop turns for it, and tasks that were served end meanwhile: nothing to the model."""
        wait = Wait(kind, self.number(), limit)
        if kind == "send":
            expected = self.model.send(wait.value)
        else:
            expected = self.model.recv_many(limit) if kind == "recv_many" else self.model.recv()
        got = self.loop.run_until_complete(outcome_of(self.ch, wait, 0))
        assert got == expected
        self.batches_see_one()

    @rule()
    def close(self) -> None:
        expected = self.model.close()
        try:
            self.ch.close()
            assert expected
        except ChanClosed:
            assert not expected

    @precondition(lambda self: self.parties)
    @rule(data=st.data(), inside=st.booleans())
    def cancel(self, data: st.DataObject, inside: bool) -> None:
        """Parked, or served already but not yet aware of it: both end as cancelled."""
        party = data.draw(st.sampled_from(self.parties), label="party")

        def cancel() -> bool:
            # A task that was served may have ended by now: getting inside takes a turn.
            return not party.task.done() and party.task.cancel()

        assume(self.call(cancel, inside))
        self.model.cancel(party.wait)
        self.settle()

    # Single receives only: what a batch takes besides depends on the moment its task runs.
    @precondition(lambda self: self.model.receivers)
    @precondition(lambda self: all(wait.limit == 1 for wait in self.model.receivers))
    @rule(
        data=st.data(),
        more=st.integers(0, 3),
        then_close=st.booleans(),
        senders=st.integers(0, 2),
    )
    def hand_over_then_cancel(
        self, data: st.DataObject, more: int, then_close: bool, senders: int
    ) -> None:
        """The values go back to the head, before all that was sent after them."""
        served = data.draw(st.integers(1, len(self.model.receivers)), label="served")
        handed = [p for p in self.parties if p.wait in list(self.model.receivers)[:served]]
        for _ in range(served + more):
            value = self.number()
            expected = self.model.send(value)
            try:
                self.ch.send_nowait(value)
                assert expected == SENT
            except WouldBlock:
                assert expected == WOULD_WAIT
        if then_close and not self.model.closed:
            self.close()
        cancelled = data.draw(st.sets(st.integers(0, served - 1), min_size=1), label="cancelled")
        if not self.model.receivers:
            # Senders that come in the same turn find the same, be the values back by then or not.
            # (With a receiver parked it would depend on who is first.)
            for _ in range(senders):
                self.launch(Wait("send", self.number()))
        for i in sorted(cancelled):
            self.model.cancel(handed[i].wait)
            handed[i].task.cancel()
        self.settle()

    @precondition(lambda self: self.model.senders)
    @rule()
    def take_then_cancel(self) -> None:
        """A send that was taken stays sent, though its task is cancelled."""
        sender = self.model.senders[0]
        party = next(p for p in self.parties if p.wait is sender)
        self.recv_nowait(inside=False)
        assume(sender.outcome == SENT)
        self.model.cancel(sender)
        party.task.cancel()
        self.settle()

    @rule()
    def look(self) -> None:
        self.settle()

    def batches_see_one(self) -> None:
        """A batch takes what is there when its task runs: let it run before there is more."""
        if any(p.wait.kind == "recv_many" and p.wait.outcome is not None for p in self.parties):
            self.settle()

    # ------------------------------------------------------------ what is always true

    @invariant()
    def same_state(self) -> None:
        model = self.model
        model.check()
        assert state(self.ch) == (
            len(model.values()),
            model.capacity,
            len(model.receivers),
            len(model.senders),
            model.closed,
        )
        assert len(self.ch) == len(model.values())
        assert self.ch.closed == model.closed

    def teardown(self) -> None:
        try:
            self.settle()
            for party in self.parties:
                self.model.cancel(party.wait)
                party.task.cancel()
            self.settle()
            assert not self.parties
            assert state(self.ch)[2:4] == (0, 0)
            # K1: what the model still holds is what is still there, in its order.
            for value in self.model.values():
                assert self.ch.recv_nowait() == value
            assert len(self.ch) == 0
        finally:
            self.loop.close()


LOAD = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestOnAsyncio = ChanMachine.TestCase
TestOnAsyncio.settings = LOAD

if sys.platform != "win32":  # uvloop does not exist there
    import uvloop

    class UvloopMachine(ChanMachine):
        new_loop = uvloop.new_event_loop

    TestOnUvloop = UvloopMachine.TestCase
    TestOnUvloop.settings = LOAD

"""Timeouts: which forms they take, what expiry leaves behind, and who wins when both come."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import timedelta
from math import inf
from typing import Any

import pytest

from gochan import Chan, ChanClosed
from hosts import Host, drain, recv_all, recv_one, send_all, state

SOON: list[Any] = [0.02, timedelta(milliseconds=20)]
AT_ONCE: list[Any] = [0, 0.0, -0.0, -1, -1e300, -inf, timedelta(0), timedelta(days=-1)]
LONG: list[Any] = [60, 1e9, 1e300, inf, 10**30, timedelta(days=1), timedelta.max]


class Op:
    """One operation that has to wait, by name."""

    names = ("send", "recv", "recv_ok", "recv_many")

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.ch: Chan[int] = Chan(capacity)
        if name == "send":
            for i in range(capacity):
                self.ch.send_nowait(i)

    async def run(self, host: Host, timeout: Any) -> object:
        if self.name == "send":
            await host.send(self.ch, -1, timeout=timeout)
            return None
        if self.name == "recv":
            return await host.recv(self.ch, timeout=timeout)
        if self.name == "recv_ok":
            return await host.recv_ok(self.ch, timeout=timeout)
        return await host.recv_many(self.ch, 5, timeout=timeout)

    def begin(self, blocking: bool, timeout: Any) -> Any:
        """The call itself: the blocking form waits in it, the awaitable one in its steps."""
        arguments = {"send": (-1,), "recv_many": (5,)}.get(self.name, ())
        method = getattr(self.ch, self.name if blocking else f"a{self.name}")
        return method(*arguments, timeout=timeout)

    async def parked(self, host: Host) -> None:
        sending = self.name == "send"
        await host.parked(self.ch, receivers=not sending, senders=sending)

    def untouched(self) -> bool:
        kept = self.ch.capacity if self.name == "send" else 0
        return state(self.ch) == (kept, self.ch.capacity, 0, 0, False)


@pytest.fixture(params=Op.names)
def op(request: pytest.FixtureRequest, capacity: int) -> Op:
    return Op(request.param, capacity)


# All operations read a timeout in one place: so each form meets each host, and each operation one.


async def expires(host: Host, op: Op, timeout: Any) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        await op.run(host, timeout)
    # Never early. How late is the machine's affair.
    assert time.monotonic() - began >= 0.02
    assert op.name in str(caught.value)
    assert op.untouched()


@pytest.mark.parametrize("timeout", SOON, ids=str)
async def test_expiry(host: Host, timeout: Any) -> None:
    await expires(host, Op("recv", 0), timeout)


async def test_expiry_of_each_operation(host: Host, op: Op) -> None:
    await expires(host, op, 0.02)


async def is_tried_at_once(host: Host, op: Op, timeout: Any) -> None:
    """No wait, not even a short one: that would be told from it by what it does to its host."""
    with pytest.raises(TimeoutError):
        await op.run(host, timeout)
    assert op.untouched()
    if host.blocking:

        async def where_none_may_wait() -> None:
            with pytest.raises(TimeoutError):  # not BlockingError
                op.begin(True, timeout)

        asyncio.run(where_none_may_wait())
    else:
        with pytest.raises(TimeoutError):  # in its first step
            op.begin(False, timeout).send(None)
    assert op.untouched()


@pytest.mark.parametrize("timeout", AT_ONCE, ids=str)
async def test_zero_and_less_is_an_immediate_try(host: Host, timeout: Any) -> None:
    await is_tried_at_once(host, Op("recv", 0), timeout)


@pytest.mark.parametrize("timeout", [0, timedelta(days=-1)], ids=str)
async def test_an_immediate_try_of_each_operation(host: Host, op: Op, timeout: Any) -> None:
    await is_tried_at_once(host, op, timeout)


@pytest.mark.parametrize("timeout", [*AT_ONCE, *SOON, *LONG, None], ids=str)
async def test_ready_operation_ignores_its_timeout(host: Host, timeout: Any) -> None:
    ch: Chan[int] = Chan(2)
    await host.send(ch, 1, timeout=timeout)
    await host.send(ch, 2, timeout=timeout)
    assert await host.recv(ch, timeout=timeout) == 1
    assert await host.recv_ok(ch, timeout=timeout) == (2, True)
    await host.send(ch, 3, timeout=timeout)
    assert await host.recv_many(ch, 3, timeout=timeout) == [3]


def test_none_is_no_limit() -> None:
    ch: Chan[int] = Chan(2)

    async def main() -> None:
        await ch.asend(2, timeout=None)
        assert await ch.arecv(timeout=None) == 1

    ch.send(1, timeout=None)
    asyncio.run(main())
    assert ch.recv_ok(timeout=None) == (2, True)


async def test_zero_meets_a_parked_peer(host: Host, peer: Host) -> None:
    """An immediate try is a whole operation: a parked peer makes it succeed."""
    ch: Chan[int] = Chan()
    party = peer.spawn(recv_one, ch)
    await host.parked(ch, receivers=1)
    await host.send(ch, 1, timeout=0)
    assert await host.join(party) == 1

    async def sender(h: Host) -> None:
        await h.send(ch, 2)

    other = peer.spawn(sender)
    await host.parked(ch, senders=1)
    assert await host.recv(ch, timeout=0) == 2
    await host.join(other)


async def waits(host: Host, peer: Host, op: Op, timeout: Any) -> None:
    async def party(h: Host) -> object:
        return await op.run(h, timeout)

    waiting = peer.spawn(party)
    await op.parked(host)
    assert not waiting.done
    if op.name == "send":
        # One value more than the buffer held: the sender's.
        got = [await host.recv(op.ch) for _ in range(op.ch.capacity + 1)]
        assert got == [*range(op.ch.capacity), -1]
        await host.join(waiting)
        return
    await host.send(op.ch, 5)
    expected = {"recv": 5, "recv_ok": (5, True), "recv_many": [5]}[op.name]
    assert await host.join(waiting) == expected


@pytest.mark.parametrize("timeout", LONG, ids=str)
async def test_long_ones_wait(host: Host, peer: Host, timeout: Any) -> None:
    """No overflow turns a long timeout into a short one."""
    await waits(host, peer, Op("recv", 0), timeout)


async def test_each_operation_waits(host: Host, peer: Host, op: Op) -> None:
    await waits(host, peer, op, 60)


async def test_expired_receiver_takes_nothing_later(host: Host, peer: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await host.recv(ch, timeout=0.005)
    party = peer.spawn(recv_one, ch)
    await host.parked(ch, receivers=1)
    ch.send_nowait(1)
    assert await host.join(party) == 1


async def test_expired_sender_takes_its_value_along(host: Host, peer: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    for i in range(capacity):
        ch.send_nowait(i)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await host.send(ch, -1, timeout=0.005)

    async def sender(h: Host) -> None:
        await h.send(ch, capacity)

    party = peer.spawn(sender)
    await host.parked(ch, senders=1)
    assert drain(ch) == list(range(capacity + 1))
    await host.join(party)


async def test_timeout_of_one_does_not_touch_the_others(host: Host, peer: Host) -> None:
    ch: Chan[int] = Chan()
    parties = []
    for i in range(3):
        parties.append(peer.spawn(recv_one, ch))
        await host.parked(ch, receivers=i + 1)
    with pytest.raises(TimeoutError):
        await host.recv(ch, timeout=0.01)
    assert state(ch).receivers == 3
    for i in range(3):
        ch.send_nowait(i)
    assert await host.gather(parties) == [0, 1, 2]


async def test_close_beats_a_timeout_that_still_runs(host: Host, peer: Host, op: Op) -> None:
    async def party(h: Host) -> object:
        return await op.run(h, 60)

    waiting = peer.spawn(party)
    await op.parked(host)
    op.ch.close()
    if op.name in ("send", "recv"):
        with pytest.raises(ChanClosed):
            await host.join(waiting)
    else:
        assert await host.join(waiting) == {"recv_ok": (None, False), "recv_many": []}[op.name]


async def test_expiry_races_hand_over(host: Host, peer: Host, capacity: int) -> None:
    """Commit wins: a send that says TimeoutError was not received, one that returns was.

    Both sides give up after a moment and try again, so they keep meeting on the brink.
    """
    ch: Chan[int] = Chan(capacity)
    rounds = 150

    async def sender(h: Host, start: int) -> list[int]:
        sent = []
        for i in range(start, start + rounds):
            try:
                await h.send(ch, i, timeout=0.0002 * (i % 3))
                sent.append(i)
            except TimeoutError:
                pass
        return sent

    async def receiver(h: Host, turn: int) -> list[int]:
        got: list[int] = []
        while True:
            turn += 1
            try:
                value, ok = await h.recv_ok(ch, timeout=0.0002 * (turn % 3))
            except TimeoutError:
                # An immediate try that fails does not suspend; let the loop's others run.
                await h.nap(0)
                continue
            if not ok:
                return got
            assert value is not None
            got.append(value)

    receivers = [(peer, host)[i % 2].spawn(receiver, i) for i in range(2)]
    senders = [(host, peer)[i % 2].spawn(sender, i * rounds) for i in range(2)]
    sent = [value for values in await host.gather(senders) for value in values]
    ch.close()
    got = [value for values in await host.gather(receivers) for value in values]
    assert Counter(got) == Counter(sent)
    assert state(ch) == (0, capacity, 0, 0, True)


async def test_stream_with_timeouts_that_never_expire(host: Host, peer: Host) -> None:
    """A timeout that is not needed leaves no trace: the next operation has its own."""
    ch: Chan[int] = Chan()

    async def producer(h: Host) -> None:
        for i in range(100):
            await h.send(ch, i, timeout=30)
        ch.close()

    peer.spawn(producer)
    for i in range(100):
        assert await host.recv(ch, timeout=30) == i
    assert await recv_all(host, ch) == []
    buffered: Chan[int] = Chan(3)
    await send_all(host, buffered, range(3))
    assert drain(buffered) == [0, 1, 2]

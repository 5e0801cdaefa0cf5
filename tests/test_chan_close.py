"""Close (C9-C12, K7): what every operation gives before, at and after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import pytest

from gochan import Chan, ChanClosed, WouldBlock
from hosts import Host, Peer, drain, recv_all, recv_one, state

Style: TypeAlias = Callable[[Host, Chan[int]], Coroutine[Any, Any, object]]


async def nowait(host: Host, ch: Chan[int]) -> object:
    return ch.recv_nowait()


async def plain(host: Host, ch: Chan[int]) -> object:
    return await host.recv(ch)


async def with_ok(host: Host, ch: Chan[int]) -> object:
    value, ok = await host.recv_ok(ch)
    if not ok:
        assert value is None
        raise ChanClosed
    return value


async def many(host: Host, ch: Chan[int]) -> object:
    values = await host.recv_many(ch, 1)
    if values == []:
        raise ChanClosed
    (value,) = values
    return value


async def loop(host: Host, ch: Chan[int]) -> object:
    async for value in host.iterate(ch):
        return value
    raise ChanClosed


STYLES: list[Style] = [nowait, plain, with_ok, many, loop]
WAITING = STYLES[1:]


@pytest.mark.parametrize("style", STYLES)
async def test_closed_and_empty(host: Host, capacity: int, style: Style) -> None:
    """PY2: recv raises, where None would be a value."""
    ch: Chan[int] = Chan(capacity)
    ch.close()
    for _ in range(3):  # and so for ever
        with pytest.raises(ChanClosed):
            await style(host, ch)
    assert state(ch) == (0, capacity, 0, 0, True)


@pytest.mark.parametrize("style", STYLES)
async def test_values_sent_before_close_stay(host: Host, style: Style) -> None:
    """C10: received in order, each as a value, and only then the channel is over."""
    ch: Chan[int] = Chan(7)
    for i in range(3):
        ch.send_nowait(i)
    ch.close()
    assert ch.closed  # at once, though there is something left
    assert len(ch) == 3
    for i in range(3):
        assert await style(host, ch) == i
    for _ in range(3):
        with pytest.raises(ChanClosed):
            await style(host, ch)


async def test_zero_values_are_values(host: Host) -> None:
    """C12: ok is false for closed and drained, and for nothing else."""
    ch: Chan[object] = Chan(4)
    for value in (None, 0, False, ""):
        ch.send_nowait(value)
    ch.close()
    for value in (None, 0, False, ""):
        got, ok = await host.recv_ok(ch)
        assert got is value
        assert ok is True
    assert await host.recv_ok(ch) == (None, False)
    assert (await host.recv_ok(ch))[1] is False


async def test_send_on_closed(host: Host, capacity: int) -> None:
    """C3 looks at closed first, also where there is room, and C11 also in the immediate forms."""
    ch: Chan[int] = Chan(capacity)
    ch.close()
    for _ in range(2):
        with pytest.raises(ChanClosed):
            await host.send(ch, 1)
        with pytest.raises(ChanClosed):
            await host.send(ch, 1, timeout=0)
        with pytest.raises(ChanClosed):
            await host.send(ch, 1, timeout=30)
        with pytest.raises(ChanClosed):
            ch.send_nowait(1)
    assert state(ch) == (0, capacity, 0, 0, True)


async def test_send_on_closed_and_full(host: Host) -> None:
    ch: Chan[int] = Chan(1)
    ch.send_nowait(1)
    ch.close()
    with pytest.raises(ChanClosed):  # not WouldBlock
        ch.send_nowait(2)
    with pytest.raises(ChanClosed):  # and not TimeoutError
        await host.send(ch, 2, timeout=0)
    assert drain(ch) == [1]


async def test_recv_on_closed_beats_its_timeout(host: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    ch.close()
    for timeout in (0, -1, 30):
        with pytest.raises(ChanClosed):
            await host.recv(ch, timeout=timeout)
        assert await host.recv_ok(ch, timeout=timeout) == (None, False)
        assert await host.recv_many(ch, 3, timeout=timeout) == []


def test_close_twice(capacity: int) -> None:
    """C11, PY1: Go's panic is an exception, and nothing has changed."""
    ch: Chan[int] = Chan(capacity)
    for i in range(capacity):
        ch.send_nowait(i)
    ch.close()
    for _ in range(3):
        with pytest.raises(ChanClosed):
            ch.close()
    assert drain(ch) == list(range(capacity))


@pytest.mark.parametrize("style", WAITING)
async def test_close_releases_every_parked_receiver(
    host: Host, peer: Host, capacity: int, style: Style
) -> None:
    """C9, C22: each of them, in whatever order."""
    ch: Chan[int] = Chan(capacity)

    async def receiver(h: Host) -> object:
        return await style(h, ch)

    parties = [(peer, host)[i % 2].spawn(receiver) for i in range(5)]
    await host.parked(ch, receivers=5)
    ch.close()
    for party in parties:
        with pytest.raises(ChanClosed):
            await host.join(party)
    assert state(ch) == (0, capacity, 0, 0, True)


async def test_close_releases_every_parked_sender(host: Host, peer: Host, capacity: int) -> None:
    """C9 and C10: they raise and their values are lost; the buffer is not."""
    ch: Chan[int] = Chan(capacity)
    for i in range(capacity):
        ch.send_nowait(i)

    async def sender(h: Host, value: int) -> None:
        await h.send(ch, value)

    parties = [(peer, host)[i % 2].spawn(sender, capacity + i) for i in range(5)]
    await host.parked(ch, senders=5)
    ch.close()
    for party in parties:
        with pytest.raises(ChanClosed):
            await host.join(party)
    assert state(ch) == (capacity, capacity, 0, 0, True)
    assert await recv_all(host, ch) == list(range(capacity))


async def test_value_handed_over_before_close_arrives(host: Host, capacity: int) -> None:
    """K7: the hand-over was complete, so the receiver has a value although it wakes up later."""
    ch: Chan[int] = Chan(capacity)
    first, second = [host.spawn(recv_one, ch) for _ in range(2)]
    await host.parked(ch, receivers=2)
    ch.send_nowait(1)
    ch.close()
    outcomes = []
    for party in (first, second):
        try:
            outcomes.append(await host.join(party))
        except ChanClosed:
            outcomes.append(-1)
    assert sorted(outcomes) == [-1, 1]


async def test_send_taken_before_close_succeeds(host: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    for i in range(capacity):
        ch.send_nowait(i)

    async def sender(h: Host) -> None:
        await h.send(ch, capacity)

    party = host.spawn(sender)
    await host.parked(ch, senders=1)
    assert ch.recv_nowait() == 0  # capacity 0: its value; else its value moves into the buffer
    ch.close()
    await host.join(party)  # it does not raise
    assert drain(ch) == list(range(1, capacity + 1))


async def test_one_of_many_closers_wins(host: Host, peer: Host) -> None:
    async def closer(h: Host, ch: Chan[int], go: Chan[int]) -> bool:
        await h.recv_ok(go)
        try:
            ch.close()
        except ChanClosed:
            return False
        return True

    for _ in range(20):
        ch: Chan[int] = Chan()
        go: Chan[int] = Chan()
        parties = [(peer, host)[i % 2].spawn(closer, ch, go) for i in range(6)]
        await host.parked(go, receivers=6)
        go.close()
        assert sorted(await host.gather(parties)) == [False] * 5 + [True]


async def test_close_is_a_barrier(host: Host, peer: Host, capacity: int) -> None:
    """K7: with senders racing it, exactly the sends that succeeded are received, none after."""

    async def sender(h: Host, ch: Chan[tuple[int, int]], name: int) -> int:
        sent = 0
        try:
            while True:
                await h.send(ch, (name, sent))
                sent += 1
        except ChanClosed:
            return sent

    async def receiver(h: Host, ch: Chan[tuple[int, int]]) -> list[tuple[int, int]]:
        return await recv_all(h, ch)

    for wanted in range(10):
        ch: Chan[tuple[int, int]] = Chan(capacity)
        senders: list[Peer[int]] = [(peer, host)[i % 2].spawn(sender, ch, i) for i in range(3)]
        got = [await host.recv(ch) for _ in range(wanted)]
        ch.close()
        elsewhere = peer.spawn(receiver, ch)
        got += await recv_all(host, ch)
        rest = await host.join(elsewhere)
        got += rest
        sent = await host.gather(senders)
        assert sorted(got) == [(name, i) for name in range(3) for i in range(sent[name])]


def test_close_from_another_thread_is_seen_at_once(capacity: int) -> None:
    """C20: what the closer did before is visible to a receiver that saw the close."""
    for _ in range(50):
        ch: Chan[int] = Chan(capacity)
        notes: list[str] = []

        def closer(ch: Chan[int] = ch, notes: list[str] = notes) -> None:
            notes.append("written")
            ch.close()

        thread = threading.Thread(target=closer)
        thread.start()
        assert ch.recv_ok() == (None, False)
        assert notes == ["written"]
        assert ch.closed
        thread.join()


async def test_closing_through_a_view(host: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    party = host.spawn(recv_all, ch)
    await host.parked(ch, receivers=1)
    ch.sender.close()
    assert ch.closed
    assert ch.sender.closed
    assert ch.receiver.closed
    assert await host.join(party) == []
    with pytest.raises(ChanClosed):
        ch.close()


def test_recv_nowait_tells_empty_from_closed() -> None:
    ch: Chan[int] = Chan(1)
    with pytest.raises(WouldBlock):
        ch.recv_nowait()
    ch.send_nowait(1)
    ch.close()
    assert ch.recv_nowait() == 1
    with pytest.raises(ChanClosed):
        ch.recv_nowait()

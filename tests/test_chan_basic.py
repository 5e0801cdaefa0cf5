"""Send and receive: what goes in comes out, who has to wait, and who does not (C1-C3, C14, C19)."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from gochan import Chan, ChanClosed, WouldBlock
from hosts import Host, drain, recv_all, recv_one, send_all, state


def test_new_channel(capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    assert (len(ch), ch.capacity, ch.closed) == (0, capacity, False)
    assert state(ch) == (0, capacity, 0, 0, False)


def test_capacity_is_zero_by_default_and_can_be_named() -> None:
    assert Chan[int]().capacity == 0
    assert Chan[int](capacity=3).capacity == 3


async def test_buffer_takes_capacity_values_without_a_peer(host: Host) -> None:
    for capacity in (1, 2, 7, 64):
        ch: Chan[int] = Chan(capacity)
        for i in range(capacity):
            assert len(ch) == i
            await host.send(ch, i)
        assert len(ch) == ch.capacity == capacity
        with pytest.raises(WouldBlock):
            ch.send_nowait(-1)
        for i in range(capacity):
            assert await host.recv(ch) == i
            assert len(ch) == capacity - i - 1
        with pytest.raises(WouldBlock):
            ch.recv_nowait()


async def test_buffer_wraps_around(host: Host) -> None:
    ch: Chan[int] = Chan(3)
    await send_all(host, ch, [0, 1])
    for i in range(2, 20):
        await host.send(ch, i)
        assert await host.recv(ch) == i - 2
        assert len(ch) == 2
    assert drain(ch) == [18, 19]


async def test_send_returns_none_and_recv_ok_says_true(host: Host) -> None:
    ch: Chan[str] = Chan(1)
    assert await host.send(ch, "a") is None  # type: ignore[func-returns-value]
    assert await host.recv_ok(ch) == ("a", True)


async def test_unbuffered_send_waits_until_its_value_is_taken(host: Host, peer: Host) -> None:
    """C2: there is no place in between for the value to lie in."""
    ch: Chan[str] = Chan()

    async def sender(h: Host) -> None:
        await h.send(ch, "a")

    party = peer.spawn(sender)
    await host.parked(ch, senders=1)
    assert not party.done
    assert len(ch) == 0  # no slot in between, also while somebody waits to send
    assert await host.recv(ch) == "a"
    await host.join(party)
    assert state(ch) == (0, 0, 0, 0, False)


async def test_full_buffer_makes_the_sender_wait(host: Host, peer: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    for i in range(capacity):
        ch.send_nowait(i)

    async def sender(h: Host) -> None:
        await h.send(ch, capacity)

    party = peer.spawn(sender)
    await host.parked(ch, senders=1)
    assert not party.done
    assert len(ch) == capacity
    assert await host.recv(ch) == 0
    await host.join(party)  # one receive made room for it
    assert len(ch) == capacity
    assert drain(ch) == list(range(1, capacity + 1))


async def test_recv_waits_for_a_value(host: Host, peer: Host, capacity: int) -> None:
    ch: Chan[str] = Chan(capacity)
    party = peer.spawn(recv_one, ch)
    await host.parked(ch, receivers=1)
    assert not party.done
    await host.send(ch, "a")
    assert await host.join(party) == "a"
    assert state(ch) == (0, capacity, 0, 0, False)


async def test_parked_receiver_gets_the_value_past_the_buffer(host: Host, capacity: int) -> None:
    """C3: with a receiver parked, a send does not touch the buffer."""
    ch: Chan[str] = Chan(capacity)
    party = host.spawn(recv_one, ch)
    await host.parked(ch, receivers=1)
    ch.send_nowait("a")  # also on capacity 0: the peer is there
    assert state(ch) == (0, capacity, 0, 0, False)
    assert await host.join(party) == "a"


async def test_nowait_forms_take_from_parked_senders(host: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    for i in range(capacity):
        ch.send_nowait(i)

    async def sender(h: Host) -> None:
        await h.send(ch, capacity)

    party = host.spawn(sender)
    await host.parked(ch, senders=1)
    assert drain(ch) == list(range(capacity + 1))
    await host.join(party)


def test_two_nowait_ends_never_meet() -> None:
    """C19: on an unbuffered channel one of the two has to be parked."""
    ch: Chan[int] = Chan()
    for _ in range(3):
        with pytest.raises(WouldBlock):
            ch.send_nowait(1)
        with pytest.raises(WouldBlock):
            ch.recv_nowait()
    assert state(ch) == (0, 0, 0, 0, False)


def test_would_block_has_no_effect(capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    with pytest.raises(WouldBlock):
        ch.recv_nowait()
    for i in range(capacity):
        ch.send_nowait(i)
    for _ in range(3):
        with pytest.raises(WouldBlock):
            ch.send_nowait(-1)
    assert state(ch) == (capacity, capacity, 0, 0, False)
    assert drain(ch) == list(range(capacity))


async def test_ping_pong(host: Host, peer: Host, capacity: int) -> None:
    there: Chan[int] = Chan(capacity)
    back: Chan[int] = Chan(capacity)

    async def player(h: Host) -> int:
        rounds = 0
        async for ball in h.iterate(there):
            await h.send(back, ball + 1)
            rounds += 1
        return rounds

    party = peer.spawn(player)
    for i in range(200):
        await host.send(there, i)
        assert await host.recv(back) == i + 1
    there.close()
    assert await host.join(party) == 200


async def test_nothing_is_lost_or_doubled(host: Host, peer: Host, capacity: int) -> None:
    """K1 and K2: all values arrive once, each sender's in its order at any one receiver."""
    ch: Chan[tuple[int, int]] = Chan(capacity)
    senders, values = 4, 150

    async def sender(h: Host, name: int) -> None:
        await send_all(h, ch, [(name, i) for i in range(values)])

    parties = [(peer, host)[i % 2].spawn(sender, i) for i in range(senders)]
    receivers = [(peer, host)[i % 2].spawn(recv_all, ch) for i in range(3)]
    await host.gather(parties)
    ch.close()
    lists = await host.gather(receivers)
    got = Counter(value for values in lists for value in values)
    assert got == Counter((name, i) for name in range(senders) for i in range(values))
    for one in lists:
        for name in range(senders):
            mine = [i for sender_, i in one if sender_ == name]
            assert mine == sorted(mine)


async def test_leaving_with_closes(host: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    async with host.closing(ch) as inside:
        assert inside is ch
        assert not ch.closed
    assert ch.closed


async def test_leaving_with_is_content_with_a_closed_channel(host: Host) -> None:
    ch: Chan[int] = Chan(1)
    async with host.closing(ch):
        await host.send(ch, 1)
        ch.close()
    assert await recv_all(host, ch) == [1]


async def test_leaving_with_by_an_exception_closes_and_passes_it_on(host: Host) -> None:
    ch: Chan[int] = Chan()
    with pytest.raises(ZeroDivisionError):
        async with host.closing(ch):
            raise ZeroDivisionError
    assert ch.closed
    # Also when the channel was closed already: the first error is the one to see.
    with pytest.raises(ZeroDivisionError):
        async with host.closing(ch):
            raise ZeroDivisionError


def test_with_gives_the_channel_itself() -> None:
    ch: Chan[int] = Chan(1)
    with ch as inside:
        assert inside is ch
    with pytest.raises(ChanClosed):
        ch.send_nowait(1)


def test_channels_outlive_their_loop() -> None:
    """A channel belongs to no loop: made outside of any, used by one and then by the next."""
    ch: Chan[int] = Chan(1)

    async def put(value: int) -> None:
        await ch.asend(value)

    async def swap(value: int) -> int:
        old = await ch.arecv()
        await ch.asend(value)
        return old

    asyncio.run(put(1))
    assert asyncio.run(swap(2)) == 1
    assert ch.recv() == 2


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_len_counts_buffered_values_only(host: Host, capacity: int, count: int) -> None:
    """C14: parked parties of either side do not show in len()."""
    ch: Chan[int] = Chan(capacity)
    for i in range(capacity):
        ch.send_nowait(i)

    async def sender(h: Host, value: int) -> None:
        await h.send(ch, value)

    for i in range(count):
        host.spawn(sender, capacity + i)
    await host.parked(ch, senders=count)
    assert len(ch) == capacity == ch.capacity
    assert sorted(drain(ch)) == list(range(capacity + count))
    receivers = [host.spawn(recv_one, ch) for _ in range(count)]
    await host.parked(ch, receivers=count)
    assert len(ch) == 0
    for i in range(count):
        ch.send_nowait(i)
    assert sorted(await host.gather(receivers)) == list(range(count))


def test_truth_is_not_len(capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    assert bool(ch) is True
    assert bool(ch.sender) is True
    assert bool(ch.receiver) is True
    ch.close()
    assert bool(ch) is True

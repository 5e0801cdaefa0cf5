"""recv_many: wait for one, then take what is there, at most `limit`."""

from __future__ import annotations

import sys

import pytest

from gochan import Chan, WouldBlock
from hosts import Host, LoopHost, drain, recv_all, send_all, state


async def take(h: Host, ch: Chan[int], limit: int) -> list[int]:
    return await h.recv_many(ch, limit)


async def send_one(h: Host, ch: Chan[int], value: int) -> None:
    await h.send(ch, value)


async def test_takes_what_is_buffered_up_to_the_limit(host: Host) -> None:
    ch: Chan[int] = Chan(7)
    await send_all(host, ch, range(5))
    assert await host.recv_many(ch, 2) == [0, 1]
    assert len(ch) == 3
    assert await host.recv_many(ch, 3) == [2, 3, 4]
    await send_all(host, ch, range(2))
    assert await host.recv_many(ch, 100) == [0, 1]  # what is there; it does not wait for more
    assert state(ch) == (0, 7, 0, 0, False)


@pytest.mark.parametrize("limit", [sys.maxsize, sys.maxsize // 2 + 1, 10**9])
async def test_limit_costs_nothing(host: Host, limit: int) -> None:
    """A limit is no size of anything: nobody may reserve room for that many."""
    ch: Chan[int] = Chan(1)
    await host.send(ch, 1)
    assert await host.recv_many(ch, limit) == [1]


async def test_the_list_is_new_and_yours(host: Host) -> None:
    ch: Chan[int] = Chan(2)
    await send_all(host, ch, [1, 2])
    first = await host.recv_many(ch, 1)
    assert type(first) is list
    first.append(100)
    assert await host.recv_many(ch, 1) == [2]


async def test_waits_for_the_first(host: Host, peer: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    party = peer.spawn(take, ch, 5)
    await host.parked(ch, receivers=1)
    assert not party.done
    await host.send(ch, 1)
    assert await host.join(party) == [1]


async def test_takes_from_parked_senders(host: Host, peer: Host, capacity: int) -> None:
    """What a receive after a receive would get is there, be it buffered or in a sender's hand."""
    ch: Chan[int] = Chan(capacity)
    for i in range(capacity):
        ch.send_nowait(i)
    senders = []
    for i in range(4):
        senders.append((peer, host)[i % 2].spawn(send_one, ch, capacity + i))
        await host.parked(ch, senders=i + 1)
    taken = await host.recv_many(ch, capacity + 2)
    assert taken == list(range(capacity + 2))
    # Two values are left: in the buffer as far as there is room, else with their senders.
    buffered = min(2, capacity)
    assert state(ch) == (buffered, capacity, 0, 2 - buffered, False)
    rest = await host.recv_many(ch, 100)
    assert rest == [capacity + 2, capacity + 3]
    await host.gather(senders)
    assert state(ch) == (0, capacity, 0, 0, False)


async def test_frees_the_senders_it_made_room_for(host: Host, peer: Host) -> None:
    ch: Chan[int] = Chan(3)
    for i in range(3):
        ch.send_nowait(i)
    senders = []
    for i in range(5):
        senders.append(peer.spawn(send_one, ch, 3 + i))
        await host.parked(ch, senders=i + 1)
    assert await host.recv_many(ch, 2) == [0, 1]
    await host.gather(senders[:2])
    assert state(ch) == (3, 3, 0, 3, False)
    assert [party.done for party in senders] == [True, True, False, False, False]
    assert drain(ch) == [2, 3, 4, 5, 6, 7]
    await host.gather(senders)


async def test_parked_one_takes_its_turn_only(host: Host, peer: Host, capacity: int) -> None:
    """C6: a batch that waits stands in the queue for one value; it cannot take its follower's."""
    ch: Chan[int] = Chan(capacity)
    batch = peer.spawn(take, ch, 10)
    await host.parked(ch, receivers=1)
    single = peer.spawn(take, ch, 1)
    await host.parked(ch, receivers=2)
    ch.send_nowait(1)
    ch.send_nowait(2)
    assert await host.join(batch) == [1]
    assert await host.join(single) == [2]


async def test_woken_it_takes_what_came_meanwhile(host: Host) -> None:
    """On one loop the waiter runs after all three sends, so it finds them all."""
    ch: Chan[int] = Chan(7)
    party = host.spawn(take, ch, 10)
    await host.parked(ch, receivers=1)
    for i in range(3):
        ch.send_nowait(i)
    got = await host.join(party)
    if isinstance(host, LoopHost):
        assert got == [0, 1, 2]
    # A thread may wake up at any time in between: some prefix, and nothing lost.
    assert got
    assert got + drain(ch) == [0, 1, 2]


async def test_after_close(host: Host) -> None:
    ch: Chan[int] = Chan(7)
    await send_all(host, ch, range(3))
    ch.close()
    assert await host.recv_many(ch, 2) == [0, 1]
    assert await host.recv_many(ch, 2) == [2]
    for _ in range(3):
        assert await host.recv_many(ch, 2) == []


async def test_close_releases_a_parked_one(host: Host, peer: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    parties = [peer.spawn(take, ch, 3) for _ in range(3)]
    await host.parked(ch, receivers=3)
    ch.close()
    assert await host.gather(parties) == [[], [], []]


async def test_timeout(host: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    for timeout in (0, -1, 0.01):
        with pytest.raises(TimeoutError):
            await host.recv_many(ch, 3, timeout=timeout)
    assert state(ch) == (0, capacity, 0, 0, False)
    if capacity:
        await host.send(ch, 1)
        assert await host.recv_many(ch, 3, timeout=0) == [1]
        with pytest.raises(WouldBlock):
            ch.recv_nowait()


async def test_timeout_zero_takes_from_parked_senders(host: Host, peer: Host) -> None:
    ch: Chan[int] = Chan()
    for i in range(3):
        peer.spawn(send_one, ch, i)
        await host.parked(ch, senders=i + 1)
    assert await host.recv_many(ch, 2, timeout=0) == [0, 1]
    assert await host.recv_many(ch, 2, timeout=0) == [2]


async def test_batches_share_a_stream(host: Host, peer: Host, capacity: int) -> None:
    """K1 and K2: batches of any size by several receivers, every value once and in order."""
    ch: Chan[int] = Chan(capacity)
    total = 500

    async def batches(h: Host, limit: int) -> list[list[int]]:
        got = []
        while batch := await h.recv_many(ch, limit):
            got.append(batch)
        return got

    async def producer(h: Host) -> None:
        await send_all(h, ch, range(total))
        ch.close()

    limits = (1, 2, 3, 50)
    parties = [(peer, host)[i % 2].spawn(batches, limit) for i, limit in enumerate(limits)]
    peer.spawn(producer)
    everything: list[int] = []
    for limit, got in zip(limits, await host.gather(parties), strict=True):
        assert all(1 <= len(batch) <= limit for batch in got)
        mine = [value for batch in got for value in batch]
        assert mine == sorted(mine)
        everything += mine
    assert sorted(everything) == list(range(total))
    assert await recv_all(host, ch) == []

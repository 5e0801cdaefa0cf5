"""Order: waiters are served as they came (C6), hand-over leaves nothing to steal (C7, C8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gochan import Chan, WouldBlock
from hosts import Host, Peer, drain, recv_one, state

PARTIES = 6


def full(capacity: int) -> Chan[int]:
    """A channel whose buffer holds 0, 1, ... up to its capacity."""
    ch: Chan[int] = Chan(capacity)
    for i in range(capacity):
        ch.send_nowait(i)
    return ch


async def send_one(h: Host, ch: Chan[int], value: int) -> None:
    await h.send(ch, value)


async def park_receivers(host: Host, peer: Host, ch: Chan[int], count: int) -> list[Peer[int]]:
    """Receivers parked one after the other, on both hosts in turn."""
    parties = []
    for i in range(count):
        parties.append((peer, host)[i % 2].spawn(recv_one, ch))
        await host.parked(ch, receivers=i + 1)
    return parties


async def park_senders(host: Host, peer: Host, ch: Chan[int], count: int) -> list[Peer[None]]:
    """Senders parked one after the other with the values that follow the buffer's."""
    parties = []
    for i in range(count):
        parties.append((peer, host)[i % 2].spawn(send_one, ch, ch.capacity + i))
        await host.parked(ch, senders=i + 1)
    return parties


async def test_receivers_are_served_as_they_came(host: Host, peer: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    parties = await park_receivers(host, peer, ch, PARTIES)
    for i in range(PARTIES):
        ch.send_nowait(i)
        # One send serves one receiver, the others stay where they are.
        assert state(ch) == (0, capacity, PARTIES - i - 1, 0, False)
    assert await host.gather(parties) == list(range(PARTIES))


async def test_senders_are_served_as_they_came(host: Host, peer: Host, capacity: int) -> None:
    ch = full(capacity)
    parties = await park_senders(host, peer, ch, PARTIES)
    for i in range(PARTIES + capacity):
        left = max(0, PARTIES - i)
        assert state(ch).senders == left
        assert [party.done for party in parties[PARTIES - left :]] == [False] * left
        assert ch.recv_nowait() == i
    await host.gather(parties)


async def test_parked_value_never_jumps_the_buffer(host: Host, peer: Host) -> None:
    """C4: the head of the buffer comes out, the sender's value goes in at the tail."""
    ch = full(1)
    first, second = await park_senders(host, peer, ch, 2)
    assert ch.recv_nowait() == 0
    assert len(ch) == 1  # the slot is filled again by the same step
    await host.join(first)
    assert state(ch) == (1, 1, 0, 1, False)
    assert not second.done
    assert ch.recv_nowait() == 1
    await host.join(second)
    assert drain(ch) == [2]


async def test_newcomer_cannot_steal_a_value_handed_over(
    host: Host, peer: Host, capacity: int
) -> None:
    """C7: after the send the value belongs to the parked receiver, awake or not."""
    for value in range(20):
        ch: Chan[int] = Chan(capacity)
        (party,) = await park_receivers(host, peer, ch, 1)
        ch.send_nowait(value)
        with pytest.raises(WouldBlock):
            ch.recv_nowait()
        assert len(ch) == 0
        assert await host.join(party) == value


async def test_newcomer_cannot_steal_a_freed_slot(host: Host, peer: Host) -> None:
    for _ in range(20):
        ch = full(3)
        (party,) = await park_senders(host, peer, ch, 1)
        assert ch.recv_nowait() == 0
        with pytest.raises(WouldBlock):
            ch.send_nowait(-1)
        await host.join(party)
        assert drain(ch) == [1, 2, 3]


async def test_newcomer_queues_behind_the_parked(host: Host, peer: Host, capacity: int) -> None:
    """Waiting newcomers too: neither a value nor a turn is taken from those who came before."""
    ch = full(capacity)
    await park_senders(host, peer, ch, 2)
    late = host.spawn(send_one, ch, 100)
    await host.parked(ch, senders=3)
    assert drain(ch) == [*range(capacity + 2), 100]
    await host.join(late)


async def test_nobody_is_woken_for_nothing(host: Host, peer: Host, capacity: int) -> None:
    """C8: of several parked, exactly the one that is served wakes."""
    ch: Chan[int] = Chan(capacity)
    parties = await park_receivers(host, peer, ch, 4)
    ch.send_nowait(7)
    assert await host.join(parties[0]) == 7
    for _ in range(20):
        await host.nap(0)
    assert [party.done for party in parties] == [True, False, False, False]
    assert state(ch).receivers == 3
    for i in range(3):
        ch.send_nowait(i)
    assert await host.gather(parties[1:]) == [0, 1, 2]


async def test_all_forms_share_one_queue(host: Host, peer: Host, capacity: int) -> None:
    async def plain(h: Host, ch: Chan[int]) -> object:
        return await h.recv(ch)

    async def with_ok(h: Host, ch: Chan[int]) -> object:
        return await h.recv_ok(ch)

    async def many(h: Host, ch: Chan[int]) -> object:
        return await h.recv_many(ch, 1)

    async def loop(h: Host, ch: Chan[int]) -> object:
        async for value in h.iterate(ch):
            return value
        return None

    async def timed(h: Host, ch: Chan[int]) -> object:
        return await h.recv(ch, timeout=60)

    forms = [loop, many, plain, timed, with_ok, many, loop, plain]
    ch: Chan[int] = Chan(capacity)
    parties = []
    for i, form in enumerate(forms):
        parties.append((peer, host)[i % 2].spawn(form, ch))
        await host.parked(ch, receivers=i + 1)
    for i in range(len(forms)):
        ch.send_nowait(i)
    got = await host.gather(parties)
    assert got == [0, [1], 2, 3, (4, True), [5], 6, 7]


@pytest.mark.parametrize("leaver", [0, 2, 5], ids=["head", "middle", "tail"])
@pytest.mark.parametrize("side", ["receiver", "sender"])
async def test_leaving_the_queue_keeps_its_order(
    host: Host, peer: Host, capacity: int, leaver: int, side: str
) -> None:
    """One whose timeout ends leaves from wherever it stands; the rest are served as before."""
    ch = full(capacity) if side == "sender" else Chan[int](capacity)

    async def member(h: Host, i: int) -> object:
        # Only the leaver has an end in sight, and nobody serves it before.
        timeout = 0.05 if i == leaver else None
        if side == "sender":
            await h.send(ch, capacity + i, timeout=timeout)
            return None
        return await h.recv(ch, timeout=timeout)

    def stood() -> int:
        now = state(ch)
        return now.receivers + now.senders

    parties: list[Peer[object]] = []
    for i in range(PARTIES):
        party = (peer, host)[i % 2].spawn(member, i)
        parties.append(party)
        # The leaver may be gone before it is counted. Then it stood in the queue all the same.
        await host.until(_counted(stood, parties, leaver, party), ch)
    with pytest.raises(TimeoutError):
        await host.join(parties[leaver])
    assert stood() == PARTIES - 1
    stayed = [i for i in range(PARTIES) if i != leaver]
    if side == "sender":
        assert drain(ch) == [*range(capacity), *(capacity + i for i in stayed)]
        await host.gather([parties[i] for i in stayed])
    else:
        for i in stayed:
            ch.send_nowait(i)
        assert await host.gather([parties[i] for i in stayed]) == stayed


def _counted(
    stood: Callable[[], int], parties: list[Peer[object]], leaver: int, newest: Peer[object]
) -> Callable[[], bool]:
    """Is the newest party in the queue? Every one before it is, but perhaps the leaver."""

    def done() -> bool:
        gone = any(party.done for party in parties[leaver : leaver + 1])
        # "gone" first: the leaver leaves the queue before it is done.
        return newest.done or stood() == len(parties) or (gone and stood() == len(parties) - 1)

    return done


async def test_order_survives_a_mixed_crowd(host: Host, peer: Host, capacity: int) -> None:
    """A model run: receivers come and are served in waves, the first in is the first out."""
    ch: Chan[int] = Chan(capacity)
    waiting: list[Peer[int]] = []
    sent = served = 0
    for wave in (3, 1, 5, 2, 4):
        for _ in range(wave):
            waiting.append((peer, host)[len(waiting) % 2].spawn(recv_one, ch))
            await host.parked(ch, receivers=len(waiting) - served)
        for _ in range(wave - 1):
            ch.send_nowait(sent)
            sent += 1
            served += 1
    while served < len(waiting):
        ch.send_nowait(sent)
        sent += 1
        served += 1
    assert await host.gather(waiting) == list(range(sent))

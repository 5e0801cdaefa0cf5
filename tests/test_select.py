"""Select that waits (S3, S6-S9, S11-S13): who comes first decides, and nothing is left behind."""

from __future__ import annotations

from contextlib import suppress
from typing import TypeVar

import pytest

import gochan
from gochan import Chan, ChanClosed, sending
from hosts import Host, drain, parked, recv_one
from selecting import select

T = TypeVar("T")


async def chosen(host: Host, *arms: object) -> object:
    return await select(host, *arms)


async def test_the_first_peer_decides(host: Host, peer: Host) -> None:
    """S6: once it is parked, chance has no part in it."""
    for arm in (0, 1, 2):
        chans = [Chan[int]() for _ in range(3)]
        waiting = peer.spawn(chosen, *chans)
        for ch in chans:
            await host.parked(ch, receivers=1)
        await host.send(chans[arm], 7)
        assert await host.join(waiting) == (arm, 7, True)
        for ch in chans:  # S7: it stands nowhere any more
            assert parked(ch) == (0, 0)
            with pytest.raises(TimeoutError):
                await host.send(ch, 8, timeout=0)


async def test_a_parked_send_arm_is_taken_by_a_receiver(host: Host, peer: Host) -> None:
    a, b = Chan[str](), Chan[int](1)
    b.send(0)  # full
    waiting = peer.spawn(chosen, sending(a, "a"), sending(b, 1))
    await host.parked(a, senders=1)
    await host.parked(b, senders=1)
    assert await host.recv(a) == "a"
    assert await host.join(waiting) == (0, None, True)
    assert drain(b) == [0]  # the other value was never sent
    assert (parked(a), parked(b)) == ((0, 0), (0, 0))


async def test_close_releases_a_parked_select(host: Host, peer: Host) -> None:
    """C9, S13: a receive gives (None, False), a send raises."""
    a, b = Chan[int](), Chan[int]()
    waiting = peer.spawn(chosen, a, b)
    await host.parked(b, receivers=1)
    b.close()
    assert await host.join(waiting) == (1, None, False)
    waiting = peer.spawn(chosen, a, sending(a, 1), sending(Chan[int](), 1))
    await host.parked(a, receivers=1, senders=1)
    a.close()
    with suppress(ChanClosed):  # by the arm that sends; else by the one that receives
        assert await host.join(waiting) == (0, None, False)
    assert parked(a) == (0, 0)
    waiting = peer.spawn(chosen, b, sending(c := Chan[int](), 1), None)
    assert await host.join(waiting) == (0, None, False)  # b is closed
    waiting = peer.spawn(chosen, sending(c, 1))
    await host.parked(c, senders=1)
    c.close()
    with pytest.raises(ChanClosed, match="send on closed channel"):
        await host.join(waiting)


async def test_the_same_channel_in_several_arms(host: Host, peer: Host) -> None:
    """S8: all arms of a channel are left when one of them has fired."""
    ch = Chan[int]()
    waiting = peer.spawn(chosen, ch, ch, ch)
    await host.parked(ch, receivers=3)
    await host.send(ch, 1)
    assert await host.join(waiting) in ((0, 1, True), (1, 1, True), (2, 1, True))
    assert parked(ch) == (0, 0)
    waiting = peer.spawn(chosen, sending(ch, 10), sending(ch, 11))
    await host.parked(ch, senders=2)
    value = await host.recv(ch)
    assert await host.join(waiting) == (value - 10, None, True)
    assert parked(ch) == (0, 0)


async def test_a_select_never_serves_itself(host: Host, peer: Host) -> None:
    """S9: it stands on both sides of a channel and waits for somebody else."""
    ch = Chan[int]()
    with pytest.raises(TimeoutError, match="select"):
        await select(host, ch, sending(ch, 1), timeout=0.01)
    assert parked(ch) == (0, 0)
    waiting = peer.spawn(chosen, ch, sending(ch, 1))
    await host.parked(ch, receivers=1, senders=1)
    assert await select(host, ch, sending(ch, 2)) in ((0, 1, True), (1, None, True))
    assert (await host.join(waiting))[1:] in ((2, True), (None, True))  # type: ignore[index]
    assert parked(ch) == (0, 0)


async def test_selects_are_served_in_the_order_in_which_they_came(host: Host, peer: Host) -> None:
    """C6: plain operations and selects share one queue."""
    ch, other = Chan[int](), Chan[int]()
    first = peer.spawn(chosen, other, ch)
    await host.parked(ch, receivers=1)
    second = peer.spawn(recv_one, ch)
    await host.parked(ch, receivers=2)
    third = peer.spawn(chosen, ch)
    await host.parked(ch, receivers=3)
    for value in (1, 2, 3):
        await host.send(ch, value)
    assert await host.join(first) == (1, 1, True)
    assert await host.join(second) == 2
    assert await host.join(third) == (0, 3, True)


def test_operands_are_evaluated_once_and_in_order() -> None:
    """S1: all of them, those of arms that are nil or not chosen too."""
    log: list[str] = []

    def note(name: str, thing: T) -> T:
        log.append(name)
        return thing

    room = Chan[str](1)
    index, _, _ = gochan.select(
        note("a", Chan[int]()),
        note("b", None),
        sending(note("c", room), note("d", "sent")),
        sending(note("e", Chan[str]()), note("f", "not sent")),
    )
    assert (index, log) == (2, list("abcdef"))
    assert room.recv_nowait() == "sent"


async def test_none_is_never_ready(host: Host) -> None:
    """S11, C13, PY3: None is the nil channel, as an arm."""
    ch = Chan[int](1)
    ch.send(1)
    assert await select(host, None, ch, sending(None, 5)) == (1, 1, True)
    for arms in ((), (None,), (None, sending(None, 1))):
        assert await select(host, *arms, default=True) is None
        with pytest.raises(TimeoutError):
            await select(host, *arms, timeout=0.005)


async def test_a_timeout_leaves_all_queues(host: Host) -> None:
    a, b = Chan[int](), Chan[int]()
    for timeout in (-1, 0, 0.005):
        with pytest.raises(TimeoutError, match="select"):
            await select(host, a, sending(b, 1), timeout=timeout)
        assert (parked(a), parked(b)) == ((0, 0), (0, 0))
    ready = Chan[int](1)
    ready.send(3)
    assert await select(host, a, ready, timeout=0) == (1, 3, True)


async def test_a_loop_of_selects_ends_by_disabling_arms(host: Host, peer: Host) -> None:
    """S12, S18: a closed arm would win for ever; the loop is an ordinary one."""

    async def feed(party: Host, ch: Chan[int], values: range) -> None:
        for value in values:
            await party.send(ch, value)
        ch.close()

    a, b = Chan[int](), Chan[int](2)
    feeders = [peer.spawn(feed, a, range(200)), peer.spawn(feed, b, range(200, 400))]
    arms: list[Chan[int] | None] = [a, b]
    got: list[list[int]] = [[], []]
    while any(arms):
        arm, value, ok = await select(host, *arms)
        if ok:
            got[arm].append(value)
        else:
            arms[arm] = None
    assert got == [list(range(200)), list(range(200, 400))]  # K2
    await host.gather(feeders)

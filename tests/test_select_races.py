"""Selects that meet each other and race with others: one pair, nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
from typing import Any

import pytest

from gochan import Chan, WaitGroup, agosched, aselect, go, run, select, sending
from hosts import Host
from selecting import select as select_in


async def test_two_facing_selects_commit_to_one_pair(host: Host, peer: Host) -> None:
    """S10."""
    rounds = 300
    a, b = Chan[int](), Chan[int]()

    async def other(party: Host) -> list[Any]:
        return [(await select_in(party, a, sending(b, i)))[:2] for i in range(rounds)]

    theirs = peer.spawn(other)
    mine = [(await select_in(host, sending(a, i), b))[:2] for i in range(rounds)]
    got_theirs: list[Any] = await host.join(theirs)
    for i, (ours, got) in enumerate(zip(mine, got_theirs, strict=True)):
        # a: we sent i and they received it; b: the other way round.
        assert (ours, got) in (((0, None), (0, i)), ((1, i), (1, None)))


async def test_two_of_the_same_select_serve_each_other(host: Host, peer: Host) -> None:
    """S9: TestSelfSelect in Go."""
    rounds = 300

    async def both(party: Host, ch: Chan[int], me: int) -> list[int]:
        got = []
        for _ in range(rounds):
            arm, value, _ = await select_in(party, sending(ch, me), ch)
            if arm == 1:
                got.append(value)
        return got

    ch = Chan[int]()
    theirs = peer.spawn(both, ch, 1)
    mine = await both(host, ch, 2)
    got = await host.join(theirs)
    assert set(mine) <= {1} and set(got) <= {2}  # never its own value
    assert len(mine) + len(got) == rounds


async def test_a_default_is_not_taken_while_something_is_ready(host: Host, peer: Host) -> None:
    """S4: TestNonblockSelectRace in Go: one of the two is ready at any time."""
    a, b = Chan[int](1), Chan[int](1)
    stop = Chan[None]()

    async def move(party: Host) -> None:
        a.send(1)
        while not stop.closed:
            # The value is in both for a moment, and in neither never.
            b.send(1)
            await party.recv(a)
            a.send(1)
            await party.recv(b)
            await party.nap(0)

    moving = peer.spawn(move)
    await host.until(lambda: len(a) + len(b) > 0)
    for _ in range(500):
        taken = await select_in(host, a, b, default=True)
        assert taken is not None
        # Put back at once, so that the mover finds it.
        (a, b)[taken[0]].send(taken[1])
        await host.nap(0)
    stop.close()
    await host.join(moving)


async def test_nothing_is_left_in_queues_that_others_keep_using(host: Host) -> None:
    """S7: TestSelectDuplicateChannel in Go, and no growth of memory."""
    never, work = Chan[int](), Chan[int](1)

    async def some(count: int) -> int:
        for i in range(count):
            work.send(i)
            assert (await select_in(host, never, work, never, timeout=60))[1] == i
        gc.collect()
        return sys.getallocatedblocks()

    await some(200)
    before = await some(200)
    assert await some(5_000) - before < 1_000
    assert "receivers=0" in repr(never)


def test_parked_selects_do_not_grow() -> None:
    """100,000 selects that each park, on channels of which one is never used."""

    async def main() -> int:
        work, never = Chan[int](), Chan[int]()

        async def feed(count: int) -> None:
            for i in range(count):
                await work.asend(i)

        async def take(count: int) -> None:
            for i in range(count):
                assert await aselect(never, work, never) == (1, i, True)

        blocks = []
        for count in (10_000, 10_000, 100_000):
            wg = WaitGroup()
            wg.go(take, count)
            wg.go(feed, count)
            await wg
            assert "receivers=0" in repr(never)
            gc.collect()
            blocks.append(sys.getallocatedblocks())
        return blocks[2] - blocks[1]

    assert run(main) < 2_000


def test_a_cancelled_select_loses_no_value() -> None:
    """PY7, K1: a value that was handed over goes back to its channel."""

    async def main() -> None:
        chans = [Chan[int](), Chan[int](1)]
        sent = 2_000
        got: list[int] = []

        def feed() -> None:
            for i in range(sent):
                select(sending(chans[0], i), sending(chans[1], i))
            for ch in chans:
                ch.close()

        async def take() -> None:
            while True:
                got_one = await aselect(*chans)
                assert got_one is not None
                _, value, ok = got_one
                if not ok and all(ch.closed and not len(ch) for ch in chans):
                    return
                if ok:
                    got.append(value)
                else:
                    await asyncio.sleep(0)

        feeder = go(feed)
        for turn in itertools.count():
            task = asyncio.create_task(take())
            for _ in range(1 + turn % 7):  # at any moment of a wait
                await asyncio.sleep(0)
            if feeder.state == "done" and all(ch.closed and not len(ch) for ch in chans):
                await task
                break
            task.cancel()
            try:
                await task
                break
            except asyncio.CancelledError:
                pass
        feeder.result(60)
        for ch in chans:
            got.extend(ch)
        assert sorted(got) == list(range(sent))

    asyncio.run(main())


def test_a_goroutine_in_a_select_that_nothing_can_wake_is_collected() -> None:
    """PY9."""

    async def lost() -> None:
        await aselect(Chan[int](), sending(Chan[int](), 1))

    async def main() -> None:
        g = go(lost)
        while g.state != "waiting":
            await agosched()
        del g
        with pytest.warns(ResourceWarning, match=r"aselect\(\) on recv from .*, send on "):
            await go(gc.collect)

    run(main)

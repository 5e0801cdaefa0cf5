"""Cancels that cross: by those whom a cancel has just woken, and by many at once, on every host.

X3, X4, X6 and X18, after Go's TestInterlockedCancels, TestSimultaneousCancels and TestCauseRace.
"""

from __future__ import annotations

import random
from typing import Any

from gochan import CancelContext, Canceled, Chan, Context, background, with_cancel, with_value
from hosts import Host
from selecting import select


async def done(host: Host, ctx: Context) -> None:
    if host.blocking:
        ctx.wait()
    else:
        await ctx


async def test_interlocked(host: Host, peer: Host) -> None:
    """Who is woken by the parent's end cancels the child, on which somebody waits in turn."""

    async def interlock(party: Host, parent: CancelContext, child: CancelContext) -> None:
        await done(party, parent)
        assert child.err is not None  # X3: all below it first, then whoever waits
        child.cancel(ValueError("too late"))

    async def watch(party: Host, ctx: Context) -> None:
        arm, value, ok = await select(party, ctx.done, Chan[int]())
        assert (arm, value, ok) == (0, None, False)
        assert isinstance(ctx.err, Canceled)

    for _ in range(10):
        parent, why = with_cancel(background()), ValueError("why")
        child = with_cancel(with_value(parent, "key", 1))
        waiting = [
            peer.spawn(interlock, parent, child),
            peer.spawn(watch, child),
            host.spawn(watch, parent),
        ]
        await host.parked(parent.done, receivers=2)
        await host.parked(child.done, receivers=1)
        parent.cancel(why)
        await done(host, child)
        assert child.cause is parent.cause is why
        await host.gather(waiting)


async def test_simultaneous(host: Host, peer: Host) -> None:
    """Parties of both hosts cancel a tree in any order; each finds all below it done (X3)."""
    tree: list[CancelContext] = [with_cancel(background())]
    while len(tree) < 63:
        tree += [with_cancel(tree[(len(tree) - 1) // 2]) for _ in range(2)]
    order = list(range(len(tree)))
    random.shuffle(order)
    causes = [ValueError(n) for n in range(len(tree))]

    async def cancel(party: Host, mine: list[int]) -> int:
        left = 0
        for number in mine:
            tree[number].cancel(causes[number])
            below = [number]
            for one in below:
                below += [child for child in (2 * one + 1, 2 * one + 2) if child < len(tree)]
            left += sum(tree[one].err is None for one in below)
            await party.nap(0)
        return left

    async def wait(party: Host, ctx: Context) -> None:
        await done(party, ctx)

    waits = [(host, peer)[n % 2].spawn(wait, tree[n]) for n in range(0, len(tree), 9)]
    cancels = [(host, peer)[n % 2].spawn(cancel, order[n::4]) for n in range(4)]
    assert await host.gather(cancels) == [0] * 4
    await host.gather(waits)
    for number, ctx in enumerate(tree):
        # X6: its own cause, or that of what ended above it before.
        cause, above = ctx.cause, number
        while causes[above] is not cause:
            assert above, "a cause from nowhere"
            above = (above - 1) // 2


async def test_cause_race(host: Host, peer: Host) -> None:
    """TestCauseRace: who looks again and again sees no error without its cause."""
    ctx, why = with_cancel(background()), ValueError("why")
    child = with_cancel(ctx)

    async def cancel(party: Host) -> None:
        await party.nap(0)
        ctx.cancel(why)

    cancelling = peer.spawn(cancel)
    seen: list[Any] = []
    while not seen or seen[-1][1] is None:
        err, cause = child.err, child.cause
        seen.append((err, cause))
        await host.nap(0)
    assert seen[-1][1] is why
    assert all(cause is why for err, cause in seen if err is not None)
    assert child.done is not None and child.done.closed
    await host.join(cancelling)

"""Select under a context: a done one wins over what is ready; in a wait who comes first does."""

from __future__ import annotations

from typing import Any

import pytest

from gochan import (
    Canceled,
    Chan,
    DeadlineExceeded,
    background,
    sending,
    with_cancel,
    with_timeout,
    with_value,
)
from hosts import Host, parked
from selecting import select


async def under(party: Host, ctx: Any, *arms: Any, **options: Any) -> Any:
    return await select(party, *arms, ctx=ctx, **options)


@pytest.mark.parametrize("options", [{}, {"default": True}, {"timeout": 0}, {"priority": True}])
async def test_a_done_context_wins_over_every_arm(host: Host, options: Any) -> None:
    full, room, closed = Chan[int](1), Chan[int](1), Chan[int]()
    full.send(1)
    closed.close()
    ctx, cancel = with_cancel(background())
    cancel(ValueError("why"))
    for arms in ((full,), (sending(room, 1),), (closed,), (full, closed, sending(room, 2)), ()):
        with pytest.raises(Canceled) as caught:
            await under(host, with_value(ctx, "key", 1), *arms, **options)
        assert isinstance(caught.value.__cause__, ValueError)
    assert (len(full), len(room)) == (1, 0)
    with pytest.raises(DeadlineExceeded):
        await under(host, with_timeout(background(), -1), full)


async def test_one_that_is_not_done_changes_nothing(host: Host) -> None:
    ch = Chan[int](1)
    with with_cancel(background()) as ctx:
        assert await under(host, ctx, ch, default=True) is None
        ch.send(1)
        assert await under(host, ctx, None, ch) == (1, 1, True)
        with pytest.raises(TimeoutError, match="select"):
            await under(host, ctx, ch, timeout=0.005)
        assert parked(ch) == (0, 0)
    assert await under(host, background(), sending(ch, 2)) == (0, None, True)


async def test_a_cancel_ends_the_wait_and_leaves_all_queues(host: Host, peer: Host) -> None:
    a, b = Chan[int](), Chan[int]()
    ctx, cancel = with_cancel(background())
    waiting = peer.spawn(under, ctx, a, sending(b, 1), a)
    await host.parked(a, receivers=2)
    await host.parked(b, senders=1)
    cancel(None)
    with pytest.raises(Canceled, match="context canceled"):
        await host.join(waiting)
    assert (parked(a), parked(b)) == ((0, 0), (0, 0))


async def test_a_peer_that_came_first_wins_over_the_cancel(host: Host, peer: Host) -> None:
    """Commit wins over cancel: what was handed over is received."""
    for _ in range(20):
        ch = Chan[int]()
        ctx, cancel = with_cancel(background())
        waiting = peer.spawn(under, ctx, Chan[int](), ch)
        await host.parked(ch, receivers=1)
        ch.send_nowait(7)
        cancel(None)
        assert await host.join(waiting) == (1, 7, True)


async def test_a_deadline_ends_a_select_without_arms(host: Host) -> None:
    with with_timeout(background(), 0.01) as ctx, pytest.raises(DeadlineExceeded):
        await under(host, ctx)


async def test_done_is_an_arm_as_well(host: Host, peer: Host) -> None:
    ctx, cancel = with_cancel(background())
    waiting = peer.spawn(under, background(), Chan[int](), ctx.done)
    await host.parked(ctx.done, receivers=1)
    cancel(None)
    assert await host.join(waiting) == (1, None, False)
    assert await select(host, background().done, ctx.done) == (1, None, False)

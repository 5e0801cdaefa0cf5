"""Deadlines: they come in time whoever waits, hold for all below, and are taken back exactly.

X7 to X11 of the checklist.
"""

from __future__ import annotations

import math
import time
from datetime import timedelta

import pytest

import procs
from gochan import (
    Canceled,
    Chan,
    Context,
    DeadlineExceeded,
    background,
    go,
    todo,
    with_cancel,
    with_deadline,
    with_timeout,
    with_value,
    without_cancel,
)
from hosts import Host
from parking import wait_until
from watch import PATIENCE

SOON = 0.02
FOREVER = 1e6


async def done(host: Host, ctx: Context) -> None:
    if host.blocking:
        ctx.wait()
    else:
        await ctx


async def test_a_deadline_ends_the_wait_of_any_host(host: Host) -> None:
    began = time.monotonic()
    ctx = with_timeout(background(), SOON)
    assert ctx.err is None
    await done(host, ctx)
    assert time.monotonic() - began >= SOON
    assert isinstance(ctx.err, DeadlineExceeded)


async def test_it_comes_for_what_derives_from_it(host: Host) -> None:
    ctx = with_cancel(with_value(with_timeout(background(), SOON), "a", 1))
    await done(host, ctx)
    assert isinstance(ctx.err, DeadlineExceeded)


def test_it_comes_where_nobody_waits() -> None:
    """A thread is there for it although nothing else of gochan runs."""
    ctx = with_timeout(todo(), SOON)
    wait_until(lambda: ctx.err is not None, "its deadline")


def test_it_comes_in_a_program_that_has_started_nothing() -> None:
    child = procs.run(
        """
        import time
        from gochan import background, with_timeout
        ctx = with_timeout(background(), 0.05)
        while ctx.err is None:
            time.sleep(0.01)
        print(repr(ctx.err))
        """
    )
    assert child.ok() == "DeadlineExceeded('context deadline exceeded')\n"


def test_it_comes_when_the_idle_threads_have_ended() -> None:
    """They end after five seconds, but for one while something is to come."""
    child = procs.run(
        """
        import time
        from gochan import background, go, with_timeout
        go(int).join()
        ctx = with_timeout(background(), 6.5)
        while ctx.err is None:
            time.sleep(0.05)
        print(repr(ctx.err))
        """
    )
    assert child.ok() == "DeadlineExceeded('context deadline exceeded')\n"


def test_deadline_is_on_the_monotonic_clock() -> None:
    before = time.monotonic()
    ctx = with_timeout(background(), 50)
    assert ctx.deadline is not None
    assert before + 50 <= ctx.deadline <= time.monotonic() + 50
    assert with_deadline(background(), 12345.5).deadline == 12345.5
    assert with_deadline(background(), 12345).deadline == 12345.0
    assert with_timeout(background(), timedelta(minutes=1)).deadline is not None
    for below in (with_cancel(ctx), with_value(ctx, "a", 1)):
        assert below.deadline == ctx.deadline
    assert without_cancel(ctx).deadline is None


def test_the_earlier_deadline_holds() -> None:
    """X7: a strictly earlier one above makes a plain child, whose cause is dropped."""
    late = ValueError("late")
    parent = with_deadline(background(), time.monotonic() + 50)
    later = with_timeout(parent, 100, cause=late)
    assert later.deadline == parent.deadline
    assert repr(later) == f"{repr(parent).split(' [')[0]} [" + repr(later).split(" [")[1]
    assert repr(later).endswith(".WithCancel")
    assert parent.deadline is not None
    equal = with_deadline(parent, parent.deadline, cause=late)
    assert ".WithDeadline" in repr(equal).removeprefix("context.Background.WithDeadline")
    earlier = with_timeout(parent, 10)
    assert earlier.deadline is not None and earlier.deadline < parent.deadline


def test_of_a_dropped_cause_nothing_is_seen() -> None:
    parent = with_timeout(background(), SOON)
    ctx = with_timeout(parent, FOREVER, cause=ValueError("too slow"))
    ctx.wait(PATIENCE)
    assert isinstance(ctx.err, DeadlineExceeded) and ctx.cause is ctx.err


def test_a_deadline_with_a_cause() -> None:
    cause = ValueError("too slow")
    ctx = with_timeout(background(), SOON, cause=cause)
    below = with_cancel(ctx)
    below.wait(PATIENCE)
    assert ctx.cause is below.cause is cause
    with pytest.raises(DeadlineExceeded) as caught:
        below.check()
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize("timeout", [0, -1, -math.inf, timedelta(0), timedelta(days=-1)])
def test_a_deadline_that_is_past(timeout: float) -> None:
    """X8."""
    ctx = with_timeout(background(), timeout)
    assert isinstance(ctx.err, DeadlineExceeded)
    ctx.cancel()
    assert isinstance(ctx.err, DeadlineExceeded)


@pytest.mark.parametrize("timeout", [math.inf, 1e300, 10**400])
def test_a_deadline_that_never_comes(timeout: float) -> None:
    ctx = with_timeout(background(), timeout)
    assert ctx.err is None and ctx.deadline is not None and ctx.deadline > 1e299
    with pytest.raises(TimeoutError):
        ctx.wait(SOON)
    ctx.cancel()
    assert isinstance(ctx.err, Canceled)


def test_cancelled_before_it_came() -> None:
    ctx = with_timeout(background(), SOON, cause=ValueError())
    ctx.cancel()
    time.sleep(2 * SOON)
    assert isinstance(ctx.err, Canceled) and ctx.cause is ctx.err


def test_many_deadlines_each_in_its_time() -> None:
    contexts = [with_timeout(background(), SOON * n / 100) for n in range(100)]
    for ctx in contexts:
        ctx.wait(PATIENCE)
    assert all(isinstance(ctx.err, DeadlineExceeded) for ctx in contexts)
    for ctx in contexts:
        assert ctx.deadline is not None and time.monotonic() >= ctx.deadline


async def test_wait_has_a_limit_of_its_own(host: Host) -> None:
    """The built-in TimeoutError, which says what it waited for; the context stays as it is."""
    ctx = with_timeout(background(), FOREVER)
    if host.blocking:
        with pytest.raises(TimeoutError, match=r"Context\.wait\(\) timed out after 0\.01 s on con"):
            ctx.wait(0.01)
        with pytest.raises(TimeoutError):
            ctx.wait(timeout=0)
    assert ctx.err is None
    ctx.cancel()
    await done(host, ctx)
    if host.blocking:
        ctx.wait(0)


def test_it_comes_while_every_goroutine_thread_is_blocked() -> None:
    gate = Chan[None]()
    with with_timeout(background(), 2 * SOON) as ctx:
        blocked = [go(gate.recv_ok) for _ in range(8)]
        ctx.wait(timeout=PATIENCE)
        assert isinstance(ctx.err, DeadlineExceeded)
        assert all(g.state != "done" for g in blocked)
    gate.close()
    for g in blocked:
        g.join(PATIENCE)

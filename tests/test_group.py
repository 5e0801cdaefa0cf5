"""Group: errors, the limit, its context, what wait raises.

E1-E7, PY6, and Go's own tests of errgroup.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import weakref
from typing import Any

import pytest

from cancelling import cancelled
from cancelling import start as start_task
from gochan import (
    BlockingError,
    Canceled,
    Chan,
    Goroutine,
    Group,
    Semaphore,
    WaitGroup,
    asleep,
    background,
    go,
    goexit,
    with_cancel,
    with_value,
)
from grouping import Failed, afail, fail, start, wait
from hosts import Host
from parking import settle, wait_until, wait_waiting
from reporting import Reports
from scheduler import one_by_one
from watch import PATIENCE

# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("texts", "first"),
    [([], None), ([None], None), (["a"], "a"), ([None, "a", None, "b"], "a"), (["b", "a"], "b")],
)
async def test_wait_raises_the_first_error_each_time(
    host: Host, texts: list[str | None], first: str | None
) -> None:
    """E1, E2; Go's TestZeroGroup and TestWithContext: in the order of their ends, and sticky."""
    group = Group()
    for text in texts:
        # One after the other, so that there is a first one.
        g = await start(host, group, fail, text) if text else await start(host, group, len, "")
        await ended(host, g)
    for _ in range(2):
        if first is None:
            await wait(host, group)
        else:
            with pytest.raises(Failed) as info:
                await wait(host, group)
            assert str(info.value) == first
    assert [str(error) for error in group.errors] == [text for text in texts if text]
    assert isinstance(group.ctx.err, Canceled)
    if first is None:
        assert group.ctx.cause is group.ctx.err
    else:
        assert group.ctx.cause is group.errors[0]


async def ended(host: Host, g: Goroutine[Any]) -> None:
    await host.until(lambda: g.state == "done", g)


async def test_all_are_waited_for(host: Host) -> None:
    """E2, E3: an error stops nobody, and go() after it still starts."""
    group, gate = Group(), Chan[int]()
    await start(host, group, fail, "early")
    await host.until(lambda: group.ctx.err is not None, group)
    late = await start(host, group, gate.recv)
    assert group.try_go(gate.arecv_ok)
    waiter = host.spawn(raised_by, group)
    await host.until(lambda: "waiters=1" in repr(group), group)
    await host.send(gate, 1)
    await host.send(gate, 2)
    assert await host.join(waiter) == "early"
    assert late.state == "done"


async def raised_by(host: Host, group: Group) -> str:
    with pytest.raises(Failed) as info:
        await wait(host, group)
    return str(info.value)


@one_by_one
def test_more_errors_are_told_with_the_first() -> None:
    group = Group()

    def several() -> None:
        with group:
            group.go(fail, "first").join()
            group.go(fail, "second").join()
            group.go(int, "x").join()

    with pytest.raises(Failed) as info:
        several()
    notes = ["2 more goroutines of the group failed, first with Failed: Group.errors has all"]
    assert info.value.__notes__ == notes
    with pytest.raises(Failed) as info:
        group.wait()
    assert info.value.__notes__ == notes, "told once"


def test_an_error_that_nobody_asks_for_is_reported(reports: Reports) -> None:
    """PY4: the group has the errors; they are not lost with it."""
    group = Group()
    group.go(fail, "nobody waits").join()
    reports.wait()
    del group
    gc.collect()
    reports.wait("nobody waits")


def test_looking_at_errors_is_looking(reports: Reports) -> None:
    group = Group()
    group.go(fail, "seen").join()
    assert [str(error) for error in group.errors] == ["seen"]
    del group
    gc.collect()
    reports.wait()


def test_goexit_is_no_error() -> None:
    """E6"""
    with Group() as group:
        group.go(goexit)
    assert group.errors == ()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
async def test_what_is_no_exception_is_raised_at_once(
    host: Host, kind: type[BaseException]
) -> None:
    """PY6"""
    group, gate = Group(), Chan[int]()

    def leave() -> None:
        gate.recv()
        raise kind("now")

    slow = await start(host, group, gate.recv)
    wait_waiting(slow)
    await start(host, group, leave)
    waiter = host.spawn(raises, group, kind)
    await host.until(lambda: "waiters=1" in repr(group), group)
    await host.send(gate, 1)  # the first in the queue ends, whoever that is
    await host.send(gate, 2)
    await host.join(waiter)
    assert isinstance(group.ctx.err, Canceled)
    with pytest.raises(kind):
        await wait(host, group)


def test_waiting_ends_at_once_also_if_others_go_on() -> None:
    """PY6, with somebody who really does not end; and the group still works."""
    group, gate = Group(limit=2), Chan[int]()
    slow = group.go(gate.recv)

    def leave() -> None:
        raise SystemExit(3)

    group.go(leave)
    with pytest.raises(SystemExit):
        group.wait(timeout=PATIENCE)
    assert slow.state != "done"
    assert isinstance(group.go(fail, "later").exception(PATIENCE), Failed)
    gate.send(7)
    assert slow.result(PATIENCE) == 7
    assert len(group.errors) == 2
    with pytest.raises(SystemExit):
        group.wait()


async def raises(host: Host, group: Group, kind: type[BaseException]) -> None:
    with pytest.raises(kind):
        await wait(host, group)


# ---------------------------------------------------------------- the limit


async def test_never_more_than_the_limit(host: Host) -> None:
    """E4, E5; Go's TestGoLimit: 1,025 tasks."""
    limit = 10
    group, free = Group(limit=limit), Semaphore(limit)
    seen = []

    def plain() -> None:
        seen.append(free.try_acquire())
        free.release()

    async def yields() -> None:
        seen.append(free.try_acquire())
        await asleep(0)
        free.release()

    for n in range(1025):
        await start(host, group, plain if n % 2 else yields)
    await wait(host, group)
    assert len(seen) == 1025
    assert all(seen)


async def test_try_go(host: Host) -> None:
    """Go's TestTryGo."""
    group, gate = Group(limit=2), Chan[int]()
    assert group.try_go(gate.recv)
    assert group.try_go(gate.arecv)
    assert not group.try_go(fail, "no place")
    assert "active=2 limit=2" in repr(group)
    waiting = host.spawn(start_later, group)
    await host.until(lambda: "queued=1" in repr(group), group)
    await host.send(gate, 1)
    await host.join(waiting)
    await host.send(gate, 2)
    await wait(host, group)
    assert group.try_go(len, "")
    await wait(host, group)


async def start_later(host: Host, group: Group) -> None:
    g = await start(host, group, len, "abc")
    await host.until(lambda: g.state == "done", g)
    assert g.result() == 3


def test_a_limit_of_zero_starts_nothing() -> None:
    """E4"""
    group = Group(limit=0)
    assert not group.try_go(fail, "no")
    waiting = go(group.go, fail, "no")
    wait_waiting(waiting)
    assert "Group.go()" in repr(waiting)
    group.wait()


def test_the_place_is_free_before_the_counter_drops() -> None:
    """E5: who comes back from wait() finds all places free."""
    group = Group(limit=1)
    for _ in range(200):
        assert group.try_go(len, "")
        group.wait()


@pytest.mark.parametrize("fn", [fail, afail])
def test_a_call_that_fails_to_start_keeps_no_place(fn: Any) -> None:
    group: Any = Group(limit=1)
    for wrong in (None, 3, "fail"):
        with pytest.raises(TypeError, match=r"Group\.(try_)?go\(\)"):
            group.go(wrong)
    if fn is afail:  # the call happens here: so does its error
        with pytest.raises(TypeError):
            group.go(afail)
    assert "active=0" in repr(group)
    assert group.try_go(len, "")
    group.wait()


def test_a_cancelled_ago_keeps_no_place() -> None:
    async def main() -> None:
        group, gate = Group(limit=1), Chan[int]()
        g = await group.ago(gate.arecv)
        task = await start_task(group.ago(fail, "never started"))
        task.cancel()
        await cancelled(task)
        assert "queued=0" in repr(group)
        # Now one that got its place and is cancelled before it runs again.
        task = await start_task(group.ago(fail, "never started"))
        await gate.asend(1)
        wait_until(lambda: g.state == "done", "the place to be free")
        task.cancel()
        await cancelled(task)
        wait_until(lambda: group.try_go(len, ""), "the place that was given back")
        await group
        assert group.errors == ()

    asyncio.run(main())


def test_results_names_and_places_of_handles() -> None:
    group = Group(limit=1)
    g = group.go(sorted, [2, 1], reverse=True)
    assert g.result(PATIENCE) == [2, 1]
    assert "sorted" in g.name
    group.wait()


# ---------------------------------------------------------------- its context


async def test_the_first_error_cancels_the_context(host: Host) -> None:
    """E1, E3; Go's TestCancelCause: those who watch it end."""
    group, seen = Group(), Chan[BaseException](2)

    async def watch_async() -> None:
        try:
            await asleep(PATIENCE, ctx=group.ctx)
        except Canceled as error:
            seen.send_nowait(error)
            raise

    def watch() -> None:
        try:
            Chan[int]().recv(ctx=group.ctx)
        except Canceled as error:
            seen.send_nowait(error)

    await start(host, group, watch_async)
    await start(host, group, watch)
    await start(host, group, fail, "the cause")
    with pytest.raises(Failed) as info:
        await wait(host, group)
    assert group.ctx.cause is info.value
    assert [type(seen.recv_nowait()) for _ in range(2)] == [Canceled, Canceled]
    assert not hasattr(info.value, "__notes__"), "ends because of the first are no news"


def test_the_context_below_another() -> None:
    parent = with_cancel(with_value(background(), "who", "parent"))
    group = Group(parent)
    assert group.ctx.value("who") == "parent"
    g = group.go(group.ctx.wait)
    parent.cancel(Failed("from above"))
    g.join(timeout=PATIENCE)
    group.wait()
    assert isinstance(group.ctx.cause, Failed)
    assert group.errors == ()


def test_wait_has_limits_of_its_own() -> None:
    group, gate = Group(), Chan[int]()
    g = group.go(gate.recv)
    with pytest.raises(TimeoutError, match=r"Group\.wait\(\) timed out after 0.01 s on .*active=1"):
        group.wait(timeout=0.01)
    with pytest.raises(TimeoutError):
        group.wait(timeout=0)
    ctx = with_cancel(background())
    ctx.cancel()
    with pytest.raises(Canceled):
        group.wait(ctx=ctx)
    assert group.ctx.err is None, "they had no effect"
    gate.send(1)
    group.wait()
    assert g.state == "done"


# ---------------------------------------------------------------- first mistakes, and the rest


def test_blocking_forms_on_a_running_loop() -> None:
    async def main() -> None:
        gate = Chan[int]()
        group = Group(limit=1)
        group.go(gate.arecv)  # there is a place: that blocks nobody
        with pytest.raises(BlockingError, match=r"await group\.ago"):
            group.go(len, "")
        with pytest.raises(BlockingError, match="await group"):
            group.wait()
        with pytest.raises(BlockingError, match="async with"), group:
            pass
        await gate.asend(1)
        await group

    asyncio.run(main())


@pytest.mark.parametrize("wrong", [-1, 2**64])
def test_wrong_limits(wrong: int) -> None:
    with pytest.raises(ValueError, match=r"Group\(\): limit"):
        Group(limit=wrong)


def test_wrong_arguments() -> None:
    make: Any = Group
    for wrong in ("1", 1.5):
        with pytest.raises(TypeError, match=r"Group\(\): limit must be an int"):
            make(limit=wrong)
    with pytest.raises(TypeError, match=r"Group\(\)"):
        make(3)
    with pytest.raises(TypeError):
        make(None, 3)
    group: Any = Group()
    with pytest.raises(ValueError, match="NaN"):
        group.wait(timeout=float("nan"))

    def generator() -> Any:
        yield 1

    with pytest.raises(TypeError, match="generator"):
        group.go(generator)


def test_identity_copy_and_truth() -> None:
    group = Group()
    assert group
    assert group == group
    assert group != Group()
    assert group in {group}
    for copier in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="Group"):
            copier(group)
    assert repr(group).startswith("<gochan.Group at 0x")


def test_a_group_in_a_cycle_is_collected() -> None:
    """Through the handle of one that failed, whose traceback holds the group."""

    def make() -> weakref.ref[Group]:
        group = Group()

        def fails() -> None:
            raise Failed(repr(group))

        g = group.go(fails)
        g.join()
        assert g.exception() is group.errors[0]
        return weakref.ref(group)

    ref = make()
    wait_until(lambda: gc.collect() >= 0 and ref() is None, "the group to be collected")


def test_many_at_once_from_everywhere() -> None:
    """Threads, goroutines and tasks start into one group with a limit; each is run once."""
    group, ran = Group(limit=3), Chan[int](10_000)
    starters = WaitGroup()

    def thread(n: int) -> None:
        for k in range(200):
            group.go(ran.send_nowait, n * 1000 + k)

    async def goroutine(n: int) -> None:
        for k in range(200):
            await group.ago(ran.asend, n * 1000 + k)

    async def main() -> None:
        for n in range(4):
            starters.go(thread, n)
            starters.go(goroutine, 4 + n)
        async with asyncio.TaskGroup() as tasks:
            for n in range(8, 12):
                tasks.create_task(goroutine(n))
        await starters
        await group

    asyncio.run(main())
    got = ran.recv_many(10_000)
    assert sorted(got) == [n * 1000 + k for n in range(12) for k in range(200)]
    assert "active=0 limit=3 queued=0" in repr(group)


def test_two_who_wait_get_one_error() -> None:
    """Two who wait at the same time get the same error, also as tasks."""

    async def main() -> None:
        group, gate = Group(), Chan[int]()

        async def late() -> None:
            await gate.arecv()
            raise Failed("both")

        group.go(late)
        waiters = [asyncio.ensure_future(one(group)) for _ in range(2)]
        await settle()
        await gate.asend(1)
        errors = await asyncio.gather(*waiters)
        assert errors[0] is errors[1]

    async def one(group: Group) -> BaseException:
        with pytest.raises(Failed) as info:
            await group
        return info.value

    asyncio.run(main())

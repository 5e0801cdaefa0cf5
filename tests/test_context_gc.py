"""What a context that nobody holds leaves behind, and what it keeps alive: X11, PY9."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from collecting import collect_until, collecting, listening
from gochan import (
    CancelContext,
    Chan,
    Context,
    DeadlineExceeded,
    background,
    context_after_func,
    go,
    with_cancel,
    with_timeout,
    with_value,
)
from parking import wait_until, wait_waiting
from watch import PATIENCE


class Thing:
    """Can be referred to weakly."""


def nodes() -> int:
    """How many contexts stand in the tree or the timers, or are held by somebody."""
    return sum(type(it).__name__ == "_ContextNode" for it in gc.get_objects())


def test_forgotten_contexts_do_not_pile_up() -> None:
    """Never cancelled: each leaves its parent and the timers when the last who holds it goes."""
    gc.collect()
    parent, before = with_cancel(background()), nodes()
    gc.disable()
    try:
        for _ in range(300):
            with_timeout(background(), 1e6)
            with_cancel(with_timeout(with_value(parent, "a", 1), 1e6))
            ctx: Context | None = with_timeout(parent, 1e6)
            assert ctx is not None
            done = ctx.done
            assert done is not None
            del ctx
            del done
        assert nodes() <= before + 1
    finally:
        gc.enable()
    parent.cancel()


def test_cancelled_contexts_do_not_pile_up() -> None:
    """X11, Go's TestCancelRemoves: a parent forgets a child that has ended."""
    gc.collect()
    parent = with_cancel(background())
    before = nodes()
    for _ in range(300):
        with_cancel(with_timeout(parent, 1e6, cause=ValueError())).cancel()
        with with_timeout(parent, 1e6):
            pass
    gc.collect()
    assert nodes() == before


def test_a_stop_that_was_called_leaves_nothing() -> None:
    gc.collect()
    parent, before = with_cancel(background()), nodes()
    for _ in range(300):
        stop = context_after_func(with_timeout(parent, 1e6), print)
        assert stop()
    del stop
    gc.collect()
    assert nodes() <= before + 1
    parent.cancel()


def test_what_hangs_on_a_forgotten_context_still_happens() -> None:
    """Who holds only the channel, or a function that was registered, relies on the deadline."""
    done = with_timeout(background(), 0.02).done
    ran = Chan[int](1)
    context_after_func(with_cancel(with_timeout(background(), 0.02)), lambda: ran.send(1))
    gc.collect()
    assert done is not None and done.recv_ok(timeout=PATIENCE) == (None, False)
    assert ran.recv(timeout=PATIENCE) == 1


def test_a_context_holds_its_parents() -> None:
    parent = with_cancel(background())
    gone = weakref.ref(parent)
    child = with_cancel(with_value(parent, "a", 1))
    del parent
    gc.collect()
    assert gone() is not None
    del child
    assert gone() is None, "without the collector"


def test_cycles_are_collected() -> None:
    """Through a value, a cause, an after-function, the error, and a wait on `done`."""

    def through_value(ctx: CancelContext, thing: Any) -> None:
        thing.ctx = with_value(ctx, "thing", thing)

    def through_cause(ctx: CancelContext, thing: Any) -> None:
        error: Any = ValueError()
        error.thing, error.ctx = thing, ctx
        ctx.cancel(error)

    def through_deadline_cause(ctx: CancelContext, thing: Any) -> None:
        error: Any = ValueError()
        error.thing, error.ctx = thing, with_timeout(ctx, 0, cause=error)

    def through_function(ctx: CancelContext, thing: Any) -> None:
        context_after_func(ctx, lambda: (thing, ctx))

    def through_err(ctx: CancelContext, thing: Any) -> None:
        ctx.cancel()
        err: Any = ctx.err
        err.thing, err.ctx = thing, ctx

    def through_child(ctx: CancelContext, thing: Any) -> None:
        thing.child = with_cancel(ctx)
        context_after_func(thing.child, lambda: thing)

    for tie in (
        through_value,
        through_cause,
        through_deadline_cause,
        through_function,
        through_err,
        through_child,
    ):
        thing = Thing()
        gone = weakref.ref(thing)
        tie(with_cancel(background()), thing)
        del thing
        collect_until(lambda gone=gone: gone() is None, tie.__name__)  # type: ignore[misc]


# ------------------------------------------------------------------ goroutines that wait
def test_a_goroutine_that_waits_for_a_deadline_is_never_garbage() -> None:
    """PY9: nobody but the timers can reach it."""
    ran = Chan[BaseException | None](1)

    async def wait() -> None:
        ctx = with_cancel(with_value(with_timeout(background(), 0.3), "a", 1))
        await ctx
        ran.send(ctx.err)

    with listening() as said:
        wait_waiting(go(wait))
        for _ in range(3):
            gc.collect()
        assert isinstance(ran.recv(timeout=PATIENCE), DeadlineExceeded)
        assert not said()


def test_a_goroutine_that_a_parent_can_end_is_never_garbage() -> None:
    """Its own context is held by nobody but itself: the parent leads to it."""
    parent, ran = with_cancel(background()), Chan[int](1)

    async def wait() -> None:
        await with_cancel(with_cancel(parent))
        ran.send(1)

    with listening() as said:
        wait_waiting(go(wait))
        for _ in range(3):
            gc.collect()
        parent.cancel()
        assert ran.recv(timeout=PATIENCE) == 1
        assert not said()


def test_a_goroutine_that_nobody_can_end_is_found() -> None:
    ran = Chan[str](1)

    async def wait() -> None:
        try:
            await with_cancel(background())
        finally:
            ran.send("closed")

    with listening() as said:
        g = go(wait)
        wait_waiting(g)
        del g
        collect_until(lambda: len(said()) == 1, "the warning")
        assert "Context.__await__() on context.Background.WithCancel" in said()[0]
    assert ran.recv(timeout=PATIENCE) == "closed"


def test_collections_in_the_middle_of_it_all() -> None:
    """Trees are made, waited for and cancelled while the collector runs all the time."""
    with collecting() as collector:
        for n in range(100):
            top = with_cancel(background())
            made = [with_timeout(with_value(top, n, n), 1e6, cause=ValueError()) for _ in range(5)]

            async def wait(ctx: Context) -> int:
                await ctx
                return 1

            waits = [go(wait, ctx) for ctx in made]
            stops = [context_after_func(ctx, int) for ctx in made]
            made[0].cancel()
            top.cancel(ValueError(n))
            assert [g.result(PATIENCE) for g in waits] == [1] * 5
            assert not any(stop() for stop in stops)
        collector.rounds(2)
    wait_until(lambda: (gc.collect(), nodes())[1] < 100, "nodes gone")

"""Functions that run when a context is done (X14): once, in a goroutine of their own, or not."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import Any

import pytest

from gochan import (
    Chan,
    WaitGroup,
    background,
    context_after_func,
    go,
    run,
    select,
    todo,
    with_cancel,
    with_timeout,
    with_value,
    without_cancel,
)
from hosts import Host
from reporting import Reports
from watch import PATIENCE


async def test_it_runs_after_cancel(host: Host) -> None:
    ctx, ran = with_cancel(background()), Chan[int](1)
    context_after_func(ctx, lambda: ran.send(1))
    assert len(ran) == 0
    ctx.cancel()
    assert await host.recv(ran, timeout=PATIENCE) == 1


def test_it_runs_after_the_deadline() -> None:
    ran = Chan[int](1)
    context_after_func(with_timeout(background(), 0.01), lambda: ran.send(1))
    assert ran.recv(timeout=PATIENCE) == 1, "although nobody holds the context"


def test_it_runs_at_once_on_one_that_is_done() -> None:
    ctx, ran = with_cancel(background()), Chan[int](1)
    ctx.cancel()
    stop = context_after_func(ctx, lambda: ran.send(1))
    assert ran.recv(timeout=PATIENCE) == 1
    assert stop() is False


def test_it_runs_for_the_end_of_a_parent() -> None:
    top, ran = with_cancel(background()), Chan[str](5)
    for name, ctx in {"value": with_value(top, "a", 1), "child": with_cancel(top)}.items():
        context_after_func(ctx, lambda name=name: ran.send(name))  # type: ignore[misc]
    top.cancel()
    assert {ran.recv(timeout=PATIENCE), ran.recv(timeout=PATIENCE)} == {"value", "child"}


def test_async_functions() -> None:
    ctx, ran = with_cancel(background()), Chan[int]()

    async def send() -> None:
        await ran.asend(1)

    context_after_func(ctx, send)
    ctx.cancel()
    assert ran.recv(timeout=PATIENCE) == 1


def test_cancel_does_not_wait_for_it() -> None:
    """It runs in a goroutine of its own: a function that blocks holds up nobody."""
    ctx, gate, ran = with_cancel(background()), Chan[None](), Chan[int](1)

    def blocked() -> None:
        gate.recv_ok()
        ran.send(threading.get_ident())

    context_after_func(ctx, blocked)
    ctx.cancel()
    assert len(ran) == 0
    gate.close()
    assert ran.recv(timeout=PATIENCE) != threading.get_ident()


def test_it_belongs_to_who_registered_it() -> None:
    """Its contextvars and its run() are those, not those of whoever ends the context."""
    var, seen = ContextVar("var", default="nobody"), Chan[str](1)
    ctx = with_cancel(background())
    var.set("registered")
    context_after_func(ctx, lambda: seen.send(var.get()))
    var.set("later")
    go(ctx.cancel)
    assert seen.recv(timeout=PATIENCE) == "registered"

    ctx = with_cancel(background())
    run(context_after_func, ctx, lambda: seen.send("the run is over"))
    ctx.cancel()
    go(int).join(PATIENCE)
    with pytest.raises(TimeoutError):
        seen.recv(timeout=0.02)


def test_each_registration_stands_by_itself() -> None:
    ctx, ran = with_cancel(background()), Chan[str](5)

    def send() -> None:
        ran.send("ran")

    stops = [context_after_func(ctx, send) for _ in range(3)]
    assert stops[1]() is True
    ctx.cancel()
    assert [ran.recv(timeout=PATIENCE) for _ in range(2)] == ["ran"] * 2
    assert [stop() for stop in stops] == [False] * 3
    assert len(ran) == 0


def test_stop_is_true_once() -> None:
    ctx, ran = with_cancel(background()), Chan[int](1)
    stop = context_after_func(ctx, lambda: ran.send(1))
    assert [stop(), stop()] == [True, False]
    ctx.cancel()
    assert [stop(), len(ran)] == [False, 0]


@pytest.mark.parametrize("ctx", [background(), todo(), without_cancel(with_cancel(background()))])
def test_stop_where_it_can_never_run(ctx: Any) -> None:
    stop = context_after_func(ctx, print)
    assert [stop(), stop()] == [True, False]


def test_stop_against_cancel() -> None:
    """One of them wins: taken back and never run, or run and not taken back."""
    for _ in range(200):
        ctx, ran = with_cancel(background()), Chan[int](1)
        stop = context_after_func(ctx, lambda ran=ran: ran.send(1))  # type: ignore[misc]
        canceller = go(ctx.cancel)
        if stop():
            canceller.join(PATIENCE)
            with pytest.raises(TimeoutError):
                ran.recv(timeout=0)
        else:
            assert ran.recv(timeout=PATIENCE) == 1


def test_an_error_in_it_goes_to_the_excepthook(reports: Reports) -> None:
    ctx = with_cancel(background())
    context_after_func(ctx, lambda: 1 / 0)
    ctx.cancel()
    reports.wait("division by zero")


@pytest.mark.parametrize("fn", [None, 3, "print"])
def test_what_cannot_be_called(fn: Any) -> None:
    with pytest.raises(TypeError, match=r"context_after_func\(\) needs a function to call"):
        context_after_func(with_cancel(background()), fn)


def test_stop_is_no_value() -> None:
    import copy

    stop = context_after_func(with_cancel(background()), print)
    with pytest.raises(TypeError, match="cannot copy or pickle"):
        copy.copy(stop)
    assert "after-function" in repr(stop)


# ------------------------------------------------------------------ Go's examples
def test_example_merge() -> None:
    """ExampleAfterFunc_merge: a context with the values of one that ends with either of two."""
    first, second = with_cancel(background()), with_cancel(background())
    merged = with_cancel(with_value(first, "a", 1))
    stop = context_after_func(second, lambda: merged.cancel(second.cause))
    why = ValueError("second")
    second.cancel(why)
    merged.wait(PATIENCE)
    assert merged.cause is why and merged.value("a") == 1
    assert first.err is None and stop() is False


def test_example_wake_all_who_wait() -> None:
    """ExampleAfterFunc_cond, with a channel: one function releases a whole group."""
    ctx, woken, wg = with_cancel(background()), Chan[None](), WaitGroup()
    context_after_func(ctx, woken.close)
    for _ in range(5):
        wg.go(lambda: select(Chan[int](), woken))
    ctx.cancel()
    wg.wait(timeout=PATIENCE)

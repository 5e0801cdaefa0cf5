"""`after_func`: a call in a goroutine of its own (T2, T6, T13)."""

from __future__ import annotations

import contextvars
import threading
import time
import weakref
from functools import partial
from typing import Any

import pytest

import gochan
import procs
from collecting import collect_until
from gochan import Chan, Timer, after_func, agosched, asleep, go, run, set_excepthook
from hosts import Host
from parking import wait_until
from reporting import Reports
from ticking import LONG, SOON


async def test_it_calls_the_function_once_when_it_is_due(host: Host) -> None:
    called: Chan[float] = Chan(5)
    begun = time.monotonic()
    timer = after_func(SOON, lambda: called.send(time.monotonic()))
    assert isinstance(timer, Timer) and timer.c is None
    assert await host.recv(called) - begun >= SOON
    with pytest.raises(TimeoutError):
        await host.recv(called, timeout=3 * SOON)


async def test_in_a_goroutine_of_its_own(host: Host) -> None:
    """T2: also when it is due at once, never inside of the call."""
    where: Chan[int] = Chan()
    # A rendezvous: it would never come back if it ran inside.
    after_func(0, lambda: where.send(threading.get_ident()))
    assert await host.recv(where) != threading.get_ident()

    async def coroutine() -> None:
        await asleep(SOON / 10)
        await where.asend(7)

    after_func(-1, coroutine)
    assert await host.recv(where) == 7


async def test_stop_before_it_is_due(host: Host) -> None:
    """T6."""
    called: list[int] = []
    timer = after_func(2 * SOON, lambda: called.append(1))
    assert timer.stop()
    assert not timer.stop()
    await host.nap(5 * SOON)
    assert not called


async def test_stop_after_it_was_started(host: Host) -> None:
    """T6: false while the function still runs, and after that."""
    started, go_on = Chan[None](), Chan[None]()

    def work() -> None:
        started.send(None)
        go_on.recv()

    timer = after_func(0, work)
    await host.recv(started)
    assert not timer.stop()
    await host.send(go_on, None)
    assert not timer.stop()


async def test_reset(host: Host) -> None:
    """T6: it says the same, and arms one again that has fired."""
    called: Chan[int] = Chan(5)
    timer = after_func(LONG, lambda: called.send(1))
    assert timer.reset(LONG / 2)
    assert timer.reset(SOON)
    await host.recv(called)
    for _ in range(3):
        assert not timer.reset(SOON / 10), "started"
        await host.recv(called)
    assert not timer.reset(LONG)
    assert timer.stop()
    assert not timer.reset(LONG), "stopped"
    assert timer.stop()


async def test_one_call_may_overlap_the_next(host: Host) -> None:
    inside, go_on = Chan[int](), Chan[None]()

    def work() -> None:
        inside.send(1)
        go_on.recv()

    timer = after_func(0, work)
    await host.recv(inside)
    assert not timer.reset(0)
    await host.recv(inside)
    await host.send(go_on, None)
    await host.send(go_on, None)


def test_stop_is_true_or_it_is_called() -> None:
    """T6 under a race."""
    for turn in range(200):
        called: Chan[int] = Chan(1)
        timer = after_func((turn % 20) * 0.00005, partial(called.send, 1))
        stopped = timer.stop()
        if stopped:
            assert len(called) == 0
        else:
            assert called.recv(timeout=20) == 1


# ------------------------------------------------------------------ busy programs
def test_it_fires_while_goroutines_play_ping_pong() -> None:
    """T13, TestAfterFuncStarvation: goroutines that always make each other ready."""

    async def main() -> None:
        over: Chan[None] = Chan()
        fired: list[int] = []

        async def ping(ch: Chan[int], back: Chan[int]) -> None:
            await ch.asend(0)
            while not over.closed:
                await back.arecv()
                await ch.asend(0)

        async def pong(ch: Chan[int], back: Chan[int]) -> None:
            while not over.closed:
                await ch.arecv()
                await back.asend(0)

        def fire() -> None:
            fired.append(1)
            if len(fired) == 5:
                over.close()
            else:
                timer.reset(SOON / 2)

        for _ in range(4):
            there, back = Chan[int](), Chan[int]()
            go(ping, there, back)
            go(pong, there, back)
        timer = after_func(SOON / 2, fire)
        await over.arecv_ok()
        assert len(fired) == 5

    run(main)


def test_timers_fire_while_a_goroutine_gives_way_for_ever() -> None:
    """TestTimerFairness: one never waits, only gives way; sleepers and timers get their turn."""

    async def main() -> None:
        over: Chan[None] = Chan()

        async def busy() -> None:
            while not over.closed:
                await agosched()

        g = go(busy)
        for _ in range(5):
            await asleep(SOON / 5)
            await gochan.after(SOON / 5).arecv()
        over.close()
        await g

    run(main)


def test_it_fires_while_a_goroutine_computes() -> None:
    """The runner is stuck in one step: another thread sees to the timers."""

    async def main() -> None:
        fired = threading.Event()
        after_func(SOON / 2, fired.set)
        deadline = time.monotonic() + 20
        while not fired.is_set():
            assert time.monotonic() < deadline
        await agosched()

    go(main).result(25)


# ------------------------------------------------------------------ what it takes along
def test_it_has_the_contextvars_of_the_caller() -> None:
    var = contextvars.ContextVar("var", default="nobody")
    seen: Chan[str] = Chan(4)

    def look() -> None:
        seen.send(var.get())
        var.set("the function's own")

    var.set("caller")
    timer = after_func(SOON / 10, look)
    var.set("caller, later")
    assert seen.recv() == "caller"
    timer.reset(0)
    assert seen.recv() == "caller", "each call has a copy of its own"
    assert var.get() == "caller, later"


def test_an_error_is_the_goroutines(reports: Reports) -> None:
    """Also one that an `async def` begins with: nobody is there to raise it to."""

    def fails() -> None:
        raise ZeroDivisionError("in the function")

    async def needs_an_argument(x: int) -> None: ...

    after_func(0, fails)
    after_func(0, needs_an_argument)  # type: ignore[arg-type]
    wait_until(lambda: len(reports.errors) == 2, "the reports")
    seen = sorted(zip(reports.names, reports.errors, strict=True))
    assert [name.rpartition("-")[0] for name, _ in seen] == ["fails", "needs_an_argument"]
    assert seen[0][1] == "in the function"
    assert "missing 1 required positional argument" in seen[1][1]
    assert len(reports.settled()) == 2


def test_the_goroutine_says_where_it_was_asked_for() -> None:
    said: Chan[str] = Chan(1)

    def fails() -> None:
        raise ZeroDivisionError

    set_excepthook(lambda g, error: said.send(repr(g)))
    try:
        after_func(0, fails)
        assert f"started at {__file__}:" in said.recv(timeout=20)
    finally:
        set_excepthook(None)


@pytest.mark.parametrize("wrong", [None, 3, "print"])
def test_something_that_can_not_be_called(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"after_func\(\) needs a function to call"):
        after_func(0, wrong)


def test_wrong_times() -> None:
    with pytest.raises(ValueError, match=r"after_func\(\): seconds is not a number"):
        after_func(float("nan"), print)
    with pytest.raises(TypeError, match=r"after_func\(\): seconds must be"):
        after_func("1", print)  # type: ignore[arg-type]


# ------------------------------------------------------------------ life and death
def test_it_fires_without_its_handle() -> None:
    called = threading.Event()
    after_func(SOON, called.set)
    collect_until(called.is_set, "the call")


def test_what_was_stopped_is_let_go() -> None:
    class Function:
        timer: Timer

        def __call__(self) -> None: ...

    function = Function()
    function.timer = after_func(LONG, function)
    gone = weakref.ref(function)
    function.timer.stop()
    del function
    collect_until(lambda: gone() is None, "the function is collected")


def test_what_has_fired_is_let_go() -> None:
    class Function:
        timer: Timer

        def __call__(self) -> None:
            called.set()

    called = threading.Event()
    function = Function()
    function.timer = after_func(0, function)
    gone = weakref.ref(function)
    del function
    assert called.wait(20)
    collect_until(lambda: gone() is None, "the function is collected")


def test_it_is_abandoned_with_its_run() -> None:
    called: list[str] = []

    def main() -> None:
        after_func(SOON, lambda: called.append("late"))

    run(main)
    gochan.sleep(5 * SOON)
    assert not called


def test_repr_names_the_function() -> None:
    def work() -> None: ...

    timer = after_func(90, work)
    assert " of work() due in " in repr(timer)
    timer.stop()
    assert repr(timer).endswith(" of work() not armed>")


def test_no_call_after_exit_and_none_in_a_forked_child() -> None:
    child = procs.run(
        """
        import os, sys, gochan
        timer = gochan.after_func(0.2, lambda: os.write(1, b"called\\n"))
        pid = os.fork()
        if pid == 0:
            # The parent's: the goroutine would be of another process.
            gochan.sleep(0.4)
            assert not timer.stop()
            assert not timer.reset(3600) and timer.stop()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        gochan.sleep(0.1)
        """
    )
    assert child.ok() == "called\n"

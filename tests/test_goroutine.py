"""The handle that go() returns: who it is, what it is doing, and how to wait for its end."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import traceback
import weakref
from datetime import timedelta
from typing import Any

import pytest

from gochan import BlockingError, Chan, ChanClosed, Goroutine, RecvChan, SendChan, WaitGroup, go
from loops import NewLoop, on_each_loop, run
from parking import settle, wait_parked, wait_until, wait_waiting
from watch import PATIENCE, label


def divide(a: int, b: int) -> float:
    return a / b


# ---------------------------------------------------------------- who it is


def test_ids_are_unique() -> None:
    goroutines = [go(int) for _ in range(100)]
    assert len({g.id for g in goroutines}) == 100
    assert all(isinstance(g.id, int) for g in goroutines)


def test_the_name_is_the_functions_with_the_id() -> None:
    g = go(divide, 1, 1)
    assert g.name == f"divide-{g.id}"

    class Worker:
        def run(self) -> None: ...

        def __call__(self) -> None: ...

    # The functions that a class or function is defined in are left out.
    method = go(Worker().run)
    assert method.name == f"Worker.run-{method.id}"
    builtin = go(pow, 1, 1)
    assert builtin.name == f"pow-{builtin.id}"
    # An object without a __qualname__ still gets a name, with its id.
    assert go(Worker()).name.rpartition("-")[0] != ""


def test_ctrl_c_while_it_asks_for_the_name_is_not_lost() -> None:
    class Named:
        """A callable that computes its attributes, and is interrupted while it does."""

        def __getattr__(self, name: str) -> object:
            if name == "__qualname__":
                raise KeyboardInterrupt
            raise AttributeError(name)

        def __call__(self) -> None: ...

    def name() -> None:
        """The interrupt comes out of this, or of what the main thread runs next."""
        assert go(Named()).name
        wait_until(lambda: False, "Ctrl-C")

    with pytest.raises(KeyboardInterrupt):
        name()


def test_handles_are_made_by_go_alone() -> None:
    with pytest.raises(TypeError):
        Goroutine()  # type: ignore[call-arg]
    assert Goroutine.__module__ == "gochan"
    assert Goroutine[int] is not None  # the typed spelling


def test_handles_compare_by_identity_and_are_never_falsy() -> None:
    g, other = go(int), go(int)
    assert g == g
    assert g != other
    assert len({g, other, g}) == 2
    assert g
    assert weakref.ref(g)() is g


def test_handles_refuse_copy_and_pickle() -> None:
    g = go(int)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            attempt(g)


# ---------------------------------------------------------------- what it is doing


def test_states() -> None:
    own: Chan[Goroutine[None]] = Chan(1)
    told: Chan[str] = Chan(1)
    gate: Chan[None] = Chan()

    def look() -> None:
        told.send(own.recv().state)
        gate.recv()

    g = go(look)
    seen = [g.state]
    own.send(g)
    assert told.recv(timeout=PATIENCE) == "running"
    wait_waiting(g)
    gate.send(None, timeout=PATIENCE)
    g.join(PATIENCE)
    seen.append(g.state)
    assert seen[0] in {"runnable", "running", "waiting"}
    assert seen[1] == "done"


def test_busy_is_running_and_foreign_waits_are_too() -> None:
    """Only operations of gochan count as waiting: it cannot see into anything else."""
    entered = threading.Event()
    leave = threading.Event()

    def foreign() -> None:
        entered.set()
        leave.wait(PATIENCE)

    g = go(foreign)
    assert entered.wait(PATIENCE)
    assert g.state == "running"
    leave.set()
    g.join(PATIENCE)


def waits() -> dict[str, Any]:
    """Each blocking operation, and what ends it."""
    ch, wg = Chan[int](), WaitGroup()
    wg.add()
    return {
        "send": (ch.send, (1,), ch.recv),
        "recv": (ch.recv, (), lambda: ch.send(1)),
        "recv_ok": (ch.recv_ok, (), lambda: ch.send(1)),
        "recv_many": (ch.recv_many, (2,), lambda: ch.send(1)),
        "iteration": (next, (iter(ch),), lambda: ch.send(1)),
        "WaitGroup.wait": (wg.wait, (), wg.done),
    }


@pytest.mark.parametrize(
    "kind", ["send", "recv", "recv_ok", "recv_many", "iteration", "WaitGroup.wait"]
)
def test_waiting_means_that_a_peer_finds_it(kind: str) -> None:
    fn, args, end = waits()[kind]
    g = go(fn, *args)
    wait_waiting(g)
    end()
    g.join(PATIENCE)
    assert g.state == "done"
    assert g.exception() is None


def test_waiting_for_another_goroutine() -> None:
    gate: Chan[int] = Chan()
    first = go(gate.recv)
    others: list[Goroutine[Any]] = [
        go(first.join),
        go(first.result),
        go(first.exception),
        go(first.done.recv_ok),
    ]
    wait_waiting(first, *others)
    gate.send(1)
    for g in others:
        g.join(PATIENCE)
    assert [g.result() for g in others] == [None, 1, None, (None, False)]


# ---------------------------------------------------------------- done


def test_done_is_a_channel_that_closes() -> None:
    gate: Chan[int] = Chan()
    g = go(gate.recv)
    assert isinstance(g.done, RecvChan)
    assert not isinstance(g.done, SendChan)
    assert g.done == g.done
    assert hash(g.done) == hash(g.done)
    assert not g.done.closed
    with pytest.raises(TimeoutError):
        g.done.recv(timeout=0.01)
    gate.send(1)
    assert g.done.recv_ok(timeout=PATIENCE) == (None, False)
    # Everything is settled by the time it closes.
    assert (g.state, g.result(0), g.exception(0)) == ("done", 1, None)
    with pytest.raises(ChanClosed):
        g.done.recv()
    assert list(g.done) == []
    for name in ("send", "close", "asend", "send_nowait"):
        assert not hasattr(g.done, name)


def test_done_outlives_the_handle() -> None:
    gate: Chan[int] = Chan()
    done = go(gate.recv).done
    gate.send(1, timeout=PATIENCE)
    assert done.recv_ok(timeout=PATIENCE) == (None, False)


# ---------------------------------------------------------------- waiting for the end


@pytest.mark.parametrize("limit", [0, 0.01, -1, timedelta(milliseconds=10)], ids=label)
def test_timeouts(limit: Any) -> None:
    gate: Chan[int] = Chan()
    g = go(gate.recv)
    for wait in (g.join, g.result, g.exception):
        with pytest.raises(TimeoutError):
            wait(limit)
        with pytest.raises(TimeoutError):
            wait(timeout=limit)
    gate.send(1)
    for wait in (g.join, g.result, g.exception):
        wait(PATIENCE)
        wait(limit)  # it is done: no limit is too short


def test_wrong_timeouts() -> None:
    g = go(int)
    g.join(PATIENCE)
    waits: list[Any] = [g.join, g.result, g.exception, g.ajoin]
    for wait in waits:
        with pytest.raises(ValueError, match=r"(?i)nan"):
            wait(float("nan"))
        with pytest.raises(TypeError):
            wait("1")


def test_join_raises_nothing_of_the_goroutines() -> None:
    g = go(divide, 1, 0)
    g.join()
    g.join(timeout=0)
    assert isinstance(g.exception(), ZeroDivisionError)


def test_the_error_is_the_very_object_with_its_traceback() -> None:
    error = ValueError("the one")

    def inner() -> None:
        raise error

    def outer() -> None:
        inner()

    g = go(outer)
    assert g.exception(PATIENCE) is error
    for _ in range(3):
        with pytest.raises(ValueError, match="the one") as info:
            g.result()
        assert info.value is error
        frames = [frame.name for frame in traceback.extract_tb(info.value.__traceback__)]
        assert frames.count("outer") == frames.count("inner") == 1
        assert frames.index("outer") < frames.index("inner")
    assert g.exception() is error


def test_looking_again_and_again_does_not_lengthen_the_traceback() -> None:
    """Each raise adds the frames it passes through to the one object that all of them share."""
    g = go(divide, 1, 0)

    def depth() -> int:
        try:
            g.result(PATIENCE)
        except ZeroDivisionError as error:
            return len(traceback.extract_tb(error.__traceback__))
        raise AssertionError("no error")

    depths = [depth() for _ in range(10)]
    assert max(depths) == depths[0], depths


def test_a_cause_is_kept() -> None:
    def fail() -> None:
        try:
            divide(1, 0)
        except ZeroDivisionError as error:
            raise KeyError("k") from error

    assert isinstance(go(fail).exception(PATIENCE).__cause__, ZeroDivisionError)  # type: ignore[union-attr]


def test_several_threads_wait_for_one() -> None:
    gate: Chan[int] = Chan()
    g = go(gate.recv)
    waiters = [go(g.result) for _ in range(5)]
    wait_waiting(*waiters)
    gate.send(3)
    assert [w.result(PATIENCE) for w in waiters] == [3] * 5


def test_a_goroutine_that_joins_itself_waits_in_vain() -> None:
    own: Chan[Goroutine[None]] = Chan(1)

    def join_me() -> None:
        own.recv().join(0.01)

    g = go(join_me)
    own.send(g)
    assert isinstance(g.exception(PATIENCE), TimeoutError)


# ---------------------------------------------------------------- in asyncio


@on_each_loop
def test_await(new_loop: NewLoop) -> None:
    async def main() -> None:
        gate: Chan[int] = Chan()
        g = go(gate.recv)

        async def wait() -> int:
            return await g

        waiters = [asyncio.create_task(wait()) for _ in range(3)]
        joiner = asyncio.create_task(g.ajoin())
        await settle()
        assert not any(task.done() for task in [*waiters, joiner])
        await gate.asend(4)
        assert await asyncio.gather(*waiters) == [4, 4, 4]
        assert await joiner is None  # type: ignore[func-returns-value]
        assert await g == 4, "again, now that it is done"

    run(new_loop, main)


@on_each_loop
def test_await_raises_its_error(new_loop: NewLoop) -> None:
    async def main() -> None:
        g = go(divide, 1, 0)
        await g.ajoin()
        with pytest.raises(ZeroDivisionError) as info:
            await g
        assert info.value is g.exception()
        with pytest.raises(SystemExit):
            await go(leave)

    def leave() -> None:
        raise SystemExit(3)

    run(new_loop, main)


@on_each_loop
def test_cancelling_who_waits_leaves_the_goroutine_alone(new_loop: NewLoop) -> None:
    async def main() -> None:
        gate: Chan[int] = Chan()
        g = go(gate.recv)

        async def wait() -> int:
            return await g

        for waiting in (wait(), g.ajoin()):
            task = asyncio.create_task(waiting)
            await settle()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(g.ajoin(), 0.005)
        with pytest.raises(TimeoutError):
            await g.ajoin(0.005)
        with pytest.raises(TimeoutError):
            await g.ajoin(timeout=timedelta(milliseconds=5))
        with pytest.raises(BlockingError):
            g.join()
        await gate.asend(5)
        assert await g == 5

    run(new_loop, main)


@on_each_loop
def test_the_end_may_come_while_a_waiter_is_being_cancelled(new_loop: NewLoop) -> None:
    async def main() -> None:
        for _ in range(20):
            gate: Chan[int] = Chan()
            g = go(gate.recv)
            task = asyncio.create_task(g.ajoin())
            await settle()
            await asyncio.to_thread(wait_parked, gate, receivers=1)
            gate.send_nowait(1)
            wait_until(lambda g=g: g.state == "done", "the end")  # type: ignore[misc]
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await g == 1

    run(new_loop, main)


def test_loops_and_threads_wait_for_one() -> None:
    gate: Chan[int] = Chan()
    g = go(gate.recv)
    got: Chan[int] = Chan(4)

    def by_loop() -> None:
        async def main() -> None:
            got.send_nowait(await g)

        asyncio.run(main())

    waiters = [go(by_loop), go(by_loop), go(lambda: got.send(g.result()))]
    gate.send(6, timeout=PATIENCE)
    for waiter in waiters:
        waiter.result(PATIENCE)
    assert got.recv_many(4) == [6, 6, 6]

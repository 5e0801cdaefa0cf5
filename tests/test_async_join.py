"""Waiting for the end of an `async def` goroutine: from threads, loops and other goroutines."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

import loops
from gochan import Chan, ChanClosed, Goroutine, RecvChan, agosched, go
from loops import NewLoop, on_each_loop
from parking import settle, wait_parked, wait_waiting
from scheduler import Start, by_go, in_thread, on_each_start, until, wait
from watch import PATIENCE, label


async def receive(ch: Chan[int]) -> int:
    return await ch.arecv()


async def divide(a: int, b: int) -> float:
    await agosched()
    return a / b


# ---------------------------------------------------------------- done


def test_done_is_a_channel_that_closes() -> None:
    gate: Chan[int] = Chan()
    g = go(receive, gate)
    assert isinstance(g.done, RecvChan)
    assert g.done == g.done
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


@on_each_start
def test_done_in_a_goroutine(start: Start) -> None:
    async def main() -> None:
        gate: Chan[int] = Chan()
        g = go(receive, gate)
        with pytest.raises(TimeoutError):
            await g.done.arecv(timeout=0.01)
        await gate.asend(1)
        assert await g.done.arecv_ok() == (None, False)
        assert [value async for value in g.done] == []
        with pytest.raises(ChanClosed):
            await g.done.arecv()
        assert (g.state, g.result(0)) == ("done", 1)

    start(main)


def test_done_outlives_the_handle() -> None:
    gate: Chan[int] = Chan()
    done = go(receive, gate).done
    gate.send(1, timeout=PATIENCE)
    assert done.recv_ok(timeout=PATIENCE) == (None, False)


# ---------------------------------------------------------------- in a goroutine


@on_each_start
def test_await(start: Start) -> None:
    async def main() -> None:
        gate: Chan[int] = Chan()
        g = go(receive, gate)
        waiters = [go(wait, g) for _ in range(3)]
        joiner = go(g.ajoin)
        everybody: list[Goroutine[Any]] = [*waiters, joiner]
        await until(lambda: {w.state for w in everybody} == {"waiting"}, everybody)
        await gate.asend(4)
        assert [await w for w in waiters] == [4, 4, 4]
        assert await joiner is None  # type: ignore[func-returns-value]
        assert await g == 4, "again, now that it is done"
        assert g.result() == 4
        assert g.exception() is None

    start(main)


@on_each_start
def test_await_raises_its_error(start: Start) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    async def main() -> None:
        g = go(divide, 1, 0)
        await g.ajoin()
        with pytest.raises(ZeroDivisionError) as info:
            await g
        assert info.value is g.exception()
        with pytest.raises(SystemExit):
            await go(leave)
        # One that was waited for while it ran, and one that had ended: the same.
        with pytest.raises(ZeroDivisionError):
            await go(divide, 1, 0)

    start(main)


@on_each_start
def test_the_blocking_forms(start: Start) -> None:
    """They cost the thread, not the program: the one waited for runs all the same."""

    async def main() -> None:
        gate: Chan[int] = Chan()
        g = go(receive, gate)
        with pytest.raises(TimeoutError):
            g.join(0.01)
        sender = go(gate.asend, 6)
        g.join()
        assert (g.result(), g.exception()) == (6, None)
        sender.join()
        failed = go(divide, 1, 0)
        assert isinstance(failed.exception(), ZeroDivisionError)
        with pytest.raises(ZeroDivisionError):
            failed.result()

    start(main)


@on_each_start
def test_timeouts(start: Start) -> None:
    async def main() -> None:
        gate: Chan[int] = Chan()
        g = go(receive, gate)
        for limit in (0, -1, 0.01, timedelta(milliseconds=10)):
            with pytest.raises(TimeoutError, match="ajoin"):
                await g.ajoin(limit)
            with pytest.raises(TimeoutError, match="ajoin"):
                await g.ajoin(timeout=limit)
        await gate.asend(1)
        await g.ajoin(PATIENCE)
        await g.ajoin(0)
        with pytest.raises(ValueError, match=r"(?i)nan"):
            await g.ajoin(float("nan"))

    start(main)


@on_each_start
def test_a_goroutine_that_joins_itself_waits_in_vain(start: Start) -> None:
    async def main() -> None:
        own: Chan[Goroutine[None]] = Chan(1)

        async def join_me() -> None:
            await (await own.arecv()).ajoin(0.01)

        g = go(join_me)
        await own.asend(g)
        await g.ajoin()
        assert isinstance(g.exception(), TimeoutError)

    start(main)


def test_a_waiter_that_gives_up_does_not_disturb_the_others() -> None:
    async def main() -> None:
        gate: Chan[int] = Chan()
        g = go(receive, gate)
        patient = [go(g.ajoin) for _ in range(5)]
        hasty = [go(g.ajoin, 0.01) for _ in range(5)]
        patient += [go(g.ajoin) for _ in range(5)]
        for h in hasty:
            await h.ajoin()
            assert isinstance(h.exception(), TimeoutError)
        await until(lambda: {p.state for p in patient} == {"waiting"}, patient)
        await gate.asend(1)
        for p in patient:
            await p

    by_go(main)


# ---------------------------------------------------------------- from threads


@pytest.mark.parametrize("limit", [0, 0.01, -1, timedelta(milliseconds=10)], ids=label)
def test_timeouts_in_a_thread(limit: Any) -> None:
    gate: Chan[int] = Chan()
    g = go(receive, gate)
    for look in (g.join, g.result, g.exception):
        with pytest.raises(TimeoutError):
            look(limit)
    gate.send(1)
    for look in (g.join, g.result, g.exception):
        look(PATIENCE)
        look(limit)  # it is done: no limit is too short


def test_the_error_is_the_very_object_with_its_traceback() -> None:
    error = ValueError("the one")

    async def inner() -> None:
        await agosched()
        raise error

    async def outer() -> None:
        await inner()

    g = go(outer)
    assert g.exception(PATIENCE) is error
    # Nothing of gochan's own comes before the user's functions.
    assert [f.name for f in traceback.extract_tb(error.__traceback__)] == ["outer", "inner"]
    for _ in range(3):
        with pytest.raises(ValueError, match="the one") as info:
            g.result()
        assert info.value is error
        frames = [frame.name for frame in traceback.extract_tb(info.value.__traceback__)]
        assert frames.count("outer") == frames.count("inner") == 1
        assert frames.index("outer") < frames.index("inner")
    assert g.exception() is error


def look_by_result(g: Goroutine[Any]) -> int:
    try:
        g.result(PATIENCE)
    except ZeroDivisionError as error:
        return len(traceback.extract_tb(error.__traceback__))
    raise AssertionError("no error")


async def look_by_await(g: Goroutine[Any]) -> int:
    try:
        await g
    except ZeroDivisionError as error:
        return len(traceback.extract_tb(error.__traceback__))
    raise AssertionError("no error")


LOOKS: dict[str, Callable[[Goroutine[Any]], int]] = {
    "result": look_by_result,
    "await in a goroutine": lambda g: go(look_by_await, g).result(PATIENCE),
    "await in a loop": lambda g: asyncio.run(look_by_await(g)),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_looking_again_and_again_does_not_lengthen_the_traceback(
    look: Callable[[Goroutine[Any]], int],
) -> None:
    """Each raise adds the frames it passes through to the one object that all of them share."""
    g = go(divide, 1, 0)
    depths = [look(g) for _ in range(10)]
    assert max(depths) == depths[0], depths


# ---------------------------------------------------------------- in asyncio


@on_each_loop
def test_await_in_a_loop(new_loop: NewLoop) -> None:
    async def main() -> None:
        gate: Chan[int] = Chan()
        g = go(receive, gate)
        waiters = [asyncio.create_task(wait(g)) for _ in range(3)]
        joiner = asyncio.create_task(g.ajoin())
        await settle()
        assert not any(task.done() for task in [*waiters, joiner])
        await gate.asend(4)
        assert await asyncio.gather(*waiters) == [4, 4, 4]
        assert await joiner is None  # type: ignore[func-returns-value]
        assert await g == 4
        failed = go(divide, 1, 0)
        with pytest.raises(ZeroDivisionError):
            await failed
        assert isinstance(failed.exception(), ZeroDivisionError)

    loops.run(new_loop, main)


@on_each_loop
def test_cancelling_who_waits_leaves_the_goroutine_alone(new_loop: NewLoop) -> None:
    async def main() -> None:
        gate: Chan[int] = Chan()
        g = go(receive, gate)
        for waiting in (wait(g), g.ajoin()):
            task = asyncio.create_task(waiting)
            await settle()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(g.ajoin(), 0.005)
        with pytest.raises(TimeoutError):
            await g.ajoin(0.005)
        await gate.asend(5)
        assert await g == 5

    loops.run(new_loop, main)


# ---------------------------------------------------------------- all of them at once


@pytest.mark.parametrize("fails", [False, True])
def test_threads_loops_and_goroutines_wait_for_one(fails: bool) -> None:
    gate: Chan[int] = Chan()
    got: Chan[object] = Chan(30)

    async def target() -> int:
        value = await gate.arecv()
        if fails:
            raise ZeroDivisionError("expected by this test")
        return value

    def note(outcome: object) -> None:
        got.send_nowait(outcome)

    def by_thread() -> None:
        try:
            note(g.result(PATIENCE))
        except ZeroDivisionError as error:
            note(error)

    async def by_await() -> None:
        try:
            note(await g)
        except ZeroDivisionError as error:
            note(error)

    async def by_join() -> None:
        await g.ajoin()
        note(g.exception(0) or g.result(0))

    def by_loop() -> None:
        asyncio.run(by_await())

    g = go(target)
    bodies: list[Callable[[], Coroutine[Any, Any, None] | None]] = [
        *(by_thread, by_loop, by_await, by_join)
    ]
    waiters = [go(body) for _ in range(3) for body in bodies]
    wait_waiting(*(w for w in waiters if "by_loop" not in w.name))
    wait_parked(gate, receivers=1)
    gate.send(6)
    for w in waiters:
        w.result(PATIENCE)
    expected = g.exception(0) if fails else 6
    assert expected is not None
    assert [got.recv_nowait() for _ in waiters] == [expected] * len(waiters)


def test_waiters_come_while_it_ends() -> None:
    """Whoever joins at the very moment of the end is not forgotten."""

    async def short(n: int) -> int:
        for _ in range(n):
            await agosched()
        return n

    async def main() -> None:
        for n in range(100):
            g = go(short, n % 5)
            waiters = []
            for _ in range(5):
                waiters.append(go(wait, g))
                await agosched()
            assert [await w for w in waiters] == [n % 5] * 5

    by_go(main)
    for n in range(100):
        g = go(short, n % 5)
        assert in_thread(lambda g=g: g.result(PATIENCE)) == n % 5  # type: ignore[misc]
        assert g.result(0) == n % 5

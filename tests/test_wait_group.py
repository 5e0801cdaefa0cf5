"""WaitGroup: the counter, who waits and is released when it gets to zero, `go` and `with`."""

from __future__ import annotations

import asyncio
import copy
import pickle
import weakref
from datetime import timedelta
from typing import Any

import pytest

from gochan import Chan, Goroutine, WaitGroup, WaitGroupError, go, num_goroutine
from loops import Call, NewLoop, from_thread, on_each_loop, on_each_waker, run
from parking import settle, wait_waiting
from watch import PATIENCE, label


def counted(n: int) -> WaitGroup:
    wg = WaitGroup()
    wg.add(n)
    return wg


# ---------------------------------------------------------------- the counter


def test_it_starts_at_zero_and_wait_returns_at_once() -> None:
    """W1"""
    wg = WaitGroup()
    assert wg.count == 0
    wg.wait()
    wg.wait(timeout=0)
    asyncio.run(await_it(wg))


async def await_it(wg: WaitGroup) -> None:
    await wg


def test_add_and_done() -> None:
    """W2"""
    wg = WaitGroup()
    wg.add()
    wg.add(4)
    assert wg.count == 5
    wg.add(-2)
    wg.done()
    assert wg.count == 2
    wg.add(0)
    assert wg.count == 2
    wg.add(-2)
    assert wg.count == 0


@pytest.mark.parametrize("start", [0, 1, 3])
def test_below_zero_is_refused_and_the_counter_unchanged(start: int) -> None:
    """Go panics having gone below zero; here an operation that raises has had no effect."""
    wg = counted(start)
    with pytest.raises(WaitGroupError):
        wg.add(-start - 1)
    assert wg.count == start
    for _ in range(start):
        wg.done()
    with pytest.raises(WaitGroupError) as info:
        wg.done()
    assert isinstance(info.value, RuntimeError)
    assert "negative" in str(info.value)
    assert wg.count == 0
    wg.wait(timeout=0)


def test_a_refused_add_releases_nobody() -> None:
    wg = counted(1)
    waiter = go(wg.wait)
    wait_waiting(waiter)
    with pytest.raises(WaitGroupError):
        wg.add(-2)
    assert waiter.state == "waiting"
    wg.done()
    waiter.result(PATIENCE)


def test_wrong_arguments() -> None:
    wg: Any = WaitGroup()
    for delta in ("1", 1.0, None):
        with pytest.raises(TypeError):
            wg.add(delta)
    with pytest.raises(TypeError):
        wg.add(delta=1)
    for huge in (2**100, -(2**100)):
        with pytest.raises((OverflowError, ValueError)):
            wg.add(huge)
    assert wg.count == 0
    with pytest.raises(ValueError, match=r"(?i)nan"):
        wg.wait(timeout=float("nan"))
    with pytest.raises(TypeError):
        wg.wait(timeout="1")
    with pytest.raises(TypeError):
        wg.wait(1)
    with pytest.raises(TypeError):
        WaitGroup(1)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        wg.count = 5


def test_identity_copy_and_truth() -> None:
    """W7: a copy would be a second counter."""
    wg = WaitGroup()
    assert wg
    assert wg != WaitGroup()
    assert len({wg, wg}) == 1
    assert weakref.ref(wg)() is wg
    assert WaitGroup.__module__ == "gochan"
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            attempt(wg)


# ---------------------------------------------------------------- waiting


def test_zero_releases_everybody_at_once() -> None:
    """W3, W6, K8: nobody is left, and nobody was let go before."""
    wg = counted(2)
    threads = [go(wg.wait) for _ in range(5)]
    wait_waiting(*threads)

    async def main() -> None:
        tasks = [asyncio.create_task(await_it(wg)) for _ in range(5)]
        await settle()
        wg.done()
        await settle()
        assert not any(task.done() for task in tasks)
        assert {g.state for g in threads} == {"waiting"}
        from_thread(wg.done)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    for g in threads:
        g.result(PATIENCE)


@pytest.mark.parametrize("limit", [0, -1, 0.01, timedelta(milliseconds=10)], ids=label)
def test_timeout(limit: Any) -> None:
    wg = counted(1)
    with pytest.raises(TimeoutError):
        wg.wait(timeout=limit)
    assert wg.count == 1
    wg.done()
    wg.wait(timeout=limit)


def test_adds_while_it_is_above_zero_prolong_the_wait() -> None:
    """W4: from inside a counted task that is always fine."""
    wg = WaitGroup()
    seen: Chan[int] = Chan(100)

    def tree(depth: int) -> None:
        seen.send(depth)
        if depth:
            wg.go(tree, depth - 1)
            wg.go(tree, depth - 1)

    wg.go(tree, 5)
    wg.wait(timeout=PATIENCE)
    assert wg.count == 0
    assert len(seen) == 2**6 - 1


@on_each_waker
@on_each_loop
def test_a_cancelled_waiter(new_loop: NewLoop, call: Call) -> None:
    async def main() -> None:
        wg = counted(1)
        tasks = [asyncio.create_task(await_it(wg)) for _ in range(3)]
        await settle()
        tasks[0].cancel()
        call(wg.done)
        tasks[1].cancel()
        for task in tasks[:2]:
            with pytest.raises(asyncio.CancelledError):
                await task
        await tasks[2]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(await_it(counted(1)), 0.005)

    run(new_loop, main)


# ---------------------------------------------------------------- go()


def test_go_counts_until_the_function_ends() -> None:
    """W5"""
    wg = WaitGroup()
    gate: Chan[int] = Chan()
    g = wg.go(gate.recv)
    assert isinstance(g, Goroutine)
    assert wg.count == 1
    gate.send(7, timeout=PATIENCE)
    wg.wait(timeout=PATIENCE)
    assert wg.count == 0
    assert g.result(PATIENCE) == 7


def test_go_passes_arguments() -> None:
    wg = WaitGroup()

    def f(*args: object, **kwargs: object) -> object:
        return args, kwargs

    assert wg.go(f, 1, fn=2, timeout=3).result(PATIENCE) == ((1,), {"fn": 2, "timeout": 3})
    wg.wait(timeout=PATIENCE)


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit, KeyboardInterrupt])
def test_go_counts_down_after_an_error_too(error: type[BaseException]) -> None:
    """The error is on the handle by the time wait() returns (PY4)."""
    wg = WaitGroup()

    def fail() -> None:
        raise error("expected by this test")

    goroutines = [wg.go(fail) for _ in range(3)]
    wg.wait(timeout=PATIENCE)
    assert wg.count == 0
    for g in goroutines:
        assert isinstance(g.exception(0), error)


def test_go_refused_counts_nothing() -> None:
    wg: Any = WaitGroup()
    before = num_goroutine()
    with pytest.raises(TypeError):
        wg.go(None)
    with pytest.raises(TypeError):
        wg.go()
    assert (wg.count, num_goroutine()) == (0, before)


# ---------------------------------------------------------------- with


def test_leaving_with_waits() -> None:
    seen: Chan[int] = Chan(3)
    with WaitGroup() as wg:
        for i in range(3):
            wg.go(seen.send, i)
    assert (wg.count, len(seen)) == (0, 3)


def test_leaving_with_an_error_waits_too() -> None:
    gate: Chan[int] = Chan()
    wg = WaitGroup()

    def body() -> None:
        with wg:
            g = wg.go(gate.recv)
            go(gate.send, 1)
            del g
            raise ZeroDivisionError("expected by this test")

    with pytest.raises(ZeroDivisionError):
        body()
    assert wg.count == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_leaving_on_an_interrupt_does_not_wait(error: type[BaseException]) -> None:
    """Whoever presses Ctrl-C wants out, not to wait for the workers."""
    wg = counted(1)

    def body() -> None:
        with wg:
            raise error

    with pytest.raises(error):
        body()
    assert wg.count == 1


@on_each_loop
def test_leaving_async_with_waits(new_loop: NewLoop) -> None:
    async def main() -> None:
        gate: Chan[int] = Chan()
        left: list[int] = []

        async def body() -> None:
            async with WaitGroup() as wg:
                wg.go(gate.recv)
            left.append(wg.count)

        task = asyncio.create_task(body())
        await settle()
        assert not task.done()
        await gate.asend(1)
        await task
        assert left == [0]

        async def failing() -> None:
            async with WaitGroup() as wg:
                wg.go(gate.recv)
                raise ZeroDivisionError("expected by this test")

        task = asyncio.create_task(failing())
        await settle()
        assert not task.done()
        await gate.asend(1)
        with pytest.raises(ZeroDivisionError):
            await task

    run(new_loop, main)


@on_each_loop
def test_a_cancelled_async_with_does_not_wait(new_loop: NewLoop) -> None:
    async def main() -> None:
        wg = counted(1)

        async def body(where: str) -> None:
            async with wg:
                if where == "body":
                    await asyncio.Event().wait()

        for where in ("body", "exit"):
            task = asyncio.create_task(body(where))
            await settle()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert wg.count == 1

    run(new_loop, main)

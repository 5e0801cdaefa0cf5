"""Once, once_func and once_value: one run, everybody waits for its end, an error counts; O1-O7."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import threading
import traceback
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from gochan import BlockingError, Once, go, goexit, once_func, once_value
from holding import until_waiting, waiting
from hosts import Host
from parking import wait_until
from watch import PATIENCE


async def do(host: Host, once: Once, fn: Callable[[], Any]) -> None:
    if host.blocking:
        once.do(fn)
    else:
        await once.ado(fn)


# ---------------------------------------------------------------- one run


def test_the_first_function_runs_and_no_other() -> None:
    """O1"""
    once, ran = Once(), list[int]()
    assert not once.done
    for number in range(3):
        once.do(lambda number=number: ran.append(number))  # type: ignore[misc]
    assert ran == [0]
    assert once.done
    assert " done waiters=0>" in repr(once)


async def test_all_wait_for_its_end(host: Host, peer: Host) -> None:
    """O1, O7; Go's TestOnce."""
    once, ran, leave = Once(), 0, threading.Event()

    def counts() -> None:
        nonlocal ran
        assert leave.wait(PATIENCE)
        ran += 1

    async def party(host: Host) -> None:
        await do(host, once, counts)
        assert ran == 1

    # It blocks its thread, so it has one of its own.
    first = go(once.do, counts)
    await host.until(lambda: " running " in repr(once), once)
    peers = [peer.spawn(party) for _ in range(5)]
    await until_waiting(host, once, 5)
    assert not once.done
    leave.set()
    for one in peers:
        await host.join(one)
    first.result(PATIENCE)
    await do(host, once, counts)
    assert ran == 1


async def test_an_error_counts_as_done(host: Host) -> None:
    """O2; Go's TestOncePanic."""
    once = Once()

    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await do(host, once, fails)
    assert once.done
    await do(host, once, fails)


async def test_an_async_function_is_awaited(host: Host) -> None:
    if host.blocking:
        pytest.skip("an awaitable form")
    once, ran = Once(), 0

    async def counts() -> None:
        nonlocal ran
        await host.nap(0.002)
        ran += 1

    async def party(host: Host) -> None:
        await once.ado(counts)
        assert ran == 1

    for one in [host.spawn(party) for _ in range(4)]:
        await host.join(one)
    assert ran == 1


def test_ado_with_an_error_and_a_cancellation() -> None:
    async def main() -> None:
        async def fails() -> None:
            raise ZeroDivisionError

        once = Once()
        with pytest.raises(ZeroDivisionError):
            await once.ado(fails)
        await once.ado(fails)

        once = Once()
        running = asyncio.create_task(_ado(once, asyncio.Event().wait))
        await asyncio.sleep(0)
        behind = asyncio.create_task(_ado(once, fails))
        gone = asyncio.create_task(_ado(once, fails))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert waiting(once) == 1
        running.cancel()
        await behind
        assert once.done
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())


async def _ado(once: Once, fn: Callable[[], Any]) -> None:
    await once.ado(fn)


def test_goexit_counts_as_done() -> None:
    """O2"""
    once = Once()
    go(once.do, goexit).result(PATIENCE)
    assert once.done


# ---------------------------------------------------------------- what cannot go well


def test_calling_itself_is_an_error() -> None:
    """O3: Go waits for itself for ever."""
    once = Once()
    with pytest.raises(RuntimeError, match="wait for itself"):
        once.do(lambda: once.do(print))
    assert once.done

    async def awaits_itself() -> None:
        once = Once()

        async def again() -> None:
            await once.ado(print)

        with pytest.raises(RuntimeError, match="wait for itself"):
            await once.ado(again)

    asyncio.run(awaits_itself())
    go(awaits_itself).result(PATIENCE)
    value: Callable[[], int] = once_value(lambda: value() + 1)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="wait for itself"):
            value()


def test_wrong_functions() -> None:
    once: Any = Once()

    async def suspends() -> None: ...

    for wrong in (None, 1, "f"):
        takers: list[Any] = [once.do, once.ado, once_func, once_value]
        for taker in takers:
            with pytest.raises(TypeError, match="needs a function"):
                taker(wrong)
    for taker in takers[:1] + takers[2:]:
        with pytest.raises(TypeError, match="ado"):
            taker(suspends)
    assert not once.done, "before any effect"
    with pytest.raises(TypeError, match="ado"):
        once.do(lambda: suspends())
    with pytest.raises(TypeError, match="ado"):
        takers[3](lambda: suspends())()


def test_a_forgotten_await_is_named() -> None:
    forgotten = Once().ado(print)
    with pytest.warns(RuntimeWarning, match=r"'Once\.ado' was never awaited"):
        del forgotten


def test_identity_copy_and_truth() -> None:
    value: Any = once_value(int)
    for one in (Once(), value):
        assert one
        assert weakref.ref(one)() is one
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="second time"):
                attempt(one)
    assert value.__name__ == "int"
    assert repr(value) == "<gochan.once_value of int, new>"


def test_blocking_a_loop_is_refused_only_while_it_runs() -> None:
    async def main() -> None:
        once, leave = Once(), threading.Event()
        other = go(once.do, leave.wait)
        wait_until(lambda: " running " in repr(once), "it runs")
        with pytest.raises(BlockingError, match=r"once\.ado"):
            once.do(print)
        leave.set()
        await once.ado(print)
        once.do(print)
        await other

    asyncio.run(main())


# ---------------------------------------------------------------- once_func, once_value


def test_once_value_runs_once_and_gives_it_to_all() -> None:
    """Go's TestOnceValue."""
    ran = 0

    def makes() -> object:
        nonlocal ran
        ran += 1
        return made

    made = object()
    value = once_value(makes)
    assert ran == 0
    assert [value(), value()] == [made, made]
    assert ran == 1
    assert once_func(makes)() is None


def test_waiting_for_the_value() -> None:
    leave = threading.Event()
    value = once_value(lambda: leave.wait(PATIENCE) and 7)
    callers = [go(value) for _ in range(4)]
    wait_until(lambda: sum(g.state == "waiting" for g in callers) == 3, "three wait")
    leave.set()
    assert [g.result(PATIENCE) for g in callers] == [7] * 4


@pytest.mark.parametrize("maker", [once_func, once_value])
def test_the_same_error_every_time(maker: Callable[[Any], Callable[[], Any]]) -> None:
    """O4; Go's TestOnceFuncPanic and -Traceback: and its traceback does not grow."""
    ran = 0

    def fails() -> None:
        nonlocal ran
        ran += 1
        raise ZeroDivisionError("by design")

    call, seen, depths = maker(fails), [], []
    for _ in range(4):
        with pytest.raises(ZeroDivisionError, match="by design") as info:
            call()
        seen.append(info.value)
        frames = traceback.extract_tb(info.value.__traceback__)
        assert frames[-1].name == "fails"
        depths.append(len(frames))
    assert ran == 1
    assert all(error is seen[0] for error in seen)
    assert len(set(depths)) == 1


def test_what_ends_the_caller_ends_nobody_else() -> None:
    """O6; Go's TestOnceFuncGoexit."""
    exits = once_func(goexit)
    go(exits).result(PATIENCE)
    with pytest.raises(RuntimeError, match="ended by GoExit"):
        exits()

    def interrupted() -> None:
        raise KeyboardInterrupt

    call = once_func(interrupted)
    with pytest.raises(KeyboardInterrupt):
        call()
    with pytest.raises(RuntimeError, match="ended by KeyboardInterrupt"):
        call()


class Function:
    def __init__(self, fails: bool) -> None:
        self.fails = fails

    def __call__(self) -> Function | None:
        if self.fails:
            raise ZeroDivisionError
        return None


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("maker", [once_func, once_value])
def test_the_function_is_let_go_of(maker: Any, fails: bool) -> None:
    """O5; Go's TestOnceXGC. A traceback holds frames, so the error is left without."""
    function = Function(fails)
    seen = weakref.ref(function)
    call = maker(function)
    del function
    gc.collect()
    assert seen() is not None
    try:
        call()
    except ZeroDivisionError as error:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_name == "__call__":
                frame.clear()
    gc.collect()
    assert seen() is None
    if fails:
        with pytest.raises(ZeroDivisionError):
            call()


def test_a_result_that_leads_back_is_collected() -> None:
    class Holder:
        value: Any = None

    holder = Holder()

    def itself(holder: Holder = holder) -> Holder:
        return holder

    holder.value = once_value(itself)
    holder.value()
    seen = weakref.ref(holder)
    del holder, itself
    gc.collect()
    assert seen() is None

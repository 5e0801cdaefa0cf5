"""goexit(): the goroutine ends here, its finally blocks run, and it is no error (RT6, PY5)."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

import gochan
from gochan import Chan, Goroutine, WaitGroup, agosched, go, goexit, num_goroutine, run
from loops import NewLoop, on_each_loop
from loops import run as run_loop
from parking import wait_until, wait_waiting
from reporting import Reports
from scheduler import by_go, in_thread, parked, turns, under_a_deadline, until
from watch import PATIENCE

pytestmark = under_a_deadline

# ---------------------------------------------------------------- the goroutine that calls it


async def deeper(log: list[str]) -> None:
    try:
        await agosched()
        goexit()
        log.append("not reached")
    except Exception:
        log.append("no Exception")
    finally:
        log.append("inner")


async def leaves(log: list[str]) -> int:
    try:
        await deeper(log)
        log.append("not reached")
    finally:
        log.append("outer")
    return 5


def plain_deeper(log: list[str]) -> None:
    try:
        goexit()
        log.append("not reached")
    except Exception:
        log.append("no Exception")
    finally:
        log.append("inner")


def plain_leaves(log: list[str]) -> int:
    try:
        plain_deeper(log)
        log.append("not reached")
    finally:
        log.append("outer")
    return 5


@pytest.mark.parametrize("fn", [leaves, plain_leaves])
def test_finally_blocks_run_and_there_is_no_error(
    fn: Callable[[list[str]], Any], reports: Reports
) -> None:
    before = num_goroutine()
    log: list[str] = []
    g = go(fn, log)
    assert g.result(PATIENCE) is None
    assert g.exception(0) is None
    assert log == ["inner", "outer"]
    assert (g.state, num_goroutine()) == ("done", before)

    async def awaits(g: Goroutine[Any]) -> object:
        await g.ajoin()
        return await g

    assert go(awaits, g).result(PATIENCE) is None
    assert asyncio.run(awaits(g)) is None
    wg = WaitGroup()
    done = wg.go(fn, log).done
    assert done.recv_ok(timeout=PATIENCE) == (None, False)
    wg.wait(timeout=PATIENCE)
    del g
    assert reports.settled() == []


def test_as_the_whole_goroutine() -> None:
    g: Goroutine[object] = go(goexit)
    assert g.result(PATIENCE) is None


def test_what_it_raises_is_nobodys_to_catch_by_name() -> None:
    """Hidden, and no Exception: only what catches everything sees it."""
    seen: list[BaseException] = []

    async def body() -> None:
        try:
            goexit()
        except BaseException as error:
            seen.append(error)
            raise

    assert go(body).exception(PATIENCE) is None
    (error,) = seen
    assert type(error).__name__ == "GoExit"
    assert not isinstance(error, Exception)
    assert not hasattr(gochan, "GoExit")
    seen.clear()


def test_context_managers_are_left() -> None:
    log: list[str] = []

    @contextmanager
    def resource() -> Iterator[None]:
        try:
            yield
        finally:
            log.append("with")

    @asynccontextmanager
    async def aresource() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await agosched()
            log.append("async with")

    ch: Chan[int] = Chan()

    async def body() -> None:
        with ch, resource():
            async with aresource():
                goexit()

    assert go(body).exception(PATIENCE) is None
    assert log == ["async with", "with"]
    assert ch.closed


def test_finally_blocks_may_use_gochan() -> None:
    """Go's deferred calls may, and there is nothing more common than `defer wg.Done()`."""
    wg = WaitGroup()
    said: Chan[str] = Chan()
    log: list[str] = []

    async def body(ch: Chan[int]) -> None:
        try:
            try:
                goexit()
            finally:
                await said.asend("bye")
                await agosched()
                ch.close()
        finally:
            wg.done()
            log.append(await go(answer))

    async def answer() -> str:
        return "answer"

    def plain(ch: Chan[int]) -> None:
        try:
            try:
                goexit()
            finally:
                said.send("bye")
                ch.close()
        finally:
            wg.done()
            log.append(go(answer).result(PATIENCE))

    for fn in (body, plain):
        ch: Chan[int] = Chan()
        wg.add()
        g = go(fn, ch)
        assert said.recv(timeout=PATIENCE) == "bye"
        wg.wait(timeout=PATIENCE)
        assert g.exception(PATIENCE) is None
        assert ch.closed
    assert log == ["answer"] * 2


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_an_error_on_the_way_out_is_the_goroutines(kind: str, reports: Reports) -> None:
    """As with a panic in a deferred call: it must not get lost."""

    async def body() -> None:
        try:
            goexit()
        finally:
            await agosched()
            raise ZeroDivisionError("on the way out")

    def plain() -> None:
        try:
            goexit()
        finally:
            raise ZeroDivisionError("on the way out")

    fn: Callable[[], Any] = body if kind == "async" else plain
    g = go(fn)
    assert isinstance(g.exception(PATIENCE), ZeroDivisionError)
    done = go(fn).done
    assert done.recv_ok(timeout=PATIENCE) == (None, False)
    wait_until(lambda: reports.errors == ["on the way out"], "the report")


def test_only_the_one_that_calls_it_ends() -> None:
    async def child(ch: Chan[int]) -> int:
        return await ch.arecv()

    async def parent(ch: Chan[int], told: Chan[Goroutine[int]]) -> None:
        await told.asend(go(child, ch))
        goexit()

    for fn in (leaves, plain_leaves):
        ch: Chan[int] = Chan()
        told: Chan[Goroutine[int]] = Chan(1)
        p = go(parent, ch, told)
        c = told.recv(timeout=PATIENCE)
        assert p.result(PATIENCE) is None
        go(fn, []).join(PATIENCE)
        wait_waiting(c)
        ch.send(5, timeout=PATIENCE)
        assert c.result(PATIENCE) == 5


# ---------------------------------------------------------------- outside


def test_outside_of_goroutines() -> None:
    def refused() -> None:
        with pytest.raises(RuntimeError):
            goexit()

    refused()
    in_thread(refused)


@on_each_loop
def test_in_an_event_loop(new_loop: NewLoop) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError):
            goexit()
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError):
            goexit()

    run_loop(new_loop, main)


# ---------------------------------------------------------------- main


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_main_ends_and_run_waits_for_the_others(kind: str) -> None:
    """Its finally blocks run, then all the others go on to their ends; those have children too."""
    before = num_goroutine()
    log: list[str] = []
    gate: Chan[int] = Chan()

    async def child(depth: int) -> None:
        await turns(5)
        if depth:
            go(child, depth - 1)
            return
        log.append(f"{await gate.arecv()}")

    async def main() -> int:
        go(child, 5)
        await leaves(log)
        return 5

    def plain() -> int:
        go(child, 5)
        plain_leaves(log)
        return 5

    async def feed() -> None:
        # Not before main is gone, and the last child is alone.
        await parked(gate, receivers=1)
        await until(lambda: log == ["inner", "outer"], log)
        await gate.asend(7)

    feeder = go(feed)
    result: object = run(main) if kind == "async" else run(plain)
    assert result is None
    assert log == ["inner", "outer", "7"]
    feeder.result(PATIENCE)
    assert num_goroutine() == before


def test_main_ends_alone() -> None:
    log: list[str] = []
    assert run(leaves, log) is None
    assert run(plain_leaves, log) is None
    assert log == ["inner", "outer"] * 2
    assert run(turns, 1) is None, "and the next run is as good as any"


def test_blocked_def_goroutines_are_waited_for_too() -> None:
    gate: Chan[int] = Chan()
    got: list[int] = []

    def worker() -> None:
        got.append(gate.recv())

    async def main() -> None:
        go(worker)
        go(worker)
        goexit()

    async def feed() -> None:
        await parked(gate, receivers=2)
        await gate.asend(1)
        await gate.asend(2)

    go(feed)
    run(main)
    assert sorted(got) == [1, 2]


def test_the_error_of_a_child_that_is_waited_for_is_a_childs(reports: Reports) -> None:
    async def child() -> None:
        await turns(3)
        raise ZeroDivisionError("a child's")

    async def main() -> None:
        go(child)
        goexit()

    assert run(main) is None
    wait_until(lambda: reports.errors == ["a child's"], "the report")


def test_an_error_of_main_on_its_way_out_comes_out_of_run() -> None:
    async def main() -> None:
        try:
            goexit()
        finally:
            raise ZeroDivisionError("on the way out")

    with pytest.raises(ZeroDivisionError) as info:
        run(main)
    assert [f.name for f in traceback.extract_tb(info.value.__traceback__)][-1] == "main"


def test_goexit_in_a_function_that_main_calls_by_go() -> None:
    async def main() -> int:
        assert await go(leaves, []) is None
        await go(goexit)
        return 5

    assert run(main) == 5
    assert by_go(main) == 5

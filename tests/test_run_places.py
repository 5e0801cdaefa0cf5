"""run() in many places: nested, in threads, beside and inside event loops."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

import loops
import procs
from gochan import Chan, Goroutine, WaitGroup, agosched, go, num_goroutine, run
from loops import NewLoop, on_each_loop
from parking import wait_waiting
from scheduler import beside, in_thread, under_a_deadline
from watch import PATIENCE

pytestmark = under_a_deadline


async def answer() -> int:
    await agosched()
    return 42


def nested() -> None:
    """A run inside a run is refused, and nothing is left of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as: coroutine ... was never awaited
        with pytest.raises(RuntimeError, match="run"):
            run(answer)
        with pytest.raises(RuntimeError, match="run"):
            run(int)


# ---------------------------------------------------------------- nested


def test_inside_main() -> None:
    async def main() -> int:
        nested()
        await agosched()
        nested()
        return await go(answer)

    def plain() -> int:
        nested()
        return go(answer).result(PATIENCE)

    assert run(main) == 42
    assert run(plain) == 42


def test_inside_a_goroutine_of_main() -> None:
    async def child() -> int:
        nested()
        await agosched()
        nested()
        return 7

    async def main() -> int:
        return await go(child)

    assert run(main) == 7
    assert run(answer) == 42, "and outside it works again"


def test_in_a_goroutine_of_no_run() -> None:
    """There is a program already, if without a main of its own."""

    async def body() -> int:
        nested()
        return await go(answer)

    go(nested).result(PATIENCE)
    assert go(body).result(PATIENCE) == 42


# ---------------------------------------------------------------- again and again


def test_again_and_again() -> None:
    before = num_goroutine()
    ch: Chan[int] = Chan()

    async def send(i: int) -> None:
        await ch.asend(i)

    async def main(i: int) -> int:
        go(send, i)
        return await ch.arecv()

    for i in range(500):
        assert run(main, i) == i
    assert num_goroutine() == before


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
def test_runs_leave_no_threads_behind() -> None:
    finished = procs.run("""
        import os
        from gochan import Chan, go, run

        async def child(ch):
            await ch.asend(1)

        async def main():
            ch = Chan()
            go(child, ch)
            return await ch.arecv()

        def threads():
            return len(os.listdir("/proc/self/task"))

        for _ in range(20):
            run(main)
        few = threads()
        for _ in range(500):
            assert run(main) == 1
        assert threads() <= few + 4, (few, threads())
        """)
    assert finished.ok() == ""


# ---------------------------------------------------------------- several at once


def test_in_several_threads_at_once() -> None:
    """Each drives its own main; all meet in the middle, so none waits for another one's end."""
    arrived: Chan[int] = Chan()
    leave: Chan[None] = Chan()

    async def double(ch: Chan[int]) -> None:
        async for value in ch:
            await arrived.asend(2 * value)

    async def main(i: int) -> tuple[int, int]:
        ch: Chan[int] = Chan()
        g = go(double, ch)
        await ch.asend(i)
        await leave.arecv_ok()
        ch.close()
        await g
        return i, threading.get_ident()

    count = 8
    running = [beside(run, main, i) for i in range(count)]
    got = [arrived.recv(timeout=PATIENCE) for _ in range(count)]
    assert sorted(got) == [2 * i for i in range(count)]
    leave.close()
    results = [r.result(PATIENCE) for r in running]
    assert [i for i, _ in results] == list(range(count))
    assert len({thread for _, thread in results}) == count


def test_two_runs_share_channels() -> None:
    there: Chan[int] = Chan()
    back: Chan[int] = Chan()

    async def server() -> int:
        count = 0
        async for value in there:
            await back.asend(value + 1)
            count += 1
        return count

    async def client() -> None:
        for i in range(300):
            await there.asend(i)
            assert await back.arecv() == i + 1
        there.close()

    serving = beside(run, server)
    run(client)
    assert serving.result(PATIENCE) == 300


def test_the_end_of_one_is_not_the_end_of_another() -> None:
    gate: Chan[int] = Chan()
    told: Chan[Goroutine[int]] = Chan()

    async def child() -> int:
        return await gate.arecv()

    async def main() -> int:
        g = go(child)
        await told.asend(g)
        return await g

    long = beside(run, main)
    g = told.recv(timeout=PATIENCE)
    wait_waiting(g)
    for _ in range(5):
        assert run(answer) == 42
    assert g.state == "waiting"
    gate.send(5, timeout=PATIENCE)
    assert long.result(PATIENCE) == 5


# ---------------------------------------------------------------- event loops


@on_each_loop
def test_inside_a_running_loop(new_loop: NewLoop) -> None:
    """It would stop the loop; the goroutines can be started and awaited there without it."""

    async def main() -> None:
        nested()
        await asyncio.sleep(0)
        nested()
        assert await go(answer) == 42

    loops.run(new_loop, main)
    assert run(answer) == 42


def test_inside_trio() -> None:
    async def main() -> None:
        nested()

    trio.run(main)
    assert run(answer) == 42


@on_each_loop
def test_in_a_thread_beside_a_loop(new_loop: NewLoop) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()

        async def main_goroutine() -> int:
            return await ch.arecv()

        running = asyncio.create_task(asyncio.to_thread(run, main_goroutine))
        await ch.asend(3)
        assert await running == 3

    loops.run(new_loop, main)


def test_a_plain_main_may_run_a_loop() -> None:
    """The loop blocks main, but not the goroutines."""
    ch: Chan[int] = Chan()

    async def child() -> None:
        await ch.asend(8)

    async def in_loop() -> int:
        asyncio.get_running_loop()
        go(child)
        return await ch.arecv()

    def main() -> int:
        return asyncio.run(in_loop())

    assert run(main) == 8


def test_an_async_main_may_run_a_loop() -> None:
    ch: Chan[int] = Chan()

    async def child() -> None:
        await ch.asend(8)

    async def in_loop() -> int:
        asyncio.get_running_loop()
        go(child)
        return await ch.arecv()

    async def main() -> int:
        got = asyncio.run(in_loop())
        await agosched()
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return got

    assert run(main) == 8


def test_a_loop_in_another_thread_does_not_matter() -> None:
    """Only the thread of the loop is refused."""
    ready = threading.Event()
    leave = threading.Event()

    async def loop_main() -> None:
        ready.set()
        await asyncio.to_thread(leave.wait, PATIENCE)

    with WaitGroup() as wg:
        wg.go(lambda: asyncio.run(loop_main()))
        assert ready.wait(PATIENCE)
        assert run(answer) == 42
        leave.set()


CALLERS: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "main thread": lambda call: call(),
    "plain thread": in_thread,
}


@pytest.mark.parametrize("caller", CALLERS.values(), ids=list(CALLERS))
def test_an_error_of_one_run_leaves_nothing_for_the_next(
    caller: Callable[[Callable[[], Any]], Any],
) -> None:
    async def fail() -> None:
        go(answer)
        await agosched()
        raise ZeroDivisionError("expected by this test")

    def both() -> None:
        for _ in range(20):
            with pytest.raises(ZeroDivisionError):
                run(fail)
            assert run(answer) == 42

    caller(both)

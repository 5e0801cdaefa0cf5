"""Nobody waits for an aio() any more: what it runs is cancelled on its loop, and its `finally`
blocks run there (PY7).
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

import loops
import procs
from collecting import collect_until, listening
from gochan import Goroutine, agosched, aio, go, goexit, run
from loops import NewLoop, on_each_loop
from parking import wait_until, wait_waiting
from scheduler import under_a_deadline
from watch import PATIENCE

pytestmark = under_a_deadline


class Inner:
    """Waits on gochan's loop until it is cancelled."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.log: list[str] = []

    async def __call__(self) -> None:
        self.began.set()
        try:
            await asyncio.sleep(PATIENCE)
            self.log.append("slept")
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            self.log.append("finally")

    def ends(self) -> None:
        wait_until(lambda: "finally" in self.log, "the end of the task")
        assert self.log == ["cancelled", "finally"]


@pytest.fixture
def inner() -> Iterator[Inner]:
    inner = Inner()
    yield inner
    # The loop goes on for others.
    assert run(aio, asyncio.sleep(0, "still here")) == "still here"


@on_each_loop
def test_the_task_that_waits_is_cancelled(new_loop: NewLoop, inner: Inner) -> None:
    async def main() -> None:
        task = asyncio.create_task(aio(inner()))
        await asyncio.to_thread(inner.began.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    loops.run(new_loop, main)
    inner.ends()


def test_before_it_began() -> None:
    """The loop is busy, so the task is cancelled before its first step. Python says nothing."""
    held, free = threading.Event(), threading.Event()

    async def hold() -> None:
        held.set()
        free.wait(PATIENCE)

    began: list[str] = []

    async def never() -> None:
        began.append("never")

    async def main() -> None:
        holder = go(aio, hold())
        await asyncio.to_thread(held.wait, PATIENCE)
        task = asyncio.create_task(aio(never()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        free.set()
        await holder

    asyncio.run(main())
    assert run(aio, asyncio.sleep(0, 7)) == 7
    assert began == []


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_ctrl_c_in_main(inner: Inner) -> None:
    async def main() -> None:
        await aio(inner())

    def strike() -> None:
        inner.began.wait(PATIENCE)
        os.kill(os.getpid(), signal.SIGINT)

    striker = threading.Thread(target=strike)
    striker.start()
    with pytest.raises(KeyboardInterrupt):
        run(main)
    striker.join()
    inner.ends()


def test_its_run_is_over_before_it_began() -> None:
    """The task is made behind the end of the run: it sees that nobody waits, and does not begin."""
    ran: list[str] = []

    async def never() -> None:
        ran.append("began")

    async def main() -> None:
        held.append(go(aio, never()))
        while held[0].state != "waiting":
            await agosched()

    async def busy() -> None:
        entered.set()
        free.wait(PATIENCE)

    held: list[Goroutine[None]] = []
    entered, free = threading.Event(), threading.Event()
    holder = go(aio, busy())
    assert entered.wait(PATIENCE)
    run(main)
    free.set()
    holder.result(PATIENCE)
    assert run(aio, asyncio.sleep(0.001, "later")) == "later"
    assert ran == []


def test_it_is_cancelled_once() -> None:
    """As its run ends, and then the program: the clean-up is not cut short."""
    done = procs.run("""
import asyncio, threading
from gochan import agosched, aio, go, run
began, cleaning = threading.Event(), threading.Event()
async def inner():
    began.set()
    try:
        await asyncio.sleep(60)
    finally:
        cleaning.set()
        await asyncio.sleep(0.05)
        print("cleaned up", flush=True)
async def main():
    go(aio, inner())
    while not began.is_set():
        await agosched()
run(main)
cleaning.wait()
""")
    assert done.ok() == "cleaned up\n"


def test_its_run_is_over(inner: Inner) -> None:
    async def main() -> None:
        go(aio, inner())
        while not inner.began.is_set():
            await aio(asyncio.sleep(0.001))

    run(main)
    inner.ends()


def test_another_run_is_not_its_business(inner: Inner) -> None:
    async def outside() -> None:
        await aio(inner())

    waiting = go(outside)
    assert inner.began.wait(PATIENCE)
    run(aio, asyncio.sleep(0))
    run(aio, asyncio.sleep(0.01))  # what the end of the run before had the loop do is done
    wait_waiting(waiting)
    assert inner.log == []
    assert waiting.state == "waiting"
    # Nor is it left behind by this test.
    asyncio.run_coroutine_threadsafe(cancel_all(), run(aio, loop_of()))
    with pytest.raises(asyncio.CancelledError):
        waiting.result(PATIENCE)
    inner.ends()


async def loop_of() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


async def cancel_all() -> None:
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


def test_a_result_that_came_is_not_cancelled() -> None:
    """Its goroutine ends by goexit afterwards: there is nothing left to cancel."""
    got: list[int] = []

    async def main() -> None:
        got.append(await aio(asyncio.sleep(0, 5)))
        goexit()

    go(main).join(PATIENCE)
    assert got == [5]


def test_a_lost_goroutine(inner: Inner) -> None:
    """PY9: a goroutine in aio() is never lost: the loop holds it."""

    def start() -> None:
        go(aio, inner())
        assert inner.began.wait(PATIENCE)

    with listening() as said:
        start()
        for _ in range(3):
            collect_until(lambda: True, "a collection")
        assert said() == []
    assert inner.log == []
    asyncio.run_coroutine_threadsafe(cancel_all(), run(aio, loop_of())).result(PATIENCE)
    inner.ends()


def test_at_exit_their_finally_blocks_run() -> None:
    done = procs.run("""
import asyncio
from gochan import Chan, aio, go
began = Chan(2)
async def inner(name):
    try:
        began.send_nowait(name)
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.001)
        print(name, "finally", flush=True)
async def stubborn():
    began.send_nowait("stubborn")
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            print("no", flush=True)
go(aio, stubborn())
go(aio, inner("one"))
began.recv(), began.recv()
print("exit", flush=True)
""")
    first, *rest = done.ok().splitlines()
    assert first == "exit"
    assert sorted(rest) == ["no", "one finally"]

"""The loop behind aio(): one for the process, open to everybody, and in nobody's way."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

import loops
import procs
from gochan import Chan, WaitGroup, agosched, aio, go, run
from hosts import drain
from loops import NewLoop, on_each_loop
from parking import wait_until
from scheduler import Start, by_go, in_thread, on_each_start, turns, under_a_deadline, until
from watch import PATIENCE

pytestmark = under_a_deadline


async def add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


async def where() -> tuple[asyncio.AbstractEventLoop, int]:
    return asyncio.get_running_loop(), threading.get_ident()


# ---------------------------------------------------------------- one loop for all


def test_it_is_one_loop_on_one_thread_of_its_own() -> None:
    async def main() -> tuple[asyncio.AbstractEventLoop, int]:
        first = await aio(where())
        assert threading.get_ident() != first[1]
        assert await aio(where()) == first
        return first

    seen = {by_go(main), run(main), in_thread(lambda: run(main)), *[by_go(main) for _ in range(3)]}
    assert len(seen) == 1
    assert threading.get_ident() not in {ident for _, ident in seen}


def test_two_that_are_the_first_at_once() -> None:
    """Both start a loop, and the second one's is stopped. What runs on the first one's goes on."""
    finished = procs.run("""
        import asyncio, threading, time
        import gochan._aio
        from gochan import aio, go

        start, stop, both = gochan._aio.start, gochan._aio.stop, threading.Barrier(2)

        def start_together():
            both.wait(20)
            return start()

        def stop_late(loop):
            running.wait(20)
            stop(loop)

        async def work():
            running.set()
            await asyncio.sleep(0.3)
            return "done"

        gochan._aio.start, gochan._aio.stop = start_together, stop_late
        running = threading.Event()
        first, second = go(aio, work()), go(aio, work())
        print(first.result(20), second.result(20))
        gochan._aio.stop = stop
        """)
    assert finished.ok() == "done done\n"


def test_many_at_once() -> None:
    """All sleep at the same time: an event that the last one sets lets all go."""
    arrived: Chan[int] = Chan(1000)
    everybody: list[asyncio.Event] = []

    async def inner(i: int) -> int:
        if not everybody:
            everybody.append(asyncio.Event())
        arrived.send_nowait(i)
        if len(arrived) == 1000:
            everybody[0].set()
        await everybody[0].wait()
        return 2 * i

    async def outer(i: int) -> int:
        return await aio(inner(i))

    async def main() -> list[int]:
        return [await g for g in [go(outer, i) for i in range(1000)]]

    assert by_go(main) == [2 * i for i in range(1000)]
    assert sorted(drain(arrived)) == list(range(1000))


def test_it_is_not_collected_while_it_waits_for_what_only_it_knows() -> None:
    """asyncio holds its tasks weakly; whoever completes the future holds it weakly too."""
    known: list[weakref.ref[asyncio.Future[int]]] = []

    async def lonely() -> int:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        known.append(weakref.ref(future))
        return await future

    async def main() -> int:
        return await aio(lonely())

    def complete() -> None:
        future = known[0]()
        if future is not None:
            future.set_result(7)

    g = go(main)
    wait_until(lambda: bool(known), "the future")
    loop, _ = by_go(lambda: aio(where()))
    for _ in range(3):
        gc.collect()
    loop.call_soon_threadsafe(complete)
    assert g.result(PATIENCE) == 7


def test_the_other_goroutines_go_on_meanwhile() -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        leave: list[asyncio.Event] = []

        async def inner() -> str:
            leave.append(asyncio.Event())
            await leave[0].wait()
            return "left"

        async def outer() -> str:
            return await aio(inner())

        async def ping() -> None:
            for i in range(100):
                await ch.asend(i)

        waiting = go(outer)
        go(ping)
        assert [await ch.arecv() for _ in range(100)] == list(range(100))
        await until(lambda: waiting.state == "waiting" and leave, waiting)
        loop, _ = await aio(where())
        loop.call_soon_threadsafe(leave[0].set)
        assert await waiting == "left"

    by_go(main)


@on_each_start
def test_what_asyncio_offers_works_inside(start: Start) -> None:
    async def numbers() -> AsyncIterator[int]:
        for i in range(3):
            await asyncio.sleep(0)
            yield i

    async def inner() -> list[Any]:
        got: list[Any] = [*await asyncio.gather(add(1, 1), add(2, 2))]
        async with asyncio.TaskGroup() as group:
            task = group.create_task(add(3, 3))
        got.append(task.result())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(PATIENCE)
        got += [i async for i in numbers()]
        current = asyncio.current_task()
        assert current is not None
        got.append(current.cancelling())
        # A loop's own channel operations, beside the goroutines'.
        ch: Chan[int] = Chan()
        sender = asyncio.create_task(ch.asend(7))
        got.append(await ch.arecv())
        await sender
        return got

    async def main() -> None:
        assert await aio(inner()) == [2, 4, 6, 0, 1, 2, 0, 7]

    start(main)


@on_each_start
def test_cancelled_inside(start: Start) -> None:
    """Who cancels the task there ends it with CancelledError here, which is an error like any."""
    cleaned: list[str] = []

    async def inner() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(task.cancel)
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            cleaned.append("inner")

    async def swallows() -> str:
        with pytest.raises(asyncio.CancelledError):
            await inner()
        return "swallowed"

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await aio(inner())
        assert await aio(swallows()) == "swallowed"
        await agosched()

    start(main)
    assert cleaned == ["inner"] * 2


# ---------------------------------------------------------------- context


NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME")


@on_each_start
def test_it_runs_in_a_copy_of_the_goroutines_context(start: Start) -> None:
    async def inner() -> str:
        seen = NAME.get("unset")
        await asyncio.sleep(0)
        NAME.set("its own")
        return seen

    async def child() -> str:
        return await aio(inner())

    async def main() -> None:
        assert await aio(inner()) == "unset"
        NAME.set("main's")
        assert await aio(inner()) == "main's"
        assert NAME.get() == "main's"
        assert await go(child) == "main's"

    contextvars.Context().run(start, main)


# ---------------------------------------------------------------- from a loop


@on_each_loop
def test_in_a_task_of_another_loop(new_loop: NewLoop) -> None:
    """The task may await it as well; the work is still done on gochan's loop."""

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError("expected by this test")

    async def from_a_goroutine() -> tuple[asyncio.AbstractEventLoop, int]:
        return await aio(where())

    async def main() -> None:
        here = await where()
        there = await aio(where())
        assert here[0] is not there[0] and here[1] != there[1]
        assert there == await go(from_a_goroutine)
        with pytest.raises(ZeroDivisionError):
            await aio(fails())
        assert await asyncio.gather(*(aio(add(i, i)) for i in range(20))) == list(range(0, 40, 2))
        task = asyncio.create_task(aio(asyncio.sleep(PATIENCE)))
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await aio(add(1, 2)) == 3

    loops.run(new_loop, main)


# ---------------------------------------------------------------- what it leaves behind


def test_nothing_is_kept_afterwards() -> None:
    class Thing:
        pass

    async def inner(thing: Thing) -> Thing:
        await asyncio.sleep(0)
        return Thing()

    refs: list[weakref.ref[Thing]] = []

    async def main() -> None:
        for _ in range(10):
            thing = Thing()
            refs.append(weakref.ref(thing))
            refs.append(weakref.ref(await aio(inner(thing))))
            del thing
        await turns(3)

    by_go(main)
    run(main)

    def freed() -> bool:
        gc.collect()
        return all(ref() is None for ref in refs)

    async def look() -> None:
        # The loop lets go of a task a turn after its end.
        await until(freed, refs)

    by_go(look)


def test_wait_groups_count_across() -> None:
    wg = WaitGroup()

    async def inner() -> None:
        await asyncio.sleep(0.001)
        wg.done()

    async def outer() -> None:
        await aio(inner())

    async def main() -> None:
        wg.add(20)
        for _ in range(20):
            go(outer)
        await wg

    by_go(main)
    assert wg.count == 0

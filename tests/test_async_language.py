"""Whatever Python offers to coroutines works in goroutines: loops, generators, managers, depth."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from gochan import Chan, ChanClosed, Goroutine, WaitGroup, agosched, go
from parking import wait_until
from reporting import Reports
from scheduler import Start, by_go, by_run, on_each_start, parked, turns, until, wait
from watch import PATIENCE
from watch import parked as parked_now

# ---------------------------------------------------------------- deep chains of await


async def bottom(ch: Chan[int], depth: int) -> int:
    if depth == 0:
        return await ch.arecv()
    return 1 + await bottom(ch, depth - 1)


@on_each_start
def test_a_deep_chain_is_parked_and_resumed(start: Start) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        g = go(bottom, ch, 500)
        for i in range(10):
            await turns(i)
            await ch.asend(0)
            assert await g == 500
            g = go(bottom, ch, 500)
        await parked(ch, receivers=1)
        ch.close()
        with pytest.raises(ChanClosed):
            await g

    start(main)


def test_a_deep_chain_waits_many_times() -> None:
    async def deep(ch: Chan[int], depth: int) -> int:
        if depth == 0:
            return sum([value async for value in ch])
        got = await deep(ch, depth - 1)
        await agosched()
        return got

    async def main() -> int:
        ch: Chan[int] = Chan()
        g = go(deep, ch, 500)
        for i in range(100):
            await ch.asend(i)
        ch.close()
        return await g

    assert by_go(main) == sum(range(100))


# ---------------------------------------------------------------- loops and comprehensions


@on_each_start
def test_async_for_and_comprehensions(start: Start) -> None:
    async def main() -> None:
        async def feed(ch: Chan[int], count: int) -> None:
            async with ch:
                for i in range(count):
                    await ch.asend(i)

        def numbers(count: int) -> Chan[int]:
            ch: Chan[int] = Chan()
            go(feed, ch, count)
            return ch

        seen = []
        async for value in numbers(5):
            seen.append(value)
        else:
            seen.append(-1)
        assert seen == [0, 1, 2, 3, 4, -1]
        assert [v async for v in numbers(4) if v % 2] == [1, 3]
        assert {v async for v in numbers(3)} == {0, 1, 2}
        assert {v: w async for v in numbers(2) async for w in numbers(v + 1)} == {0: 0, 1: 1}
        assert [await wait(go(pow, v, 2)) async for v in numbers(4)] == [0, 1, 4, 9]
        squares = (v * v async for v in numbers(4))
        assert [v async for v in squares] == [0, 1, 4, 9]
        ch = numbers(3)
        assert [await ch.arecv() for _ in range(3)] == [0, 1, 2]
        walk = aiter(numbers(2))
        assert [await anext(walk), await anext(walk), await anext(walk, "end")] == [0, 1, "end"]

    start(main)


# ---------------------------------------------------------------- async generators


@on_each_start
def test_async_generators(start: Start) -> None:
    async def numbers(ch: Chan[int]) -> AsyncGenerator[int, int | None]:
        total = 0
        try:
            while True:
                total += await ch.arecv()
                more = yield total
                if more is not None:
                    await agosched()
                    total += more
        except KeyError:
            await agosched()
            yield -1
        finally:
            await agosched()
            ch.close()

    async def main() -> None:
        ch: Chan[int] = Chan(10)
        for i in range(10):
            ch.send_nowait(i)
        it = numbers(ch)
        assert [await anext(it), await anext(it), await it.asend(10)] == [0, 1, 13]
        assert await it.athrow(KeyError) == -1
        await it.aclose()
        assert ch.closed
        with pytest.raises(StopAsyncIteration):
            await anext(it)

    start(main)


@on_each_start
def test_an_unfinished_one_is_closed_by_a_goroutine_of_its_own(start: Start) -> None:
    """The loop was left early, nobody calls aclose(): its finally block runs, and may await."""

    async def main() -> None:
        said: Chan[str] = Chan()

        async def generator(name: str) -> AsyncGenerator[int, None]:
            try:
                for i in range(10):
                    await agosched()
                    yield i
            finally:
                await agosched()
                await said.asend(name)

        async for i in generator("left early"):
            if i == 3:
                break
        assert await said.arecv(timeout=PATIENCE) == "left early"
        it = generator("dropped")
        await anext(it)
        del it
        assert await said.arecv(timeout=PATIENCE) == "dropped"
        cycle: list[object] = [generator("in a cycle")]
        await anext(cycle[0])  # type: ignore[call-overload]
        cycle.append(cycle)
        del cycle
        gc.collect()
        assert await said.arecv(timeout=PATIENCE) == "in a cycle"
        never_begun = generator("never begun")
        del never_begun
        async with contextlib.aclosing(generator("closed")) as it:
            await anext(it)
            closer = go(said.arecv)
        assert await closer == "closed"
        with pytest.raises(TimeoutError):
            await said.arecv(timeout=0.001)

    start(main)


def test_an_unfinished_one_that_is_dropped_elsewhere() -> None:
    """By a thread, by a loop, by a goroutine that ends: its clean-up is on the scheduler."""
    said: Chan[str] = Chan(5)

    async def generator(name: str) -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await agosched()
            said.send_nowait(name)

    async def begin(name: str) -> AsyncIterator[int]:
        it = generator(name)
        assert await anext(it) == 1
        return it

    it = go(begin, "thread").result(PATIENCE)
    del it
    assert said.recv(timeout=PATIENCE) == "thread"

    async def in_loop() -> None:
        it = await go(begin, "loop")
        del it
        await asyncio.sleep(0)

    asyncio.run(in_loop())
    assert said.recv(timeout=PATIENCE) == "loop"

    async def ends() -> None:
        await begin("ends")

    go(ends).join(PATIENCE)
    assert said.recv(timeout=PATIENCE) == "ends"


def test_the_error_of_such_a_clean_up_is_reported(reports: Reports) -> None:
    async def generator() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await agosched()
            raise ZeroDivisionError("expected by this test")

    async def body() -> None:
        it = generator()
        await anext(it)
        del it

    go(body).result(PATIENCE)
    wait_until(lambda: reports.errors == ["expected by this test"], "the report")


def test_loops_keep_their_own_async_generators() -> None:
    """The hooks of goroutines are theirs alone: a loop's are there before, after, and beside."""
    closed: list[str] = []

    async def generator(name: str) -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)  # only its own loop can serve this
            closed.append(name)

    async def in_loop() -> None:
        it = generator("in a loop")
        await anext(it)
        del it
        async with asyncio.timeout(PATIENCE):
            while not closed:
                await asyncio.sleep(0)

    async def main() -> None:
        await agosched()
        asyncio.run(in_loop())
        await agosched()

    before = sys.get_asyncgen_hooks()
    for start in (by_go, by_run):
        closed.clear()
        start(main)
        closed.clear()
        asyncio.run(in_loop())
    assert sys.get_asyncgen_hooks() == before


# ---------------------------------------------------------------- context managers


@on_each_start
def test_context_managers(start: Start) -> None:
    log: list[str] = []

    @contextlib.asynccontextmanager
    async def resource(name: str) -> AsyncIterator[str]:
        await agosched()
        log.append(f"+{name}")
        try:
            yield name
        finally:
            await agosched()
            log.append(f"-{name}")

    async def fails_inside(ch: Chan[int]) -> None:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(resource("c"))
            await stack.enter_async_context(ch)
            stack.push_async_callback(turns, 2)
            raise ZeroDivisionError

    async def main() -> None:
        async with resource("a") as a, resource("b") as b:
            assert (a, b) == ("a", "b")
        ch: Chan[int] = Chan()
        with pytest.raises(ZeroDivisionError):
            await fails_inside(ch)
        assert ch.closed

    start(main)
    assert log == ["+a", "+b", "-b", "-a", "+c", "-c"]


@on_each_start
def test_async_with_a_channel_and_a_wait_group(start: Start) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        async with ch as inside:
            assert inside is ch
        with pytest.raises(ChanClosed):
            await ch.asend(1)

        gate: Chan[int] = Chan()
        left: list[int] = []

        async def body() -> None:
            async with WaitGroup() as wg:
                wg.go(gate.recv)
                wg.go(wait, gate.arecv())
            left.append(wg.count)

        g = go(body)
        await parked(gate, receivers=2)
        assert (g.state, left) == ("waiting", [])
        await gate.asend(1)
        assert left == []
        await gate.asend(2)
        await g
        assert left == [0]

    start(main)


@on_each_start
def test_wait_group_releases_all_goroutines_at_once(start: Start) -> None:
    """W3, W6"""

    async def main() -> None:
        wg = WaitGroup()
        wg.add(2)
        waiters = [go(wait, wg) for _ in range(20)]
        everybody: list[Goroutine[Any]] = list(waiters)
        await until(lambda: {w.state for w in everybody} == {"waiting"}, everybody)
        wg.done()
        await turns(5)
        assert {w.state for w in everybody} == {"waiting"}
        go(wg.done)
        for w in waiters:
            await w
        assert wg.count == 0
        await wg

    start(main)


def test_coroutines_made_here_and_awaited_there() -> None:
    """A user's coroutine object is a value like any other until somebody awaits it."""

    async def child(ch: Chan[int]) -> int:
        return await ch.arecv()

    async def main() -> None:
        ch: Chan[int] = Chan()
        one = child(ch)
        g = go(wait, one)
        await parked(ch, receivers=1)
        with pytest.raises(RuntimeError):
            await one  # it is being awaited already
        assert parked_now(ch) == (1, 0)
        await ch.asend(5)
        assert await g == 5

    by_go(main)

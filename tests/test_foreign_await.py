"""Awaiting what only some event loop could serve: a TypeError at that `await`, and no more."""

from __future__ import annotations

import asyncio
import concurrent.futures
import traceback
import types
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any

import pytest
import trio

from gochan import Chan, agosched, aio, go
from scheduler import Start, by_go, on_each_start, turns


class Yields:
    """An awaitable that asks its driver for something."""

    def __init__(self, *things: object) -> None:
        self.things = things

    def __await__(self) -> Generator[Any, Any, str]:
        yield from self.things
        return "never"


@types.coroutine
def bare_yield() -> Generator[Any, Any, None]:
    yield


def future() -> asyncio.Future[int]:
    loop = asyncio.new_event_loop()
    loop.close()
    return loop.create_future()


FOREIGN: dict[str, Callable[[], Awaitable[Any]]] = {
    "asyncio.Future": future,
    "asyncio.sleep(0)": lambda: asyncio.sleep(0),
    "trio.lowlevel.checkpoint": trio.lowlevel.cancel_shielded_checkpoint,
    "bare yield": bare_yield,
    "None": lambda: Yields(None),
    "number": lambda: Yields(1),
    "string": lambda: Yields("wait"),
    "object": lambda: Yields(object()),
    "class": lambda: Yields(Chan),
    "channel": lambda: Yields(Chan[int]()),
    "awaitable": lambda: Yields(Yields()),
    "exception": lambda: Yields(ValueError("not raised")),
    "concurrent future": lambda: Yields(concurrent.futures.Future[int]()),
    "goroutine": lambda: Yields(go(int)),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=list(FOREIGN))
@on_each_start
def test_it_raises_where_it_is_awaited(start: Start, make: Callable[[], Awaitable[Any]]) -> None:
    """The goroutine can catch it and go on; nobody else notices anything."""
    ch: Chan[int] = Chan()

    async def awaits_it() -> None:
        await make()

    async def main() -> None:
        other = go(turns, 20)
        for i in range(3):
            with pytest.raises(TypeError, match=r"gochan\.aio") as info:
                await awaits_it()
            frames = traceback.extract_tb(info.value.__traceback__)
            assert "awaits_it" in [frame.name for frame in frames]
            # All that is gochan's still works in the same goroutine.
            go(ch.send, i)
            assert await ch.arecv() == i
            await agosched()
        await other

    start(main)


def test_nobody_catches_it() -> None:
    async def body() -> None:
        await future()

    async def main() -> None:
        g = go(body)
        await g.ajoin()
        error = g.exception()
        assert isinstance(error, TypeError)
        assert "gochan.aio" in str(error)
        frames = traceback.extract_tb(error.__traceback__)
        assert [frame.name for frame in frames] == ["body"]

    by_go(main)


def test_what_needs_a_running_loop_says_so_itself() -> None:
    async def main() -> None:
        for make in (asyncio.get_running_loop, asyncio.current_task):
            with pytest.raises(RuntimeError, match="no running event loop"):
                make()
        with pytest.raises(RuntimeError, match="no running event loop"):
            await asyncio.sleep(0.001)

    by_go(main)


def test_the_awaitable_may_handle_it() -> None:
    """It is thrown in where it yielded, so its clean-up runs, and it may come to an end."""
    cleaned: list[str] = []

    class Copes:
        def __await__(self) -> Generator[Any, Any, int]:
            try:
                yield "wait"
            except TypeError:
                return 5
            return 6

    class Persists:
        def __await__(self) -> Generator[Any, Any, int]:
            try:
                try:
                    yield 1
                except TypeError:
                    yield 2
            finally:
                cleaned.append("finally")
            return 7

    class Delegates:
        def __await__(self) -> Generator[Any, Any, int]:
            try:
                yield
            except TypeError:
                yield from agosched().__await__()
                return (yield from aio(answer()).__await__())
            return 8

    async def answer() -> int:
        await asyncio.sleep(0)
        return 9

    async def main() -> list[int]:
        got = [await Copes()]
        with pytest.raises(TypeError, match=r"gochan\.aio"):
            await Persists()
        got.append(await Delegates())
        return got

    assert by_go(main) == [5, 9]
    assert cleaned == ["finally"]


def test_an_awaitable_that_only_iterates() -> None:
    """A plain iterator has no throw(): the error is raised all the same."""

    class Plain:
        def __await__(self) -> Iterator[int]:
            return iter([1, 2, 3])

    async def main() -> None:
        thing: Any = Plain()
        with pytest.raises(TypeError, match=r"gochan\.aio"):
            await thing
        await agosched()

    by_go(main)


def test_objects_that_cannot_be_awaited_are_pythons_error() -> None:
    async def main() -> None:
        things: list[Any] = [1, None, concurrent.futures.Future(), Chan(), int]
        for thing in things:
            with pytest.raises(TypeError, match="await"):
                await thing

    by_go(main)


def test_a_task_of_a_loop_elsewhere() -> None:
    """It belongs to that loop, which goes on; a goroutine reaches it by a channel, or by aio()."""

    async def in_loop() -> tuple[str, int]:
        over: Chan[int] = Chan(1)
        leave = asyncio.Event()

        async def work() -> int:
            await leave.wait()
            over.send_nowait(7)
            return 7

        task = asyncio.create_task(work())

        async def awaits_the_task() -> str:
            try:
                await task
            except TypeError:
                return "refused"
            return "served"

        async def receives() -> int:
            return await over.arecv()

        refused = await go(awaits_the_task)
        leave.set()
        got = await go(receives)
        assert await task == 7
        return refused, got

    assert asyncio.run(in_loop()) == ("refused", 7)

"""aio(): somebody else's awaitable, run on gochan's own event loop for a goroutine."""

from __future__ import annotations

import asyncio
import gc
import traceback
import warnings
from collections.abc import Generator
from typing import Any

import pytest

from gochan import Chan, aio, go
from scheduler import Start, by_go, on_each_start, under_a_deadline
from watch import PATIENCE, label

pytestmark = under_a_deadline


async def add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


# ---------------------------------------------------------------- results and errors


@on_each_start
def test_results(start: Start) -> None:
    async def main() -> None:
        assert await aio(add(1, 2)) == 3
        assert await aio(asyncio.sleep(0.001, "slept")) == "slept"
        assert await aio(asyncio.sleep(0, "at once")) == "at once"
        assert await aio(asyncio.wait_for(add(3, 4), PATIENCE)) == 7
        assert await aio(asyncio.to_thread(pow, 2, 10)) == 1024
        # The goroutine is what it was before.
        go(ch.send, 5)
        assert await ch.arecv() == 5

    ch: Chan[int] = Chan()
    start(main)


@pytest.mark.parametrize(
    "value", [None, (), (1, 2), StopIteration(3), ValueError("no error"), Exception, []], ids=label
)
def test_any_value_can_be_the_result(value: object) -> None:
    async def inner(suspended: bool) -> object:
        if suspended:
            await asyncio.sleep(0)
        return value

    async def main() -> None:
        assert await aio(inner(True)) is value
        assert await aio(inner(False)) is value

    by_go(main)


class Mine(BaseException):
    pass


@pytest.mark.parametrize(
    "error",
    [
        *(ValueError("the one"), Mine("the one"), SystemExit(3), KeyboardInterrupt()),
        *(asyncio.CancelledError(), TimeoutError("the one"), MemoryError(), GeneratorExit()),
    ],
    ids=label,
)
@on_each_start
def test_the_very_exception_comes_back(start: Start, error: BaseException) -> None:
    """Also one that would end a loop: this one is there for all the others too."""

    async def fails(suspended: bool) -> None:
        if suspended:
            await asyncio.sleep(0)
        raise error

    async def main() -> None:
        for suspended in (True, False):
            with pytest.raises(type(error)) as info:
                await aio(fails(suspended))
            assert info.value is error
            assert await aio(add(1, 2)) == 3

    start(main)


def test_the_traceback_shows_the_users_functions() -> None:
    async def deeper() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async def fails() -> None:
        await deeper()

    async def main() -> None:
        await aio(fails())

    error = go(main).exception(PATIENCE)
    assert isinstance(error, ZeroDivisionError)
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names[0] == "main"
    assert names[-2:] == ["fails", "deeper"]


def test_stop_iteration_is_an_error() -> None:
    async def fails() -> None:
        raise StopIteration(5)

    async def main() -> None:
        with pytest.raises(RuntimeError) as info:
            await aio(fails())
        assert isinstance(info.value.__cause__, StopIteration)

    by_go(main)


# ---------------------------------------------------------------- what it takes


class Custom:
    def __await__(self) -> Generator[Any, Any, int]:
        yield from asyncio.sleep(0).__await__()
        return 5


def test_any_awaitable() -> None:
    ch: Chan[int] = Chan()
    futures: list[asyncio.Future[int]] = []

    async def makes_a_future() -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        loop.call_later(0.001, future.set_result, 6)
        futures.append(future)
        futures.append(asyncio.ensure_future(add(3, 4)))

    async def main() -> None:
        assert await aio(Custom()) == 5
        await aio(makes_a_future())
        assert [await aio(future) for future in futures] == [6, 7]
        # gochan's own as well: there it is an operation of a task.
        go(ch.send, 8)
        assert await aio(ch.arecv()) == 8
        assert await aio(go(pow, 2, 3)) == 8
        assert await aio(aio(add(4, 5))) == 9

    by_go(main)


@pytest.mark.parametrize("thing", [None, 1, add, asyncio.sleep, object(), iter([])], ids=label)
def test_what_cannot_be_awaited(thing: Any) -> None:
    async def main() -> None:
        with pytest.raises(TypeError):
            await aio(thing)
        with pytest.raises(TypeError):
            await aio()  # type: ignore[call-arg]

    by_go(main)


def test_never_awaited_warns_and_runs_nothing() -> None:
    ran: list[int] = []

    async def inner() -> None:
        ran.append(1)

    async def main() -> list[str]:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            forget()
            gc.collect()
        return [str(warning.message) for warning in seen if warning.category is RuntimeWarning]

    def forget() -> None:
        _ = aio(inner())

    assert any("aio() was never awaited" in text for text in by_go(main))
    assert ran == []


def test_awaited_twice() -> None:
    ran: list[int] = []

    async def inner() -> None:
        ran.append(1)

    async def main() -> None:
        op = aio(inner())
        await op
        with pytest.raises(RuntimeError):
            await op

    by_go(main)
    assert ran == [1]

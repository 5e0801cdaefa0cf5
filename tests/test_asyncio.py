"""The awaitables as asyncio meets them: coroutines to all its entry points, ready or parked."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeAlias

import pytest

from gochan import Chan, ChanClosed, WaitGroup, WouldBlock, go
from loops import NewLoop, on_each_loop, run
from parking import settle, wait_until
from watch import parked

Op: TypeAlias = Coroutine[Any, Any, Any]


def step(op: Any) -> Any:
    """The result of an awaitable that is ready, from its first step and outside of any loop."""
    try:
        op.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it suspended")


def filled(*values: int, capacity: int = 4) -> Chan[int]:
    ch: Chan[int] = Chan(capacity)
    for value in values:
        ch.send_nowait(value)
    return ch


def ended(*values: int) -> Chan[int]:
    ch = filled(*values)
    ch.close()
    return ch


# ---------------------------------------------------------------- ready: no suspension


READY: list[tuple[str, Callable[[], Any], Any]] = [
    ("asend", lambda: filled().asend(1), None),
    ("arecv", lambda: filled(7, 8).arecv(), 7),
    ("arecv timeout", lambda: filled(7).arecv(timeout=5), 7),
    ("arecv_ok", lambda: filled(7).arecv_ok(), (7, True)),
    ("arecv_ok ended", lambda: ended().arecv_ok(), (None, False)),
    ("arecv_many", lambda: filled(1, 2, 3).arecv_many(2), [1, 2]),
    ("arecv_many ended", lambda: ended().arecv_many(2), []),
    ("async for", lambda: anext(aiter(filled(7))).__await__(), 7),
    ("aenter", lambda: WaitGroup().__aenter__(), None),
    ("aexit", lambda: filled().__aexit__(None, None, None), None),
    ("WaitGroup", lambda: WaitGroup().__await__(), None),
]


@pytest.mark.parametrize(("make", "value"), [r[1:] for r in READY], ids=[r[0] for r in READY])
def test_a_ready_operation_ends_in_its_first_step(make: Callable[[], Any], value: object) -> None:
    result = step(make())
    if not isinstance(result, WaitGroup):  # `async with wg as it` gives itself
        assert result == value


def test_a_goroutine_that_ended_is_ready() -> None:
    g = go(pow, 2, 10)
    g.join()
    assert step(g.ajoin()) is None
    assert step(g.__await__()) == 1024


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: ended().arecv(), ChanClosed),
        (lambda: ended().asend(1), ChanClosed),
        (lambda: filled().arecv(timeout=0), TimeoutError),
        (lambda: filled().arecv(timeout=-1), TimeoutError),
        (lambda: filled().arecv(timeout=timedelta(0)), TimeoutError),
        (lambda: filled(1, capacity=1).asend(2, timeout=0), TimeoutError),
        (lambda: filled().arecv_many(3, timeout=0), TimeoutError),
        (lambda: anext(aiter(ended())).__await__(), StopAsyncIteration),
    ],
    ids=["recv", "send", "zero", "negative", "timedelta", "full", "many", "async for"],
)
def test_an_error_known_at_once_comes_from_the_first_step(
    make: Callable[[], Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        make().send(None)


@on_each_loop
def test_ready_operations_never_yield_to_the_loop(new_loop: NewLoop) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan(1)
        turns: list[int] = []
        asyncio.get_running_loop().call_soon(turns.append, 1)
        for i in range(1000):
            await ch.asend(i)
            assert await ch.arecv() == i
            await ch.asend(i)
            assert await ch.arecv_ok() == (i, True)
            await ch.asend(i)
            assert await ch.arecv_many(8) == [i]
        await ch.asend(1)
        ch.close()
        assert [v async for v in ch] == [1]
        assert turns == [], "the loop had a turn in between"

    run(new_loop, main)


# ---------------------------------------------------------------- every way in


async def by_await(op: Op) -> Any:
    return await op


async def by_create_task(op: Op) -> Any:
    return await asyncio.create_task(op)


async def by_ensure_future(op: Op) -> Any:
    return await asyncio.ensure_future(op)


async def by_gather(op: Op) -> Any:
    (value,) = await asyncio.gather(op)
    return value


async def by_wait_for(op: Op) -> Any:
    return await asyncio.wait_for(op, 30)


async def by_wait_for_without_limit(op: Op) -> Any:
    return await asyncio.wait_for(op, None)


async def by_timeout(op: Op) -> Any:
    async with asyncio.timeout(30):
        return await op


async def by_task_group(op: Op) -> Any:
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(op)
    except ExceptionGroup as errors:
        (error,) = errors.exceptions
        raise error from None
    return task.result()


async def by_shield(op: Op) -> Any:
    return await asyncio.shield(op)


async def by_wait(op: Op) -> Any:
    done, _ = await asyncio.wait([asyncio.create_task(op)])
    return done.pop().result()


async def by_as_completed(op: Op) -> Any:
    (first,) = asyncio.as_completed([op])
    return await first


async def by_another_thread(op: Op) -> Any:
    loop = asyncio.get_running_loop()
    future = await asyncio.to_thread(asyncio.run_coroutine_threadsafe, op, loop)
    return await asyncio.wrap_future(future)


WAYS = [
    by_await,
    by_create_task,
    by_ensure_future,
    by_gather,
    by_wait_for,
    by_wait_for_without_limit,
    by_timeout,
    by_task_group,
    by_shield,
    by_wait,
    by_as_completed,
    by_another_thread,
]
on_each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@on_each_way
@on_each_loop
def test_asyncio_takes_a_ready_operation_for_a_coroutine(
    new_loop: NewLoop, way: Callable[[Op], Op]
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan(2)
        assert await way(ch.asend(1)) is None
        assert await way(ch.arecv()) == 1
        with pytest.raises(TimeoutError):
            await way(ch.arecv(timeout=0))

    run(new_loop, main)


@pytest.mark.parametrize("waker", ["task", "thread"])
@on_each_way
@on_each_loop
def test_asyncio_waits_for_a_parked_operation(
    new_loop: NewLoop, way: Callable[[Op], Op], waker: str
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()

        def answer() -> None:
            wait_until(lambda: parked(ch) == (1, 0), "the receiver parked")
            ch.send(1)
            wait_until(lambda: parked(ch) == (0, 1), "the sender parked")
            assert ch.recv() == 2
            wait_until(lambda: parked(ch) == (1, 0), "the last receiver parked")
            ch.close()

        async def answer_here() -> None:
            while parked(ch) != (1, 0):
                await asyncio.sleep(0)
            await ch.asend(1)
            while parked(ch) != (0, 1):
                await asyncio.sleep(0)
            assert await ch.arecv() == 2
            while parked(ch) != (1, 0):
                await asyncio.sleep(0)
            ch.close()

        other = asyncio.create_task(
            asyncio.to_thread(answer) if waker == "thread" else answer_here()
        )
        assert await way(ch.arecv()) == 1
        assert await way(ch.asend(2)) is None
        with pytest.raises(ChanClosed):
            await way(ch.arecv())
        await other

    run(new_loop, main)


def test_asyncio_run_takes_an_operation() -> None:
    ch: Chan[int] = Chan(1)
    asyncio.run(ch.asend(3))
    assert asyncio.run(ch.arecv()) == 3
    with pytest.raises(TimeoutError):
        asyncio.run(ch.arecv(timeout=0.01))


def test_they_pass_for_coroutines() -> None:
    ch: Chan[int] = Chan(1)
    for op in (ch.arecv(), ch.arecv_ok(), ch.arecv_many(1), ch.asend(1), go(int).ajoin()):
        assert asyncio.iscoroutine(op)
        assert inspect.isawaitable(op)
        assert not asyncio.isfuture(op), "ensure_future() would not step it"
        op.close()


@on_each_loop
def test_parked_tasks_are_served_in_the_order_they_came(new_loop: NewLoop) -> None:
    """C6, C7: a later receiver never overtakes, even one that is ready to run first."""

    async def main() -> None:
        ch: Chan[int] = Chan()
        receivers = [asyncio.create_task(ch.arecv()) for _ in range(50)]
        await settle()
        assert parked(ch) == (50, 0)
        for i in range(50):
            ch.send_nowait(i)
        with pytest.raises(WouldBlock):
            ch.recv_nowait()  # they are all handed over, none can be snatched
        assert await asyncio.gather(*receivers) == list(range(50))

    run(new_loop, main)


@pytest.mark.parametrize("timeout", [0.01, timedelta(milliseconds=10)], ids=["float", "delta"])
@on_each_loop
def test_own_timeout(new_loop: NewLoop, timeout: float | timedelta) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        for op in (
            ch.arecv(timeout=timeout),
            ch.arecv_ok(timeout=timeout),
            ch.arecv_many(2, timeout=timeout),
            ch.asend(1, timeout=timeout),
        ):
            with pytest.raises(TimeoutError):
                await op
            assert parked(ch) == (0, 0)
        task = asyncio.create_task(ch.arecv(timeout=float("inf")))
        await settle()
        ch.send_nowait(5)
        assert await task == 5

    run(new_loop, main)

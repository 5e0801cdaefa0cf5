"""What a task keeps across a wait, and every kind of task: C, pure Python, eager, debug mode."""

from __future__ import annotations

import asyncio
import contextvars
import io
import sys
from collections.abc import Callable, Coroutine
from contextlib import closing
from typing import Any, TypeAlias

import pytest

from gochan import Chan, ChanClosed, WaitGroup, go
from hosts import drain
from loops import Call, NewLoop, debugging, on_each_loop, on_each_waker, run
from parking import settle, wait_parked
from watch import DEADLINE, alarm, parked

Task: TypeAlias = asyncio.Task[Any]
MakeTask: TypeAlias = Callable[[Coroutine[Any, Any, Any]], Task]

# The class asyncio falls back to without its C module; debuggers and other loops use it too.
# It looks at what a coroutine yields by other means than the C task does.
PyTask: Any = asyncio.tasks._PyTask  # type: ignore[attr-defined]


def c_task(op: Coroutine[Any, Any, Any]) -> Task:
    return asyncio.Task(op, loop=asyncio.get_running_loop())


def python_task(op: Coroutine[Any, Any, Any]) -> Task:
    task: Task = PyTask(op, loop=asyncio.get_running_loop())
    return task


def is_known(make_task: MakeTask) -> bool:
    """Whether asyncio's own functions know such a task: from 3.14 on only those made in C."""
    return make_task is c_task or sys.version_info < (3, 14)


on_each_kind = pytest.mark.parametrize("make_task", [c_task, python_task])


def test_they_are_different_kinds() -> None:
    assert PyTask is not asyncio.Task


# ---------------------------------------------------------------- C task, Python task, debug mode


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@on_each_waker
@on_each_kind
@on_each_loop
def test_every_operation_in_every_kind_of_task(
    new_loop: NewLoop, make_task: MakeTask, call: Call, debug: bool
) -> None:
    async def main() -> None:
        assert asyncio.get_running_loop().get_debug() == debug
        ch: Chan[int] = Chan()

        async def one_round(op: Coroutine[Any, Any, Any], peer: Callable[[], Any]) -> Any:
            """Parked, taken up by the peer, resumed."""
            task = make_task(op)
            await settle()
            assert sum(parked(ch)) == 1
            call(peer)
            return await task

        assert await one_round(ch.arecv(), lambda: ch.send_nowait(1)) == 1
        assert await one_round(ch.arecv_ok(), lambda: ch.send_nowait(2)) == (2, True)
        assert await one_round(ch.arecv_many(3), lambda: ch.send_nowait(3)) == [3]
        assert await one_round(ch.asend(4), ch.recv_nowait) is None
        for op in (ch.arecv(), ch.asend(6)):
            task = make_task(op)
            await settle()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert parked(ch) == (0, 0)
        with pytest.raises(TimeoutError):
            await make_task(ch.arecv(timeout=0.01))

        walk = make_task(collect(ch))
        await settle()
        call(lambda: ch.send_nowait(7))
        await settle()
        call(ch.close)
        assert await walk == [7]
        assert await make_task(ch.arecv_ok()) == (None, False)
        with pytest.raises(ChanClosed):
            await make_task(ch.asend(8))

    run(debugging(new_loop) if debug else new_loop, main)


def offer(ch: Chan[int], *values: int) -> None:
    """Hand the values to parked receivers, or put them into the buffer."""
    for value in values:
        ch.send_nowait(value)


async def collect(ch: Chan[int]) -> list[int]:
    return [value async for value in ch]


@on_each_waker
@on_each_kind
@on_each_loop
def test_a_wait_ended_by_close(new_loop: NewLoop, make_task: MakeTask, call: Call) -> None:
    async def main() -> None:
        for make in (Chan[int].arecv, lambda ch: ch.asend(1)):
            ch: Chan[int] = Chan()
            tasks = [make_task(make(ch)) for _ in range(3)]
            await settle()
            call(ch.close)
            for task in tasks:
                with pytest.raises(ChanClosed):
                    await task

    run(new_loop, main)


@on_each_waker
@on_each_kind
@on_each_loop
def test_wait_group_and_handle(new_loop: NewLoop, make_task: MakeTask, call: Call) -> None:
    async def main() -> None:
        wg = WaitGroup()
        wg.add(1)
        gate: Chan[int] = Chan()
        g = go(gate.recv)

        async def wait_group() -> None:
            await wg

        async def handle() -> int:
            return await g

        tasks = [make_task(wait_group()), make_task(handle()), make_task(g.ajoin())]
        await settle()
        call(wg.done)
        wait_parked(gate, receivers=1)
        call(lambda: gate.send_nowait(5))
        assert await asyncio.gather(*tasks) == [None, 5, None]

    run(new_loop, main)


# ---------------------------------------------------------------- eager tasks


if sys.version_info >= (3, 12):

    @on_each_waker
    @on_each_loop
    def test_eager_tasks(new_loop: NewLoop, call: Call) -> None:
        """Their first step runs inside create_task(), before there is anything to wake."""

        def eager(loop: Any, coroutine: Any, **options: Any) -> Task:
            # Own, as uvloop passes on an option that asyncio's takes from 3.13.3 on only.
            return asyncio.Task(coroutine, loop=loop, **{**options, "eager_start": True})

        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_task_factory(eager)
            ch: Chan[int] = Chan(1)
            sent = loop.create_task(ch.asend(1))
            assert sent.done(), "a ready operation ends in the first step"
            got = loop.create_task(ch.arecv())
            assert got.done()
            assert got.result() == 1

            parked_task = loop.create_task(ch.arecv())
            assert not parked_task.done()
            assert parked(ch) == (1, 0)
            call(lambda: ch.send_nowait(2))
            assert await parked_task == 2

            cancelled = loop.create_task(ch.arecv())
            call(lambda: ch.send_nowait(3))
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            assert drain(ch) == [3]

            async with asyncio.TaskGroup() as group:
                receivers = [group.create_task(ch.arecv()) for _ in range(5)]
                for i in range(5):
                    group.create_task(ch.asend(i))
            assert [r.result() for r in receivers] == list(range(5))

        run(new_loop, main)


# ---------------------------------------------------------------- what a task keeps


REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("REQUEST", default="none")


@on_each_waker
@on_each_kind
@on_each_loop
def test_contextvars_and_current_task(new_loop: NewLoop, make_task: MakeTask, call: Call) -> None:
    """Each wakes in its own context, and leaves none of it with the one that woke it."""

    async def receiver(ch: Chan[str], name: str) -> tuple[str, str, Task | None]:
        REQUEST.set(name)
        value = await ch.arecv()
        return value, REQUEST.get(), asyncio.current_task()

    async def main() -> None:
        REQUEST.set("main")
        ch: Chan[str] = Chan()
        tasks = [make_task(receiver(ch, f"r{i}")) for i in range(4)]
        await settle()

        def waker() -> None:
            REQUEST.set("waker")
            for i in range(4):
                ch.send_nowait(f"v{i}")
            assert REQUEST.get() == "waker"

        contextvars.copy_context().run(call, waker)
        assert REQUEST.get() == "main"
        for i, task in enumerate(tasks):
            assert await task == (f"v{i}", f"r{i}", task if is_known(make_task) else None)
        assert asyncio.current_task() is not None
        assert REQUEST.get() == "main"

    run(new_loop, main)


@on_each_waker
@on_each_loop
def test_tasks_of_one_batch_wake_in_the_order_of_their_values(
    new_loop: NewLoop, call: Call
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        order: list[int] = []

        async def receiver() -> None:
            order.append(await ch.arecv())

        tasks = [asyncio.create_task(receiver()) for _ in range(20)]
        await settle()
        call(lambda: offer(ch, *range(20)))
        await asyncio.gather(*tasks)
        assert order == list(range(20))

    run(new_loop, main)


@on_each_kind
@on_each_loop
def test_looking_at_a_parked_task(new_loop: NewLoop, make_task: MakeTask) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        tasks = [make_task(collect(ch)), make_task(ch.arecv())]
        await settle()
        for task in tasks:
            assert "pending" in repr(task)
            task.print_stack(file=io.StringIO())
            assert not is_known(make_task) or task in asyncio.all_tasks()
        assert any("collect" in str(frame) for frame in tasks[0].get_stack())
        ch.close()
        assert await tasks[0] == []
        with pytest.raises(ChanClosed):
            await tasks[1]

    run(new_loop, main)


@on_each_loop
def test_a_task_parks_and_wakes_again_and_again(new_loop: NewLoop) -> None:
    """Ping-pong without a buffer: each value is one park and one wake on either side."""

    async def main() -> None:
        there: Chan[int] = Chan()
        back: Chan[int] = Chan()

        async def echo() -> None:
            async for value in there:
                await back.asend(value + 1)

        task = asyncio.create_task(echo())
        for i in range(500):
            await there.asend(i)
            assert await back.arecv() == i + 1
        there.close()
        await task

    run(new_loop, main)


# ---------------------------------------------------------------- a task that ends the loop


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@on_each_waker
@on_each_kind
@on_each_loop
def test_an_interrupt_raised_by_a_task_we_woke_leaves_the_loop(
    new_loop: NewLoop, make_task: MakeTask, call: Call, error: type[BaseException]
) -> None:
    """It comes out of run_*(), and the tasks woken in the same batch are not forgotten."""
    with alarm(DEADLINE), closing(new_loop()) as loop:
        ch: Chan[int] = Chan()

        async def stopper() -> None:
            raise error(await ch.arecv())

        async def start() -> list[Task]:
            return [make_task(op) for op in (ch.arecv(), stopper(), ch.arecv(), ch.arecv())]

        async def forever() -> None:
            await settle()
            call(lambda: offer(ch, 0, 1, 2, 3))
            await asyncio.Event().wait()

        before, stopped, *after = loop.run_until_complete(start())
        main = loop.create_task(forever())
        with pytest.raises(error):
            loop.run_until_complete(main)
        assert isinstance(stopped.exception(), error)
        assert loop.run_until_complete(before) == 0
        assert [loop.run_until_complete(task) for task in after] == [2, 3]
        main.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(main)


@on_each_kind
@on_each_loop
def test_an_error_of_one_task_does_not_touch_the_others(
    new_loop: NewLoop, make_task: MakeTask
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()

        async def divide() -> float:
            return 1 / await ch.arecv()

        tasks = [make_task(divide()) for _ in range(3)]
        await settle()
        offer(ch, 1, 0, 2)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[0] == 1
        assert isinstance(results[1], ZeroDivisionError)
        assert results[2] == 0.5

    run(new_loop, main)

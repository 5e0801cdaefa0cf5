"""What becomes of an awaitable that is never awaited, awaited twice, or closed half-way."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import pytest

from gochan import Chan, WouldBlock, go
from hosts import drain
from loops import NewLoop, on_each_loop, run
from parking import settle
from watch import parked

Op: TypeAlias = Coroutine[Any, Any, Any]


def filled(*values: int) -> Chan[int]:
    ch: Chan[int] = Chan(4)
    for value in values:
        ch.send_nowait(value)
    return ch


async def by_await(op: Op) -> Any:
    return await op


OPS: list[tuple[str, Callable[[Chan[int]], Op]]] = [
    ("asend", lambda ch: ch.asend(1)),
    ("arecv", lambda ch: ch.arecv()),
    ("arecv_ok", lambda ch: ch.arecv_ok()),
    ("arecv_many", lambda ch: ch.arecv_many(3)),
]
on_each_op = pytest.mark.parametrize(("name", "make"), OPS, ids=[name for name, _ in OPS])


def forget(make: Callable[[], object]) -> None:
    make()


@on_each_op
def test_never_awaited_warns_and_does_nothing(name: str, make: Callable[[Chan[int]], Op]) -> None:
    ch = filled(9)
    with pytest.warns(RuntimeWarning, match=rf"Chan\.{name}\(\) was never awaited") as seen:
        forget(lambda: make(ch))
    assert len(seen) == 1
    assert seen[0].filename == __file__
    assert drain(ch) == [9]


def test_ajoin_never_awaited_warns() -> None:
    g = go(int)
    with pytest.warns(RuntimeWarning, match=r"ajoin\(\) was never awaited"):
        forget(g.ajoin)


@on_each_op
def test_closed_or_thrown_into_before_its_first_step_does_nothing(
    name: str, make: Callable[[Chan[int]], Op]
) -> None:
    ch = filled(9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        op = make(ch)
        op.close()
        op.close()
        with pytest.raises(RuntimeError):
            op.send(None)
        op = make(ch)
        with pytest.raises(ZeroDivisionError):
            op.throw(ZeroDivisionError("thrown in"))
        del op
    assert drain(ch) == [9]


@on_each_op
@on_each_loop
def test_awaited_twice(new_loop: NewLoop, name: str, make: Callable[[Chan[int]], Op]) -> None:
    async def main() -> None:
        ch = filled(9)
        op = make(ch)
        await op
        before = len(ch)
        with pytest.raises(RuntimeError):
            await op
        assert len(ch) == before

    run(new_loop, main)


@on_each_loop
def test_awaited_by_a_second_task_while_parked(new_loop: NewLoop) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        op = ch.arecv()
        first = asyncio.create_task(by_await(op))
        await settle()
        with pytest.raises(RuntimeError):
            await op
        assert parked(ch) == (1, 0)
        ch.send_nowait(4)
        assert await first == 4

    run(new_loop, main)


@on_each_op
@on_each_loop
def test_a_parked_coroutine_that_is_closed_leaves_the_queue(
    new_loop: NewLoop, name: str, make: Callable[[Chan[int]], Op]
) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        outer = by_await(make(ch))
        outer.send(None)
        assert sum(parked(ch)) == 1
        outer.close()
        assert parked(ch) == (0, 0)
        with pytest.raises(WouldBlock):
            ch.recv_nowait()
        with pytest.raises(WouldBlock):
            ch.send_nowait(1)

    run(new_loop, main)

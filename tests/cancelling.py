"""The words of the cancellation tests: the receiving operations, park, offer, see it cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

import pytest

from gochan import Chan
from parking import settle

Receive: TypeAlias = Callable[[Chan[int]], Coroutine[Any, Any, list[int]]]


async def arecv(ch: Chan[int]) -> list[int]:
    return [await ch.arecv()]


async def arecv_ok(ch: Chan[int]) -> list[int]:
    value, ok = await ch.arecv_ok()
    return [value] if ok and value is not None else []


async def arecv_many(ch: Chan[int]) -> list[int]:
    return await ch.arecv_many(3)


async def async_for(ch: Chan[int]) -> list[int]:
    async for value in ch:
        return [value]
    return []


on_each_receive = pytest.mark.parametrize("receive", [arecv, arecv_ok, arecv_many, async_for])


async def start(op: Awaitable[Any]) -> asyncio.Task[Any]:
    """A task parked in the operation."""

    async def body() -> Any:
        return await op

    task = asyncio.create_task(body())
    await settle()
    assert not task.done()
    return task


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Wait for a task that is to end as cancelled; once, and with nothing left over."""
    await asyncio.wait([task], timeout=20)
    assert task.done(), "the cancellation was swallowed"
    assert task.cancelled(), f"it ended otherwise: {task!r}"


def offer(ch: Chan[int], *values: int) -> None:
    for value in values:
        ch.send_nowait(value)

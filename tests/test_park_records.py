"""What a parked goroutine tells of itself: what it waits for, since when, where it was started."""

from __future__ import annotations

import _thread
import asyncio
import gc
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest

from gochan import Chan, Goroutine, WaitGroup, aio, go
from parking import wait_until, wait_waiting
from records import identity, record
from watch import PATIENCE

# ---------------------------------------------------------------- what it waits for


class Scene:
    """Something to wait for, and what ends each wait."""

    def __init__(self) -> None:
        self.ch, self.full, self.wg = Chan[int](), Chan[int](1), WaitGroup()
        self.full.send(1)
        self.wg.add()
        self.other = go(self.wg.wait)
        wait_waiting(self.other)

    def end(self) -> None:
        self.ch.close()
        self.full.recv()
        self.wg.done()


async def iterate(s: Scene) -> None:
    async for _ in s.ch:
        pass


async def block(s: Scene) -> None:
    s.ch.recv_ok()


Wait: TypeAlias = Callable[[Scene], Any]
On: TypeAlias = Callable[[Scene], object]

# Where it waits, how that is called, and what it waits for.
WAITS: list[tuple[str, Wait, str, On]] = [
    ("async", lambda s: s.ch.arecv_ok(), "Chan.arecv_ok()", lambda s: s.ch),
    ("async", lambda s: s.ch.receiver.arecv_ok(), "Chan.arecv_ok()", lambda s: s.ch),
    ("async", lambda s: s.ch.arecv_ok(timeout=60), "Chan.arecv_ok()", lambda s: s.ch),
    ("async", lambda s: s.ch.arecv_many(3), "Chan.arecv_many()", lambda s: s.ch),
    ("async", iterate, "Chan.__anext__()", lambda s: s.ch),
    ("async", lambda s: s.full.asend(2), "Chan.asend()", lambda s: s.full),
    ("async", lambda s: s.wg, "WaitGroup.__await__()", lambda s: s.wg),
    ("async", lambda s: s.other, "Goroutine.__await__()", lambda s: s.other),
    ("async", lambda s: s.other.ajoin(), "Goroutine.ajoin()", lambda s: s.other),
    ("async", lambda s: s.other.done.arecv_ok(), "Chan.arecv_ok()", lambda s: s.other.done),
    ("async", block, "Chan.recv_ok()", lambda s: s.ch),
    ("def", lambda s: s.ch.recv_ok(), "Chan.recv_ok()", lambda s: s.ch),
    ("def", lambda s: s.ch.recv_many(3), "Chan.recv_many()", lambda s: s.ch),
    ("def", lambda s: s.full.send(2), "Chan.send()", lambda s: s.full),
    ("def", lambda s: s.wg.wait(), "WaitGroup.wait()", lambda s: s.wg),
    ("def", lambda s: s.other.join(), "Goroutine.join()", lambda s: s.other),
    ("def", lambda s: s.other.result(), "Goroutine.result()", lambda s: s.other),
    ("def", lambda s: s.other.exception(60), "Goroutine.exception()", lambda s: s.other),
]


async def operate(wait: Wait, s: Scene) -> None:
    await wait(s)


@pytest.mark.parametrize(
    ("kind", "wait", "operation", "on"),
    WAITS,
    ids=[f"{row[0]} {row[2]} {i}" for i, row in enumerate(WAITS)],
)
def test_what_it_waits_for(kind: str, wait: Wait, operation: str, on: On) -> None:
    s = Scene()
    g = go(operate, wait, s) if kind == "async" else go(wait, s)
    wait_waiting(g)
    seen = record(g)
    assert (seen.name, seen.operation) == (g.name, operation)
    assert re.match(rf"<gochan\.\w+ {identity(on(s))}\b", seen.on), repr(g)
    s.end()
    g.join(PATIENCE)
    assert g.state == "done"
    assert repr(g) == f"<gochan.Goroutine {g.name} done, started at {seen.start}>"


class Awaitable:
    """Something of the user's own that waits in between."""

    def __init__(self, ch: Chan[int]) -> None:
        self.ch = ch

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield from self.ch.arecv_ok().__await__())


async def values(ch: Chan[int]) -> AsyncGenerator[Any, None]:
    while not ch.closed:
        yield await ch.arecv_ok()


async def own_awaitable(ch: Chan[int]) -> None:
    await Awaitable(ch)


async def generator(ch: Chan[int]) -> None:
    async for _ in values(ch):
        pass


async def comprehension(ch: Chan[int]) -> None:
    assert [value async for value in values(ch)] != []


async def context_manager(ch: Chan[int]) -> None:
    @asynccontextmanager
    async def entered() -> AsyncIterator[None]:
        await ch.arecv_ok()
        yield

    async with entered():
        pass


async def deep(ch: Chan[int], depth: int = 50) -> None:
    if depth:
        await deep(ch, depth - 1)
    else:
        await ch.arecv_ok()


@pytest.mark.parametrize("body", [own_awaitable, generator, comprehension, context_manager, deep])
def test_waiting_somewhere_inside(body: Callable[[Chan[int]], Any]) -> None:
    ch = Chan[int]()
    g = go(body, ch)
    wait_waiting(g)
    assert record(g).operation == "Chan.arecv_ok()"
    assert re.match(rf"<gochan\.Chan {identity(ch)}\b", record(g).on), repr(g)
    ch.close()
    g.result(PATIENCE)


def test_waiting_for_aio() -> None:
    gate: list[int] = []

    async def poll() -> None:
        while not gate:
            await asyncio.sleep(0.001)

    async def body() -> None:
        await aio(poll())

    g = go(body)
    wait_waiting(g)
    assert "aio" in record(g).operation
    gate.append(1)
    g.result(PATIENCE)


# ---------------------------------------------------------------- since when


def test_since_when() -> None:
    """It counts on from the moment of the park, and begins anew with the next one."""
    ch = Chan[int]()

    async def twice() -> None:
        await ch.arecv()
        await ch.arecv()

    before = time.monotonic()
    g = go(twice)
    wait_waiting(g)
    assert record(g).seconds <= time.monotonic() - before + 0.1
    wait_until(lambda: record(g).seconds >= 0.5, "half a second of waiting")
    assert time.monotonic() - before > 0.4
    before = time.monotonic()
    ch.send(1, timeout=PATIENCE)
    wait_waiting(g)
    assert record(g).seconds <= time.monotonic() - before + 0.1
    ch.send(2, timeout=PATIENCE)
    g.result(PATIENCE)


# ---------------------------------------------------------------- where it was started


async def receive(ch: Chan[int]) -> None:
    await ch.arecv_ok()


def test_where_it_was_started() -> None:
    ch, wg = Chan[int](), WaitGroup()

    def starter() -> Goroutine[None]:
        return go(receive, ch)

    async def parent() -> Goroutine[None]:
        return go(receive, ch)

    goroutines = {starter: starter(), parent: go(parent).result(PATIENCE)}
    by_group = wg.go(receive, ch)
    wait_waiting(*goroutines.values(), by_group)
    for function, g in goroutines.items():
        code = function.__code__
        where = f"{code.co_filename}:{code.co_firstlineno + 1} in "
        assert record(g).start in {where + code.co_name, where + code.co_qualname}
    assert record(by_group).start.startswith(f"{__file__}:")
    assert record(by_group).start.endswith(" in test_where_it_was_started")
    ch.close()
    wg.wait(timeout=PATIENCE)


def test_started_by_no_python_code() -> None:
    """A thread may run go() itself; then there is no line to name."""
    ch = Chan[int]()

    async def started_by_nobody() -> None:
        await ch.arecv()

    _thread.start_new_thread(go, (started_by_nobody,))

    def found() -> list[Goroutine[Any]]:
        everybody = [thing for thing in gc.get_objects() if type(thing) is Goroutine]
        return [g for g in everybody if g.name.startswith("started_by_nobody-")]

    wait_until(lambda: found() != [], "the goroutine")
    (g,) = found()
    wait_waiting(g)
    assert repr(g).startswith(f"<gochan.Goroutine {g.name} waiting in Chan.arecv() on <gochan.Chan")
    ch.send(1, timeout=PATIENCE)
    g.result(PATIENCE)

"""A goexit() that is caught: the goroutine gets no further than its next operation (PY5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from gochan import (
    Chan,
    Goroutine,
    WaitGroup,
    agosched,
    aio,
    go,
    goexit,
    gosched,
    num_goroutine,
    run,
)
from hosts import drain
from reporting import Reports
from scheduler import under_a_deadline
from watch import PATIENCE, parked

pytestmark = under_a_deadline


class Things:
    """Some of each, ready for the operations and not."""

    def __init__(self) -> None:
        self.empty: Chan[int] = Chan()
        self.some: Chan[int] = Chan(4)
        self.some.send_nowait(1)
        self.some.send_nowait(2)
        self.zero = WaitGroup()
        self.one = WaitGroup()
        self.one.add()
        self.ended: Goroutine[int] = go(int)
        self.ended.join(PATIENCE)

    def untouched(self) -> None:
        assert parked(self.empty) == parked(self.some) == (0, 0)
        assert drain(self.some) == [1, 2]
        assert not self.empty.closed
        assert (self.zero.count, self.one.count) == (0, 1)


BLOCKING: dict[str, Callable[[Things], object]] = {
    "send": lambda t: t.empty.send(3),
    "send, ready": lambda t: t.some.send(3),
    "send, view": lambda t: t.some.sender.send(3),
    "send, timeout": lambda t: t.empty.send(3, timeout=0),
    "send_nowait": lambda t: t.some.send_nowait(3),
    "recv": lambda t: t.empty.recv(),
    "recv, ready": lambda t: t.some.recv(),
    "recv, view": lambda t: t.some.receiver.recv(),
    "recv, timeout": lambda t: t.empty.recv(timeout=0),
    "recv_ok": lambda t: t.some.recv_ok(),
    "recv_many": lambda t: t.some.recv_many(2),
    "recv_nowait": lambda t: t.some.recv_nowait(),
    "iteration": lambda t: next(iter(t.some)),
    "close": lambda t: t.empty.close(),
    "close, view": lambda t: t.empty.sender.close(),
    "WaitGroup.wait": lambda t: t.one.wait(),
    "WaitGroup.wait, ready": lambda t: t.zero.wait(),
    "WaitGroup.go": lambda t: t.zero.go(int),
    "join": lambda t: t.ended.join(),
    "result": lambda t: t.ended.result(),
    "exception": lambda t: t.ended.exception(),
    "go": lambda t: go(int),
    "gosched": lambda t: gosched(),
    "goexit": lambda t: goexit(),
}
AWAITED: dict[str, Callable[[Things], Any]] = {
    "asend": lambda t: t.empty.asend(3),
    "asend, ready": lambda t: t.some.asend(3),
    "arecv": lambda t: t.empty.arecv(),
    "arecv, ready": lambda t: t.some.arecv(),
    "arecv, timeout": lambda t: t.empty.arecv(timeout=0),
    "arecv_ok": lambda t: t.some.arecv_ok(),
    "arecv_many": lambda t: t.some.arecv_many(2),
    "async for": lambda t: anext(aiter(t.some)),
    "WaitGroup": lambda t: t.one,
    "WaitGroup, ready": lambda t: t.zero,
    "ajoin": lambda t: t.ended.ajoin(),
    "await goroutine": lambda t: t.ended,
    "agosched": lambda t: agosched(),
    "aio": lambda t: aio(asyncio.sleep(0)),
}


@pytest.mark.parametrize("operation", BLOCKING.values(), ids=list(BLOCKING))
@pytest.mark.parametrize("kind", ["async", "plain"])
def test_the_next_operation_ends_it(
    operation: Callable[[Things], object], kind: str, reports: Reports
) -> None:
    """Ready or not; and it has had no effect."""
    things = Things()
    log: list[str] = []

    def plain() -> None:
        try:
            goexit()
        except BaseException:
            log.append("swallowed")
        try:
            operation(things)
            log.append("not reached")
        finally:
            log.append("finally")

    async def body() -> None:
        plain()

    fn: Callable[[], Any] = body if kind == "async" else plain
    before = num_goroutine()
    g = go(fn)
    assert g.result(PATIENCE) is None
    assert g.exception(0) is None
    assert log == ["swallowed", "finally"]
    assert num_goroutine() == before
    things.untouched()
    del g
    assert reports.settled() == []


@pytest.mark.parametrize("operation", AWAITED.values(), ids=list(AWAITED))
@pytest.mark.filterwarnings("ignore:coroutine 'sleep' was never awaited")
def test_the_next_await_ends_it(operation: Callable[[Things], Any]) -> None:
    things = Things()
    log: list[str] = []

    async def body() -> None:
        try:
            await agosched()
            goexit()
        except BaseException:
            log.append("swallowed")
        try:
            await operation(things)
            log.append("not reached")
        finally:
            log.append("finally")

    g = go(body)
    assert g.result(PATIENCE) is None
    assert log == ["swallowed", "finally"]
    things.untouched()


def test_leaving_a_block_of_a_channel_or_wait_group_is_an_operation_too() -> None:
    log: list[str] = []
    ch: Chan[int] = Chan()

    def body() -> None:
        with ch:
            try:
                goexit()
            except BaseException:
                log.append("swallowed")
        log.append("not reached")

    assert go(body).result(PATIENCE) is None
    assert log == ["swallowed"]


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_again_and_again(kind: str) -> None:
    """Whoever swallows it each time only gets to the end of his own code."""
    ch: Chan[int] = Chan(100)
    swallowed: list[str] = []

    def plain() -> None:
        try:
            goexit()
        except BaseException as error:
            swallowed.append(type(error).__name__)
        while len(swallowed) < 10:
            try:
                ch.send(1)
            except BaseException as error:
                swallowed.append(type(error).__name__)
        ch.send(1)

    async def body() -> None:
        try:
            goexit()
        except BaseException as error:
            swallowed.append(type(error).__name__)
        while len(swallowed) < 10:
            try:
                await ch.asend(1)
            except BaseException as error:
                swallowed.append(type(error).__name__)
        await ch.asend(1)

    fn: Callable[[], Any] = body if kind == "async" else plain
    g = go(fn)
    assert g.result(PATIENCE) is None
    assert swallowed == ["GoExit"] * 10
    assert drain(ch) == []


def test_the_next_goroutine_on_that_thread_knows_nothing_of_it() -> None:
    def swallows() -> None:
        with suppress(BaseException):
            goexit()

    async def aswallows() -> None:
        swallows()

    async def receive(ch: Chan[int]) -> int:
        await agosched()
        return await ch.arecv()

    for _ in range(30):
        go(swallows).join(PATIENCE)
        go(aswallows).join(PATIENCE)
        ch: Chan[int] = Chan(1)
        ch.send(1)
        assert go(ch.recv).result(PATIENCE) == 1
        ch.send(2)
        assert go(receive, ch).result(PATIENCE) == 2


def test_the_others_on_that_thread_know_nothing_of_it() -> None:
    ch: Chan[int] = Chan()

    async def swallows() -> None:
        with suppress(BaseException):
            goexit()
        for _ in range(3):
            with suppress(BaseException):
                await agosched()
        await agosched()

    async def pings() -> int:
        for i in range(100):
            await ch.asend(i)
            await agosched()
        ch.close()
        return 100

    async def pongs() -> list[int]:
        return [value async for value in ch]

    async def main() -> None:
        ping, pong = go(pings), go(pongs)
        for _ in range(20):
            go(swallows)
            await agosched()
        assert await ping == 100
        assert await pong == list(range(100))

    go(main).result(PATIENCE)


def test_main_swallows_it() -> None:
    log: list[str] = []

    async def child() -> None:
        for _ in range(5):
            await agosched()
        log.append("child")

    async def main() -> None:
        go(child)
        try:
            goexit()
        except BaseException:
            log.append("swallowed")
        await agosched()
        log.append("not reached")

    assert run(main) is None
    assert sorted(log) == ["child", "swallowed"]

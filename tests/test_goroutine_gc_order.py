"""The collector comes to a coroutine before it comes to its goroutine: nothing waits there."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from collecting import collect_until, listening, unraisable
from gochan import Chan, WouldBlock, agosched, aio, go, num_goroutine, run
from parking import wait_waiting
from test_goroutine_gc_finally import (
    on_a_def_goroutine,
    on_a_goroutine,
    on_a_loop,
    on_a_thread,
    on_each_thread,
    right_here,
)
from watch import PATIENCE

pytestmark = pytest.mark.usefixtures("by_hand")


@pytest.fixture
def by_hand() -> Iterator[None]:
    """Nothing is collected, and so nothing grows older, but when a test says so."""
    gc.disable()
    yield
    gc.enable()


async def lost(inner: Callable[[], Any], log: list[str]) -> None:
    """The goroutine is of the middle generation, what it awaits of the youngest, which is first."""
    gc.collect(0)
    try:
        await inner()
    finally:
        log.append("outer")


def lose(inner: Callable[[], Any], log: list[str]) -> weakref.ref[Any]:
    g = go(lost, inner, log)
    wait_waiting(g)
    return weakref.ref(g)


@on_each_thread
def test_what_would_wait_is_refused(on: Any) -> None:
    log: list[str] = []
    never = Chan[int]()

    async def inner() -> None:
        try:
            await Chan[int]().arecv()
        finally:
            await agosched()
            log.append("agosched")
            waits: dict[str, Callable[[], Any]] = {
                "recv": never.recv,
                "run": lambda: run(agosched),
            }
            for name, wait in waits.items():
                try:
                    wait()
                except RuntimeError:
                    log.append(name)
            awaitables: dict[str, Callable[[], Any]] = {
                "arecv": never.arecv,
                "aio": lambda: aio(never.arecv()),
            }
            for name, make in awaitables.items():
                try:
                    await make()
                except RuntimeError:
                    log.append(name)
            go(agosched)  # needs nobody to wait

    before = num_goroutine()
    with listening() as said, unraisable() as heard:
        seen = lose(inner, log)
        on(lambda: collect_until(lambda: seen() is None, "collected"))
        assert len(said()) == 1
        assert heard == []
    assert log == ["agosched", "recv", "run", "arecv", "aio", "outer"]
    with pytest.raises(WouldBlock):
        never.send_nowait(1)  # nobody is parked there
    collect_until(lambda: num_goroutine() <= before, "the end of all")


@on_each_thread
def test_one_that_swallows_everything_does_not_hang_the_collector(on: Any) -> None:
    log: list[str] = []
    tries = [0]

    async def inner() -> None:
        while True:
            tries[0] += 1
            with suppress(BaseException):
                await Chan[int]().arecv()

    with listening(), unraisable() as heard:
        seen = lose(inner, log)
        on(lambda: collect_until(lambda: seen() is None, "collected"))
    assert tries[0] > 1
    assert "outer" in log
    assert {type(error) for error in heard} == {RuntimeError}  # it ignored GeneratorExit


def test_each_of_many_may_be_refused_something() -> None:
    """Who was refused often is forgotten when the next one comes."""
    log: list[str] = []

    async def inner() -> None:
        try:
            await Chan[int]().arecv()
        finally:
            for _ in range(60):
                await agosched()

    with listening() as said, unraisable() as heard:
        seen = [lose(inner, log) for _ in range(10)]
        collect_until(lambda: all(ref() is None for ref in seen), "collected")
        assert len(said()) == 10
        assert heard == []
    assert log == ["outer"] * 10


def test_who_collects_goes_on() -> None:
    """A goroutine in the middle of its step parks and is woken afterwards as before."""
    log: list[str] = []
    ch = Chan[int]()

    async def inner() -> None:
        try:
            await Chan[int]().arecv()
        finally:
            await agosched()

    async def collects(seen: weakref.ref[Any]) -> int:
        while seen() is not None:
            gc.collect()
            await agosched()
        return await ch.arecv()

    with listening(), unraisable() as heard:
        g = go(collects, lose(inner, log))
        ch.send(1, timeout=PATIENCE)
        assert g.result(PATIENCE) == 1
        assert heard == []
    assert log == ["outer"]


# ---------------------------------------------------------------- what is nobody's coroutine


class Finalized:
    """Does something when the collector comes, and is garbage from the start."""

    def __init__(self, act: Callable[[], object], done: list[object]) -> None:
        self.act, self.done, self.me = act, done, self

    def __del__(self) -> None:
        self.done.append(self.act())


IN_GOROUTINES = [on_a_goroutine, on_a_def_goroutine]
MAY_WAIT = [
    (how, on)
    for how in ("recv", "asyncio.run", "run")
    for on in (right_here, on_a_thread, *IN_GOROUTINES)
    if not (how == "run" and on in IN_GOROUTINES)  # which is refused there
]


@pytest.mark.parametrize(("how", "on"), MAY_WAIT)
def test_a_finalizer_may_wait(how: str, on: Any) -> None:
    ch, gate = Chan[int](), Chan[int]()
    done: list[object] = []

    async def receive() -> int:
        return await ch.arecv(timeout=PATIENCE)

    waits: dict[str, Callable[[], int]] = {
        "recv": lambda: ch.recv(timeout=PATIENCE),
        "asyncio.run": lambda: asyncio.run(receive()),
        "run": lambda: run(receive),
    }

    def act() -> int:
        go(ch.send, 1)
        return waits[how]()

    other = go(gate.arecv)  # while there are goroutines
    wait_waiting(other)
    Finalized(act, done)
    on(lambda: collect_until(lambda: done != [], "finalized"))
    assert done == [1]
    gate.send(1, timeout=PATIENCE)
    assert other.result(PATIENCE) == 1


def test_a_finalizer_on_a_loop_is_refused_as_ever() -> None:
    """It would block the loop, whoever calls it."""
    done: list[object] = []

    def act() -> object:
        try:
            return Chan[int]().recv()
        except Exception as error:
            return type(error).__name__

    Finalized(act, done)
    on_a_loop(lambda: collect_until(lambda: done != [], "finalized"))
    assert done == ["BlockingError"]

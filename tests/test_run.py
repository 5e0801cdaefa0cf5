"""run(): what it takes, what it gives back, and on which thread and in which context main runs."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from gochan import Chan, WaitGroup, agosched, go, num_goroutine, run
from parking import wait_parked
from scheduler import in_thread, parked, under_a_deadline
from watch import PATIENCE, label

pytestmark = under_a_deadline


# ---------------------------------------------------------------- results


async def add(a: int, b: int = 0) -> int:
    await agosched()
    return a + b


def test_the_result_of_an_async_main() -> None:
    assert run(add, 1, b=2) == 3


def test_the_result_of_a_plain_main() -> None:
    assert run(pow, 2, 10) == 1024
    assert run(int) == 0
    assert run(lambda: None) is None


@pytest.mark.parametrize(
    "value",
    [None, (), (1, 2), StopIteration(3), ValueError("no error"), Exception, [], 0],
    ids=label,
)
def test_any_value_can_be_the_result(value: object) -> None:
    """Also those that the way a coroutine ends might take for something else."""

    async def main() -> object:
        await agosched()
        return value

    assert run(main) is value
    assert run(lambda: value) is value


def echo(*args: object, **kwargs: object) -> tuple[tuple[object, ...], dict[str, object]]:
    return args, kwargs


async def aecho(*args: object, **kwargs: object) -> object:
    return echo(*args, **kwargs)


@pytest.mark.parametrize("main", [echo, aecho])
def test_arguments(main: Any) -> None:
    assert run(main) == ((), {})
    assert run(main, 1, None, main=2, fn=3, self=4, timeout=5) == (
        (1, None),
        {"main": 2, "fn": 3, "self": 4, "timeout": 5},
    )
    assert run(main, *range(300)) == (tuple(range(300)), {})


class Program:
    async def method(self, x: int) -> int:
        await agosched()
        return x + 1

    async def __call__(self, x: int) -> int:
        return await self.method(x + 1)

    @classmethod
    async def class_method(cls, x: int) -> int:
        return x + 3


@functools.wraps(add)
def wrapped(*args: int) -> Coroutine[Any, Any, int]:
    return add(*args)


def test_anything_that_makes_a_coroutine() -> None:
    """A plain function that returns one is as good as `async def`."""
    assert run(Program().method, 1) == 2
    assert run(Program(), 1) == 3
    assert run(Program.class_method, 1) == 4
    assert run(functools.partial(add, 1), 2) == 3
    assert run(functools.partial(add, 1, b=5)) == 6
    assert run(lambda: add(3, 4)) == 7
    assert run(wrapped, 5, 6) == 11


# ---------------------------------------------------------------- where it runs


def test_main_stays_on_the_calling_thread() -> None:
    """Whoever wakes it, and however often: a goroutine, a thread, its own turn."""
    seen: list[int] = []
    ch: Chan[None] = Chan()

    async def send() -> None:
        await ch.asend(None)

    async def main() -> None:
        for _ in range(20):
            seen.append(threading.get_ident())
            await agosched()
            go(send)
            await ch.arecv()
            seen.append(threading.get_ident())
            go(ch.send, None)
            await ch.arecv()

    run(main)
    assert set(seen) == {threading.get_ident()}
    seen.clear()

    def elsewhere() -> int:
        run(main)
        return threading.get_ident()

    assert in_thread(elsewhere) == seen[0]
    assert set(seen) == {seen[0]} != {threading.get_ident()}


def test_main_stays_there_when_others_block_their_threads() -> None:
    """Signals, GUIs and thread-local data rely on it."""
    seen: set[int] = set()
    leave = threading.Event()

    async def blocks(seconds: float) -> None:
        leave.wait(seconds)

    async def main() -> None:
        goroutines = []
        for i in range(5):
            goroutines.append(go(blocks, 0.03 if i % 2 else PATIENCE))
            for _ in range(50):
                await agosched()
                seen.add(threading.get_ident())
        leave.set()
        for g in goroutines:
            await g
            seen.add(threading.get_ident())

    run(main)
    assert seen == {threading.get_ident()}


def test_a_plain_main_runs_on_the_calling_thread_and_may_block() -> None:
    ch: Chan[int] = Chan()

    async def feed() -> None:
        for i in range(5):
            await ch.asend(i)
        ch.close()

    def main() -> tuple[list[int], int]:
        go(feed)
        return list(ch), threading.get_ident()

    assert run(main) == ([0, 1, 2, 3, 4], threading.get_ident())


def test_no_event_loop_is_running_in_main() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()

    run(main)


NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME")


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_main_has_its_own_copy_of_the_context(kind: str) -> None:
    def look() -> str:
        before = NAME.get()
        NAME.set("main's")
        return before

    async def alook() -> str:
        before = look()
        await agosched()
        assert NAME.get() == "main's"
        return before

    def scene() -> None:
        NAME.set("the caller's")
        assert (run(alook) if kind == "async" else run(look)) == "the caller's"
        assert NAME.get() == "the caller's"

    contextvars.Context().run(scene)


# ---------------------------------------------------------------- how many there are


def test_main_counts_once() -> None:
    """Its caller waits for it and is no second one."""
    before = num_goroutine()
    ch: Chan[None] = Chan()
    seen: dict[str, int] = {}

    async def child() -> None:
        seen["from a child"] = num_goroutine()
        await ch.arecv()

    async def main() -> None:
        seen["alone"] = num_goroutine()
        g = go(child)
        await parked(ch, receivers=1)
        seen["with a child"] = num_goroutine()
        await ch.asend(None)
        await g
        seen["alone again"] = num_goroutine()
        seen["from a thread"] = in_thread(num_goroutine)

    run(main)
    assert seen == {
        "alone": before,
        "from a child": before + 1,
        "with a child": before + 1,
        "alone again": before,
        "from a thread": before,
    }
    assert num_goroutine() == before


def test_a_plain_main_counts_once() -> None:
    before = num_goroutine()
    gate: Chan[None] = Chan()

    def main() -> tuple[int, int]:
        alone = num_goroutine()
        wg = WaitGroup()
        wg.go(gate.recv)
        wait_parked(gate, receivers=1)
        two = num_goroutine()
        gate.send(None)
        wg.wait()
        return alone, two

    assert run(main) == (before, before + 1)
    assert num_goroutine() == before


def test_a_failed_main_counts_no_longer() -> None:
    before = num_goroutine()

    async def park() -> None:
        await Chan[int]().arecv()

    async def main() -> None:
        go(park)
        raise ZeroDivisionError("expected by this test")

    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            run(main)
    assert num_goroutine() == before

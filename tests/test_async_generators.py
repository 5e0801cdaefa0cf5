"""The `finally` blocks of async generators that are left before their end: they run, and may await
where somebody is left to wait for (PY8, PY9).
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, cast

import pytest

import procs
from collecting import collect_until, listening
from gochan import Chan, agosched, asleep, go, run
from parking import wait_until, wait_waiting
from scheduler import Start, in_thread, on_each_start, under_a_deadline

pytestmark = under_a_deadline

Log = list[str]


async def lines(log: Log) -> AsyncIterator[int]:
    try:
        for line in range(5):
            yield line
    finally:
        await agosched()
        await asleep(0.001)
        log.append("closed")


async def find(log: Log) -> int:
    async for line in lines(log):
        if line == 2:
            return line
    raise AssertionError


# ---------------------------------------------------------------- left by who iterates


def test_run_ends_when_the_generators_are_closed() -> None:
    """As asyncio.run: main leaves one in its last step, and its `finally` awaits."""
    log: Log = []
    assert run(find, log) == 2
    assert log == ["closed"]
    assert in_thread(lambda: run(find, log)) == 2
    assert log == ["closed"] * 2


def test_also_when_main_fails() -> None:
    log: Log = []

    async def fails() -> None:
        async for _ in lines(log):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(fails)
    assert log == ["closed"]


def test_a_closer_of_another_goroutine_is_waited_for() -> None:
    log: Log = []

    async def main() -> None:
        assert await go(find, log) == 2

    run(main)
    assert log == ["closed"]


@on_each_start
def test_one_that_is_left_on_the_way(start: Start) -> None:
    log: Log = []

    async def main() -> None:
        assert await find(log) == 2
        while not log:
            await agosched()

    start(main)
    assert log == ["closed"]


# ---------------------------------------------------------------- closed with its goroutine


async def waits_inside(log: Log) -> AsyncIterator[int]:
    try:
        while True:
            yield await Chan[int]().arecv()
    finally:
        log.append("inner")


async def iterates(log: Log) -> None:
    try:
        async for _ in waits_inside(log):
            pass
    finally:
        log.append("outer")


async def nested(log: Log) -> None:
    async def between() -> AsyncIterator[int]:
        try:
            async for value in waits_inside(log):
                yield value
        finally:
            log.append("between")

    try:
        async for _ in between():
            pass
    finally:
        log.append("outer")


async def says(log: Log) -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        await agosched()
        log.append("closed")


async def waits_in_the_body(log: Log) -> None:
    async for _ in says(log):
        await Chan[int]().arecv()


async def waits_while_it_is_closed(log: Log) -> None:
    """As the goroutine that closes a generator which was dropped."""

    async def lines() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            try:
                await Chan[int]().arecv()
            finally:
                log.append("closed")

    generator = lines()
    assert await anext(generator) == 1
    await cast(Any, generator).aclose()


LOST: dict[str, tuple[Callable[[Log], Coroutine[Any, Any, None]], Log]] = {
    "inside": (iterates, ["inner", "outer"]),
    "nested": (nested, ["inner", "between", "outer"]),
    "while it is closed": (waits_while_it_is_closed, ["closed"]),
    "in the body": (waits_in_the_body, ["closed"]),
}


@pytest.mark.parametrize("kind", LOST)
def test_lost(kind: str) -> None:
    """The collector finds the goroutine: the innermost comes first, as in a chain of coroutines."""
    function, expected = LOST[kind]
    log: Log = []

    def start() -> None:
        wait_waiting(go(function, log))

    with listening():
        start()
        collect_until(lambda: len(log) >= len(expected), f"{expected} in {log}")
    wait_until(lambda: len(log) >= len(expected), f"{expected} in {log}")
    assert log == expected


@pytest.mark.parametrize("kind", LOST)
def test_at_exit(kind: str) -> None:
    """They run, and can not wait."""
    function, expected = LOST[kind]
    done = procs.run(
        f"""
from test_async_generators import go, wait_waiting, {function.__name__}

class Log(list):
    def append(self, word):
        print(word, flush=True)

g = go({function.__name__}, Log())
wait_waiting(g)
print("exit", flush=True)
"""
    )
    assert done.ok().splitlines() == ["exit", *expected]


def test_at_exit_one_that_waits_for_something_foreign() -> None:
    done = procs.run("""
from gochan import Chan, go
from parking import wait_waiting
class Foreign:
    def __await__(self):
        try:
            yield
        finally:
            print("foreign", flush=True)
async def lines():
    try:
        yield 1
    finally:
        try:
            await Foreign()
            print("never", flush=True)
        finally:
            print("left", flush=True)
async def waits():
    async for _ in lines():
        await Chan().arecv()
g = go(waits)
wait_waiting(g)
print("exit", flush=True)
""")
    assert done.ok().splitlines() == ["exit", "foreign", "left"]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="closing the step closes the generator")
@on_each_start
def test_one_whose_step_was_dropped_is_left_alone(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing can close it, and nothing is said of it."""
    log: Log = []

    async def main() -> None:
        step = iterates(log)
        step.send(None)
        del step
        await asleep(0.01)

    start(main)
    assert capfd.readouterr().err == ""
    assert log == ["outer"]

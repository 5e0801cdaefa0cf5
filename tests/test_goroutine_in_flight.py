"""What is on its way while the collector runs without a pause: timeouts, aio(), main, values."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

from collecting import collecting, listening
from gochan import Chan, aio, go, run
from parking import wait_parked, wait_until
from watch import PATIENCE, alarm


def test_one_on_a_timeout_times_out() -> None:
    log: list[str] = []

    async def wait(seconds: float) -> None:
        try:
            await Chan[int]().arecv(timeout=seconds)
        except BaseException as error:
            log.append(type(error).__name__)

    with listening() as said, collecting() as collector:
        for i in range(50):
            go(wait, 0.001 * i)
        collector.rounds(3)
        wait_until(lambda: len(log) == 50, "the timeouts")
        assert said() == []
    assert log == ["TimeoutError"] * 50


def test_one_in_aio_gets_its_result() -> None:
    """asyncio itself would forget a task that waits for something that only the task knows."""
    log: list[object] = []
    events: list[tuple[asyncio.AbstractEventLoop, weakref.ref[asyncio.Event]]] = []

    async def wait_for_event() -> str:
        event = asyncio.Event()
        events.append((asyncio.get_running_loop(), weakref.ref(event)))
        await event.wait()
        return "set"

    async def body() -> None:
        log.append(await aio(wait_for_event()))

    with listening() as said, collecting() as collector:
        go(body)
        wait_until(lambda: events != [], "the coroutine begun")
        collector.rounds(5)
        loop, seen = events[0]
        event = seen()
        assert event is not None
        loop.call_soon_threadsafe(event.set)
        wait_until(lambda: log != [], "the result")
        assert said() == []
    assert log == ["set"]


def test_main_under_run_is_never_collected() -> None:
    """A thread stands behind it, which may be ended by a signal."""
    seen: list[weakref.ref[Chan[int]]] = []

    async def main() -> int:
        ch = Chan[int]()
        seen.append(weakref.ref(ch))
        return await ch.arecv()

    def feed(rounds: Callable[[int], None]) -> None:
        wait_until(lambda: seen != [], "main begun")
        rounds(5)
        ch = seen[0]()
        assert ch is not None
        wait_parked(ch, receivers=1)
        ch.send_nowait(7)

    with listening() as said, collecting() as collector, alarm(PATIENCE):
        feeder = go(feed, collector.rounds)
        assert run(main) == 7
        feeder.result(PATIENCE)
        assert said() == []


def test_while_values_travel() -> None:
    """Only the two ends of the line are held; all between are known to each other alone."""
    length, count = 200, 200
    got: list[int] = []

    async def hand_on(left: Chan[int], right: Chan[int]) -> None:
        async for value in left:
            await right.asend(value + 1)
        right.close()

    async def feed(first: Chan[int]) -> None:
        for i in range(count):
            await first.asend(i)
        first.close()

    async def drain(last: Chan[int]) -> None:
        async for value in last:
            got.append(value)

    def line() -> tuple[Any, Any]:
        first = left = Chan[int]()
        for i in range(length):
            right = Chan[int](i % 3)
            go(hand_on, left, right)
            left = right
        return go(feed, first), go(drain, left)

    with listening() as said, collecting() as collector:
        for handle in line():
            handle.result(PATIENCE * 2)
        collector.rounds(1)
        assert said() == []
    assert got == [i + length for i in range(count)]

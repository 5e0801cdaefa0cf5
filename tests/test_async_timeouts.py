"""Timeouts of goroutines: never early, never lost, and a value that comes in time wins."""

from __future__ import annotations

import gc
import random
import time
import weakref
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from gochan import Chan, ChanClosed, agosched, go, run
from hosts import drain
from scheduler import Start, by_go, on_each_start, parked, turns, under_a_deadline, until
from watch import PATIENCE
from watch import parked as parked_now

pytestmark = under_a_deadline


@on_each_start
def test_the_words_of_a_timeout(start: Start) -> None:
    """Which operation on what, and how long it waited."""

    async def main() -> None:
        ch: Chan[int] = Chan()
        operations: dict[str, Any] = {
            "arecv": ch.arecv,
            "arecv_ok": ch.arecv_ok,
            "arecv_many": lambda timeout: ch.arecv_many(3, timeout=timeout),
            "asend": lambda timeout: ch.asend(1, timeout=timeout),
        }
        for name, operation in operations.items():
            with pytest.raises(TimeoutError) as info:
                await operation(timeout=0.01)
            text = str(info.value)
            assert text.startswith(f"Chan.{name}() timed out after 0.01 s on <gochan.Chan "), text
        g = go(ch.recv)
        with pytest.raises(TimeoutError, match=r"Goroutine\.ajoin\(\) timed out after 0\.01 s"):
            await g.ajoin(0.01)
        await ch.asend(1)
        await g

    start(main)


@on_each_start
def test_many_timeouts_run_out(start: Start) -> None:
    """Each in its time: none early, and none forgotten, whatever the order they came in."""
    early: list[float] = []

    async def waits(seconds: float) -> None:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await Chan[int]().arecv(timeout=seconds)
        if time.monotonic() - began < seconds:
            early.append(seconds)

    async def main() -> None:
        chance = random.Random(7)
        for g in [go(waits, chance.choice([0.001, 0.01, 0.03, 0.05])) for _ in range(3000)]:
            await g

    start(main)
    assert early == []


@on_each_start
def test_a_value_that_comes_in_time_wins(start: Start) -> None:
    """A long limit is in nobody's way: thousands of them, all served, and main ends at once."""

    async def receive(ch: Chan[int]) -> int:
        return await ch.arecv(timeout=3600)

    async def main() -> int:
        ch: Chan[int] = Chan()
        receivers = [go(receive, ch) for _ in range(2000)]
        for i in range(2000):
            await ch.asend(i, timeout=3600)
        return sum([await g for g in receivers])

    assert start(main) == sum(range(2000))


def test_timeouts_against_values() -> None:
    """Both come at about the same moment, again and again: each value has exactly one end."""
    chance = random.Random(11)
    ch: Chan[int] = Chan()
    sent: list[int] = []
    got: list[int] = []
    late = Counter[str]()

    async def sends(values: range) -> None:
        for value in values:
            try:
                await ch.asend(value, timeout=chance.choice([0.0, 2e-5, 1e-4, 5e-4]))
            except TimeoutError:
                late["send"] += 1
            else:
                sent.append(value)

    async def receives() -> None:
        while True:
            try:
                got.append(await ch.arecv(timeout=chance.choice([0.0, 2e-5, 1e-4, 5e-4])))
            except TimeoutError:
                late["recv"] += 1
                await agosched()
            except ChanClosed:
                return

    async def main() -> None:
        receivers = [go(receives) for _ in range(4)]
        for g in [go(sends, range(i * 2000, (i + 1) * 2000)) for i in range(4)]:
            await g
        ch.close()
        for r in receivers:
            await r

    by_go(main)
    assert sorted(got) == sorted(sent)
    assert len(set(got)) == len(got)
    assert late["send"] > 0 < late["recv"], late
    assert sent, "not one was in time"


def test_timeouts_against_threads() -> None:
    chance = random.Random(13)
    ch: Chan[int] = Chan()
    got: list[int] = []

    async def receives() -> None:
        while True:
            try:
                got.append(await ch.arecv(timeout=chance.choice([1e-5, 1e-4, 1e-3])))
            except TimeoutError:
                continue
            except ChanClosed:
                return

    def feed() -> None:
        for i in range(3000):
            ch.send(i)
        ch.close()

    feeder, receiver = go(feed), go(receives)
    feeder.result(PATIENCE)
    receiver.result(PATIENCE)
    assert got == list(range(3000))


@on_each_start
def test_who_gave_up_is_not_in_the_queue(start: Start) -> None:
    """Of many parked, those in the middle leave; the others keep their order."""

    async def receive(ch: Chan[int], timeout: float | None) -> int:
        return await ch.arecv(timeout=timeout)

    async def main() -> None:
        ch: Chan[int] = Chan()
        receivers = []
        for i in range(9):
            g = go(receive, ch, 0.02 if i % 3 == 1 else None)
            receivers.append(g)
            await until(lambda g=g: g.state in {"waiting", "done"}, g)  # type: ignore[misc]
        await parked(ch, receivers=6)
        for i in range(6):
            ch.send_nowait(i)
        got = []
        for i, g in enumerate(receivers):
            await g.ajoin()
            if i % 3 == 1:
                assert isinstance(g.exception(), TimeoutError)
            else:
                got.append(await g)
        assert got == list(range(6))

    start(main)


def test_a_timeout_of_zero_is_an_immediate_try() -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        for limit in (0, -1, 0.0):
            with pytest.raises(TimeoutError):
                await ch.arecv(timeout=limit)
            with pytest.raises(TimeoutError):
                await ch.asend(1, timeout=limit)
        assert parked_now(ch) == (0, 0)
        g = go(ch.recv)
        await until(lambda: g.state == "waiting", g)
        await ch.asend(5, timeout=0)
        assert await g == 5

    by_go(main)


def test_a_timer_that_was_not_needed_keeps_nothing_alive() -> None:
    class Thing:
        pass

    async def main() -> list[weakref.ref[Any]]:
        refs: list[weakref.ref[Any]] = []
        for _ in range(20):
            ch: Chan[Thing] = Chan()
            thing = Thing()
            refs += [weakref.ref(ch), weakref.ref(thing)]
            go(ch.send, thing)
            assert await ch.arecv(timeout=3600) is thing
            del ch, thing
        return refs

    refs = [*by_go(main), *run(main)]

    def freed() -> bool:
        gc.collect()
        return all(ref() is None for ref in refs)

    async def look() -> None:
        await until(freed, refs)

    by_go(look)


def test_main_may_end_while_timers_run() -> None:
    async def waits() -> None:
        await Chan[int]().arecv(timeout=3600)

    async def main() -> int:
        for _ in range(100):
            go(waits)
        await turns(3)
        with suppress(TimeoutError):
            await Chan[int]().arecv(timeout=0.001)
        return 5

    for _ in range(20):
        assert run(main) == 5


def test_closing_beats_the_timeout() -> None:
    async def receive(ch: Chan[int]) -> str:
        try:
            await ch.arecv(timeout=3600)
        except ChanClosed:
            return "closed"
        return "?"

    async def main() -> None:
        ch: Chan[int] = Chan()
        receivers = [go(receive, ch) for _ in range(100)]
        await parked(ch, receivers=100)
        ch.close()
        assert [await g for g in receivers] == ["closed"] * 100
        assert drain(ch) == []

    by_go(main)

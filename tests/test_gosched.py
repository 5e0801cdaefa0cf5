"""Giving way (gosched, agosched), gomaxprocs, and that nobody is forgotten meanwhile (RT7, RT9)."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import loops
from gochan import Chan, Goroutine, agosched, go, gomaxprocs, gosched, run
from loops import NewLoop, on_each_loop
from parking import settle
from scheduler import Start, by_go, in_thread, on_each_start, under_a_deadline, wait
from watch import PATIENCE, label

pytestmark = under_a_deadline

# ---------------------------------------------------------------- gosched


def test_gosched_works_everywhere() -> None:
    def many() -> None:
        for _ in range(10):
            assert gosched() is None  # type: ignore[func-returns-value]

    async def amany() -> None:
        many()
        await agosched()
        many()

    many()
    in_thread(many)
    go(many).result(PATIENCE)
    go(amany).result(PATIENCE)
    run(many)
    run(amany)
    asyncio.run(amany())
    with pytest.raises(TypeError):
        gosched(1)  # type: ignore[call-arg]


def test_gosched_lets_another_thread_go_on() -> None:
    """A loop of it is a busy wait that does not keep the awaited thing from happening."""
    for start in (in_thread, lambda fn: go(fn).result(PATIENCE)):
        flag = threading.Event()

        def spin(flag: threading.Event = flag) -> int:
            turns = 0
            while not flag.is_set():
                gosched()
                turns += 1
            return turns

        setter = go(flag.set)
        start(spin)
        setter.result(PATIENCE)


def test_gosched_in_an_async_goroutine_lets_the_others_run() -> None:
    async def main() -> None:
        seen: list[int] = []

        async def note(i: int) -> None:
            seen.append(i)

        for i in range(10):
            go(note, i)
        while len(seen) < 10:
            gosched()

    by_go(main)


# ---------------------------------------------------------------- agosched


@on_each_start
def test_agosched_lets_the_others_run(start: Start) -> None:
    async def main() -> None:
        seen: list[int] = []

        async def note(i: int) -> None:
            seen.append(i)

        for i in range(100):
            go(note, i)
        while len(seen) < 100:
            assert await agosched() is None  # type: ignore[func-returns-value]
        assert sorted(seen) == list(range(100))

    start(main)


@pytest.mark.parametrize("spinners", [2, 7, 200])
@on_each_start
def test_no_spinner_is_starved(start: Start, spinners: int) -> None:
    """All go round; the test ends when even the last has had its turns."""
    rounds = 50
    counts = [0] * spinners

    async def spin(i: int) -> None:
        while min(counts) < rounds:
            counts[i] += 1
            await agosched()

    async def main() -> None:
        for g in [go(spin, i) for i in range(spinners)]:
            await g

    start(main)
    assert min(counts) >= rounds


def test_a_spinner_starves_nobody_who_waits() -> None:
    """Those that hand values to each other get their turns, the newest of them as well."""
    stop = False
    ch: Chan[int] = Chan()

    async def spin() -> None:
        while not stop:
            await agosched()

    async def pings() -> None:
        for i in range(500):
            await ch.asend(i)
        ch.close()

    async def main() -> None:
        nonlocal stop
        spinners = [go(spin) for _ in range(10)]
        pinging = go(pings)
        assert [value async for value in ch] == list(range(500))
        await pinging
        assert await go(wait, go(pow, 2, 3)) == 8
        stop = True
        for g in spinners:
            await g

    by_go(main)


def test_a_pair_that_hands_over_starves_nobody() -> None:
    """TestPingPongHog: each wakes the other, which comes next, and so on without an end."""
    stop = False
    there: Chan[int] = Chan()
    back: Chan[int] = Chan()

    async def ping() -> None:
        i = 0
        while not stop:
            await there.asend(i)
            await back.arecv()
            i += 1
        there.close()

    async def pong() -> int:
        count = 0
        async for value in there:
            await back.asend(value)
            count += 1
        return count

    async def main() -> None:
        nonlocal stop
        pair: list[Goroutine[Any]] = [go(ping), go(pong)]
        for _ in range(1000):
            await agosched()
        assert await go(wait, go(pow, 2, 3)) == 8
        stop = True
        for g in pair:
            await g

    by_go(main)


@on_each_loop
def test_in_a_loop_it_is_one_turn(new_loop: NewLoop) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        seen: list[int] = []
        for i in range(3):
            loop.call_soon(seen.append, i)
            await agosched()
            assert seen == list(range(i + 1))

        async def count() -> None:
            for _ in range(5):
                seen.append(-1)
                await agosched()

        seen.clear()
        await asyncio.gather(count(), count(), count())
        assert len(seen) == 15

    loops.run(new_loop, main)


@on_each_loop
def test_in_a_loop_it_can_be_cancelled(new_loop: NewLoop) -> None:
    async def main() -> None:
        turns = 0

        async def spin() -> None:
            nonlocal turns
            while True:
                turns += 1
                await agosched()

        task = asyncio.create_task(spin())
        await settle()
        assert turns > 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # Also one that has asked for it itself, and for nothing else.
        quick = asyncio.create_task(agosched())
        await asyncio.sleep(0)
        quick.cancel()
        await asyncio.wait([quick])
        assert quick.done()

    loops.run(new_loop, main)


# ---------------------------------------------------------------- gomaxprocs


@pytest.fixture
def procs_before() -> Iterator[int]:
    before = gomaxprocs()
    yield before
    gomaxprocs(before)


def has_gil() -> bool:
    check: Any = getattr(sys, "_is_gil_enabled", lambda: True)
    return bool(check())


def test_gomaxprocs_is_one_with_a_gil(procs_before: int) -> None:
    if has_gil():
        assert procs_before == 1
    assert procs_before >= 1


def test_gomaxprocs_sets_and_returns_what_was(procs_before: int) -> None:
    assert gomaxprocs(3) == procs_before
    assert gomaxprocs() == 3
    assert gomaxprocs(None) == 3
    assert gomaxprocs(1) == 3
    assert go(gomaxprocs).result(PATIENCE) == 1


@pytest.mark.parametrize("n", [0, -1, -(10**30)])
def test_gomaxprocs_below_one(procs_before: int, n: int) -> None:
    with pytest.raises(ValueError, match=str(n)):
        gomaxprocs(n)
    assert gomaxprocs() == procs_before


@pytest.mark.parametrize("n", ["2", 2.0, [], object()], ids=label)
def test_gomaxprocs_of_another_type(procs_before: int, n: Any) -> None:
    with pytest.raises(TypeError):
        gomaxprocs(n)
    with pytest.raises(TypeError):
        gomaxprocs(n=2)  # type: ignore[call-arg]
    assert gomaxprocs() == procs_before


def test_goroutines_run_whatever_it_is(procs_before: int) -> None:
    async def ping(ch: Chan[int], count: int) -> None:
        for i in range(count):
            await ch.asend(i)
        ch.close()

    async def main() -> int:
        chans = [Chan[int]() for _ in range(10)]
        for ch in chans:
            go(ping, ch, 50)
        return sum([value for ch in chans async for value in ch])

    for n in (1, 2, 5):
        gomaxprocs(n)
        assert by_go(main) == run(main) == 10 * sum(range(50))

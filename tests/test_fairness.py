"""Nobody keeps the others waiting for ever: not who computes, not who blocks, not who never parks.

No test asserts how long anything takes. Whoever is in the way stays there until the others are
through, or until the test is given up: had they to wait for his end, they would never be through.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any

import pytest

from gochan import Chan, agosched, aio, go, run
from hogs import ASYNC_HOGS, HOGS, Hog, Way, in_the_way
from watch import DEADLINE, PATIENCE, alarm

# ---------------------------------------------------------------- who wants to get through


async def turn(rounds: int) -> int:
    for _ in range(rounds):
        await agosched()
    return rounds


async def exchange(rounds: int) -> None:
    there, back = Chan[int](), Chan[int]()
    echoing = go(echo, there, back)
    for i in range(rounds):
        await there.asend(i)
        assert await back.arecv() == i
    there.close()
    await echoing


async def echo(there: Chan[int], back: Chan[int]) -> None:
    async for value in there:
        await back.asend(value)


async def time_out() -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await Chan[int]().arecv(timeout=0.005)


async def sleep_in_aio() -> None:
    for _ in range(3):
        await aio(asyncio.sleep(0.001))


def goroutines() -> None:
    started = [go(turn, 5) for _ in range(100)]
    assert [g.result(PATIENCE) for g in started] == [5] * 100


def a_pair_of_goroutines() -> None:
    go(exchange, 30).result(PATIENCE)


def timeouts() -> None:
    go(time_out).result(PATIENCE)


def goroutines_in_aio() -> None:
    go(sleep_in_aio).result(PATIENCE)


def def_goroutines() -> None:
    started = [go(pow, 2, i) for i in range(20)]
    assert [g.result(PATIENCE) for g in started] == [2**i for i in range(20)]


def def_goroutines_that_block() -> None:
    barrier = threading.Barrier(10)
    started = [go(barrier.wait, PATIENCE) for _ in range(10)]
    assert sorted(g.result(PATIENCE) for g in started) == list(range(10))


def a_plain_thread() -> None:
    reached: list[int] = []

    def work() -> None:
        for i in range(20):
            sum(range(1000))
            time.sleep(0)
            reached.append(i)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert len(reached) == 20


def a_thread_that_talks_to_a_goroutine() -> None:
    there, back = Chan[int](), Chan[int]()
    go(echo, there, back)
    for i in range(20):
        there.send(i, timeout=PATIENCE)
        assert back.recv(timeout=PATIENCE) == i
    there.close()


def a_loop_in_another_thread() -> None:
    """With wake-ups pending, by asyncio's own means and by a channel."""
    there, back = Chan[int](), Chan[int]()
    go(echo, there, back)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for i in range(10):
            future: asyncio.Future[int] = loop.create_future()
            loop.call_soon_threadsafe(future.set_result, i)
            await there.asend(await future)
            assert await back.arecv() == i
            await asyncio.sleep(0.001)
        there.close()

    def serve() -> None:
        asyncio.run(main())
        finished.append(1)

    finished: list[int] = []
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert finished == [1]


async def receive(ch: Chan[int]) -> int:
    return await ch.arecv()


def the_main_thread_with_a_limit() -> None:
    gate = Chan[int]()
    g = go(receive, gate)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            g.result(0.005)
    gate.send(1, timeout=PATIENCE)
    assert g.result(PATIENCE) == 1


OTHERS: list[Callable[[], None]] = [
    goroutines,
    a_pair_of_goroutines,
    timeouts,
    goroutines_in_aio,
    def_goroutines,
    def_goroutines_that_block,
    a_plain_thread,
    a_thread_that_talks_to_a_goroutine,
    a_loop_in_another_thread,
    the_main_thread_with_a_limit,
]


@pytest.mark.parametrize("others", OTHERS)
@pytest.mark.parametrize("hog", HOGS)
def test_the_others_get_through(hog: Hog, others: Callable[[], None]) -> None:
    with in_the_way(hog):
        others()


@pytest.mark.parametrize("hog", HOGS)
def test_all_of_them_get_through_several(hog: Hog) -> None:
    with in_the_way(hog, count=4):
        for others in OTHERS:
            others()


def test_all_of_them_get_through_all_of_them() -> None:
    with ExitStack() as everybody:
        for hog in HOGS:
            everybody.enter_context(in_the_way(hog))
        for others in OTHERS:
            others()


# ---------------------------------------------------------------- under run()


@pytest.mark.parametrize("hog", ASYNC_HOGS)
def test_main_is_in_the_way(hog: Callable[[Way], Coroutine[Any, Any, None]]) -> None:
    """Main runs on this thread; the others go on, here or elsewhere."""
    way = Way()

    async def others() -> None:
        await exchange(30)
        await time_out()
        await sleep_in_aio()
        assert await go(pow, 2, 3) == 8
        for g in [go(turn, 5) for _ in range(100)]:
            assert await g == 5
        assert way.blocked(), "main had given up"
        way.free.set()

    async def main() -> None:
        through = go(others)
        await hog(way)
        await through

    with alarm(DEADLINE):
        run(main)


@pytest.mark.parametrize("hog", ASYNC_HOGS)
def test_main_gets_through(hog: Callable[[Way], Coroutine[Any, Any, None]]) -> None:
    way = Way()

    async def main() -> None:
        through = go(hog, way)
        while not way.begun.is_set():
            await agosched()
        await exchange(30)
        await time_out()
        await sleep_in_aio()
        assert await go(pow, 2, 3) == 8
        assert way.blocked(), "it had given up"
        way.free.set()
        await through

    with alarm(DEADLINE):
        run(main)

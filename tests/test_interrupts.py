"""Ctrl-C at every place of gochan's Python where it can come: nothing is lost, nobody is left
waiting, and what is used again works. See `interrupting`.
"""

from __future__ import annotations

import concurrent.futures
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gochan import Once, Pool, PoolFuture, go, run
from gochan.rate import Limiter
from gochan.singleflight import Flight
from interrupting import everywhere
from parking import wait_until
from watch import PATIENCE

pytestmark = [
    # A coroutine that is interrupted before its `await` was never awaited, as Python's own are.
    pytest.mark.filterwarnings("ignore:.* was never awaited:RuntimeWarning"),
    pytest.mark.skipif(sys.gettrace() is not None, reason="it sets the trace function"),
]

# So many places at least, for it to be a sweep: 3.12 and later see fewer inside of coroutines, and
# some depend on who is first.
MANY = 20

# Those of the standard library that a future's own calls run.
FUTURES = (str(Path(concurrent.futures.__file__).parent), threading.__file__)


def fails() -> None:
    raise ValueError


def double(n: int) -> int:
    return 2 * n


# ------------------------------------------------------------------ rate


@pytest.mark.parametrize("is_async", [False, True])
def test_a_wait_for_tokens_gives_them_back(is_async: bool) -> None:
    """Also one that did not have to wait, between taking them and its return (R8)."""
    full = 1_000
    limiter, used = Limiter(0, full), 0

    def act() -> None:
        nonlocal used
        limiter.wait()
        used += 1

    async def main() -> None:
        nonlocal used
        await limiter.await_n()
        used += 1

    def check(place: str) -> None:
        assert limiter.tokens() == full - used, place

    assert everywhere((lambda: run(main)) if is_async else act, check) > 5


# ------------------------------------------------------------------ singleflight


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("fn", [int, fails])
def test_a_key_is_free_again(fn: Callable[[], Any], is_async: bool) -> None:
    """Else all who come for that key would wait for ever."""
    flight = Flight()

    def act() -> None:
        with suppress(ValueError):
            flight.do("key", fn)

    async def main() -> None:
        with suppress(ValueError):
            await flight.ado("key", fn)

    def check(place: str) -> None:
        assert "calls=0" in repr(flight), place

    assert everywhere((lambda: run(main)) if is_async else act, check) > 5


def test_a_key_is_free_again_where_nobody_waits() -> None:
    flight = Flight()

    def check(place: str) -> None:
        wait_until(lambda: "calls=0" in repr(flight), f"the end of the call, after {place}")

    assert everywhere(lambda: flight.do_chan("key", int).recv(), check) > 5


# ------------------------------------------------------------------ Once


def test_once_does_not_run_for_ever() -> None:
    """Whoever comes later would wait for the end of what does not run."""
    once = Once()

    async def main() -> None:
        await once.ado(int)

    def check(place: str) -> None:
        nonlocal once
        assert "running" not in repr(once), place
        once = Once()

    # From 3.12 on some of them are not seen.
    assert everywhere(lambda: run(main), check) >= (2 if sys.version_info < (3, 12) else 1)


# ------------------------------------------------------------------ Pool


def is_at_rest(pool: Pool, place: str) -> None:
    """No slot, no place, no lock is lost."""
    workers: Any = pool._workers  # pyright: ignore[reportPrivateUsage]
    room = workers.room
    wait_until(
        lambda: workers.is_idle() and not room._held and not room._line,
        f"the pool's rest, after {place}",
    )


def test_submit_and_result() -> None:
    pool, futures = Pool(2, queue=1), list[Future[int]]()

    def act() -> None:
        for _ in range(3):
            futures.append(pool.submit(int))
        for future in futures:
            future.result()

    def check(place: str) -> None:
        for future in futures:
            assert future.result(PATIENCE) == 0, place
        futures.clear()
        is_at_rest(pool, place)

    assert everywhere(act, check, *FUTURES) > MANY


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor])
def test_await_a_future(executor: Callable[[int], Executor] | None) -> None:
    """Of our own and of others. It can be awaited again."""
    threads = executor and executor(1)
    pool, futures = Pool(1, queue=3, executor=threads), list[PoolFuture[int]]()

    async def main() -> None:
        futures.append(await pool.asubmit(int))
        futures.append(await pool.asubmit(nested))
        await futures[1]

    async def nested() -> int:
        return 0 if threads else await (await pool.asubmit(int))

    def check(place: str) -> None:
        for future in futures:
            assert future.result(PATIENCE) == 0, place
        futures.clear()
        workers: Any = pool._workers  # pyright: ignore[reportPrivateUsage]
        wait_until(lambda: workers.is_idle() and not workers.room._held, f"rest, after {place}")

    assert everywhere(lambda: run(main), check) > MANY
    if threads:
        threads.shutdown()


def test_map() -> None:
    pool = Pool(2)

    def act() -> None:
        assert list(pool.map(abs, range(3))) == [0, 1, 2]
        # Later ones trace also where a generator is closed: no signal comes there.
        if sys.version_info < (3, 12):
            for _ in pool.map(abs, range(3)):
                break  # and its results are dropped

    assert everywhere(act, lambda place: is_at_rest(pool, place)) > MANY


def test_amap() -> None:
    """Who goes on with it after Ctrl-C comes to an end, and does not wait for what was lost."""
    pool = Pool(2)
    results: AsyncIterator[int]

    async def main() -> None:
        nonlocal results
        results = pool.amap(double, range(3))
        await rest()

    async def rest() -> None:
        async for _ in results:
            pass

    def check(place: str) -> None:
        goroutine = go(rest)
        goroutine.join(PATIENCE)
        assert goroutine.state == "done", place
        is_at_rest(pool, place)

    results = pool.amap(double, [])
    assert everywhere(lambda: run(main), check) > MANY


def test_the_end_of_a_pool() -> None:
    """Ctrl-C as the jobs that wait are cancelled: each future is told of its end."""
    futures: list[Future[None]] = []

    def act() -> None:
        with Pool(1, queue=3) as pool:
            for _ in range(3):
                futures.append(pool.submit(time.sleep, 0.0005))
            pool.shutdown(cancel_futures=True)

    def check(place: str) -> None:
        for future in futures:
            with suppress(CancelledError):
                assert future.exception(PATIENCE) is None, place
        futures.clear()

    assert everywhere(act, check) > MANY


def test_a_pool_over_another_executor_comes_to_its_end() -> None:
    pool: Pool

    def act() -> None:
        nonlocal pool
        pool = Pool(2, executor=threads)
        pool.submit(int)
        list(pool.map(abs, range(2)))

    def check(place: str) -> None:
        pool.shutdown(wait=False)
        workers: Any = pool._workers  # pyright: ignore[reportPrivateUsage]
        assert workers.ended.recv_ok(timeout=PATIENCE) == (None, False), place

    with ThreadPoolExecutor(2) as threads:
        pool = Pool(2, executor=threads)
        assert everywhere(act, check) > MANY

"""Futures of a pool are awaited: in tasks and goroutines, and in the pool's own jobs.

What `executor=` makes of other executors' futures is in test_pool_executors.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from gochan import (
    BlockingError,
    Chan,
    Goroutine,
    Group,
    Pool,
    PoolFuture,
    _pool_workers,
    aio,
    go,
    run,
)
from parking import wait_blocked, wait_until
from pools import fail_at, square
from watch import PATIENCE

pytestmark = pytest.mark.usefixtures("deadline")


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(1, queue=3) as pool:
        yield pool


def on_uvloop(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    from conftest import LOOPS

    with asyncio.Runner(loop_factory=LOOPS["uvloop"]) as runner:
        runner.run(main())


@pytest.fixture(params=["goroutine", "asyncio", "uvloop"])
def drive(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], object]:
    """What runs an `async def main()`."""
    hosts: dict[str, Callable[[Callable[[], Any]], object]] = {
        "goroutine": run,
        "asyncio": lambda main: asyncio.run(main()),
        "uvloop": on_uvloop,
    }
    return hosts[request.param]


# ---------------------------------------------------------------- what comes out


def test_it_waits_and_gives_the_result(
    drive: Callable[[Callable[[], Any]], object], pool: Pool
) -> None:
    gate = Chan[None]()

    async def main() -> None:
        late = await pool.asubmit(gate.recv_ok)

        def opens() -> None:
            wait_until(late.running, "a start")
            gate.close()

        opener = go(opens)
        assert await late == (None, False) == await late
        await opener
        assert await pool.submit(square, 3) == 9
        assert await (await pool.asubmit(square, 4)) == 16

    drive(main)


def test_several_may_await_the_same_one(pool: Pool) -> None:
    gate = Chan[None]()
    future = pool.submit(gate.recv_ok)

    async def one() -> tuple[None, bool]:
        return await future

    async def tasks() -> list[Any]:
        return list(await asyncio.gather(one(), one(), future, aio_of(future)))

    async def aio_of(awaitable: Awaitable[Any]) -> Any:
        return await go(lambda: run_in_loop(awaitable))

    def run_in_loop(awaitable: Awaitable[Any]) -> Any:
        async def main() -> Any:
            return await aio(awaitable)

        return go(main).result()

    goroutines = [go(one) for _ in range(3)]
    thread = go(asyncio.run, tasks())
    for goroutine in goroutines:
        wait_until(lambda g=goroutine: "waiting" in g.state, "it waits")  # type: ignore[misc]
    gate.close()
    assert [g.result() for g in goroutines] == [(None, False)] * 3
    assert thread.result() == [(None, False)] * 4


def test_it_raises_what_the_job_raised(
    drive: Callable[[Callable[[], Any]], object], pool: Pool
) -> None:
    async def main() -> None:
        with pytest.raises(LookupError, match="no 1 here"):
            await pool.submit(fail_at, 1, 1)
        gate = Chan[None]()
        first, second = pool.submit(gate.recv_ok), pool.submit(square, 2)
        second.cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            await second
        gate.close()
        await first

    drive(main)


def test_it_is_not_kept_by_its_own_error(pool: Pool) -> None:
    gone: list[weakref.ref[Any]] = []

    def noted(future: PoolFuture[Any]) -> PoolFuture[Any]:
        gone.append(weakref.ref(future))
        return future

    async def main() -> None:
        with suppress(ValueError):
            await noted(pool.submit(int, "no number"))  # written in C: it has no frame to hold

    gc.disable()
    try:
        run(main)
        wait_until(lambda: " active=0 " in repr(pool), "the worker has ended")
        assert gone[0]() is None, "nobody holds it, and no cycle does"
    finally:
        gc.enable()


# ---------------------------------------------------------------- a cancelled task


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor])
def test_a_cancelled_task_cancels_the_job_as_wrap_future_does(
    executor: Callable[[int], Executor] | None,
) -> None:
    gate = Chan[None]()
    threads = executor and executor(1)
    pool = Pool(1, queue=5, executor=threads)

    async def given_up(awaitable: Awaitable[Any]) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await awaitable

    async def main() -> None:
        running, waiting, left_alone = [pool.submit(gate.recv_ok) for _ in range(3)]
        wait_until(running.running, "a start")
        await given_up(asyncio.shield(left_alone))
        await given_up(waiting)
        assert waiting.cancelled()
        await given_up(running)
        assert running.running() and not left_alone.cancelled()
        gate.close()
        assert await running == (None, False) == await left_alone

    asyncio.run(main())
    pool.shutdown()
    if threads is not None:
        threads.shutdown()


# ---------------------------------------------------------------- result() beside a loop


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor])
def test_result_does_not_stop_a_loop(executor: Callable[[int], Executor] | None) -> None:
    gate = Chan[None]()
    threads = executor and executor(1)
    pool = Pool(1, executor=threads)

    async def main() -> None:
        future = pool.submit(gate.recv_ok)
        for ask in (future.result, future.exception):
            with pytest.raises(BlockingError, match="use `await future` there"):
                ask()
            with pytest.raises(TimeoutError):
                ask(timeout=0)  # does not wait
        gate.close()
        await asyncio.to_thread(future.result)
        assert future.result() == (None, False), "what is there is given"
        assert future.exception() is None

    asyncio.run(main())
    pool.shutdown()
    if threads is not None:
        threads.shutdown()


# ---------------------------------------------------------------- jobs that wait for jobs


async def fib(pool: Pool, n: int) -> int:
    if n < 2:
        return n
    a, b = await pool.asubmit(fib, pool, n - 1), await pool.asubmit(fib, pool, n - 2)
    return await a + b.result()


async def fib_by_map(pool: Pool, n: int) -> int:
    return n if n < 2 else sum([v async for v in pool.amap(fib_by_map, [pool] * 2, [n - 1, n - 2])])


async def fib_by_group(pool: Pool, n: int) -> int:
    """What waits for the pool is not the job, but goroutines that it waits for."""

    async def child(n: int) -> int:
        return await (await pool.asubmit(fib_by_group, pool, n))

    if n < 2:
        return n
    async with Group() as group:
        children = [group.go(child, n - 1), group.go(child, n - 2)]
    return sum([await c for c in children])


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("job", [fib, fib_by_map, fib_by_group])
def test_async_jobs_may_wait_for_jobs_of_their_own_pool(
    job: Callable[[Pool, int], Coroutine[Any, Any, int]], workers: int
) -> None:
    """Also where they are more than the workers, and where the queue is full."""
    with Pool(workers, queue=0) as pool:
        assert pool.submit(job, pool, 6).result() == 8
        wait_until(lambda: " active=0 queued=0 " in repr(pool), "all slots are free")
        assert pool.submit(square, 3).result() == 9


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_job_leaves_behind_holds_no_slot(pool: Pool, when: str) -> None:
    """A goroutine that outlives the async job that started it waits for itself alone, be it that
    it began to before the end of the job or after it.
    """
    gate, over, children = Chan[None](), Chan[None](), list[Goroutine[object]]()
    waits = threading.Event()

    async def child(future: PoolFuture[Any]) -> object:
        if when == "after":
            await over.arecv_ok()
        waits.set()
        return await future

    def child_waits() -> bool:
        return waits.is_set() and children[0].state.startswith("waiting")

    async def job() -> None:
        slow = await pool.asubmit(gate.recv_ok)
        children.append(go(child, slow))
        if when == "before":
            wait_until(child_waits, "it waits")

    pool.submit(job).result()
    over.close()
    wait_until(child_waits, "it waits")
    wait_until(lambda: " active=1 queued=0 " in repr(pool), "only the slow one runs")
    late = pool.submit(square, 2)
    assert " active=1 queued=1 " in repr(pool), "there is one worker"
    gate.close()
    assert children[0].result() == (None, False)
    assert late.result() == 4
    wait_until(lambda: " active=0 queued=0 " in repr(pool), "all slots are free")


def test_what_a_job_leaves_behind_is_held_back() -> None:
    with Pool(1, queue=0) as pool:
        gate, over = Chan[None](), Chan[None]()
        line = pool._workers.room._line  # pyright: ignore[reportPrivateUsage]

        async def child() -> int:
            await over.arecv_ok()
            return await (await pool.asubmit(square, 3))

        async def job() -> Goroutine[int]:
            return go(child)

        left_behind = pool.submit(job).result()
        pool.submit(gate.recv_ok)  # has the only place
        over.close()
        try:
            wait_until(lambda: len(line) == 1, "it waits for a place")
        finally:
            gate.close()
        assert left_behind.result() == 9


class Aside:
    """A pool of one worker, whose job has stepped aside and waits."""

    def __init__(self) -> None:
        self.gate, self.done, self.pool = Chan[None](), threading.Event(), Pool(1)
        future = self.pool.submit(self.job)
        wait_until(lambda: " active=0 " in repr(self.pool) and future.running(), "it waits aside")

    @property
    def workers(self) -> Any:
        return self.pool._workers  # pyright: ignore[reportPrivateUsage]

    def job(self) -> None:
        with self.workers.aside():
            self.gate.recv_ok()
        self.done.set()


@pytest.fixture
def aside() -> Iterator[Aside]:
    aside = Aside()
    yield aside
    if not aside.gate.closed:
        aside.gate.close()
    aside.pool.shutdown()


def test_the_end_waits_for_jobs_that_stepped_aside(aside: Aside) -> None:
    """They have no slot, and none of those who have one runs any more."""
    closer = threading.Thread(target=aside.pool.shutdown)
    closer.start()
    wait_blocked(closer)
    aside.gate.close()
    closer.join()
    assert aside.done.is_set()


def test_an_end_that_a_loop_refuses_leaves_the_pool_open(aside: Aside) -> None:
    async def main() -> None:
        with pytest.raises(BlockingError):
            aside.pool.shutdown()

    asyncio.run(main())
    assert aside.pool.submit(int).result(PATIENCE) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_child_knows_nothing_of_jobs_that_stepped_aside(aside: Aside) -> None:
    if (child := os.fork()) == 0:
        os._exit(0 if aside.workers.is_idle() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_job_that_waits_for_another_pool_gives_no_place_there() -> None:
    gate, futures = Chan[None](), Chan[PoolFuture[Any]](1)
    with Pool(1) as mine, Pool(1) as other:

        async def job() -> PoolFuture[int]:
            first, second = other.submit(gate.recv_ok), other.submit(int)
            futures.send(first)
            await first
            return second

        done = mine.submit(job)
        first: Any = futures.recv(timeout=PATIENCE)
        wait_until(lambda: "receivers=1" in repr(first._landed), "the job waits")
        wait_until(lambda: " active=1 queued=1 " in repr(other), "the first has begun, alone")
        gate.close()
        assert done.result(PATIENCE).result(PATIENCE) == 0


def test_pools_that_are_gone_are_not_kept_in_mind() -> None:
    known = _pool_workers._all  # pyright: ignore[reportPrivateUsage]
    gc.collect()
    before = set(known)
    pool = Pool(1)
    assert len(known) == len(before) + 1
    pool.shutdown()
    del pool
    gc.collect()
    assert set(known) <= before

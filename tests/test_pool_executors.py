"""A pool does the same on its own goroutines, on threads, on processes and on a cluster.

The cluster is dask.distributed's on this machine. One test goes through all there is to check of
an executor, so that each is started once, also where the suite runs in several processes.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import pytest

import typetools
from gochan import Pool, PoolFuture, run
from parking import wait_blocked, wait_until
from pools import Counting, double, fail_at, keyed, pid, square, when, when_even, when_first

WORKERS = 2


@contextmanager
def _processes() -> Iterator[Executor]:
    context = multiprocessing.get_context("spawn")  # a fork beside threads is no good idea
    with ProcessPoolExecutor(WORKERS, mp_context=context) as executor:
        yield executor


@contextmanager
def _loky() -> Iterator[Executor]:
    typetools.need_package("loky")
    import loky

    with loky.ProcessPoolExecutor(WORKERS) as executor:
        yield executor


@contextmanager
def _dask() -> Iterator[Executor]:
    typetools.need_package("distributed")
    from distributed import Client, LocalCluster

    size: Any = {"n_workers": 1, "threads_per_worker": WORKERS}
    with (
        LocalCluster(**size, dashboard_address=None, silence_logs=50) as cluster,  # type: ignore[no-untyped-call]
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        # Not pure: else the same call with the same arguments is made once.
        yield client.get_executor(pure=False)


ENGINES: dict[str, Callable[[], AbstractContextManager[Executor | None]]] = {
    "goroutines": nullcontext,
    "threads": lambda: ThreadPoolExecutor(WORKERS),
    "processes": _processes,
    "loky": _loky,
    "dask": _dask,
}


def check_submit(pool: Pool, executor: Executor | None, tmp_path: Path) -> None:
    futures = [pool.submit(square, n) for n in range(8)]  # more than fit: it waits
    assert [f.result() for f in futures] == [n * n for n in range(8)]
    assert pool.submit(keyed, 1, key=2, pure=3).result() == 6


def check_its_futures_can_be_awaited(pool: Pool, executor: Executor | None, tmp_path: Path) -> None:
    async def main() -> None:
        future = await pool.asubmit(square, 3)
        assert await future == 9 == await future
        assert isinstance(future, PoolFuture)
        assert wait([future]).done == {future}, "it is the executor's own"
        with pytest.raises(LookupError, match="no 1 here"):
            await (await pool.asubmit(fail_at, 1, 1))

    asyncio.run(main())
    run(main)


def check_an_async_function(pool: Pool, executor: Executor | None, tmp_path: Path) -> None:
    assert pool.submit(double, 4).result() == 8
    assert list(pool.map(double, range(5))) == [0, 2, 4, 6, 8]


def check_jobs_are_where_the_executor_is(
    pool: Pool, executor: Executor | None, tmp_path: Path
) -> None:
    elsewhere = not (executor is None or isinstance(executor, ThreadPoolExecutor))
    assert (pool.submit(pid).result() != pid()) == elsewhere


def check_submit_is_held_back_while_the_queue_is_full(
    pool: Pool, executor: Executor | None, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    futures = [pool.submit(when, str(gate), n) for n in range(WORKERS + 1)]
    late = threading.Thread(target=lambda: futures.append(pool.submit(square, 5)))
    late.start()
    wait_blocked(late)
    assert len(futures) == WORKERS + 1
    # The second worker may still be on its way.
    wait_until(lambda: "workers=2 active=2 queued=1 open" in repr(pool), "two to run, one to wait")
    gate.touch()
    late.join()
    assert [f.result() for f in futures] == [0, 1, 2, 25]


def check_a_cancelled_job_makes_room(pool: Pool, executor: Executor | None, tmp_path: Path) -> None:
    """Only one that waits can be cancelled; its room may be free at once or when it is its turn."""
    gate = tmp_path / "gate"
    futures = [pool.submit(when, str(gate), n) for n in range(WORKERS + 1)]
    # An executor of processes may already have passed on one more than it has workers.
    cancelled = futures[-1].cancel()
    gate.touch()
    assert pool.submit(square, 2).result() == 4
    done = wait(futures).done
    assert [f.cancelled() for f in futures] == [False] * WORKERS + [cancelled]
    assert len(done) == 3


def check_map_in_order(pool: Pool, executor: Executor | None, tmp_path: Path) -> None:
    results = pool.map(when_first, [str(tmp_path / "gate")] * 4, range(4))
    assert list(results) == [0, 1, 2, 3]


def check_map_as_they_come(pool: Pool, executor: Executor | None, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    results = pool.map(when_even, [str(gate)] * 4, range(4), ordered=False)
    early = next(results)
    assert early == 1, "the first was held back, and then there was one worker for it"
    gate.touch()
    assert sorted([early, *results]) == [0, 1, 2, 3]


def check_map_takes_no_more_than_its_buffer(
    pool: Pool, executor: Executor | None, tmp_path: Path
) -> None:
    for ordered in (True, False):
        takes_no_more(pool, ordered)


def takes_no_more(pool: Pool, ordered: bool) -> None:
    values = Counting()  # without end
    results = pool.map(square, values, buffersize=3, ordered=ordered)
    got = []
    for given in range(12):
        assert values.taken <= given + 3
        got.append(next(results))
    assert sorted(got)[0] == 0 and len(set(got)) == 12
    if ordered:
        assert got == [n * n for n in range(12)]


def check_map_in_chunks(pool: Pool, executor: Executor | None, tmp_path: Path) -> None:
    values = Counting()
    results = pool.map(square, values, buffersize=6, chunksize=3)
    assert [next(results) for _ in range(10)] == [n * n for n in range(10)]
    assert values.taken <= 10 + 6
    assert list(pool.map(square, range(7), chunksize=3)) == [n * n for n in range(7)]
    assert list(pool.map(square, range(3), chunksize=100, buffersize=2)) == [0, 1, 4]


def check_the_first_error_of_a_map_ends_it(
    pool: Pool, executor: Executor | None, tmp_path: Path
) -> None:
    values = Counting()
    results = pool.map(fail_at, values, [5] * 1000, buffersize=2)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(LookupError, match="no 5 here"):
        next(results)
    taken = values.taken
    assert taken <= 5 + 2
    assert list(results) == []
    assert values.taken == taken


def check_cancel_futures(_: Pool, executor: Executor | None, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    pool = Pool(WORKERS, queue=8, executor=executor)
    futures = [pool.submit(when, str(gate), n) for n in range(WORKERS + 8)]
    wait_until(lambda: not futures or futures[0].running() or executor is not None, "a start")
    pool.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(square, 1)
    gate.touch()
    pool.shutdown()
    assert all(f.done() for f in futures)
    assert futures[-1].cancelled()
    assert "shut down" in repr(pool)


CHECKS = [check for name, check in list(globals().items()) if name.startswith("check_")]


@pytest.mark.parametrize("engine", ENGINES)
def test_engine(engine: str, tmp_path: Path) -> None:
    with ENGINES[engine]() as executor:
        for check in CHECKS:
            place = tmp_path / check.__name__
            place.mkdir()
            with Pool(WORKERS, queue=1, executor=executor) as pool:
                check(pool, executor, place)
        if executor is not None:  # it is the user's: the pools left it alone
            assert executor.submit(square, 3).result() == 9


def test_a_future_of_a_class_of_its_own_keeps_what_that_can() -> None:
    class Special(Future[Any]):
        def extra(self) -> int:
            return 7

    class Own(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Special:
            future = Special()
            future.set_result(fn(*args, **kwargs))
            return future

    async def main() -> None:
        with Pool(1, executor=Own()) as pool:
            future: Any = pool.submit(int)
            assert isinstance(future, Special)
            assert (await cast("PoolFuture[int]", future), future.extra()) == (0, 7)

    asyncio.run(main())

"""Pool is an executor of the standard library: submit, futures, errors, shutdown, being dropped.

What its workers have besides: contextvars, async functions, jobs that wait for jobs, any run().
With test_pool_map and test_pool_ending also what RT71 lists of Go's conc, where it is for Python.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import threading
import traceback
import weakref
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    as_completed,
    wait,
)
from contextvars import ContextVar
from typing import Any

import pytest

import gochan
from gochan import Chan, Pool, aio, asleep, goexit, num_goroutine, run
from parking import wait_blocked, wait_until
from reporting import Reports

pytestmark = pytest.mark.usefixtures("deadline")


def fail(text: str) -> None:
    raise LookupError(text)


class Gate:
    """Holds jobs until it is opened."""

    def __init__(self) -> None:
        self.opened = Chan[None]()
        self.started = Chan[object](1000)

    def job(self, value: object = None) -> object:
        self.started.send(value)
        self.opened.recv_ok()
        return value

    def open(self) -> None:
        self.opened.close()


# ---------------------------------------------------------------- submit and its futures


def test_it_is_an_executor() -> None:
    with Pool(2) as pool:
        assert isinstance(pool, Executor)
        future = pool.submit(pow, 2, 5)
        assert isinstance(future, Future)
        assert future.result() == 32
        assert pool.submit(sorted, [1, 2], reverse=True).result() == [2, 1]


def test_jobs_run_at_the_same_time_up_to_the_number_of_workers() -> None:
    gate = Gate()
    with Pool(3, queue=10) as pool:
        futures = [pool.submit(gate.job, n) for n in range(8)]
        assert sorted(gate.started.recv() for _ in range(3)) == [0, 1, 2]  # type: ignore[type-var]
        assert f"{pool!r}".endswith(" workers=3 active=3 queued=5 open>")
        assert [f.running() for f in futures] == [True] * 3 + [False] * 5
        gate.open()
        assert [f.result() for f in futures] == list(range(8))


def test_jobs_begin_in_their_order() -> None:
    order: list[int] = []
    with Pool(1, queue=100) as pool:
        for n in range(50):
            pool.submit(order.append, n)
    assert order == list(range(50))


def test_queue_0_waits_for_a_free_worker() -> None:
    gate, done = Gate(), threading.Event()
    with Pool(1, queue=0) as pool:
        pool.submit(gate.job)
        late = threading.Thread(target=lambda: pool.submit(done.set))
        late.start()
        wait_blocked(late)
        assert " queued=0 " in repr(pool)
        gate.open()
        late.join()
    assert done.is_set()


def test_an_exception_comes_with_its_traceback() -> None:
    with Pool(1) as pool:
        error = pool.submit(fail, "lost").exception()
        assert isinstance(error, LookupError)
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert frames == ["fail"], "the user's frames alone"
        with pytest.raises(LookupError, match="lost"):
            pool.submit(fail, "lost").result()
        wrong: Any = fail
        assert isinstance(pool.submit(wrong, "a", "b").exception(), TypeError)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_ends_neither_worker_nor_program(kind: type[BaseException]) -> None:
    def leave() -> None:
        raise kind("bye")

    with Pool(1) as pool:
        assert isinstance(pool.submit(leave).exception(), kind)
        assert pool.submit(pow, 2, 3).result() == 8


def test_goexit_ends_the_job_alone() -> None:
    async def leave() -> None:
        goexit()

    with Pool(1, queue=5) as pool:
        futures: list[Future[Any]] = [pool.submit(goexit), pool.submit(leave)]
        futures.append(pool.submit(pow, 2, 3))
        assert [f.result() for f in futures] == [None, None, 8]
        wait_until(lambda: " active=0 " in repr(pool), "all slots are free")


def test_futures_can_be_cancelled_waited_for_and_listened_to() -> None:
    gate, heard = Gate(), Chan[str](5)
    with Pool(1, queue=5) as pool:
        first, second, third = (pool.submit(gate.job, n) for n in range(3))
        third.add_done_callback(lambda f: heard.send(f"third {f.result()}"))
        second.add_done_callback(lambda f: heard.send(f"second {f.cancelled()}"))
        gate.started.recv()
        assert second.cancel() and not first.cancel()
        assert heard.recv() == "second True"
        assert wait([first, third], timeout=0).done == set()
        gate.open()
        assert wait([first, third], return_when=FIRST_COMPLETED).done
        assert set(as_completed([first, second, third])) == {first, second, third}
        with pytest.raises(CancelledError):
            second.result()
        assert heard.recv() == "third 2"


def test_result_times_out() -> None:
    gate = Gate()
    with Pool(1) as pool:
        future = pool.submit(gate.job, 1)
        with pytest.raises(TimeoutError):
            future.result(timeout=0.001)
        gate.open()
        assert future.result() == 1


# ---------------------------------------------------------------- what jobs find


def test_a_job_has_a_copy_of_the_contextvars() -> None:
    user = ContextVar("user", default="nobody")

    def whose() -> str:
        user.set(user.get() + "'s job")
        return user.get()

    async def whose_async() -> str:
        await asleep(0)
        return whose()

    with Pool(1, queue=5) as pool:
        for name in ("ann", "bob"):
            user.set(name)
            assert pool.submit(whose).result() == f"{name}'s job"
            assert pool.submit(whose_async).result() == f"{name}'s job"
            assert list(pool.map(lambda _: whose(), "ab")) == [f"{name}'s job"] * 2
        assert user.get() == "bob"


def test_async_jobs_take_a_slot_and_no_thread() -> None:
    gate = Chan[None]()
    running: list[int] = []

    async def job(n: int) -> int:
        running.append(n)
        await gate.arecv_ok()
        return n

    with Pool(100, queue=100) as pool:
        before = threading.active_count()
        futures = [pool.submit(job, n) for n in range(150)]
        wait_until(lambda: len(running) == 100, "a hundred of them")
        assert " active=100 queued=50 " in repr(pool)
        assert threading.active_count() <= before + 8
        gate.close()
        assert [f.result() for f in futures] == list(range(150))
    assert len(running) == 150


def test_an_async_job_may_use_asyncio_by_aio() -> None:
    async def nap() -> str:
        await aio(asyncio.sleep(0))
        return "slept"

    async def refused() -> None:
        await asyncio.get_running_loop().create_future()

    with Pool(1) as pool:
        assert pool.submit(nap).result() == "slept"
        assert pool.submit(lambda: nap()).result() == "slept"
        assert isinstance(pool.submit(refused).exception(), RuntimeError)


def test_jobs_may_wait_for_jobs_of_their_own_pool() -> None:
    """Also where they are more than the workers, and where the queue is full."""

    def fib(n: int) -> int:
        if n < 2:
            return n
        a, b = pool.submit(fib, n - 1), pool.submit(fib, n - 2)
        return a.result() + (b.result() if b.exception() is None else 0)

    def total(n: int) -> int:
        return sum(pool.map(abs, range(n)))

    for workers in (1, 2):
        with Pool(workers, queue=0) as pool:
            assert pool.submit(fib, 6).result() == 8
            assert list(pool.map(total, range(5))) == [0, 0, 1, 3, 6]
            wait_until(lambda: " active=0 queued=0 " in repr(pool), "all slots are free")


def test_the_end_of_a_run_does_not_take_workers_away() -> None:
    """A pool is nobody's: what is submitted in one `run()` may be waited for after it."""
    gate = Gate()
    pool = Pool(1, queue=3)

    async def main() -> list[Future[Any]]:
        return [await pool.asubmit(gate.job, n) for n in range(3)]

    futures = run(main)
    gate.open()
    assert [f.result() for f in futures] == [0, 1, 2]
    assert pool.submit(pow, 2, 2).result() == 4


# ---------------------------------------------------------------- the end


def test_shutdown_waits_for_all_jobs() -> None:
    gate, done = Gate(), Chan[object](9)

    def job(n: int) -> None:
        done.send(gate.job(n))

    pool = Pool(1, queue=9)
    for n in range(5):
        pool.submit(job, n)
    closer = threading.Thread(target=pool.shutdown)
    closer.start()
    wait_blocked(closer)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(pow, 2, 2)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.map(abs, [1])
    gate.open()
    closer.join()
    assert done.recv_many(9) == [0, 1, 2, 3, 4]
    pool.shutdown()  # again: nothing to do


def test_shutdown_without_waiting_drops_nothing() -> None:
    gate = Gate()
    pool = Pool(1, queue=9)
    futures = [pool.submit(gate.job, n) for n in range(5)]
    pool.shutdown(wait=False)
    gate.open()
    assert [f.result() for f in futures] == [0, 1, 2, 3, 4]


def test_cancel_futures_notifies_those_who_wait() -> None:
    gate = Gate()
    pool = Pool(2, queue=9)
    futures = [pool.submit(gate.job, n) for n in range(6)]
    for _ in range(2):
        gate.started.recv()
    results = pool.map(abs, range(4))
    pool.shutdown(wait=False, cancel_futures=True)
    assert wait(futures[2:]).not_done == set()
    assert [f.cancelled() for f in futures] == [False] * 2 + [True] * 4
    with pytest.raises(CancelledError):
        next(results)
    gate.open()
    pool.shutdown()
    assert [f.result() for f in futures[:2]] == [0, 1]


def test_shutdown_wakes_those_who_are_held_back() -> None:
    gate, errors = Gate(), Chan[Exception](9)

    def held_back() -> None:
        try:
            pool.submit(pow, 2, 2)
        except RuntimeError as error:
            errors.send(error)

    pool = Pool(1, queue=0)
    pool.submit(gate.job)
    threads = [threading.Thread(target=held_back) for _ in range(3)]
    for thread in threads:
        thread.start()
        wait_blocked(thread)
    pool.shutdown(wait=False)
    for thread in threads:
        thread.join()
    assert [str(errors.recv()) for _ in range(3)] == [
        "cannot schedule new futures after shutdown"
    ] * 3
    gate.open()
    pool.shutdown()


def test_a_job_cannot_wait_for_the_end_of_its_pool() -> None:
    with Pool(1) as pool:
        error = pool.submit(pool.shutdown).exception()
        assert isinstance(error, RuntimeError) and "pass wait=False" in str(error)
        pool.submit(pool.shutdown, wait=False).result()


def test_an_exception_in_the_block_cancels_what_waits_and_waits_for_what_runs() -> None:
    gate = Gate()
    futures: list[Future[object]] = []

    def leave() -> None:
        with Pool(1, queue=5) as pool:
            futures.extend(pool.submit(gate.job, n) for n in range(3))
            gate.started.recv()
            raise LookupError("out")

    def see_it_leave() -> None:
        with pytest.raises(LookupError):
            leave()
        left.set()

    left = threading.Event()
    leaving = threading.Thread(target=see_it_leave)
    leaving.start()
    wait_until(lambda: len(futures) == 3 and futures[2].cancelled(), "cancelled")
    wait_blocked(leaving)
    gate.open()
    leaving.join()
    assert left.is_set()
    assert futures[0].result() == 0 and futures[1].cancelled()


def test_what_is_no_exception_leaves_the_block_at_once() -> None:
    gate = Gate()
    futures: list[Future[object]] = []

    def leave() -> None:
        with Pool(1, queue=5) as pool:
            futures.extend(pool.submit(gate.job, n) for n in range(3))
            gate.started.recv()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert [f.cancelled() for f in futures] == [False, True, True]
    assert not futures[0].done()
    gate.open()
    assert futures[0].result() == 0


# ---------------------------------------------------------------- what is left behind


def test_a_dropped_pool_does_its_jobs_and_goes() -> None:
    before = num_goroutine()
    gate = Gate()
    pool = Pool(2, queue=4)
    futures = [pool.submit(gate.job, n) for n in range(5)]
    gone = weakref.ref(pool)
    del pool
    assert gone() is None, "nobody holds it"
    gate.open()
    assert [f.result() for f in futures] == [0, 1, 2, 3, 4]
    wait_until(lambda: num_goroutine() <= before, "its workers have ended")


def test_neither_arguments_nor_results_are_kept() -> None:
    class Thing:
        def me(self) -> Thing:
            return self

        def fail(self) -> None:
            raise LookupError(self)

    with Pool(1) as pool:
        thing = Thing()
        gone = weakref.ref(thing)
        assert pool.submit(thing.me).result() is thing
        assert list(pool.map(Thing.me, [thing])) == [thing]
        with pytest.raises(LookupError):
            pool.submit(thing.fail).result()
        with pytest.raises(LookupError):
            list(pool.map(Thing.fail, [thing]))
        del thing
        wait_until(lambda: " active=0 " in repr(pool), "the worker has ended")
        gc.collect()  # an exception holds frames that hold it
        assert gone() is None


def test_errors_belong_to_the_futures(reports: Reports) -> None:
    """Nobody looks at this one, and it is not reported, as in the standard library."""
    before = num_goroutine()
    with Pool(1) as pool:
        pool.submit(fail, "unseen")
        pool.submit(goexit)
    wait_until(lambda: num_goroutine() <= before, "its workers have ended")
    assert reports.settled() == []


# ---------------------------------------------------------------- wrong use


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"workers": 0}, ValueError),
        ({"workers": -1}, ValueError),
        ({"workers": "2"}, TypeError),
        ({"workers": 1.5}, TypeError),
        ({"queue": -1}, ValueError),
        ({"queue": "1"}, TypeError),
        ({"executor": object()}, TypeError),
        ({"executor": Pool}, TypeError),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"Pool\(\)"):
        Pool(**arguments)


def test_what_cannot_be_called() -> None:
    with Pool(1) as pool:
        bad: Any = 5
        for name in ("submit", "asubmit", "map", "amap"):
            with pytest.raises(TypeError, match="needs a function to call, not int"):
                getattr(pool, name)(bad, [1])


def test_it_is_one_object() -> None:
    with Pool(1) as pool:
        for act in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot copy or pickle a Pool"):
                act(pool)
        assert pool and pool != Pool(1)
    assert gochan.Pool is Pool

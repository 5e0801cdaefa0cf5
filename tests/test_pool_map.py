"""Pool.map: an iterator that takes what it needs, in the thread that asks, and no more."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from operator import length_hint
from typing import Any

import pytest
from tqdm import tqdm

from gochan import Chan, Pool
from parking import wait_blocked, wait_until
from pools import Counting, fail_at, square

pytestmark = pytest.mark.usefixtures("deadline")


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(2, queue=2) as pool:
        yield pool


def test_several_iterables_end_with_the_shortest(pool: Pool) -> None:
    assert list(pool.map(pow, [2, 3, 4], Counting())) == [1, 3, 16]
    assert list(pool.map(pow, [], Counting())) == []


def test_calls_run_side_by_side(pool: Pool) -> None:
    there = Chan[int]()

    def meet(n: int) -> int:
        if n % 2:
            return there.recv()
        there.send(n)
        return n

    assert list(pool.map(meet, range(6))) == [0, 0, 2, 2, 4, 4]


def test_it_has_a_length_if_its_inputs_have(pool: Pool) -> None:
    sized: Any = pool.map(pow, [1, 2, 3], (1, 2))
    assert len(sized) == 2 == length_hint(sized)
    assert sized
    assert len(list(tqdm(sized, disable=True))) == 2
    empty: Any = pool.map(square, [])
    assert len(empty) == 0 and empty  # truth is not length here
    unsized: Any = pool.map(square, iter([1]))
    with pytest.raises(TypeError):
        len(unsized)
    assert length_hint(unsized, -1) == -1
    chained: Any = pool.map(square, pool.map(square, range(3)))
    assert len(chained) == 3
    assert list(chained) == [0, 1, 16]


def test_work_begins_at_once_and_stays_bounded(pool: Pool) -> None:
    values, done = Counting(), Chan[int](100)
    results = pool.map(done.send, values)
    assert [done.recv() for _ in range(4)]  # as many as run and wait
    assert values.taken == 4
    next(results)
    assert values.taken == 5


def test_tiny_calls_may_have_a_longer_buffer(pool: Pool) -> None:
    values = Counting()
    results = pool.map(square, values)
    for given in range(5000):
        assert next(results) == given * given
        assert values.taken <= given + 1 + 1024


def test_values_are_taken_by_who_asks(pool: Pool) -> None:
    def values() -> Iterator[int]:
        for _ in range(20):
            yield threading.get_ident()

    assert set(pool.map(abs, values())) == {threading.get_ident()}


def test_results_before_an_error_come_first(pool: Pool) -> None:
    passed = Chan[None]()

    def work(n: int) -> int:
        if n == 1:
            raise LookupError("one")
        if n == 0:
            passed.recv_ok()
        return n

    values = Counting()
    results = pool.map(work, values)
    wait_until(lambda: values.taken == 4, "all that may be taken")
    passed.close()
    assert next(results) == 0
    assert values.taken == 4, "the error is known, though it is not its turn yet"
    with pytest.raises(LookupError, match="one"):
        next(results)
    assert list(results) == []
    assert values.taken == 4


def test_without_order_an_error_comes_when_it_is_there(pool: Pool) -> None:
    gate = Chan[None]()

    def work(n: int) -> int:
        if n == 0:
            gate.recv_ok()
        return fail_at(n, 1)

    values = Counting()
    results = pool.map(work, values, ordered=False, buffersize=2)
    with pytest.raises(LookupError):
        next(results)
    assert values.taken == 2 and list(results) == []
    gate.close()


def test_an_error_of_the_input_comes_after_all_results(pool: Pool) -> None:
    def values() -> Iterator[int]:
        yield 1
        yield 2
        raise LookupError("no more")

    for ordered in (True, False):
        results = pool.map(square, values(), ordered=ordered)
        assert sorted([next(results), next(results)]) == [1, 4]
        with pytest.raises(LookupError, match="no more"):
            next(results)
        assert list(results) == []


def test_stopiteration_of_a_call_does_not_end_the_map_in_silence(pool: Pool) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(pool.map(lambda n: next(iter([])), [1]))


def test_timeout_counts_from_the_call(pool: Pool) -> None:
    gate = Chan[None]()

    def work(n: int) -> int:
        if n == 2:
            gate.recv_ok()
        return n

    results = pool.map(work, Counting(), timeout=0.05)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(TimeoutError, match=r"Pool.map\(\): a result was not there 0.05 s after"):
        next(results)
    assert list(results) == []
    gate.close()
    # What is there comes, however late.
    late = pool.map(square, [1, 2], timeout=0)
    wait_until(lambda: " active=0 queued=0 " in repr(pool), "all done")
    assert list(late) == [1, 4]


@pytest.mark.parametrize("end", ["drop", "close", "drop unused"])
def test_who_stops_asking_stops_the_map(pool: Pool, end: str) -> None:
    gate, begun = Chan[None](), Chan[int](100)

    def work(n: int) -> int:
        begun.send(n)
        if n:
            gate.recv_ok()
        return n

    results: Any = pool.map(work, Counting(), buffersize=20)
    if end != "drop unused":
        assert next(results) == 0
    assert {begun.recv() for _ in range(3)} == {0, 1, 2}
    if end == "close":
        results.close()
        assert list(results) == []
    del results
    gc.collect()
    gate.close()
    wait_until(lambda: " active=0 queued=0 " in repr(pool), "nothing is left")
    assert len(begun) == 0


def test_two_threads_cannot_ask_at_the_same_time(pool: Pool) -> None:
    gate = Chan[None]()
    results = pool.map(lambda _: gate.recv_ok(), [1])
    asking = threading.Thread(target=next, args=(results,))
    asking.start()
    wait_blocked(asking)
    with pytest.raises(ValueError, match="already executing"):
        next(results)
    gate.close()
    asking.join()


def test_a_map_whose_pool_is_shut_down_says_so(pool: Pool) -> None:
    results = pool.map(square, range(100))
    pool.shutdown()
    assert [next(results) for _ in range(4)] == [0, 1, 4, 9]  # those that were under way
    with pytest.raises(RuntimeError, match="after shutdown"):
        next(results)


def test_maps_and_jobs_share_the_workers_in_turn(pool: Pool) -> None:
    """A long buffer of one does not shut out the others: all are in one line."""
    slow = pool.map(lambda n: time.sleep(0.0005), Counting(), buffersize=40)
    assert pool.submit(square, 3).result() == 9
    fast = pool.map(square, Counting())
    assert [next(fast) for _ in range(3)] == [0, 1, 4]
    next(slow)
    del slow, fast


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"buffersize": 0}, ValueError),
        ({"buffersize": "1"}, TypeError),
        ({"chunksize": 0}, ValueError),
        ({"chunksize": 1.5}, TypeError),
        ({"timeout": "1"}, TypeError),
        ({"timeout": float("nan")}, ValueError),
    ],
)
def test_wrong_arguments(pool: Pool, arguments: dict[str, Any], error: type[Exception]) -> None:
    values = Counting()
    with pytest.raises(error, match=r"Pool.map\(\)"):
        pool.map(square, values, **arguments)
    assert values.taken == 0


def test_nothing_to_iterate_over(pool: Pool) -> None:
    with pytest.raises(TypeError, match="needs something to iterate over"):
        pool.map(square)
    bad: Any = 5
    with pytest.raises(TypeError, match="iter"):
        pool.map(square, bad)

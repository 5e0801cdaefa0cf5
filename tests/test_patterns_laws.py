"""gochan.patterns: what holds for all inputs, found out with hypothesis: order, sizes, and that no
value is lost or doubled (K1).
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gochan import Chan, agosched, go
from gochan.patterns import batch, broadcast, fan_out, generate, merge, pipe, take, where
from watch import PATIENCE

VALUES = st.lists(st.integers(0, 5), max_size=25)
few = settings(max_examples=40, deadline=None)


async def slow(n: int) -> int:
    """The larger, the slower: those after it overtake, where they may."""
    for _ in range(n):
        await agosched()
    return 10 * n


@few
@given(VALUES, st.integers(1, 6), st.integers(0, 3), st.booleans())
def test_an_ordered_pipe_is_map(
    values: list[int], workers: int, capacity: int, plain: bool
) -> None:
    fn: Any = (10).__mul__ if plain else slow
    ch = pipe(generate(values), fn, workers=workers, capacity=capacity)
    assert list(ch) == [10 * n for n in values]


@few
@given(VALUES, st.integers(1, 6))
def test_an_unordered_pipe_loses_nothing(values: list[int], workers: int) -> None:
    ch = pipe(generate(values), slow, workers=workers, ordered=False)
    assert Counter(ch) == Counter(10 * n for n in values)


@few
@given(VALUES, st.integers(0, 5))
def test_where_is_filter(values: list[int], least: int) -> None:
    assert list(where(generate(values), lambda n: n >= least)) == [n for n in values if n >= least]


@few
@given(VALUES, st.integers(1, 8), st.integers(0, 4))
def test_batches_are_full_but_the_last(values: list[int], size: int, capacity: int) -> None:
    lists = list(batch(generate(values, capacity=capacity), size))
    assert list(chain.from_iterable(lists)) == values
    assert all(len(some) == size for some in lists[:-1])
    assert all(0 < len(some) <= size for some in lists)


@few
@given(VALUES, st.integers(1, 8), st.sampled_from([0, 1e-4, 60]))
def test_batches_under_a_timeout_lose_nothing(values: list[int], size: int, timeout: float) -> None:
    lists = list(batch(generate(iter(values)), size, timeout=timeout))
    assert list(chain.from_iterable(lists)) == values
    assert all(0 < len(some) <= size for some in lists)


@few
@given(VALUES, st.integers(0, 30))
def test_take_is_a_slice(values: list[int], n: int) -> None:
    source = Chan[int](len(values))
    for value in values:
        source.send(value)
    source.close()
    assert list(take(source, n)) == values[:n]
    assert list(source) == values[n:]


@few
@given(st.lists(VALUES, max_size=5))
def test_merge_keeps_all_and_the_order_of_each(sources: list[list[int]]) -> None:
    marked = [[(k, n) for n in values] for k, values in enumerate(sources)]
    got = list(merge(*map(generate, marked)))
    for k, values in enumerate(marked):
        assert [value for value in got if value[0] == k] == values
    assert len(got) == sum(map(len, sources))


@few
@given(VALUES, st.integers(1, 5))
def test_fan_out_sends_each_value_once(values: list[int], n: int) -> None:
    numbered = list(enumerate(values))
    receivers = [go(list, out) for out in fan_out(generate(numbered), n)]
    got = [g.result(PATIENCE) for g in receivers]
    assert sorted(chain.from_iterable(got)) == numbered
    for some in got:
        assert some == sorted(some)


@few
@given(VALUES, st.integers(1, 5))
def test_broadcast_sends_each_value_to_all(values: list[int], n: int) -> None:
    receivers = [go(list, out) for out in broadcast(generate(values), n)]
    assert [g.result(PATIENCE) for g in receivers] == [values] * n

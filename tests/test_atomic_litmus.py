"""Atomics seen by two threads at once: what is written by one is seen by the other in that order
(A5), and a reference that is compared and swapped goes to one alone (A4).

With the GIL these hardly can fail; on a free-threaded Python they do with weaker orderings.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from gochan import AtomicInt, AtomicRef, go
from watch import PATIENCE

ROUNDS = 300


def both(party: Callable[[int], Any]) -> None:
    parties = [go(party, 0), go(party, 1)]
    for g in parties:
        g.result(PATIENCE)


def spin(until: Callable[[], bool]) -> None:
    while not until():
        os.sched_yield()


def test_a_store_is_seen_by_who_stores_and_then_loads() -> None:
    """Go's TestStoreLoadSeqCst64: of two that store and then look at the other, one sees it."""
    x = [AtomicInt(), AtomicInt()]
    ack = [[AtomicInt(-1) for _ in range(3)] for _ in range(2)]

    def party(me: int) -> None:
        he = 1 - me
        for i in range(1, ROUNDS):
            x[me].store(i)
            mine = x[he].load()
            ack[me][i % 3].store(mine)
            spin(lambda at=ack[he][i % 3]: at.load() != -1)  # type: ignore[misc]
            his = ack[he][i % 3].load()
            assert mine in (i, i - 1) and his in (i, i - 1)
            assert i in (mine, his), "each stored, and neither saw the other's"
            ack[me][(i - 1) % 3].store(-1)

    both(party)


def test_what_was_written_before_a_flag_is_seen_after_it() -> None:
    """Go's TestStoreLoadRelAcq64: the data is plain Python."""
    flags = [AtomicInt(), AtomicInt()]
    flags_seen = [AtomicInt(), AtomicInt()]
    data: list[list[Any]] = [[0, 0.0], [0, 0.0]]

    def party(me: int) -> None:
        he = 1 - me
        for i in range(1, ROUNDS):
            data[me][:] = [i, float(i)]
            flags[me].store(i)
            spin(lambda i=i: flags[he].load() >= i)  # type: ignore[misc]
            assert data[he] == [i, float(i)]
            flags_seen[me].store(i)
            spin(lambda i=i: flags_seen[he].load() >= i)  # type: ignore[misc]

    both(party)


def test_compare_and_swap_of_a_reference_is_one_step() -> None:
    """As Go's hammers of pointers: a stack without a lock, which loses nothing and doubles none."""
    top: AtomicRef[Any] = AtomicRef(None)
    taken: list[list[int]] = [[], []]

    def push(value: int) -> None:
        while not top.compare_and_swap(old := top.load(), (value, old)):
            pass

    def pop() -> int | None:
        while (old := top.load()) is not None:
            if top.compare_and_swap(old, old[1]):
                return int(old[0])
        return None

    def party(me: int) -> None:
        for i in range(2 * ROUNDS):
            push(2 * i + me)
            if i % 2 and (value := pop()) is not None:
                taken[me].append(value)

    both(party)
    while (value := pop()) is not None:
        taken[0].append(value)
    assert sorted(taken[0] + taken[1]) == list(range(4 * ROUNDS))

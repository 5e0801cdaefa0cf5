"""Map under many threads: operations happen at one instant, range goes on, clear is safe.

MP4-MP6.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from gochan import AtomicInt, Map


class Colliding:
    """One hash for all, and equality in Python: threads change places in the middle of it."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Colliding) and self.n == other.n


KEYS = {"int": int, "colliding": Colliding}
on_each_key = pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)


def in_threads(work: Callable[[int], object], count: int = 4) -> None:
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@on_each_key
def test_one_of_all_stores_it(key: Callable[[int], Any]) -> None:
    """Go's HashTrieMap LoadOrStore tests: the same new keys from all threads, each stored once."""
    m: Map[Any, int] = Map()
    stored = AtomicInt()

    def work(me: int) -> None:
        for n in range(60):
            actual, loaded = m.load_or_store(key(n), me)
            stored.add(not loaded)
            assert m.load(key(n)) == (actual, True)

    in_threads(work)
    assert (len(m), stored.load()) == (60, 60)


@on_each_key
def test_one_of_all_deletes_it(key: Callable[[int], Any]) -> None:
    m: Map[Any, int] = Map()
    for n in range(60):
        m.store(key(n), n)
    deleted = AtomicInt()

    def work(me: int) -> None:
        for n in range(60):
            if me % 2:
                value, loaded = m.load_and_delete(key(n))
                assert value == (n if loaded else None)
            else:
                loaded = m.compare_and_delete(key(n), n)
            deleted.add(loaded)

    in_threads(work)
    assert (len(m), deleted.load()) == (0, 60)


@on_each_key
def test_no_addition_is_lost(key: Callable[[int], Any]) -> None:
    """MP6: compare and swap in a loop."""
    m: Map[Any, int] = Map()
    m.store(key(0), 0)

    def work(_: int) -> None:
        for _ in range(300):
            while True:
                old, _ = m.load(key(0))
                assert old is not None
                if m.compare_and_swap(key(0), old, old + 1):
                    break

    in_threads(work)
    assert m.load(key(0)) == (1_200, True)


@on_each_key
def test_swaps_neither_lose_nor_double(key: Callable[[int], Any]) -> None:
    m: Map[Any, int] = Map()
    m.store(key(0), -1)
    got: list[int] = []

    def work(me: int) -> None:
        for n in range(200):
            old, _ = m.swap(key(0), me * 200 + n)
            assert old is not None
            got.append(old)

    in_threads(work)
    assert sorted([*got, m.load(key(0))[0] or 0]) == list(range(-1, 800))


@on_each_key
def test_range_among_writers(key: Callable[[int], Any]) -> None:
    """Go's TestConcurrentRange: each key once, with a value it has had."""
    size = 40
    m: Map[Any, int] = Map()
    for n in range(1, size):
        m.store(key(n), n)
    stop = threading.Event()

    def writes(factor: int) -> None:
        while not stop.is_set():
            for n in range(1, size):
                m.store(key(n), n * factor)
                if stop.is_set():
                    return

    def ranges(_: int) -> None:
        for _ in range(10):
            seen = dict[int, int]()
            for k, value in m.range():
                number = k if isinstance(k, int) else k.n
                assert number not in seen
                seen[number] = value
                assert value % number == 0
            assert len(seen) == size - 1

    def work(me: int) -> None:
        if me:
            writes(me)
            return
        try:
            ranges(me)
        finally:
            stop.set()

    in_threads(work)


def test_clear_among_all() -> None:
    """MP5; Go's TestConcurrentClear."""
    m = Map[int, int]()
    done = AtomicInt()

    def work(me: int) -> None:
        if me:
            for n in range(600):
                m.store(n % 50, n)
                m.load_or_store(n % 7, n)
                m.load_and_delete(n % 11)
            done.add(1)
            return
        while done.load() < 3:
            m.clear()

    in_threads(work)
    m.clear()
    assert (len(m), list(m.range())) == (0, [])

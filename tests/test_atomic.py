"""AtomicInt, AtomicBool, AtomicRef: one step each, whoever else is at it; A1-A4."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gochan import AtomicBool, AtomicInt, AtomicRef

WORDS = st.integers(-(2**63), 2**63 - 1)


def wrapped(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


@given(WORDS, WORDS)
def test_ints(one: int, other: int) -> None:
    """A2, A3: add gives the new value, and wraps around."""
    n = AtomicInt(one)
    assert n.load() == one
    assert n.add(other) == wrapped(one + other) == n.load()
    n.store(other)
    assert n.swap(one) == other
    assert n.load() == one
    assert n.compare_and_swap(other, 0) is (one == other)
    assert n.compare_and_swap(n.load(), other) is True
    assert n.load() == other


def test_the_ends_of_an_int() -> None:
    """A3"""
    n = AtomicInt(2**63 - 1)
    assert n.add(1) == -(2**63)
    assert n.add(-1) == 2**63 - 1
    assert AtomicInt().load() == 0


def test_bools() -> None:
    b = AtomicBool()
    assert b.load() is False
    b.store(True)
    assert b.swap(False) is True
    assert b.compare_and_swap(True, True) is False
    assert b.compare_and_swap(False, True) is True
    assert b.load() is True
    assert AtomicBool(True).load() is True


def test_refs_compare_by_identity() -> None:
    """A4"""
    one, equal, other = [1], [1], [2]
    ref = AtomicRef(one)
    assert ref.load() is one
    assert ref.compare_and_swap(equal, other) is False
    assert ref.compare_and_swap(one, other) is True
    assert ref.swap(equal) is other
    ref.store(one)
    assert ref.load() is one
    assert AtomicRef[None](None).compare_and_swap(None, None)


def test_wrong_arguments() -> None:
    n: Any = AtomicInt()
    makes: Any = AtomicInt
    for call in (n.store, n.add, n.swap, makes):
        for wrong in ("1", 1.0, None):
            with pytest.raises(TypeError, match="int"):
                call(wrong)
        for wrong in (2**63, -(2**63) - 1):
            with pytest.raises(ValueError, match="64 bits"):
                call(wrong)
    with pytest.raises(TypeError):
        n.compare_and_swap(0, "1")
    b: Any = AtomicBool()
    makes = AtomicBool
    for call in (b.store, b.swap, makes):
        for wrong in (1, None, "True"):
            with pytest.raises(TypeError, match="bool"):
                call(wrong)
    make: Any = AtomicRef
    with pytest.raises(TypeError):
        make()
    assert (n.load(), b.load()) == (0, False)


def test_identity_copy_and_truth() -> None:
    """None of them counts as its value."""
    for one in (AtomicInt(0), AtomicBool(False), AtomicRef(None)):
        assert one
        assert one != type(one)(one.load())  # type: ignore[arg-type]
        assert weakref.ref(one)() is one
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="Atomic"):
                attempt(one)
    assert "value=-5>" in repr(AtomicInt(-5))
    assert "value=True>" in repr(AtomicBool(True))
    assert "of str>" in repr(AtomicRef("x"))


def in_threads(work: Any, count: int = 4) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_hammer() -> None:
    """Go's TestHammer64: no addition is lost, by add and by compare and swap."""
    n, m = AtomicInt(), AtomicInt()

    def work() -> None:
        for _ in range(2_000):
            n.add(1)
            while not m.compare_and_swap(old := m.load(), old + 1):
                pass

    in_threads(work)
    assert (n.load(), m.load()) == (8_000, 8_000)


def test_hammer_refs() -> None:
    """Each object goes round once: swaps neither lose nor double."""
    ref = AtomicRef[int](-1)
    got: list[int] = []
    numbers = iter(range(4_000))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            got.append(ref.swap(number))

    in_threads(work)
    assert sorted([*got, ref.load()]) == list(range(-1, 4_000))


def test_what_is_replaced_may_run_python() -> None:
    """The drop of the old object comes after the step: it may use the same reference."""
    seen: list[object] = []

    class Last:
        def __del__(self) -> None:
            seen.append(ref.load())

    ref: AtomicRef[object] = AtomicRef(Last())
    ref.store(1)
    assert seen == [1]
    ref.store(Last())
    assert ref.compare_and_swap(ref.load(), 2)
    gc.collect()
    assert seen == [1, 2]


def test_a_cycle_is_collected() -> None:
    class Holder:
        ref: AtomicRef[object]

    holder = Holder()
    holder.ref = AtomicRef(holder)
    seen = weakref.ref(holder)
    del holder
    gc.collect()
    assert seen() is None

"""Map: what each operation says, alone and against a dict, and keys that run Python.

MP1-MP6, PY11.
"""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gochan import Map

# ---------------------------------------------------------------- one after the other


def test_what_they_say() -> None:
    """MP1"""
    m = Map[str, int]()
    assert m.load("a") == (None, False)
    assert m.load_or_store("a", 1) == (1, False)
    assert m.load_or_store("a", 2) == (1, True)
    m.store("a", 3)
    assert m.load("a") == (3, True)
    assert m.swap("a", 4) == (3, True)
    assert m.swap("b", 5) == (None, False)
    assert len(m) == 2
    assert m.load_and_delete("a") == (4, True)
    assert m.load_and_delete("a") == (None, False)
    m.delete("a")
    m.delete("b")
    assert len(m) == 0
    m.store("c", 1)
    m.clear()
    m.clear()
    assert (len(m), list(m.range())) == (0, [])


def test_none_is_a_key_and_a_value() -> None:
    """MP1: ok is the only truth."""
    m = Map[None, None]()
    assert m.load(None) == (None, False)
    m.store(None, None)
    assert m.load(None) == (None, True)
    assert m.compare_and_swap(None, None, None)
    assert m.swap(None, None) == (None, True)
    assert m.compare_and_delete(None, None)


def test_compare() -> None:
    """MP2: nothing is no None; values that are equal count as the same."""
    m: Map[str, Any] = Map()
    assert not m.compare_and_swap("a", None, 1)
    assert not m.compare_and_delete("a", None)
    assert len(m) == 0
    m.store("a", [1])
    assert not m.compare_and_swap("a", [2], 0)
    assert m.compare_and_swap("a", [1], 5)
    assert not m.compare_and_delete("a", "5")
    assert m.compare_and_delete("a", 5.0)
    nan = float("nan")
    m.store("n", nan)
    assert not m.compare_and_swap("n", float("nan"), 0)
    assert m.compare_and_swap("n", nan, 0), "it is the same object"


def test_keys_follow_a_dicts_rule() -> None:
    """PY11, MP3"""
    m: Map[Any, str] = Map()
    m.store(1, "int")
    assert m.load(1.0) == ("int", True)
    assert m.load(True) == ("int", True)
    nan = float("nan")
    m.store(nan, "nan")
    assert m.load(nan) == ("nan", True)
    assert m.load(float("nan")) == (None, False)
    for call in (m.load, m.load_and_delete, m.delete):
        with pytest.raises(TypeError, match="unhashable"):
            call([])
    for call2 in (m.store, m.swap, m.load_or_store, m.compare_and_delete):
        with pytest.raises(TypeError, match="unhashable"):
            call2([], "")
    assert len(m) == 2


def test_identity_copy_and_truth() -> None:
    m = Map[int, int]()
    assert m
    assert m != Map[int, int]()
    assert weakref.ref(m)() is m
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="Map"):
            attempt(m)
    assert repr(m).endswith(" len=0>")
    make: Any = Map
    with pytest.raises(TypeError):
        make({})


# ---------------------------------------------------------------- against a dict

# Few hashes, so that keys collide; and equal ones that are not identical.
KEYS = st.integers(0, 12).map(lambda n: Same(n, n % 3))


class Same:
    def __init__(self, n: int, h: int) -> None:
        self.n, self.h = n, h

    def __hash__(self) -> int:
        return self.h

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.n == other.n

    def __repr__(self) -> str:
        return f"Same({self.n})"


VALUES = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("load"), KEYS),
    st.tuples(st.just("store"), KEYS, VALUES),
    st.tuples(st.just("load_or_store"), KEYS, VALUES),
    st.tuples(st.just("load_and_delete"), KEYS),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("swap"), KEYS, VALUES),
    st.tuples(st.just("compare_and_swap"), KEYS, VALUES, VALUES),
    st.tuples(st.just("compare_and_delete"), KEYS, VALUES),
    st.tuples(st.just("clear")),
)


class Model:
    """Written with a dict, from MP1 and MP2."""

    def __init__(self) -> None:
        self.d: dict[Same, int] = {}

    def load(self, key: Same) -> tuple[int | None, bool]:
        return (self.d.get(key), key in self.d)

    def store(self, key: Same, value: int) -> None:
        self.d[key] = value

    def load_or_store(self, key: Same, value: int) -> tuple[int, bool]:
        loaded = key in self.d
        return (self.d.setdefault(key, value), loaded)

    def load_and_delete(self, key: Same) -> tuple[int | None, bool]:
        found = key in self.d
        return (self.d.pop(key, None), found)

    def delete(self, key: Same) -> None:
        self.d.pop(key, None)

    def swap(self, key: Same, value: int) -> tuple[int | None, bool]:
        old = self.load(key)
        self.d[key] = value
        return old

    def compare_and_swap(self, key: Same, old: int, new: int) -> bool:
        same = self.load(key) == (old, True)
        if same:
            self.d[key] = new
        return same

    def compare_and_delete(self, key: Same, old: int) -> bool:
        same = self.load(key) == (old, True)
        if same:
            del self.d[key]
        return same

    def clear(self) -> None:
        self.d.clear()


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=120))
def test_it_agrees_with_a_dict(steps: list[tuple[Any, ...]]) -> None:
    """Go's TestMapMatchesRWMutex."""
    m, model = Map[Same, int](), Model()
    for name, *arguments in steps:
        assert getattr(m, name)(*arguments) == getattr(model, name)(*arguments)
        assert len(m) == len(model.d)
    assert dict(m.range()) == model.d
    assert [key.n for key, _ in m.range()] == [key.n for key in model.d]


def test_many_keys_come_and_go() -> None:
    """More than one tidying up; each key is found before and after."""
    m = Map[int, int]()
    for n in range(5_000):
        m.store(n, n)
    for n in range(0, 5_000, 3):
        m.delete(n)
    for n in range(0, 5_000, 6):
        m.store(n, -n)
    for n in range(5_000):
        expected = (n, True) if n % 3 else (-n, True) if n % 6 == 0 else (None, False)
        assert m.load(n) == expected
    assert len(m) == len(dict(m.range()))


# ---------------------------------------------------------------- range


def test_range_says_where_it_is() -> None:
    m = Map[str, int]()
    m.store("a", 1)
    pairs = m.range()
    assert repr(pairs) == f"<range under way over {m!r}>"
    assert list(pairs) == [("a", 1)]
    assert repr(pairs) == f"<range at its end over {m!r}>"


def test_range_may_do_anything_meanwhile() -> None:
    """MP4; Go's TestMapRangeNestedCall: nested ranges, and deletes of the key that it shows."""
    m = Map[int, str]()
    for n in range(5):
        m.store(n, "x")
    for key, _ in m.range():
        for inner, value in m.range():
            assert m.load_and_delete(inner) == (value, True)
            m.store(inner, "again")
        assert key in range(5)
        m.delete(key)
    for key, _ in m.range():
        m.delete(key)
    assert len(m) == 0


def test_range_shows_no_key_twice() -> None:
    """MP4: one that is deleted and comes again while it goes on was shown already."""
    m = Map[int, int]()
    for n in range(100):
        m.store(n, n)
    seen = []
    for key, _ in m.range():
        seen.append(key)
        m.delete(key)
        m.store(key, -1)
        m.store(1000 + key, 0)
    assert seen == list(range(100))


def test_range_shows_what_is_there_when_its_turn_comes() -> None:
    m = Map[int, int]()
    for n in range(4):
        m.store(n, n)
    pairs = m.range()
    assert iter(pairs) is pairs
    assert next(pairs) == (0, 0)
    m.store(1, 10)
    m.delete(2)
    assert list(pairs) == [(1, 10), (3, 3)]
    assert list(pairs) == []
    pairs = m.range()
    m.clear()
    assert list(pairs) == []


def test_range_over_slots_that_are_tidied_up() -> None:
    m = Map[int, int]()
    for n in range(1_000):
        m.store(n, n)
    seen = []
    for key, _ in m.range():
        seen.append(key)
        for n in range(key, min(key + 400, 1_000)):
            if n % 100:
                m.delete(n)
    assert seen == list(range(0, 1_000, 100))


# ---------------------------------------------------------------- keys that run Python


class Meddling:
    """A key whose comparison does something to the map."""

    def __init__(self, meddle: Any = None) -> None:
        self.meddle = meddle

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        meddle, self.meddle = self.meddle, None
        if meddle is not None:
            meddle()
        return isinstance(other, Meddling)


def test_a_key_that_deletes_what_it_is_compared_with() -> None:
    m = Map[Meddling, int]()
    first = Meddling()
    m.store(first, 1)
    first.meddle = lambda: m.delete(first)
    assert m.load(Meddling()) == (None, False)
    m.store(first, 1)
    first.meddle = m.clear
    m.store(Meddling(), 2)
    assert [value for _, value in m.range()] == [2]


def test_a_key_that_stores_its_equal() -> None:
    """Two that store the same new key: the second finds the first."""
    m = Map[Meddling, int]()
    stranger, rival = Meddling(), Meddling()
    m.store(stranger, 0)
    other = Different(lambda: m.store(rival, 1))
    assert m.load_or_store(other, 2) == (2, False)
    assert len(m) == 3 - 1, "the rival equals what was there"


class Different(Meddling):
    """As above, but equal to itself alone."""

    __hash__ = Meddling.__hash__

    def __eq__(self, other: object) -> bool:
        super().__eq__(other)
        return self is other


def test_errors_of_a_key_have_no_effect() -> None:
    class Fails:
        def __init__(self, in_hash: bool) -> None:
            self.in_hash = in_hash

        def __hash__(self) -> int:
            return 1 // 0 if self.in_hash else 3

        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

    m: Map[Any, Any] = Map()
    m.store(3, "three")
    for key in (Fails(True), Fails(False)):
        for call in (m.load, m.delete, m.load_and_delete):
            with pytest.raises(ZeroDivisionError):
                call(key)
        for call2 in (m.store, m.swap, m.load_or_store):
            with pytest.raises(ZeroDivisionError):
                call2(key, 1)
    with pytest.raises(ZeroDivisionError):
        m.compare_and_swap(3, Fails(False), 1)
    assert list(m.range()) == [(3, "three")]


def test_a_value_that_is_dropped_may_use_the_map() -> None:
    m: Map[str, object] = Map()
    seen = []

    class Last:
        def __del__(self) -> None:
            seen.append(m.load("a"))

    changes: list[Callable[[str], object]] = [m.delete, m.load_and_delete]
    changes += [lambda key: m.store(key, 0), lambda _: m.clear()]
    for change in changes:
        m.store("a", Last())
        change("a")
    gc.collect()
    assert seen == [(None, False), (None, False), (0, True), (None, False)]


# ---------------------------------------------------------------- memory


class Thing:
    pass


def test_deleted_keys_are_let_go_of() -> None:
    """MP5; Go's TestIssue40999."""
    m: Map[object, object] = Map()
    m.store(None, None)
    dead: list[object] = []
    changes: list[Callable[[object], object]] = [m.delete, m.load_and_delete]
    changes += [lambda key: m.compare_and_delete(key, 1)]
    for change in changes:
        thing = Thing()
        weakref.finalize(thing, dead.append, 1)
        m.store(thing, 1)
        change(thing)
        del thing
    gc.collect()
    assert len(dead) == 3


def test_cycles_are_collected() -> None:
    thing = Thing()
    m: Map[object, object] = Map()
    m.store(thing, m)
    m.store(1, m.range())
    seen: list[weakref.ref[Any]] = [weakref.ref(thing), weakref.ref(m)]
    del thing, m
    gc.collect()
    assert [ref() for ref in seen] == [None, None]


def test_a_crowd_of_keys_with_one_hash() -> None:
    """Each is compared with each once, as in a dict. With far more work this does not end."""

    class Key:
        compared = 0

        def __hash__(self) -> int:
            return 7

        def __eq__(self, other: object) -> bool:
            Key.compared += 1
            return self is other

    m, keys = Map[Key, int](), [Key() for _ in range(600)]
    for i, key in enumerate(keys):
        m.store(key, i)
    assert Key.compared == 600 * 599 // 2
    assert [m.load(key)[0] for key in keys] == list(range(600))
    assert Key.compared == 600 * 599 // 2, "found by identity"

"""ObjectPool: what is put may be got again; P1-P4."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from typing import Any

import pytest

from gochan import ObjectPool


class Thing:
    pass


def test_get_and_put() -> None:
    """P1; Go's TestPool, as far as it is promised: what was put last is the warmest."""
    pool = ObjectPool[str]()
    assert pool.get() is None
    pool.put("a")
    pool.put("b")
    assert "items=2" in repr(pool)
    assert [pool.get(), pool.get(), pool.get()] == ["b", "a", None]


def test_collections_take_nothing() -> None:
    """P2, PY13: Go's TestPool sees them gone after the second one; here they stay."""
    pool, thing = ObjectPool[Thing](), Thing()
    pool.put(thing)
    for _ in range(3):
        gc.collect()
    assert pool.get() is thing


def test_new() -> None:
    """Go's TestPoolNew."""
    made = 0

    def make() -> int:
        nonlocal made
        made += 1
        return made

    pool = ObjectPool(new=make)
    assert [pool.get(), pool.get()] == [1, 2]
    pool.put(42)
    assert [pool.get(), pool.get()] == [42, 3]


def test_none_is_ignored() -> None:
    pool: Any = ObjectPool()
    pool.put(None)
    assert "items=0" in repr(pool)


def test_new_may_fail_and_use_the_pool() -> None:
    """P3"""
    pool: ObjectPool[int] = ObjectPool(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        pool.get()
    nested: ObjectPool[str] = ObjectPool(lambda: nested.put("left") or "made")  # type: ignore[func-returns-value]
    assert [nested.get(), nested.get()] == ["made", "left"]


def test_wrong_arguments() -> None:
    make: Any = ObjectPool
    with pytest.raises(TypeError, match="new must be a function"):
        make(3)
    with pytest.raises(TypeError):
        make().put()


def test_identity_copy_and_truth() -> None:
    pool = ObjectPool[int]()
    assert pool
    assert weakref.ref(pool)() is pool
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="ObjectPool"):
            attempt(pool)


def test_nobody_gets_what_another_has() -> None:
    """Go's TestPoolStress: each object is in one place."""
    pool = ObjectPool(list[int])
    errors: list[str] = []

    def work() -> None:
        for _ in range(1_000):
            item = pool.get()
            assert item is not None
            if item:
                errors.append("somebody has it")
            item.append(1)
            item.clear()
            pool.put(item)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_items_die_with_the_pool() -> None:
    """Go's TestPoolGC, and a cycle."""

    class Holder:
        pool: ObjectPool[object]

    holder, thing = Holder(), Thing()

    def itself(holder: Holder = holder) -> Holder:
        return holder

    holder.pool = ObjectPool(itself)
    holder.pool.put(thing)
    holder.pool.put(holder)
    seen: list[weakref.ref[Any]] = [weakref.ref(holder), weakref.ref(thing)]
    del holder, thing, itself
    gc.collect()
    assert [ref() for ref in seen] == [None, None]

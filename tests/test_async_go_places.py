"""go() with `async def`: from everywhere, with a context of its own, and counted."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from gochan import Chan, Goroutine, agosched, go, num_goroutine
from loops import KINDS
from loops import run as run_loop
from parking import wait_until, wait_waiting
from scheduler import by_go, by_run, in_thread, parked, turns
from watch import PATIENCE

# ---------------------------------------------------------------- from everywhere


def callers() -> list[str]:
    """The names of this file's functions on this stack, the innermost first."""
    names: list[str] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == __file__:
            names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


async def body() -> list[str]:
    return callers()


def in_new_loop(fn: Callable[[], Any]) -> Any:
    async def main() -> Any:
        return fn()

    return run_loop(KINDS[-1], main)


def in_def_goroutine(fn: Callable[[], Any]) -> Any:
    return go(fn).result(PATIENCE)


def in_async_goroutine(fn: Callable[[], Any]) -> Any:
    async def caller() -> Any:
        return fn()

    return by_go(caller)


def in_del(fn: Callable[[], Any]) -> Any:
    made: list[Any] = []

    class Dying:
        def __del__(self) -> None:
            made.append(fn())

    Dying()
    cycle: list[object] = [Dying()]
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert len(made) == 2
    return made[0]


PLACES: list[Callable[[Callable[[], Any]], Any]] = [
    *(in_thread, in_new_loop, in_def_goroutine, in_async_goroutine, in_del),
]


@pytest.mark.parametrize("place", PLACES)
def test_from_any_place(place: Callable[[Callable[[], Any]], Any]) -> None:
    """And never inside go(): its body's stack begins with itself."""
    g: Goroutine[list[str]] = place(lambda: go(body))
    assert g.result(PATIENCE) == ["body"]


def test_from_the_main_thread() -> None:
    async def where() -> tuple[list[str], bool]:
        return callers(), threading.current_thread() is threading.main_thread()

    assert go(where).result(PATIENCE) == (["where"], False)


def test_from_main_under_run() -> None:
    """There it lives as long as main does, so it is looked at from there."""

    async def starter() -> list[str]:
        return await go(body)

    names = by_run(starter)
    assert names[0] == "body"
    assert "starter" not in names


def test_goroutines_start_goroutines() -> None:
    async def tree(depth: int) -> int:
        if depth == 0:
            return 1
        return sum([await g for g in [go(tree, depth - 1) for _ in range(3)]])

    def mixed(depth: int) -> int:
        if depth == 0:
            return 1
        return sum(g.result(PATIENCE) for g in [go(amixed, depth - 1) for _ in range(3)])

    async def amixed(depth: int) -> int:
        if depth == 0:
            return 1
        return sum([await g for g in [go(mixed, depth - 1) for _ in range(3)]])

    assert go(tree, 7).result(PATIENCE) == 3**7
    assert go(amixed, 4).result(PATIENCE) == 3**4


# ---------------------------------------------------------------- context


NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME")


@pytest.mark.parametrize("place", [in_thread, in_new_loop, in_def_goroutine, in_async_goroutine])
def test_it_gets_a_copy_of_the_callers_context(place: Callable[[Callable[[], Any]], Any]) -> None:
    gate: Chan[None] = Chan()

    async def look() -> tuple[str, str]:
        before = NAME.get()
        await gate.arecv()
        still = NAME.get()
        NAME.set("the goroutine's")
        await agosched()
        assert NAME.get() == "the goroutine's"
        return before, still

    def scene() -> Goroutine[tuple[str, str]]:
        NAME.set("the caller's")
        g = go(look)
        NAME.set("later")
        return g

    g = place(scene)
    gate.send(None, timeout=PATIENCE)
    assert g.result(PATIENCE) == ("the caller's", "the caller's")
    assert NAME.get("unset") == "unset"


def test_goroutines_on_one_thread_do_not_share_a_context() -> None:
    async def own(name: str) -> list[str]:
        NAME.set(name)
        seen = []
        for _ in range(50):
            await agosched()
            seen.append(NAME.get())
        return seen

    async def nobody() -> str:
        await agosched()
        return NAME.get("nobody's")

    async def main() -> None:
        goroutines = [go(own, f"g{i}") for i in range(10)]
        others = [go(nobody) for _ in range(10)]
        for i, g in enumerate(goroutines):
            assert await g == [f"g{i}"] * 50
        for other in others:
            assert await other == "nobody's"
        assert NAME.get("unset") == "unset"

    by_go(main)
    by_run(main)


def test_the_children_inherit_what_their_parent_has() -> None:
    async def child(depth: int) -> list[str]:
        mine = NAME.get()
        NAME.set(f"{mine}.{depth}")
        return [mine, *(await go(child, depth - 1) if depth else [])]

    def scene() -> list[str]:
        NAME.set("top")
        return go(child, 3).result(PATIENCE)

    assert contextvars.Context().run(scene) == ["top", "top.3", "top.3.2", "top.3.2.1"]


def test_a_token_is_good_in_its_goroutine_across_awaits() -> None:
    async def main() -> str:
        token = NAME.set("new")
        await turns(3)
        NAME.reset(token)
        return NAME.get("unset")

    assert contextvars.Context().run(by_go, main) == "unset"
    assert contextvars.Context().run(by_run, main) == "unset"


# ---------------------------------------------------------------- counting


def test_num_goroutine() -> None:
    before = num_goroutine()
    gate: Chan[None] = Chan()

    async def wait() -> None:
        await gate.arecv_ok()

    goroutines = [go(wait) for _ in range(100)]
    assert num_goroutine() == before + 100
    wait_waiting(*goroutines)
    assert num_goroutine() == before + 100
    gate.send(None)
    gate.close()
    for g in goroutines:
        g.join(PATIENCE)
    assert num_goroutine() == before


def test_num_goroutine_is_the_same_for_everybody() -> None:
    """The main thread is one of them, as main is in Go; other threads and loops are none."""
    before = num_goroutine()
    gate: Chan[None] = Chan()

    async def wait() -> None:
        await gate.arecv_ok()

    async def count() -> tuple[int, int]:
        first = num_goroutine()
        go(wait)
        await parked(gate, receivers=1)
        second = num_goroutine()
        gate.close()
        return first, second

    assert go(count).result(PATIENCE) == (before + 1, before + 2)
    wait_until(lambda: num_goroutine() == before, "the end of them all")
    assert go(num_goroutine).result(PATIENCE) == before + 1

    async def in_loop() -> int:
        return num_goroutine()

    wait_until(lambda: num_goroutine() == before, "the end of that one")
    assert asyncio.run(in_loop()) == before
    assert in_thread(num_goroutine) == before

"""go(): what it starts, with what arguments and context, and on which threads."""

from __future__ import annotations

import contextvars
import functools
import gc
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

import procs
from gochan import Chan, go, num_goroutine
from parking import wait_parked, wait_until, wait_waiting
from watch import PATIENCE, label

# ---------------------------------------------------------------- calling


def test_a_function_runs_on_another_thread() -> None:
    g = go(threading.get_ident)
    assert g.result(PATIENCE) != threading.get_ident()


def echo(*args: object, **kwargs: object) -> tuple[tuple[object, ...], dict[str, object]]:
    return args, kwargs


def test_arguments() -> None:
    """RT1: they are evaluated by the caller, before `go` is called."""
    assert go(echo).result(PATIENCE) == ((), {})
    assert go(echo, 1, None, "x").result(PATIENCE) == ((1, None, "x"), {})
    # The parameter of go() itself is positional only, so every keyword is the function's.
    assert go(echo, 1, fn=2, self=3, timeout=4).result(PATIENCE) == (
        (1,),
        {"fn": 2, "self": 3, "timeout": 4},
    )
    assert go(echo, *range(300)).result(PATIENCE) == (tuple(range(300)), {})


class Callable_:
    def __call__(self, x: int) -> int:
        return x + 1

    def method(self, x: int) -> int:
        return x + 2

    @classmethod
    def class_method(cls, x: int) -> int:
        return x + 3


def test_anything_callable() -> None:
    assert go(pow, 2, 10).result(PATIENCE) == 1024
    assert go(Callable_(), 1).result(PATIENCE) == 2
    assert go(Callable_().method, 1).result(PATIENCE) == 3
    assert go(Callable_.class_method, 1).result(PATIENCE) == 4
    assert go(functools.partial(pow, 3), 2).result(PATIENCE) == 9
    assert go(list, (1, 2)).result(PATIENCE) == [1, 2]
    assert go(lambda: 5).result(PATIENCE) == 5
    assert go(set[int]().add, 1).result(PATIENCE) is None


@pytest.mark.parametrize("thing", [None, 1, "print", [], object()], ids=label)
def test_not_callable_is_the_callers_mistake(thing: Any) -> None:
    """RT1: where Go ends the program."""
    before = num_goroutine()
    with pytest.raises(TypeError):
        go(thing)
    with pytest.raises(TypeError):
        go()  # type: ignore[call-overload]
    assert num_goroutine() == before


def test_wrong_arguments_are_the_goroutines_error() -> None:
    """Only the call itself finds out, and that happens over there."""

    two: Any = divmod
    assert isinstance(go(two, 1).exception(PATIENCE), TypeError)
    assert isinstance(go(two, 1, 2, c=3).exception(PATIENCE), TypeError)


def test_a_goroutine_starts_goroutines() -> None:
    def tree(depth: int) -> int:
        if depth == 0:
            return 1
        return sum(g.result(PATIENCE) for g in [go(tree, depth - 1) for _ in range(3)])

    assert go(tree, 4).result(PATIENCE) == 81


def test_many_at_once_are_all_running() -> None:
    """None waits for another one's thread: all meet in the middle, in whatever order (RT2)."""
    arrived: Chan[int] = Chan()
    leave: Chan[None] = Chan()

    def meet(i: int) -> int:
        arrived.send(i)
        leave.recv_ok()
        return i

    goroutines = [go(meet, i) for i in range(200)]
    assert sorted(arrived.recv(timeout=PATIENCE) for _ in goroutines) == list(range(200))
    leave.close()
    assert [g.result(PATIENCE) for g in goroutines] == list(range(200))


# ---------------------------------------------------------------- context


NAME: contextvars.ContextVar[str] = contextvars.ContextVar("NAME")


def test_contextvars_are_copied_when_it_is_started() -> None:
    gate: Chan[None] = Chan()

    def look() -> str:
        gate.recv()
        before = NAME.get()
        NAME.set("the goroutine's")
        return before

    def scene() -> None:
        NAME.set("the caller's")
        g = go(look)
        NAME.set("later")
        gate.send(None, timeout=PATIENCE)
        assert g.result(PATIENCE) == "the caller's"
        assert NAME.get() == "later"

    contextvars.Context().run(scene)


def test_no_context_is_left_on_a_thread_for_the_next() -> None:
    def scene() -> None:
        NAME.set("mine")
        go(NAME.set, "its own").join(PATIENCE)

    contextvars.Context().run(scene)
    for _ in range(20):
        g = contextvars.Context().run(lambda: go(NAME.get, "nobody's"))
        assert g.result(PATIENCE) == "nobody's"


def test_two_goroutines_of_one_caller_do_not_share_a_context() -> None:
    both: Chan[None] = Chan()

    def own(name: str) -> str:
        NAME.set(name)
        both.recv_ok()
        return NAME.get()

    goroutines = [go(own, f"g{i}") for i in range(5)]
    wait_waiting(*goroutines)
    both.close()
    assert [g.result(PATIENCE) for g in goroutines] == [f"g{i}" for i in range(5)]


# ---------------------------------------------------------------- counting


def test_num_goroutine() -> None:
    """RT8: main counts as one, as in Go; what has ended does not count."""
    before = num_goroutine()
    assert before >= 1
    gate: Chan[None] = Chan()
    goroutines = [go(gate.recv_ok) for _ in range(10)]
    assert num_goroutine() == before + 10
    wait_parked(gate, receivers=10)
    assert num_goroutine() == before + 10
    gate.send(None)
    gate.close()
    for g in goroutines:
        g.join(PATIENCE)
    assert num_goroutine() == before

    def fail() -> None:
        raise ZeroDivisionError("expected by this test")

    failing = go(fail)
    assert isinstance(failing.exception(PATIENCE), ZeroDivisionError)
    assert num_goroutine() == before


# ---------------------------------------------------------------- what a goroutine keeps alive


class Thing:
    pass


def test_a_finished_goroutine_lets_go_of_what_it_was_given() -> None:
    """The handle keeps the result; function and arguments are gone."""
    thing = Thing()

    def fn(given: Thing) -> Thing:
        return Thing()

    refs: list[weakref.ref[Any]] = [weakref.ref(thing), weakref.ref(fn)]
    g = go(fn, thing)
    g.join(PATIENCE)
    del thing, fn
    # Its thread drops them just after the end is known.
    wait_until(lambda: [ref() for ref in refs] == [None, None], "function and argument freed")
    kept = weakref.ref(g.result(PATIENCE))
    gc.collect()
    assert g.result(PATIENCE) is kept()
    del g
    gc.collect()
    assert kept() is None


def test_a_result_nobody_wants_is_freed() -> None:
    gate: Chan[None] = Chan()
    made: list[weakref.ref[Thing]] = []

    def fn() -> Thing:
        thing = Thing()
        made.append(weakref.ref(thing))
        gate.recv()
        return thing

    done = go(fn).done
    gate.send(None, timeout=PATIENCE)
    assert done.recv_ok(timeout=PATIENCE) == (None, False)
    # The thread that ran it lets go of the result a moment after the end is known.
    wait_until(lambda: made[0]() is None, "the result freed")


# ---------------------------------------------------------------- threads


def test_errors_leave_the_thread_usable() -> None:
    """Also the deepest ones: an endless recursion, an exit, an interrupt."""

    def endless() -> None:
        endless()

    def leave(error: type[BaseException]) -> None:
        raise error

    for _ in range(5):
        assert isinstance(go(endless).exception(PATIENCE), RecursionError)
        assert isinstance(go(leave, SystemExit).exception(PATIENCE), SystemExit)
        assert isinstance(go(leave, KeyboardInterrupt).exception(PATIENCE), KeyboardInterrupt)
        assert isinstance(go(leave, GeneratorExit).exception(PATIENCE), GeneratorExit)
        assert go(pow, 2, 3).result(PATIENCE) == 8


def test_no_exception_is_left_on_a_thread_for_the_next() -> None:
    def handling() -> BaseException | None:
        return sys.exc_info()[1]

    def fail() -> None:
        raise ZeroDivisionError("expected by this test")

    for _ in range(20):
        assert isinstance(go(fail).exception(PATIENCE), ZeroDivisionError)
        assert go(handling).result(PATIENCE) is None


def test_threads_are_used_again() -> None:
    finished = procs.run("""
        import threading
        from gochan import go

        seen = set()
        for _ in range(300):
            seen.add(go(threading.get_native_id).result(20))
        # One that has just handed in its result may not be idle yet: some more are fine.
        assert len(seen) < 30, len(seen)
    """)
    assert finished.ok() == ""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
def test_idle_threads_are_bounded() -> None:
    """A burst needs its threads while it lasts. Afterwards they are not kept for ever."""
    finished = procs.run(
        """
        import os
        from gochan import Chan, go
        from parking import wait_parked, wait_until

        def threads():
            return len(os.listdir("/proc/self/task"))

        alone = threads()
        gate = Chan()
        burst = [go(gate.recv_ok) for _ in range(200)]
        wait_parked(gate, receivers=200)
        assert threads() >= alone + 200
        gate.close()
        for g in burst:
            g.join(20)
        wait_until(lambda: threads() < alone + 100, "fewer idle threads", 60)
        assert go(pow, 2, 3).result(20) == 8
        """,
        limit=90,
    )
    assert finished.ok() == ""

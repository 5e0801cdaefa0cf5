"""run(): the errors that come out of it, and those that main's children leave behind."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from typing import Any

import pytest

import procs
from gochan import agosched, go, num_goroutine, run
from parking import wait_until
from reporting import Reports
from scheduler import under_a_deadline
from watch import label

pytestmark = under_a_deadline


async def add(a: int, b: int = 0) -> int:
    await agosched()
    return a + b


# ---------------------------------------------------------------- out of main


class Mine(BaseException):
    pass


@pytest.mark.parametrize(
    "error",
    [
        *(ValueError("the one"), Mine("the one"), SystemExit(3), GeneratorExit(), MemoryError()),
        *(KeyboardInterrupt(), asyncio.CancelledError(), TimeoutError(), StopAsyncIteration()),
    ],
    ids=label,
)
@pytest.mark.parametrize("suspended", [False, True])
def test_the_very_exception_comes_out(
    error: BaseException, suspended: bool, reports: Reports
) -> None:
    async def inner() -> None:
        if suspended:
            await agosched()
        raise error

    async def main() -> None:
        await inner()

    def plain() -> None:
        raise error

    for program in (main, plain):
        with pytest.raises(type(error)) as info:
            run(program)
        assert info.value is error
    # The caller has it: it is nothing to report.
    assert reports.settled() == []


def test_the_traceback_shows_the_users_functions() -> None:
    async def deeper() -> None:
        await agosched()
        raise ZeroDivisionError("expected by this test")

    async def main() -> None:
        await deeper()

    with pytest.raises(ZeroDivisionError) as info:
        run(main)
    names = [frame.name for frame in traceback.extract_tb(info.value.__traceback__)]
    assert names[-2:] == ["main", "deeper"]
    assert names[0] == "test_the_traceback_shows_the_users_functions"


def test_stop_iteration_out_of_main_is_an_error_of_the_program() -> None:
    """As Python has it for every coroutine: it must not pass for an end with a result."""

    async def main() -> None:
        raise StopIteration(5)

    with pytest.raises(RuntimeError) as info:
        run(main)
    assert isinstance(info.value.__cause__, StopIteration)

    def plain() -> None:
        raise StopIteration(5)

    with pytest.raises(StopIteration):
        run(plain)


def test_wrong_arguments_come_out_too() -> None:
    two: Any = add
    with pytest.raises(TypeError, match="add"):
        run(two)
    with pytest.raises(TypeError, match="add"):
        run(two, 1, 2, 3)


@pytest.mark.parametrize("thing", [None, 1, "main", [], object()], ids=label)
def test_not_callable(thing: Any) -> None:
    before = num_goroutine()
    with pytest.raises(TypeError):
        run(thing)
    with pytest.raises(TypeError):
        run()  # type: ignore[call-overload]
    assert num_goroutine() == before
    assert run(add, 1) == 1


def test_a_coroutine_object_is_no_main() -> None:
    """It has been called already: run() wants to do that itself, in main's own context."""
    made: Any = add(1)
    with pytest.raises(TypeError, match=r"(?is)function.*argument"):
        run(made)
    made.close()


def generator() -> Any:
    yield 1


async def async_generator() -> Any:
    yield 1


@pytest.mark.parametrize("main", [generator, async_generator])
def test_a_generator_is_no_main(main: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="generator"):
        run(main)


# ---------------------------------------------------------------- what is left of it


def test_the_children_of_main_report_as_always(reports: Reports) -> None:
    async def child() -> None:
        raise ZeroDivisionError("a child's")

    async def main() -> None:
        g = go(child)
        await g.ajoin()
        del g
        done = go(child).done
        await done.arecv_ok()

    run(main)
    wait_until(lambda: len(reports.errors) >= 2, "both reports")
    assert reports.settled() == ["a child's"] * 2


def test_system_exit_out_of_main_ends_the_program() -> None:
    finished = procs.run("""
        import sys
        from gochan import Chan, agosched, go, run

        async def park():
            await Chan().arecv()

        async def main():
            go(Chan().recv)
            go(park)
            try:
                await agosched()
                sys.exit(7)
            finally:
                print("finally")

        run(main)
        print("not reached")
        """)
    assert (finished.returncode, finished.stdout, finished.stderr) == (7, "finally\n", "")

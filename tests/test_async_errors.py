"""How an `async def` goroutine can end: with any value and with any error."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from gochan import Chan, WaitGroup, agosched, go
from reporting import Expected
from scheduler import Start, by_go, on_each_start, wait
from watch import PATIENCE, label


async def fail(text: str = "expected by this test") -> None:
    await agosched()
    raise Expected(text)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    "value", [None, (), (1, 2), StopIteration(3), ValueError("no error"), Exception, []], ids=label
)
@pytest.mark.parametrize("suspended", [False, True])
def test_any_value_can_be_the_result(value: object, suspended: bool) -> None:
    """Also those that the way a coroutine ends might take for something else."""

    async def body() -> object:
        if suspended:
            await agosched()
        return value

    g = go(body)
    assert g.result(PATIENCE) is value
    assert asyncio.run(wait(g)) is value
    assert by_go(lambda: wait(g)) is value


# ---------------------------------------------------------------- errors


class Mine(BaseException):
    pass


@pytest.mark.parametrize(
    "error",
    [
        *(
            ValueError("x"),
            Mine("x"),
            SystemExit(3),
            GeneratorExit(),
            MemoryError(),
            TimeoutError(),
        ),
        *(KeyboardInterrupt(), asyncio.CancelledError(), StopAsyncIteration(), RecursionError()),
    ],
    ids=label,
)
@pytest.mark.parametrize("suspended", [False, True])
def test_any_error_is_the_handles(error: BaseException, suspended: bool) -> None:
    async def body() -> None:
        if suspended:
            await agosched()
        raise error

    wg = WaitGroup()
    g = wg.go(body)
    assert g.exception(PATIENCE) is error
    wg.wait(timeout=PATIENCE)
    with pytest.raises(type(error)) as info:
        g.result(PATIENCE)
    assert info.value is error
    assert go(pow, 2, 3).result(PATIENCE) == 8
    assert by_go(lambda: wait(go(pow, 2, 3))) == 8


def test_stop_iteration_is_an_error_and_no_result() -> None:
    """As Python has it for every coroutine."""

    async def body() -> None:
        await agosched()
        raise StopIteration(5)

    error = go(body).exception(PATIENCE)
    assert type(error) is RuntimeError
    assert isinstance(error.__cause__, StopIteration)


async def endless_calls() -> None:
    def deeper() -> None:
        deeper()

    await agosched()
    deeper()


async def endless_awaits() -> None:
    await endless_awaits()


async def out_of_memory() -> bytes:
    await agosched()
    return bytes(sys.maxsize // 2)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (endless_calls, RecursionError),
        (endless_awaits, RecursionError),
        (out_of_memory, MemoryError),
    ],
)
def test_errors_of_the_interpreter_leave_the_scheduler_usable(
    body: Callable[[], Any], kind: type[Exception]
) -> None:
    for _ in range(5):
        bad = [go(body) for _ in range(3)]
        good = [go(wait, go(pow, 2, 3)) for _ in range(3)]
        assert [type(g.exception(PATIENCE)) for g in bad] == [kind] * 3
        assert [g.result(PATIENCE) for g in good] == [8] * 3


@on_each_start
def test_the_recursion_limit_is_as_far_away_as_in_the_main_program(start: Start) -> None:
    """Nothing of the recursion of one goroutine is counted against another one."""

    def depth(n: int = 0) -> int:
        try:
            return depth(n + 1)
        except RecursionError:
            return n

    async def measure() -> int:
        await agosched()
        return depth()

    async def main() -> list[int]:
        await wait(go(endless_calls).ajoin())
        return [await measure(), *[await go(measure) for _ in range(5)]]

    seen = start(main)
    assert min(seen) > sys.getrecursionlimit() - 200, seen


def test_the_error_of_a_group() -> None:
    async def body() -> None:
        await agosched()
        raise ExceptionGroup("both", [ValueError("a"), KeyError("b")])

    async def main() -> list[str]:
        seen = []
        try:
            await go(body)
        except* ValueError as group:
            seen.append(f"ValueError {len(group.exceptions)}")
            await agosched()
        except* KeyError as group:
            await agosched()
            seen.append(f"KeyError {len(group.exceptions)}")
        return seen

    assert by_go(main) == ["ValueError 1", "KeyError 1"]


def test_cause_and_context_are_kept() -> None:
    async def with_cause() -> None:
        try:
            await fail()
        except Expected as error:
            await agosched()
            raise KeyError("k") from error

    async def with_context() -> None:
        try:
            await fail()
        finally:
            await agosched()
            raise KeyError("k")

    error = go(with_cause).exception(PATIENCE)
    assert error is not None and isinstance(error.__cause__, Expected)
    error = go(with_context).exception(PATIENCE)
    assert error is not None and isinstance(error.__context__, Expected)


def test_a_clean_error_has_neither_cause_nor_context() -> None:
    """Whatever the goroutine that ran before it on that thread was handling just then."""

    async def handles() -> None:
        try:
            raise KeyError("being handled")
        except KeyError:
            for _ in range(50):
                await agosched()

    async def fails() -> None:
        for _ in range(10):
            await agosched()
            assert sys.exc_info() == (None, None, None)
        raise Expected

    goroutines = [go(f) for f in (handles, fails) * 5]
    for g in goroutines:
        error = g.exception(PATIENCE)
        if error is not None:
            assert (type(error), error.__cause__, error.__context__) == (Expected, None, None)


def test_an_error_being_handled_stays_so_across_awaits() -> None:
    async def handles(i: int) -> None:
        try:
            raise KeyError(i)
        except KeyError:
            for _ in range(20):
                await agosched()
                error = sys.exc_info()[1]
                assert isinstance(error, KeyError) and error.args == (i,)
            raise

    goroutines = [go(handles, i) for i in range(20)]
    for i, g in enumerate(goroutines):
        error = g.exception(PATIENCE)
        assert isinstance(error, KeyError) and error.args == (i,)
        assert error.__context__ is None


def test_the_traceback_begins_with_the_goroutines_function() -> None:
    async def worker() -> None:
        await fail()

    def plain() -> None:
        raise Expected

    for fn, names in ((worker, ["worker", "fail"]), (plain, ["plain"])):
        error = go(fn).exception(PATIENCE)
        assert error is not None
        assert [f.name for f in traceback.extract_tb(error.__traceback__)] == names


def test_the_error_of_an_operation_points_at_its_await() -> None:
    async def worker() -> None:
        ch: Chan[int] = Chan()
        await agosched()
        await ch.arecv(timeout=0.001)

    error = go(worker).exception(PATIENCE)
    assert isinstance(error, TimeoutError)
    frames = traceback.extract_tb(error.__traceback__)
    assert [(f.name, f.line) for f in frames] == [("worker", "await ch.arecv(timeout=0.001)")]

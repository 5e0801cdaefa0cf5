"""go() with `async def`: what it takes, where its body runs, and in which context."""

from __future__ import annotations

import functools
import gc
import types
import warnings
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import Any
from unittest.mock import AsyncMock

import pytest

from gochan import Chan, WaitGroup, agosched, go, num_goroutine
from parking import wait_parked, wait_until
from watch import PATIENCE, label

# ---------------------------------------------------------------- calling


async def echo(*args: object, **kwargs: object) -> tuple[tuple[object, ...], dict[str, object]]:
    await agosched()
    return args, kwargs


def test_arguments() -> None:
    assert go(echo).result(PATIENCE) == ((), {})
    # The parameter of go() itself is positional only, so every keyword is the function's.
    assert go(echo, 1, None, fn=2, self=3, timeout=4).result(PATIENCE) == (
        (1, None),
        {"fn": 2, "self": 3, "timeout": 4},
    )
    assert go(echo, *range(300)).result(PATIENCE) == (tuple(range(300)), {})


async def add(a: int, b: int = 0) -> int:
    await agosched()
    return a + b


class Worker:
    async def method(self, x: int) -> int:
        return await add(x, 1)

    async def __call__(self, x: int) -> int:
        return await add(x, 2)

    @classmethod
    async def class_method(cls, x: int) -> int:
        return await add(x, 3)

    @staticmethod
    async def static_method(x: int) -> int:
        return await add(x, 4)


@functools.wraps(add)
def wrapped(*args: int) -> Coroutine[Any, Any, int]:
    return add(*args)


@types.coroutine
def generator_based(x: int) -> Generator[Any, Any, int]:
    yield from agosched().__await__()
    return x


async def delegates(x: int) -> int:
    return await generator_based(x)


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[object, ...], object]] = {
    "function": (add, (1, 2), 3),
    "method": (Worker().method, (1,), 2),
    "callable object": (Worker(), (1,), 3),
    "class method": (Worker.class_method, (1,), 4),
    "static method": (Worker.static_method, (1,), 5),
    "partial": (functools.partial(add, 1, b=5), (), 6),
    "partial of a method": (functools.partial(Worker().method, 6), (), 7),
    "partial of a partial": (functools.partial(functools.partial(add, 3), 5), (), 8),
    "lambda": (lambda: add(4, 5), (), 9),
    "wrapper": (wrapped, (4, 6), 10),
    "generator-based": (delegates, (11,), 11),
    "mock": (AsyncMock(return_value=12), (1, 2), 12),
}


@pytest.mark.parametrize(("fn", "args", "result"), FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_anything_that_makes_a_coroutine(
    fn: Callable[..., Any], args: tuple[object, ...], result: object
) -> None:
    """A plain function that returns one is as good as `async def`: the result is the coroutine's.

    So it is with WaitGroup.go, whose counter waits for the coroutine's end.
    """
    assert go(fn, *args).result(PATIENCE) == result
    wg = WaitGroup()
    g = wg.go(fn, *args)
    wg.wait(timeout=PATIENCE)
    assert (g.result(0), wg.count) == (result, 0)


def test_an_operation_is_a_goroutine_too() -> None:
    """What ch.arecv() returns counts as a coroutine everywhere else as well."""
    ch: Chan[int] = Chan()
    receiving = go(ch.arecv)
    sending = go(ch.asend, 5)
    assert (receiving.result(PATIENCE), sending.result(PATIENCE)) == (5, None)
    assert go(receiving.ajoin).result(PATIENCE) is None


@pytest.mark.parametrize("thing", [None, 1, "print", [], object()], ids=label)
def test_not_callable(thing: Any) -> None:
    before = num_goroutine()
    with pytest.raises(TypeError):
        go(thing)
    with pytest.raises(TypeError):
        WaitGroup().go(thing)
    assert num_goroutine() == before


def generator() -> Generator[int]:
    yield 1


async def async_generator() -> Any:
    yield 1


class Generators:
    def method(self) -> Generator[int]:
        yield 1

    async def async_method(self) -> Any:
        yield 1


@pytest.mark.parametrize(
    "fn",
    [generator, async_generator, Generators().method, Generators().async_method],
    ids=["function", "async function", "method", "async method"],
)
def test_generator_functions_are_refused(fn: Any) -> None:
    """Calling one does nothing yet: it would look as if the goroutine had run."""
    before = num_goroutine()
    wg = WaitGroup()
    with pytest.raises(TypeError, match="generator"):
        go(fn)
    with pytest.raises(TypeError, match="generator"):
        wg.go(fn)
    assert (num_goroutine(), wg.count) == (before, 0)


def test_a_coroutine_object_is_refused() -> None:
    """As Go users say: `go f(x)` calls f over there. No second warning follows the error."""
    before = num_goroutine()
    ran: list[int] = []

    async def fn(x: int) -> None:
        ran.append(x)

    wg = WaitGroup()
    for start in (go, wg.go):
        made: Any = fn(1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as: coroutine ... was never awaited
            with pytest.raises(TypeError, match=r"(?is)function.*argument"):
                start(made)
            del made
    assert (num_goroutine(), wg.count, ran) == (before, 0, [])


def test_other_awaitables_are_refused() -> None:
    ch: Chan[int] = Chan()
    awaitable: Any = ch.arecv()
    with pytest.raises(TypeError):
        go(awaitable)
    awaitable.close()
    handle: Any = go(int)
    with pytest.raises(TypeError):
        go(handle)


def test_a_generator_object_is_a_result_like_any_other() -> None:
    assert list(go(lambda: (x for x in range(3))).result(PATIENCE)) == [0, 1, 2]


def test_wrong_arguments_are_the_callers_error() -> None:
    """To call an `async def` runs nothing of it, so that is done at once. A plain one: there."""
    two: Any = add
    before = num_goroutine()
    wg = WaitGroup()
    for start in (go, wg.go):
        with pytest.raises(TypeError, match="add"):
            start(two)
        with pytest.raises(TypeError, match="add"):
            start(two, 1, c=3)
    assert (num_goroutine(), wg.count) == (before, 0)
    assert isinstance(go(lambda: two()).exception(PATIENCE), TypeError)


# ---------------------------------------------------------------- what it keeps alive


class Thing:
    pass


def test_a_finished_goroutine_lets_go_of_what_it_was_given() -> None:
    thing = Thing()

    async def fn(given: Thing) -> Thing:
        await agosched()
        return Thing()

    refs: list[weakref.ref[Any]] = [weakref.ref(thing), weakref.ref(fn)]
    g = go(fn, thing)
    g.join(PATIENCE)
    del thing, fn
    wait_until(lambda: [ref() for ref in refs] == [None, None], "function and argument freed")
    kept = weakref.ref(g.result(PATIENCE))
    assert g.result(PATIENCE) is kept()
    del g
    # Its runner lets go of the result a moment after the end is known.
    wait_until(lambda: kept() is None, "the result freed")


def test_a_parked_goroutine_is_kept_by_its_channel_alone() -> None:
    """Nobody has to keep the handle, as asyncio's users have to keep their tasks."""
    ch: Chan[int] = Chan()
    got: Chan[int] = Chan(20)

    async def receive() -> None:
        got.send_nowait(await ch.arecv())

    for _ in range(20):
        go(receive)
    wait_parked(ch, receivers=20)
    for _ in range(3):
        gc.collect()
    for i in range(20):
        ch.send_nowait(i)
    assert sorted(got.recv(timeout=PATIENCE) for _ in range(20)) == list(range(20))

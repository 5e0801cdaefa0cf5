"""What a beginner gives by mistake, and is told: which operation, what is wrong, what to do."""

# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import re
import threading
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from gochan import (
    AtomicInt,
    Chan,
    Group,
    ObjectPool,
    Once,
    Pool,
    Semaphore,
    after_func,
    aselect,
    background,
    go,
    once_value,
    run,
    select,
    set_excepthook,
    sleep,
    with_deadline,
)
from gochan.patterns import merge, pipe
from gochan.rate import Limiter
from gochan.singleflight import Flight
from watch import PATIENCE

HUGE = 10**5000  # Python refuses to write it out


class _NoInt:
    """As an array of numpy: it has the method of an int, which says that it is none."""

    def __index__(self) -> int:
        raise TypeError("only integer scalar arrays can be converted to a scalar index")


NoInt: Any = _NoInt
nothing: Any = None


async def coroutine() -> int:
    return 1


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


# Without their types, which would tell before.
text: Any = "1"
number: Any = 1
function: Any = coroutine
called: Any = coroutine
an_array: Any = array("d")
chan: Any = Chan[int]()
several: Any = [Chan[int]()]
mixed_up: Any = Pool(1)

WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "Chan(array)": (lambda: Chan[int](NoInt()), TypeError, "Chan(): capacity must be an int"),
    "Group(array)": (lambda: Group(limit=NoInt()), TypeError, "Group(): limit must be an int"),
    "Semaphore(array)": (lambda: Semaphore(NoInt()), TypeError, "permits must be an int"),
    "AtomicInt(array)": (lambda: AtomicInt(NoInt()), TypeError, "AtomicInt needs an int"),
    "sleep(array)": (lambda: sleep(NoInt()), TypeError, "sleep(): seconds must be a number"),
    "recv(timeout=array)": (
        lambda: Chan().recv(timeout=NoInt()),
        TypeError,
        "Chan.recv(): timeout must be seconds (float or int) or a timedelta, not _NoInt",
    ),
    "with_deadline(huge)": (
        lambda: with_deadline(background(), HUGE),
        ValueError,
        "with_deadline(): deadline must be in the range of a float",
    ),
    "Pool(huge)": (lambda: Pool(HUGE), ValueError, "Pool(): workers must be at most"),
    "Pool(-huge)": (lambda: Pool(-HUGE), ValueError, "Pool(): workers must be at least 1"),
    "Limiter(-huge)": (lambda: Limiter(-HUGE, 1), ValueError, "the rate must not be negative"),
    "Limiter(1, huge)": (lambda: Limiter(1, HUGE), ValueError, "the burst must be at most"),
    "result(timeout='1')": (
        lambda: Pool(1).submit(threading.Event().wait, 0.1).result(text),
        TypeError,
        "the result of a Pool's job: timeout must be seconds",
    ),
    "select(default=None)": (
        lambda: select(chan, default=nothing),
        TypeError,
        "select(): default must be True or False, not NoneType",
    ),
    "aselect(priority=1)": (
        lambda: aselect(chan, priority=number),
        TypeError,
        "aselect(): priority must be True or False, not int",
    ),
    "ObjectPool(async def)": (lambda: ObjectPool(coroutine), TypeError, "`async def`"),
    "ObjectPool(generator)": (lambda: ObjectPool(generator), TypeError, "generator function"),
    "set_excepthook(async def)": (
        lambda: set_excepthook(function),
        TypeError,
        "set_excepthook() needs a function",
    ),
    "Once.do(coroutine)": (
        lambda: Once().do(called()),
        TypeError,
        "pass the function itself, not the result of a call",
    ),
    "after_func(array)": (
        lambda: after_func(1, an_array),
        TypeError,
        "after_func() needs a function to call, not array: pass the function itself",
    ),
    "once_value(None)": (
        lambda: once_value(nothing),
        TypeError,
        "once_value() needs a function to call, not NoneType",
    ),
    "Pool.submit(coroutine)": (
        lambda: Pool().submit(called()),
        TypeError,
        "Pool.submit() needs a function to call, not coroutine: pass the function itself, not the",
    ),
    "Flight.do(coroutine)": (
        lambda: Flight().do("key", called()),
        TypeError,
        "Flight.do() needs a function to call, not coroutine: pass the function itself, not the",
    ),
    "pipe(coroutine)": (
        lambda: pipe(chan, called()),
        TypeError,
        "pipe() needs a function to call, not coroutine: pass the function itself, not the",
    ),
    "merge(list)": (
        lambda: merge(several),
        TypeError,
        "merge() needs a channel to receive from, not list: write merge(*channels)",
    ),
    "Group(3)": (
        lambda: Group(number),
        TypeError,
        "the context must be a Context, not int; a limit is given by name, Group(limit=8)",
    ),
    "for in amap": (
        lambda: list(mixed_up.amap(abs, [1])),
        TypeError,
        "in a plain function `for value in pool.map(fn, values)`",
    ),
    "async for in map": (
        lambda: aiter(mixed_up.map(abs, [1])),
        TypeError,
        "write `async for value in pool.amap(fn, values)`",
    ),
    "go(coroutine)": (
        lambda: go(called()),
        TypeError,
        "go(function, 1), not the result of a call, go(function(1))",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_is_told(name: str) -> None:
    call, kind, message = WRONG[name]
    with pytest.raises(kind, match=re.escape(message)):
        call()


# ------------------------------------------------------------------ singleflight


@pytest.mark.parametrize("fn", [generator, async_generator])
def test_do_chan_sends_a_result_also_where_nothing_could_be_started(fn: Any) -> None:
    flight = Flight()
    result = flight.do_chan("key", fn).recv(timeout=PATIENCE)
    assert isinstance(result.error, TypeError)
    assert "generator function" in str(result.error)
    assert "calls=0" in repr(flight)


def test_a_flight_that_calls_itself_for_its_own_key_is_told() -> None:
    """It would wait for its own end for ever, as Once says too (O3)."""
    flight = Flight()

    def fn() -> object:
        return flight.do("key", int)

    async def main() -> object:
        return await flight.ado("key", fn)

    calls: list[Callable[[], object]] = [lambda: flight.do("key", fn), lambda: run(main)]
    for call in calls:
        with pytest.raises(RuntimeError, match="wait for itself for ever"):
            call()
        assert "calls=0" in repr(flight)
    # Another key is none of its business, nor is the same one in another flight.
    assert flight.do("key", lambda: flight.do("other", int)) == ((0, False), False)
    assert flight.do("key", lambda: Flight().do("key", int)) == ((0, False), False)

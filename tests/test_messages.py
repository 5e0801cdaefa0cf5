"""What a wrong call says: the operation and the parameter as the user wrote them, and what to write
instead. And what reprs call things.
"""

from __future__ import annotations

import asyncio
import copy
import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest

import gochan
from gochan import (
    Chan,
    Context,
    Goroutine,
    SendCase,
    Ticker,
    Timer,
    aselect,
    background,
    go,
    select,
    with_cancel,
)

ch = Chan[int](1)
AnyGochan: Any = gochan  # so that type checkers let wrong calls be


class Jobs(Chan[int]):
    """A class of the user's own."""


AnyJobs: Any = Jobs


class Mine(Context):
    """Another."""


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "default": (
        lambda: AnyGochan.select(ch, default=1),
        "select(): default must be True or False, not int",
    ),
    "priority": (
        lambda: AnyGochan.select(ch, priority=None),
        "select(): priority must be True or False, not NoneType",
    ),
    "awaitable": (
        lambda: AnyGochan.aselect(ch, priority="no"),
        "aselect(): priority must be True or False, not str",
    ),
    "capacity": (
        lambda: AnyGochan.Chan(1, 2),
        "Chan() takes one argument at most, the capacity, not 2",
    ),
    "capacity twice": (
        lambda: AnyGochan.Chan(1, capacity=2),
        "Chan() takes one argument at most, the capacity, not 2",
    ),
    "keyword": (
        lambda: AnyGochan.Chan(size=1),
        "Chan() takes one argument, capacity, and not size",
    ),
    "subclass": (
        lambda: AnyJobs(1, 2),
        "Chan() takes one argument at most, the capacity, not 2",
    ),
    "goroutine": (
        lambda: AnyGochan.Goroutine(print),
        "a Goroutine cannot be created by itself: go(fn, *args) starts one and returns its handle",
    ),
    "send case": (
        lambda: AnyGochan.SendCase(ch, 1),
        "a SendCase cannot be created by itself: sending(ch, value) makes one",
    ),
}


@pytest.mark.parametrize(("call", "text"), WRONG.values(), ids=list(WRONG))
def test_wrong_calls(call: Callable[[], object], text: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        call()


def test_nothing_is_made_around_the_constructors() -> None:
    classes: tuple[Any, ...] = (Goroutine, SendCase)
    for cls in classes:
        with pytest.raises(TypeError):
            object.__new__(cls)
        with pytest.raises(TypeError):
            cls.__new__(cls)


HAS_A_CHANNEL: dict[str, tuple[Callable[[], object], str]] = {
    "Timer": (lambda: Timer(60), "c"),
    "Ticker": (lambda: Ticker(60), "c"),
    "Goroutine": (lambda: go(pow, 2, 2), "done"),
    "Context": (background, "done"),
    "CancelContext": (lambda: with_cancel(background()), "done"),
    "Mine": (Mine, "done"),
}


@pytest.mark.parametrize("kind", HAS_A_CHANNEL)
def test_an_arm_that_has_a_channel(kind: str) -> None:
    make, attribute = HAS_A_CHANNEL[kind]
    thing: Any = make()
    text = f"arm 1 is a {kind}, which is no channel but has one: write its .{attribute}"
    for choose in (select, aselect):
        with pytest.raises(TypeError, match=f"^{choose.__name__}\\(\\): {re.escape(text)}$"):
            choose(None, thing)
    # Nobody was misled.
    assert select(getattr(thing, attribute), None, Chan(), default=True) in (None, (0, None, False))


def test_what_is_hidden_says_why_it_is_not_copied() -> None:
    operation = ch.arecv()
    for thing, what in (
        (iter(ch), "a loop over a channel"),
        (ch.__aiter__(), "a loop over a channel"),
        (operation, "an operation of gochan"),
    ):
        for how in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match=f"^cannot copy or pickle {what}: "):
                how(thing)
    operation.close()


# ------------------------------------------------------------------ names in reprs
def test_a_class_of_the_users_own_is_not_said_to_be_gochans() -> None:
    assert repr(Jobs(3)).startswith("<Jobs at 0x")
    assert repr(Jobs().receiver).startswith("<gochan.RecvChan at 0x")
    assert repr(ch).startswith("<gochan.Chan at 0x")


def test_a_ticker_that_never_ticks() -> None:
    assert re.fullmatch(r"<gochan.Ticker at 0x\w+ every inf s, due never>", repr(Ticker(math.inf)))
    assert " every 0.5 s, " in repr(Ticker(0.5))
    assert " every inf s, " in repr(Ticker(3e17))  # more than the clock counts to


def test_a_task_shows_which_operation_it_is() -> None:
    async def main() -> None:
        task = asyncio.create_task(ch.arecv())
        assert "coro=<Chan.arecv()>" in repr(task)
        await asyncio.sleep(0)
        assert "coro=<Chan.arecv()>" in repr(task)
        ch.send(1)
        await task
        assert "coro=<operation()>" in repr(task)
        selecting = asyncio.create_task(aselect(ch, timeout=0))
        assert "coro=<aselect()>" in repr(selecting)
        selecting.cancel()

    asyncio.run(main())


def test_done_is_equal_each_time() -> None:
    """A new view each time (X5), so `is` means nothing; who keeps one in a set finds it again."""
    ctx = with_cancel(background())
    assert ctx.done == ctx.done and len({ctx.done, ctx.done}) == 1

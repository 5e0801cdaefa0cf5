"""The two places of an `async def` goroutine: started by go(), and the main one of run()."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeAlias, TypeVar

import pytest

import gochan
from goroutine_hosts import GoroutineHost
from watch import PATIENCE, alarm

T = TypeVar("T")
P = ParamSpec("P")
Body: TypeAlias = Callable[[], Coroutine[Any, Any, Any]]
Start: TypeAlias = Callable[[Body], Any]


def by_go(body: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return gochan.go(body).result(PATIENCE)


def by_run(body: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with alarm(PATIENCE):
        result: T = gochan.run(body)
        return result


# For tests that block the main thread with no limit of their own.
under_a_deadline = pytest.mark.usefixtures("deadline")
# For tests that say which goroutine runs when. Without the GIL several run at once.
one_by_one = pytest.mark.skipif(
    gochan.gomaxprocs() > 1, reason="counts on goroutines that run one at a time"
)
on_each_start = pytest.mark.parametrize("start", [by_go, by_run])


def beside(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Call it in a plain thread, which knows nothing of goroutines."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def body() -> None:
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=body, name=f"beside: {fn!r}", daemon=True).start()
    return future


def in_thread(fn: Callable[[], T]) -> T:
    """The result of a call in a plain thread."""
    return beside(fn).result(PATIENCE)


async def wait(thing: Awaitable[T]) -> T:
    """What is awaited, as the body of a goroutine or task of its own."""
    return await thing


async def turns(count: int) -> None:
    """Let the other goroutines have so many turns."""
    for _ in range(count):
        await gochan.agosched()


# Seen from inside a goroutine, without standing in anybody's way.
_here = GoroutineHost("here")
until = _here.until
parked = _here.parked

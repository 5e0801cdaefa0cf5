"""A party that was spawned, whatever it runs on, and what became of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar, cast

from watch import stacks, standing

T = TypeVar("T")


class Peer(Generic[T]):
    """A thread, a task or a goroutine. `host.join(peer)` gives its result."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.outcome: Future[T] = Future()
        # Whoever gives up waiting for it must not cancel it for the others.
        self.outcome.set_running_or_notify_cancel()
        self.task: asyncio.Task[None] | None = None  # of a loop host
        self.joined = False
        self.body: object = None  # what it runs, while it does

    @property
    def done(self) -> bool:
        return self.outcome.done()

    def cancel(self) -> None:
        """Cancel the task, from any thread. Only tasks can be cancelled."""
        task = self.task
        assert task is not None, f"{self.name} is no task, or has not started"
        task.get_loop().call_soon_threadsafe(task.cancel)

    async def record(self, running: Awaitable[T]) -> None:
        self.body = running
        try:
            value = await running
        except BaseException as error:  # kept for join(); CancelledError is an outcome too
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(value)
        finally:
            self.body = None

    def still_running(self, loop: asyncio.AbstractEventLoop | None = None) -> str:
        """What to say when it does not end."""
        return f"still running: {self.name}\n{standing(self.body)}{stacks(loop)}"

    def wait(self, timeout: float) -> T:
        """Block for its result. A TimeoutError is its own: one that hangs fails the test."""
        try:
            return self.outcome.result(timeout)
        except TimeoutError:
            if self.done:
                raise
            raise AssertionError(self.still_running()) from None


def drive(body: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, because all it calls is blocking."""
    try:
        body.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    body.close()
    raise AssertionError(f"{body!r} suspended on a blocking host")


def start_thread(peer: Peer[T], body: Coroutine[Any, Any, T]) -> None:
    # A daemon: one that hangs has failed its test, it must not hold up the end of pytest.
    recording = peer.record(body)
    threading.Thread(target=drive, args=(recording,), name=peer.name, daemon=True).start()

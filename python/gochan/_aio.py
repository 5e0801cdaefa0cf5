"""gochan's own asyncio loop, for `aio()`: made at its first use, in a thread of its own."""

from __future__ import annotations

import _thread
import asyncio
import inspect
import os
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType
    from typing import Any, TypeVar

    _T = TypeVar("_T")

# How long exit waits for the loop to stop: a task may be in the middle of something long.
PATIENCE = 0.2

# Calls that have not ended. asyncio itself holds its tasks weakly: one that waits for something
# only it knows of would be collected.
_calls: set[Call] = set()

# Those of a process that was forked are kept: asyncio complains of a task that is dropped before
# its end.
_others: list[object] = []

_stopped: dict[asyncio.AbstractEventLoop, _thread.LockType] = {}


def start() -> asyncio.AbstractEventLoop:
    """A new loop, running."""
    loop = asyncio.new_event_loop()
    stopped = _thread.allocate_lock()
    stopped.acquire()
    _stopped[loop] = stopped
    _thread.start_new_thread(_serve, (loop, stopped))
    return loop


def _serve(loop: asyncio.AbstractEventLoop, stopped: _thread.LockType) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        stopped.release()


class StandIn:
    """A loop that calls at once, and a future that has ended: for a first use of the library."""

    _asyncio_future_blocking = False

    def call_soon_threadsafe(self, callback: Callable[[], None], *, context: object) -> None:
        callback()

    def add_done_callback(self, callback: Callable[[StandIn], None]) -> None:
        callback(self)

    def done(self) -> bool:
        return True

    def result(self) -> None:
        return None


class Call:
    """One task of the loop, for whoever waits for it."""

    __slots__ = ("left", "loop", "run", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop, run: int | None) -> None:
        self.loop = loop
        self.run = run
        #: Once it has begun.
        self.task: asyncio.Task[object] | None = None
        self.left = False
        _calls.add(self)

    def leave(self) -> None:
        """Nobody waits any more. From any thread."""
        with suppress(RuntimeError):  # the loop is closed: the program ends
            self.loop.call_soon_threadsafe(self.cancel)

    def cancel(self) -> None:
        """In the thread of the loop. Once: a second time would cut its `finally` blocks short."""
        if self.left:
            return
        self.left = True
        if self.task is None:
            _calls.discard(self)  # it will not begin
        else:
            self.task.cancel()


def leave_run(loop: asyncio.AbstractEventLoop, run: int) -> None:
    """Nobody waits any more for what was started in this `run()`. From any thread."""

    def leave() -> None:
        for call in [call for call in _calls if call.run == run]:
            call.cancel()

    with suppress(RuntimeError):
        loop.call_soon_threadsafe(leave)


async def _end() -> None:
    """As `asyncio.run` does it at its end: tasks are cancelled. But they may not take for ever."""
    loop = asyncio.get_running_loop()
    # Not those of another one: of two loops that were started at once the second ends like this.
    for call in [call for call in _calls if call.loop is loop]:
        call.cancel()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        if not _is_ours(task):
            task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=PATIENCE)
    loop.stop()


def _is_ours(task: asyncio.Task[Any]) -> bool:
    return getattr(task.get_coro(), "cr_code", None) is wrap.__code__


def _after_fork() -> None:
    global _calls
    _others.append((_calls, dict(_stopped)))
    _calls = set()
    _stopped.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def stop(loop: asyncio.AbstractEventLoop) -> None:
    """Stops the loop. What still runs there is cancelled, and abandoned if that does not end it."""
    loop.call_soon_threadsafe(lambda: loop.create_task(_end()))
    stopped = _stopped.pop(loop)
    if stopped.acquire(timeout=2 * PATIENCE):
        for task in asyncio.all_tasks(loop):
            _abandon(task)
        loop.close()


def _abandon(task: asyncio.Task[Any]) -> None:
    """Not a word of it: the program has ended."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    begun = task.get_coro()
    if not inspect.iscoroutine(begun):
        return
    frame: FrameType | None = begun.cr_frame
    if frame and inspect.getcoroutinestate(begun) == inspect.CORO_CREATED:
        given = frame.f_locals.get("awaitable")
        begun.close()
        _forget(given)


def _forget(awaitable: object) -> None:
    """It never begins, and Python is not to warn of that."""
    if inspect.iscoroutine(awaitable):
        awaitable.close()


async def wrap(awaitable: Awaitable[_T], call: Call) -> tuple[bool, _T | BaseException]:
    """`(True, value)` or `(False, exception)`: what a task raises goes further than its result.

    SystemExit, for one, would stop the loop for everybody. What is not a coroutine, or belongs to
    another loop, fails in here.
    """
    try:
        if call.left:
            _forget(awaitable)
            return False, asyncio.CancelledError()
        call.task = asyncio.current_task()
        return True, await awaitable
    except BaseException as error:
        # Its first frame is this one, which is not the caller's business.
        return False, error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
    finally:
        _calls.discard(call)
        call.task = None

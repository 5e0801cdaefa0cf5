"""gochan's own asyncio loop, for `aio()`: made at its first use, in a thread of its own."""

from __future__ import annotations

import _thread
import asyncio
import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from types import FrameType
    from typing import Any, TypeVar

    _T = TypeVar("_T")

# How long exit waits for the loop to stop: a task may be in the middle of something long.
PATIENCE = 0.2

# asyncio itself holds its tasks weakly: one that waits for something only it knows of would be
# collected.
_running: set[asyncio.Task[object]] = set()

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


def stop(loop: asyncio.AbstractEventLoop) -> None:
    """Stops the loop. What still runs there is abandoned."""
    loop.call_soon_threadsafe(loop.stop)
    stopped = _stopped.pop(loop)
    if stopped.acquire(timeout=PATIENCE):
        for task in asyncio.all_tasks(loop):
            _abandon(task)
        loop.close()


def _abandon(task: asyncio.Task[Any]) -> None:
    """Not a word of it: the program has ended."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    _running.discard(task)
    begun = task.get_coro()
    if not inspect.iscoroutine(begun):
        return
    frame: FrameType | None = begun.cr_frame
    if frame and inspect.getcoroutinestate(begun) == inspect.CORO_CREATED:
        given = frame.f_locals.get("awaitable")
        begun.close()
        if inspect.iscoroutine(given):
            given.close()


async def wrap(awaitable: Awaitable[_T]) -> tuple[bool, _T | BaseException]:
    """`(True, value)` or `(False, exception)`: what a task raises goes further than its result.

    SystemExit, for one, would stop the loop for everybody. What is not a coroutine, or belongs to
    another loop, fails in here.
    """
    task = asyncio.current_task()
    assert task is not None
    _running.add(task)
    try:
        return True, await awaitable
    except BaseException as error:
        # Its first frame is this one, which is not the caller's business.
        return False, error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
    finally:
        _running.discard(task)

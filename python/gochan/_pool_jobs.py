"""What the workers of a pool run, and who hears what comes of it."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from operator import attrgetter
from threading import Condition
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from gochan._gochan import Chan
from gochan._numbers import seconds
from gochan.errors import BlockingError, GoExit

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextvars import Context

    from gochan._pool_executor import Borrowed
    from gochan._pool_map import Course
    from gochan._pool_workers import Workers

_T = TypeVar("_T")


def run(job: Job) -> Left | None:
    """Run a job. A coroutine that comes of it is left to do."""
    if not job.begin():
        return None
    try:
        value = job.context.run(job.fn, *job.args, **job.kwargs)
    except GoExit:
        job.finish(None)
        raise
    except BaseException as error:
        job.fail(below(error))
    else:
        if isinstance(value, CoroutineType):
            return job, cast("Coroutine[Any, Any, Any]", value)
        job.finish(value)
    return None


def below(error: BaseException) -> BaseException:
    """Its traceback without the frame of ours that caught it."""
    return error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)


class Job:
    """Something that runs in a slot, and who is to hear what comes of it."""

    __slots__ = ("args", "context", "fn", "kwargs")

    context: Context
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def begin(self) -> bool:
        """False if nobody wants it any more."""
        raise NotImplementedError

    def finish(self, value: Any) -> None:
        raise NotImplementedError

    def fail(self, error: BaseException) -> None:
        raise NotImplementedError

    def drop(self) -> None:
        """It will not be started. Done again it completes what an exception had interrupted."""
        raise NotImplementedError


#: What a call left to do: who is to hear of it, and the coroutine.
Left: TypeAlias = tuple[Job, Coroutine[Any, Any, Any]]


class Call(Job):
    """A job of `submit`."""

    __slots__ = ("future", "queued", "room", "workers")

    def __init__(
        self,
        workers: Workers,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.context = copy_context()
        self.fn, self.args, self.kwargs = fn, args, kwargs
        #: Once it is, a worker will run it, or somebody drop it.
        self.queued = False
        self.workers = workers
        self.room = workers.room
        future: PoolFuture[Any] = PoolFuture()
        future._condition.__class__ = _Condition  # pyright: ignore[reportPrivateUsage]
        self.future = future
        future._workers = workers  # pyright: ignore[reportPrivateUsage]

    def try_put(self) -> bool:
        """Take a place in the room, and run; False if there is none."""
        return self.workers.try_put(self)

    def put(self) -> None:
        """It has a place in the room, and leaves it when it is over."""
        self.workers.put(self)

    def begin(self) -> bool:
        if self.future.set_running_or_notify_cancel():
            return True
        self.room.leave(self)
        return False

    # Who sees the end finds the room.

    def finish(self, value: Any) -> None:
        self.room.leave(self)
        self.future.set_result(value)

    def fail(self, error: BaseException) -> None:
        self.room.leave(self)
        self.future.set_exception(error)

    def drop(self) -> None:
        self.room.leave(self)
        self.future.cancel()
        if self.future._state == "CANCELLED":  # not so when it is done again
            self.future.set_running_or_notify_cancel()


class Item(Job):
    """A call of a map that goes on as a goroutine."""

    __slots__ = ("course", "index")

    def __init__(self, course: Course[Any], index: int, context: Context) -> None:
        self.course, self.index, self.context = course, index, context

    def finish(self, value: Any) -> None:
        self.course.landed.send_nowait((self.index, None, value))

    def fail(self, error: BaseException) -> None:
        self.course.failed = True
        self.course.landed.send_nowait((self.index, error, None))


class _Condition(Condition):
    """Entered and left in C.

    The standard library's own ``__enter__`` is written in Python: a Ctrl-C that comes in there
    leaves the lock taken, and the future can neither be completed nor asked any more.
    """

    __enter__ = property(attrgetter("acquire"))  # pyright: ignore[reportAssignmentType]
    __exit__ = property(attrgetter("_lock.__exit__"))  # pyright: ignore[reportAssignmentType]


class PoolFuture(Future[_T]):
    """What ``Pool.submit`` returns: a future of the standard library's that can be awaited, too.

    Goroutines and asyncio tasks await it, as often and as many as they like:

        future = await pool.asubmit(fetch, url)  # waits for a place in the queue
        page = await future  # waits for the result

    It is waited for by way of a channel: there Ctrl-C gets through always. (A thread that is about
    to sleep in a lock of Python's does not notice a signal that comes just then.)

    ``await`` raises what the job raised, and ``concurrent.futures.CancelledError`` if the job was
    cancelled. A task that is cancelled while it awaits cancels the job, as it does with
    ``asyncio.wrap_future``: one that has not begun never will, one that runs goes on. ``await
    asyncio.shield(future)`` leaves it alone.
    """

    __module__ = "gochan"

    #: Whose job it is. Other executors do not set it until they have handed it over.
    _workers: Workers | Borrowed
    _condition: Condition  # typeshed does not say
    _landed: Chan[None] | None = None

    def __await__(self) -> Generator[Any, Any, _T]:
        """Wait for the result, in a goroutine or an asyncio task."""
        return self._outcome().__await__()

    async def _outcome(self) -> _T:
        try:
            if not self.done():
                with self._workers.aside():
                    await self._landing().arecv_ok()
            return super().result()
        except BaseException as error:
            if _is_cancellation(error):
                self.cancel()
            raise
        finally:
            del self  # an exception holds this frame

    def result(self, timeout: float | None = None) -> _T:
        """What the job returned, or raises what it raised. Waits for it.

        Raises:
            TimeoutError: It is not there after so many seconds.
            concurrent.futures.CancelledError: The job was cancelled.
            BlockingError: It would stop a running event loop; use ``await future``.
        """
        return super().result(self._wait("result", timeout))

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the job raised, None if nothing. Waits, and raises, as ``result`` does."""
        return super().exception(self._wait("exception", timeout))

    def _wait(self, what: str, timeout: float | None) -> float | None:
        """Wait until it is done, or for so long. What is left of the time, for who knows better."""
        if self.done():
            return timeout
        if timeout is not None:
            timeout = seconds(timeout, "the result of a Pool's job: timeout")
        landed = self._landing()
        # Jobs of the same pool may wait for it.
        with self._workers.aside():
            try:
                landed.recv_ok(timeout=timeout)
            except TimeoutError:
                return 0
            except BlockingError:
                raise BlockingError(
                    f"{what}() of a job of a Pool would stop the running event loop, as the job is"
                    " not over: use `await future` there"
                ) from None
        return timeout

    def _landing(self) -> Chan[None]:
        """What is closed when it is done."""
        landed = self._landed
        if landed is None:
            landed = Chan[None]()
            self.add_done_callback(partial(_close, landed))
            self._landed = landed  # now that it is sure to be closed
        return landed


def awaitable(future: Future[_T], workers: Borrowed) -> PoolFuture[_T]:
    """The very future that another executor made; only, it can be awaited.

    A second one that follows it would be a different one to the executor's own `wait`, `cancel`
    and `running`.
    """
    ours = isinstance(future, PoolFuture)
    if not ours and isinstance(future, Future):  # pyright: ignore[reportUnnecessaryIsInstance]
        future._workers = workers  # type: ignore[attr-defined]
        future.__class__ = _kind(type(future))
    return cast("PoolFuture[_T]", future)


#: The class of such futures, for each class of futures.
_kinds: dict[type[Any], type[PoolFuture[Any]]] = {Future: PoolFuture}


def _kind(kind: type[Any]) -> type[PoolFuture[Any]]:
    """It has no data of its own, so an object can change to it."""
    found = _kinds.get(kind)
    if found is None:
        found = _kinds[kind] = type(kind.__name__, (PoolFuture, kind), {})
    return found


def _is_cancellation(error: BaseException) -> bool:
    """Whether asyncio threw it in. Who has not imported asyncio is not cancelled by it."""
    exceptions = sys.modules.get("asyncio.exceptions")
    return isinstance(error, getattr(exceptions, "CancelledError", ()))


def _close(landed: Chan[None], _: object) -> None:
    landed.close()

"""What the workers of a pool run, and who hears what comes of it."""

from __future__ import annotations

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
    from collections.abc import Callable
    from contextvars import Context

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
        future.workers = workers

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
    """A future of a job of a pool.

    It is waited for by way of a channel: there Ctrl-C gets through always. (A thread that is about
    to sleep in a lock of Python's does not notice a signal that comes just then.)
    """

    workers: Workers
    _condition: Condition  # typeshed does not say
    _landed: Chan[None] | None = None

    def result(self, timeout: float | None = None) -> _T:
        return super().result(self._wait(timeout))

    def exception(self, timeout: float | None = None) -> BaseException | None:
        return super().exception(self._wait(timeout))

    def _wait(self, timeout: float | None) -> float | None:
        """Wait until it is done, or for so long. What is left of the time, for who knows better."""
        if self.done():
            return timeout
        if timeout is not None:
            timeout = seconds(timeout, "the result of a Pool's job: timeout")
        landed = self._landed
        if landed is None:
            landed = Chan[None]()
            self.add_done_callback(partial(_close, landed))
            self._landed = landed  # now that it is sure to be closed
        # Jobs of the same pool may wait for it.
        with self.workers.aside():
            try:
                landed.recv_ok(timeout=timeout)
            except TimeoutError:
                return 0
            except BlockingError:
                return timeout  # the standard library's futures may block an event loop
        return timeout


def _close(landed: Chan[None], _: object) -> None:
    landed.close()

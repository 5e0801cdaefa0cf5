"""A pool over somebody else's executor: the same bound and the same map, on its workers."""

from __future__ import annotations

import concurrent.futures
import threading
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from gochan._gochan import Chan, go
from gochan._kinds import is_async
from gochan._pool_jobs import awaitable
from gochan._pool_room import SHUT_DOWN, Room

if TYPE_CHECKING:
    from collections.abc import Callable

    from gochan._pool_jobs import PoolFuture
    from gochan._pool_map import Course

_T = TypeVar("_T")


class Loan:
    """A job of `submit`."""

    __slots__ = ("args", "fn", "future", "pool", "queued")

    future: PoolFuture[Any]

    def __init__(self, pool: Borrowed, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.pool = pool
        self.fn, self.args = fn, args
        #: Once it is, its future tells of its end.
        self.queued = False

    def try_put(self) -> bool:
        """Take a place in the room, and run; False if there is none."""
        if not self.pool.try_take(self):
            return False
        self.put()
        return True

    def put(self) -> None:
        """It has a place in the room, and leaves it when it is over."""
        self.future = awaitable(self.pool.give(self.fn, self.args, self._leave), self.pool)
        self.queued = True

    def _leave(self, _: object) -> None:
        self.pool.room.leave(self)


class Borrowed:
    """Gives jobs to an executor, and knows which of them are not over. It never shuts it down."""

    def __init__(self, executor: Executor, size: int, waiting: int) -> None:
        self.executor = executor
        self.size = size
        #: How many jobs run and wait before `submit` waits.
        self.capacity = size + waiting
        # Its workers are threads that share our memory: jobs may have our contextvars, and a
        # chunk of a map gains nothing there. InterpreterPoolExecutor is a ThreadPoolExecutor, too.
        interpreters = getattr(concurrent.futures, "InterpreterPoolExecutor", ())
        self.local = isinstance(executor, ThreadPoolExecutor) and not isinstance(
            executor, interpreters
        )
        # Guards what follows. Reentrant: the collector and signal handlers may submit.
        self._lock = threading.RLock()
        #: For the jobs of `submit` that are not over.
        self.room = Room(self.capacity, self._lock)
        self._under_way: dict[object, Future[Any] | None] = {}
        self._closed = False
        #: Closed when it is shut down and nothing is left.
        self.ended = Chan[None]()

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Loan:
        """A job that is not put yet."""
        fn = self.portable(fn)
        if kwargs:
            # Not as keywords: some executors have keywords of their own.
            fn = partial(fn, **kwargs)
        return Loan(self, partial(copy_context().run, fn) if self.local else fn, args)

    def try_take(self, call: Loan) -> bool:
        with self._lock:
            # No `return take(call)`: a Ctrl-C between the call and the end of the block would leave
            # the lock taken.
            has_place = self._closed or self.room.take(call)
        return has_place  # noqa: RET504

    def start(self, course: Course[Any], calls: list[tuple[int, tuple[Any, ...]]]) -> None:
        """Give it calls of a map, or chunks of calls. Where it refuses one, that is its result."""
        for index, args in calls:
            try:
                self._start(course, index, args)
            except Exception as error:
                course.failed = True
                course.landed.send_nowait((index, error, None))

    def _start(self, course: Course[Any], index: int, args: tuple[Any, ...]) -> None:
        if course.chunk > 1:
            args = (course.fn, args)
            fn: Callable[..., Any] = _run_chunk
        else:
            fn = course.context.copy().run if self.local else course.fn
            args = (course.fn, *args) if self.local else args
        future = self.give(fn, args, partial(_land, course, index))
        course.futures[index] = future
        if future.done():  # perhaps before it was kept
            course.futures.pop(index, None)

    def drop(self, course: Course[Any]) -> None:
        """Nobody waits for what is left of a map."""
        for future in list(course.futures.values()):
            future.cancel()

    def portable(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """A function as the executor can call it: an `async def` as a goroutine over there."""
        return partial(_run_async, fn) if is_async(fn) else fn

    def close(self, cancel: bool = False) -> None:
        """No jobs any more. `cancel`: those that wait are not started."""
        with self._lock:
            self._closed = True
            self.room.close()
            left = [future for future in self._under_way.values() if future is not None]
            self._rest()
        if cancel:
            for future in left:
                future.cancel()

    def abandon(self) -> None:
        """The end of the program is the executor's own affair."""

    def counts(self) -> tuple[int, int, bool]:
        """How many jobs run at most, how many wait at least, and whether it is shut down."""
        with self._lock:
            under_way = len(self._under_way)
            return min(under_way, self.size), max(0, under_way - self.size), self._closed

    def is_idle(self) -> bool:
        return not self._under_way

    def is_here(self) -> bool:
        """Its workers are not known to us."""
        return False

    is_job = is_here

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def give(
        self, fn: Callable[..., Any], args: tuple[Any, ...], tell: Callable[[Future[Any]], None]
    ) -> Future[Any]:
        """Give it to the executor. `tell` is called when it is over."""
        job = object()
        try:
            with self._lock:
                if self._closed:
                    raise RuntimeError(SHUT_DOWN)
                self._under_way[job] = None
            future = self.executor.submit(fn, *args)
            with self._lock:
                self._under_way[job] = future
            future.add_done_callback(partial(self._ended, job, tell))
        except BaseException:
            # Interrupted after it was submitted, it runs, and nobody hears of it.
            self._over(job)
            raise
        return future

    def _ended(self, job: object, tell: Callable[[Future[Any]], None], future: Future[Any]) -> None:
        try:
            tell(future)  # first: who sees the end finds the room
        finally:
            self._over(job)

    def _over(self, job: object) -> None:
        with self._lock:
            self._under_way.pop(job, None)
            self._rest()

    def _rest(self) -> None:
        if self._closed and not self._under_way and not self.ended.closed:
            self.ended.close()


def _land(course: Course[Any], index: int, future: Future[Any]) -> None:
    course.futures.pop(index, None)
    error = CancelledError() if future.cancelled() else future.exception()
    if error is not None:
        course.failed = True
    value = None if error is not None else future.result()
    course.landed.send_nowait((index, error, value))


# ---------------------------------------------------------------------- what runs over there


def _run_chunk(fn: Callable[..., _T], chunk: tuple[tuple[Any, ...], ...]) -> list[_T]:
    return [fn(*args) for args in chunk]


def _run_async(fn: Callable[..., Any], *args: Any) -> Any:
    return go(fn, *args).result()

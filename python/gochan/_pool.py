"""A pool of workers that is an executor of the standard library, and holds its callers back."""

from __future__ import annotations

import os
import sys
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from gochan._kinds import check_function
from gochan._numbers import count, seconds
from gochan._pool_executor import Borrowed
from gochan._pool_jobs import PoolFuture
from gochan._pool_map import AsyncResults, Course, Results, SizedResults
from gochan._pool_room import SHUT_DOWN
from gochan._pool_workers import Workers
from gochan.errors import BlockingError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
    from datetime import timedelta
    from types import TracebackType
    from typing import Never, Self

__all__ = ["Pool", "PoolFuture"]

_T = TypeVar("_T")
_P = ParamSpec("_P")


class Pool(Executor):
    """A fixed number of workers, and a queue in front of them that holds its callers back.

    It is a ``concurrent.futures.Executor``: its futures are the standard library's, and it works
    with ``wait``, ``as_completed``, ``asyncio.wrap_future`` and ``loop.run_in_executor``. They can
    be awaited, too, in goroutines and asyncio tasks: ``await future``. Where an event loop runs,
    ``result()`` of a job that is not over is a BlockingError, and no silent stop of the loop.

        with Pool(8) as pool:
            for page in pool.map(fetch, urls):  # urls may be infinite
                ...

    What is different from ``ThreadPoolExecutor``:

    - ``submit`` waits while the queue is full, instead of piling up jobs without end. ``await
      pool.asubmit(...)`` is its twin for asyncio tasks and goroutines.
    - ``map`` takes from its input only what is needed soon, and gives results in order or not.
    - A job has a copy of the contextvars of whoever asked for it.
    - An ``async def`` function runs as a goroutine, and its result is the future's. It counts as
      one of the workers, but takes no thread. (What belongs to an event loop it awaits with
      ``aio()``.)
    - A job may wait for jobs of its own pool, with ``await``, in ``result()``, ``exception()``,
      ``map`` and ``amap``: another worker takes its place meanwhile. It may submit too, and is not
      held back. For an ``async def`` job that is so in goroutines that it started, too.
    - Leaving the ``with`` block waits for all jobs, and if an exception ends the block only for
      those that run: the others are cancelled. If it is Ctrl-C, or anything else that is no
      ``Exception``, it waits for none.
    - The end of the program waits for jobs that are left, but not after Ctrl-C, or another
      exception that nobody caught.
    - No thread waits for jobs: a pool that has none needs no ``shutdown``, and can be dropped.

    With ``executor`` jobs run there: on processes, on other machines. ``submit`` and ``map`` hold
    back as ever. The executor stays yours: the pool does not shut it down.

        with ProcessPoolExecutor() as processes, Pool(executor=processes) as pool:
            for page in pool.map(parse, pages, chunksize=20): ...

    Args:
        workers: How many jobs run at a time. The CPUs this process may use, or what the executor
            says of itself, if None.
        queue: How many jobs wait, at most, before ``submit`` does. As many as there are workers if
            None. 0 lets ``submit`` wait for a free worker.
        executor: Any ``concurrent.futures.Executor``.

    Raises:
        TypeError: ``workers`` or ``queue`` is no int, or ``executor`` no Executor.
        ValueError: ``workers`` is less than 1, or ``queue`` negative.
    """

    __module__ = "gochan"

    def __init__(
        self,
        workers: int | None = None,
        *,
        queue: int | None = None,
        executor: Executor | None = None,
    ) -> None:
        size = (
            _default(executor)
            if workers is None
            else count(workers, "Pool(): workers", 1, sys.maxsize)
        )
        waiting = size if queue is None else count(queue, "Pool(): queue", 0, sys.maxsize)
        if executor is None:
            self._workers: Workers | Borrowed = Workers(size, waiting)
        elif isinstance(executor, Executor):  # pyright: ignore[reportUnnecessaryIsInstance]
            self._workers = Borrowed(executor, size, waiting)
        else:
            raise TypeError(
                f"Pool(): executor must be a concurrent.futures.Executor, not"
                f" {type(executor).__name__}"
            )

    @overload
    def submit(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, fn: Callable[_P, Coroutine[Any, Any, _T]], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> PoolFuture[_T]: ...
    @overload
    def submit(
        self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> PoolFuture[_T]: ...
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> PoolFuture[Any]:
        """Have ``fn(*args, **kwargs)`` called by a worker. Waits while the queue is full.

        Raises:
            TypeError: ``fn`` cannot be called.
            RuntimeError: The pool is shut down, perhaps while this call waited.
            BlockingError: It would stop a running event loop; use ``await pool.asubmit(fn, ...)``.
        """
        check_function("Pool.submit()", fn)
        workers = self._workers
        call = workers.call(fn, args, kwargs)
        try:
            if not call.try_put():
                self._wait_for_room(call)
                call.put()
            return call.future
        except BaseException:
            if not call.queued:
                workers.room.leave(call)
            raise

    def _wait_for_room(self, call: object) -> None:
        if self._workers.is_job():
            # A worker that waited for a place would be one of those who are to make one.
            self._workers.room.take_beyond(call)
            return
        try:
            self._workers.room.wait(call)
        except BlockingError:
            raise BlockingError(
                "Pool.submit() would stop the running event loop, as the queue is full: use"
                " `await pool.asubmit(fn, ...)` there, or a larger queue"
            ) from None

    @overload
    def asubmit(
        self, fn: Callable[_P, Coroutine[Any, Any, _T]], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Coroutine[Any, Any, PoolFuture[_T]]: ...
    @overload
    def asubmit(
        self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Coroutine[Any, Any, PoolFuture[_T]]: ...
    def asubmit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Coroutine[Any, Any, PoolFuture[Any]]:
        """The awaitable twin of ``submit``, for goroutines and asyncio tasks.

        It waits for a place in the queue; awaiting the future that it gives waits for the job:

            future = await pool.asubmit(fetch, url)
            page = await future

        Raises:
            TypeError: ``fn`` cannot be called.
            RuntimeError: The pool is shut down, perhaps while this call waited.
        """
        check_function("Pool.asubmit()", fn)
        return self._asubmit(fn, args, kwargs)

    async def _asubmit(
        self, fn: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> PoolFuture[_T]:
        workers = self._workers
        call = workers.call(fn, args, kwargs)
        try:
            if not call.try_put():
                if workers.is_job():
                    workers.room.take_beyond(call)  # as in `submit`
                else:
                    await workers.room.await_(call)
                call.put()
            return call.future
        except BaseException:
            if not call.queued:
                workers.room.leave(call)
            raise

    @overload
    def map(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        fn: Callable[..., Coroutine[Any, Any, _T]],
        *iterables: Iterable[Any],
        timeout: float | timedelta | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        ordered: bool = True,
    ) -> Iterator[_T]: ...
    @overload
    def map(
        self,
        fn: Callable[..., _T],
        *iterables: Iterable[Any],
        timeout: float | timedelta | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        ordered: bool = True,
    ) -> Iterator[_T]: ...
    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | timedelta | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        ordered: bool = True,
    ) -> Iterator[Any]:
        """Call ``fn`` with the items of the iterables, and iterate over what it returns.

        Work begins at once, and goes on as results are taken: at most ``buffersize`` items are
        under way, or done and not taken yet. So the input may be infinite, and memory is bounded.
        The iterator has a ``len()`` if all inputs have one: ``tqdm(pool.map(f, items))``.

        After an exception of ``fn`` no more items are taken. In order it is raised after the
        results of the items before it. An exception of an iterable comes after all results.
        An iterator that is dropped, closed or interrupted starts nothing more.

        Example:
            >>> with Pool(2) as pool:
            ...     list(pool.map(pow, [2, 3, 4], [2, 2, 2]))
            [4, 9, 16]

        Args:
            fn: A plain function, or an ``async def``.
            iterables: It ends with the shortest.
            timeout: Seconds from this call until TimeoutError, if a result is asked for and not
                there.
            chunksize: How many items go to another process in one piece. An exception takes the
                results of its piece with it. No effect where workers are threads.
            buffersize: None lets the pool choose: as many as run and wait, and while calls take
                microseconds more, up to 1,024, to change threads less often.
            ordered: False gives each result when it is there.

        Raises:
            TypeError: ``fn`` cannot be called, an iterable cannot be iterated over, there is none,
                or a number is none.
            ValueError: ``chunksize`` or ``buffersize`` is less than 1, or ``timeout`` NaN.
            RuntimeError: The pool is shut down.
        """
        if timeout is not None:
            timeout = seconds(timeout, "Pool.map(): timeout")
        chunk = count(chunksize, "Pool.map(): chunksize", 1)
        size = _length(iterables)
        course = self._course("Pool.map()", fn, iterables, ordered, chunk, buffersize)
        try:
            return Results(course, timeout) if size is None else SizedResults(course, timeout, size)
        except BaseException:
            course.close()
            raise

    @overload
    def amap(
        self,
        fn: Callable[..., Coroutine[Any, Any, _T]],
        *iterables: Iterable[Any],
        ordered: bool = True,
        buffersize: int | None = None,
    ) -> AsyncIterator[_T]: ...
    @overload
    def amap(
        self,
        fn: Callable[..., _T],
        *iterables: Iterable[Any],
        ordered: bool = True,
        buffersize: int | None = None,
    ) -> AsyncIterator[_T]: ...
    def amap(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        ordered: bool = True,
        buffersize: int | None = None,
    ) -> AsyncIterator[Any]:
        """As ``map``, for ``async for`` in goroutines and asyncio tasks.

        The iterables are iterated over in that goroutine or task.
        """
        return AsyncResults(self._course("Pool.amap()", fn, iterables, ordered, 1, buffersize))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs. Those who wait in ``submit`` get a RuntimeError.

        Args:
            wait: Whether to return only when all jobs are over.
            cancel_futures: Whether those that wait are cancelled. Without ``wait``, the end of the
                program does not wait for those that run either. Ctrl-C while it waits does the
                same.

        Raises:
            BlockingError: It would stop a running event loop; use ``async with pool``.
            RuntimeError: A job would wait for its own end.
        """
        if wait:
            self._check_wait()
            try:
                self._workers.close(cancel_futures)
                self._workers.ended.recv_ok()
            except BaseException:
                self._stop()
                raise
        elif cancel_futures:
            self._stop()
        else:
            self._workers.close(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown(
            wait=kind is None or issubclass(kind, Exception), cancel_futures=kind is not None
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or issubclass(kind, Exception):
            try:
                self._workers.close(kind is not None)
                await self._workers.ended.arecv_ok()
            except BaseException:
                self._stop()
                raise
        else:
            self._stop()

    def __repr__(self) -> str:
        active, queued, closed = self._workers.counts()
        over = f" over {type(e).__name__}" if (e := self._workers.executor) is not None else ""
        return (
            f"<gochan.Pool{over} at {id(self):#x} workers={self._workers.size} active={active}"
            f" queued={queued} {'shut down' if closed else 'open'}>"
        )

    def _repr_html_(self) -> str:
        """How it is at this moment, for a notebook."""
        from gochan._html import table

        active, queued, closed = self._workers.counts()
        size = self._workers.size
        rows = [("active", f"{active} of {size}"), ("queued", str(queued))]
        if (executor := self._workers.executor) is not None:
            rows.append(("over", type(executor).__name__))
        return table(f"Pool, {'shut down' if closed else 'open'}", rows, (active, size))

    def __reduce__(self) -> Never:
        raise TypeError(
            "cannot copy or pickle a Pool: its jobs run where it is; pass the object itself,"
            " or make a pool over there"
        )

    # ------------------------------------------------------------------

    def _course(
        self,
        what: str,
        fn: Callable[..., Any],
        iterables: tuple[Iterable[Any], ...],
        ordered: bool,
        chunk: int,
        buffersize: int | None,
    ) -> Course[Any]:
        check_function(what, fn)
        if not iterables:
            raise TypeError(f"{what} needs something to iterate over")
        if buffersize is not None:
            buffersize = count(buffersize, f"{what}: buffersize", 1)
        if self._workers.local:
            chunk = 1
        if self._workers.counts()[2]:
            raise RuntimeError(SHUT_DOWN)
        return Course(
            self._workers, fn, iterables, ordered=ordered, chunk=chunk, buffersize=buffersize
        )

    def _stop(self) -> None:
        """Nobody waits for what is left."""
        self._workers.close(True)
        self._workers.abandon()

    def _check_wait(self) -> None:
        """Before anything happens."""
        if self._workers.is_here():
            raise RuntimeError(
                "Pool.shutdown(): a job of the pool cannot wait for its end: pass wait=False"
            )
        if self._workers.is_idle():
            return
        try:
            # Whether it may wait here is only told to those who would have to.
            self._workers.ended.recv_ok(timeout=1e-9)
        except TimeoutError:
            pass
        except BlockingError:
            raise BlockingError(
                "Pool.shutdown() would stop the running event loop, as jobs are not over: use"
                " `async with pool` there, or shutdown(wait=False)"
            ) from None


def _default(executor: Executor | None) -> int:
    size = getattr(executor, "_max_workers", None)  # those of the standard library and loky
    if isinstance(size, int) and size > 0:
        return size
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _length(iterables: tuple[Iterable[Any], ...]) -> int | None:
    try:
        return min(len(iterable) for iterable in iterables)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None

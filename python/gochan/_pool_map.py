"""Maps of a pool: from an iterable to results, never more than some ahead of who takes them.

Values are taken by whoever asks for results, in that thread or task, one or a few for each result.
Workers report on the map's own channel, whatever they run on, so waiting for a result is a receive:
in a thread, a goroutine or an asyncio task, with a timeout, Ctrl-C and all.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextvars import copy_context
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gochan._gochan import Chan
from gochan.errors import BlockingError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future

    from gochan._pool_executor import Borrowed
    from gochan._pool_workers import Workers

_T = TypeVar("_T")

#: What a map that was given no `buffersize` may grow to, and when it grows: if everything that was
#: under way is used up in less than that many seconds, changing threads is most of the work.
_MOST = 256
_SOON = 0.002


class Course(Generic[_T]):
    """What is under way of one map. It belongs to whoever iterates; workers only use `landed`."""

    def __init__(
        self,
        workers: Workers | Borrowed,
        fn: Callable[..., Any],
        iterables: tuple[Iterable[Any], ...],
        *,
        ordered: bool,
        chunk: int,
        buffersize: int | None,
    ) -> None:
        self.workers = workers
        self.fn = workers.portable(fn)
        self.context = copy_context()
        self.chunk = chunk if buffersize is None else min(chunk, buffersize)
        #: Nobody asks any more: what has not begun need not.
        self.over = False
        #: Of an executor, those that are not done, to be cancelled.
        self.futures: dict[int, Future[Any]] = {}
        self._inputs = zip(*iterables, strict=False)
        self._more = True
        #: An error of an iterable: it comes after the results of what was taken before.
        self._input_error: Exception | None = None
        self._ordered = ordered
        self._grows = buffersize is None
        #: How many jobs, of a chunk each, may be under way, or done and not asked for.
        self._size = workers.capacity if buffersize is None else buffersize // self.chunk
        #: (index, error or None, value), as they end. There is room for all that can be under way.
        self.landed = Chan[tuple[int, BaseException | None, Any]](max(self._size, _MOST))
        self._out = 0
        self._fed = 0
        self._given = 0
        self._done: dict[int, tuple[BaseException | None, Any]] = {}
        self._waited = 0.0
        try:
            self.feed()
        except BaseException:
            self.close()
            raise

    def feed(self) -> None:
        """Put as many calls as may be under way."""
        while self._more and self._out < self._size:
            try:
                args = next(self._inputs) if self.chunk == 1 else self._next_chunk()
                self.workers.start(self, self._fed, args)
            except StopIteration:
                self._more = False
            except Exception as error:
                self._more = False
                self._input_error = error
            else:
                self._fed += 1
                self._out += 1

    def _next_chunk(self) -> tuple[Any, ...]:
        chunk: list[Any] = []
        try:
            chunk.extend(islice(self._inputs, self.chunk))  # keeps what came before an error
        except Exception as error:
            self._more = False
            self._input_error = error
        if not chunk:
            raise StopIteration
        return tuple(chunk)

    def take(self) -> tuple[BaseException | None, Any] | None:
        """The next result, if it is there."""
        if not self._done:
            return None
        if self._ordered:
            result = self._done.pop(self._given, None)
        else:
            result = self._done.pop(next(iter(self._done)))
        if result is not None:
            self._given += 1
            self._out -= 1
        return result

    def is_all(self) -> bool:
        """Whether nothing more will come. Raises what the iterable raised."""
        if self._out:
            return False
        if self._input_error is not None:
            raise self._input_error
        return True

    def store(self, landed: list[tuple[int, BaseException | None, Any]]) -> None:
        for index, error, value in landed:
            self._done[index] = error, value
            if error is not None:
                self._more = False

    @property
    def most(self) -> int:
        """At most so many have landed."""
        return self.landed.capacity

    def going_to_wait(self) -> None:
        """All that was there has been taken: if that went fast, there is more the next time."""
        if not self._grows:
            return
        now = time.monotonic()
        if now - self._waited < _SOON:
            self._size = max(self._size, min(2 * self._size, _MOST // self.chunk))
        self._waited = now

    def close(self) -> None:
        if not self.over:
            self.over = True
            self._more = False
            self.workers.drop(self)


def _results(course: Course[_T], timeout: float | None) -> Generator[_T]:
    """The results, for a thread or a goroutine that may block."""
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        while True:
            while (result := course.take()) is None:
                if course.is_all():
                    return
                _wait(course, timeout, deadline)
            error, value = result
            if error is not None:
                raise error
            if course.chunk > 1:
                *rest, value = value
                yield from rest
            # Before the last one, so that workers do something while the caller does.
            course.feed()
            yield value
    finally:
        course.close()
        error = result = None  # an exception holds this frame


def _wait(course: Course[Any], timeout: float | None, deadline: float | None) -> None:
    if not len(course.landed):
        course.going_to_wait()
        course.feed()
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        with course.workers.aside():
            course.store(course.landed.recv_many(course.most, timeout=left))
    except TimeoutError:
        raise TimeoutError(
            f"Pool.map(): a result was not there {timeout} s after the call"
        ) from None
    except BlockingError:
        raise BlockingError(
            "the next result of Pool.map() would stop the running event loop: use"
            " `async for value in pool.amap(fn, values)` there"
        ) from None


class Results(Iterator[_T]):
    """What `Pool.map` returns: an iterator that nobody has to use up."""

    __slots__ = ("__weakref__", "_course", "_walk")

    def __init__(self, course: Course[_T], timeout: float | None) -> None:
        self._course = course
        self._walk = _results(course, timeout)

    def __next__(self) -> _T:
        return next(self._walk)

    def close(self) -> None:
        """End it: nothing more is started."""
        self._walk.close()
        self._course.close()  # if it was never begun

    def __del__(self) -> None:
        self._course.close()

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<results of gochan.Pool.map at {id(self):#x}>"


class SizedResults(Results[_T]):
    """As many as its inputs had items when the map began."""

    __slots__ = ("_size",)

    def __init__(self, course: Course[_T], timeout: float | None, size: int) -> None:
        super().__init__(course, timeout)
        self._size = size

    def __len__(self) -> int:
        return self._size


class AsyncResults(AsyncIterator[_T]):
    """What `Pool.amap` returns."""

    __slots__ = ("__weakref__", "_course")

    def __init__(self, course: Course[_T]) -> None:
        self._course = course

    async def __anext__(self) -> _T:
        course = self._course
        if course.over:
            raise StopAsyncIteration
        try:
            while (result := course.take()) is None:
                if course.is_all():
                    course.close()
                    raise StopAsyncIteration
                if not len(course.landed):
                    course.going_to_wait()
                    course.feed()
                course.store(await course.landed.arecv_many(course.most))
            error, value = result
            if isinstance(error, StopAsyncIteration):
                raise RuntimeError("Pool.amap(): a call raised StopAsyncIteration") from error
            if error is not None:
                raise error
            course.feed()
        except Exception:
            course.close()
            raise
        finally:
            error = result = None
        return value  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """End it: nothing more is started."""
        self._course.close()

    def __del__(self) -> None:
        self._course.close()

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<results of gochan.Pool.amap at {id(self):#x}>"

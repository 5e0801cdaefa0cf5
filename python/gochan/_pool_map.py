"""Maps of a pool: from an iterable to results, never more than some ahead of who takes them.

Values are taken by whoever asks for results, in that thread or task, one or a few for each result.
Workers report on the map's own channel, whatever they run on, so waiting for a result is a receive:
in a thread, a goroutine or an asyncio task, with a timeout, Ctrl-C and all.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextvars import copy_context
from itertools import chain, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from gochan._gochan import Chan
from gochan.errors import BlockingError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from concurrent.futures import Future
    from typing import Never, Self

    from gochan._pool_executor import Borrowed
    from gochan._pool_workers import Workers

_T = TypeVar("_T")

#: What a map that was given no `buffersize` may grow to, and when it grows: if everything that was
#: under way is used up in less than that many seconds, changing threads is most of the work.
_MOST = 1024
_SOON = 0.005


#: The index of a call, what it raised or None, what it returned.
Landed: TypeAlias = tuple[int, BaseException | None, Any]


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
        #: A call has raised, and no more values are taken. Set by who is first to know.
        self.failed = False
        #: Calls that no worker has begun: (index, arguments). Only the pool's own workers use it.
        self.todo: deque[tuple[int, tuple[Any, ...]]] = deque()
        #: Whether the map stands in the line of jobs; guarded by the lock of the workers.
        self.in_line = False
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
        #: The calls that have ended. There is room for all that can be under way.
        self.landed = Chan[Landed](max(self._size, _MOST))
        #: Results in the order in which they are to be given.
        self.ready: deque[Landed] = deque()
        self._early: dict[int, Landed] = {}
        self._next = 0  # the index of what comes into `ready` next
        self._fed = 0
        #: How many are under way, or done and not given; and when there are to be more.
        self.out = 0
        self.low = self._lowest()
        self._waited = 0.0
        #: What ends it when its results are dropped; see `_let_go`.
        self.let_go: Callable[[], object] = (
            self.todo.clear if workers.executor is None else self.close
        )
        self.feed()

    def feed(self) -> None:
        """Put as many calls as may be under way."""
        if not self._more or self.failed:
            return
        calls: list[tuple[int, tuple[Any, ...]]] = []
        try:
            while self.out + len(calls) < self._size:
                args = next(self._inputs) if self.chunk == 1 else self._next_chunk()
                calls.append((self._fed + len(calls), args))
        except StopIteration:
            self._more = False
        except Exception as error:
            self._more = False
            self._input_error = error
        except BaseException:
            self.close()
            raise
        if calls:
            self._start(calls)

    def _start(self, calls: list[tuple[int, tuple[Any, ...]]]) -> None:
        try:
            self.workers.start(self, calls)
        except Exception as error:  # the pool is shut down
            self._more = False
            self._input_error = error
        except BaseException:
            self.close()
            raise
        else:
            self._fed += len(calls)
            self.out += len(calls)

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

    def is_all(self) -> bool:
        """Whether nothing more will come. Raises what the iterable raised."""
        if self.out:
            return False
        if self._input_error is not None:
            raise self._input_error
        return True

    def store(self, landed: list[Landed]) -> None:
        """Put what has landed where it is given from."""
        ready, early, ordered, index = self.ready, self._early, self._ordered, self._next
        for result in landed:
            if ordered and result[0] != index:
                early[result[0]] = result
                continue
            ready.append(result)
            index += 1
            while early and index in early:
                ready.append(early.pop(index))
                index += 1
        self._next = index

    @property
    def most(self) -> int:
        """At most so many have landed."""
        return self.landed.capacity

    def going_to_wait(self) -> None:
        """All that was there has been taken: if that went fast, there is more the next time."""
        if not self._grows:
            return
        now = time.monotonic()
        if now - self._waited < _SOON and 2 * self._size <= _MOST // self.chunk:
            self._size *= 2
            self.low = self._lowest()
        self._waited = now

    def _lowest(self) -> int:
        """In a long buffer values are put some at a time: there is enough to do meanwhile."""
        is_long = self._size >= 4 * self.workers.capacity
        return self._size - self._size // 4 if is_long else self._size

    def close(self) -> None:
        if not self.over:
            self.workers.drop(self)
            self._more = False
            self.over = True
            self.let_go = _NOTHING


_NOTHING: Callable[[], object] = [].clear

#: The finalizer of results. A Ctrl-C that comes in the Python of a finalizer is lost, and this one
#: runs at the end of every map: so it calls a function in C, where the workers are our own.
_let_go = property(attrgetter("_course.let_go"))


def _results(course: Course[_T], timeout: float | None) -> Generator[Any]:
    """The results, for a thread or a goroutine that may block."""
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        ready, in_chunks = course.ready, course.chunk > 1
        while True:
            while ready:
                _, error, value = ready.popleft()
                course.out -= 1
                if error is not None:
                    raise error
                if in_chunks:
                    *rest, value = value
                    yield from rest
                # Before it is given, so that workers do something while the caller does.
                if course.out < course.low:
                    course.feed()
                yield value
            if course.is_all():
                course.close()
                return
            value = None  # nobody is to find it here while the next one is waited for
            _wait(course, timeout, deadline)
    except GeneratorExit:
        raise  # closed, or dropped: nothing is called here, as in all finalizers
    except BaseException:
        course.close()
        raise
    finally:
        error = None  # an exception holds this frame


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


class Results(chain[_T]):
    """What `Pool.map` returns: an iterator that nobody has to use up.

    A chain of one, because that passes on what the generator gives without a call in Python.
    """

    _course: Course[_T]
    _walk: Generator[_T]

    def __new__(cls, course: Course[_T], timeout: float | None) -> Self:
        walk = _results(course, timeout)
        self = super().__new__(cls, walk)
        self._walk = walk
        self._course = course
        return self

    __del__ = _let_go

    def close(self) -> None:
        """End it: nothing more is started."""
        self._course.close()
        self._walk.close()

    def __aiter__(self) -> Never:
        raise TypeError(
            "pool.map() is for plain functions: write `async for value in pool.amap(fn, values)`"
        )

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<results of gochan.Pool.map at {id(self):#x}>"

    def __reduce__(self) -> Never:
        raise TypeError("cannot copy or pickle the results of Pool.map(): they are under way")


class SizedResults(Results[_T]):
    """As many as its inputs had items when the map began."""

    _size: int

    def __new__(cls, course: Course[_T], timeout: float | None, size: int) -> Self:
        self = super().__new__(cls, course, timeout)
        self._size = size
        return self

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
        waiting = False
        try:
            while not course.ready:
                if course.is_all():
                    course.close()
                    raise StopAsyncIteration
                if not len(course.landed):
                    course.going_to_wait()
                    course.feed()
                waiting = True
                with course.workers.aside():
                    landed = await course.landed.arecv_many(course.most)
                    waiting = False
                course.store(landed)
            _, error, value = course.ready.popleft()
            course.out -= 1
            if isinstance(error, StopAsyncIteration):
                raise RuntimeError("Pool.amap(): a call raised StopAsyncIteration") from error
            if error is not None:
                raise error
            if course.out < course.low:
                course.feed()
        except BaseException:
            # A cancelled task may go on with the next call: a wait that is broken off takes
            # nothing. Ctrl-C elsewhere may have taken a result, and there it ends.
            if not waiting:
                course.close()
            raise
        finally:
            error = None
        return value  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """End it: nothing more is started."""
        self._course.close()

    __del__ = _let_go

    def __iter__(self) -> Never:
        raise TypeError(
            "pool.amap() is for async code: write `async for` there, and in a plain function `for"
            " value in pool.map(fn, values)`"
        )

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<results of gochan.Pool.amap at {id(self):#x}>"

"""The workers of a pool: goroutines that are there while there is something to do.

A worker is a goroutine on a thread that runs one job after the other, and ends when none is left:
an idle pool has no thread, and there is nobody to be let go of when it is dropped. Who puts a job
calls one worker; that one calls the next while jobs are left, and so on up to their number. So
tiny jobs are done by the first before the second is there, and those that block get all of them.

An `async def` job takes the slot of its worker with it to the scheduler, and gives it back there.

Invariants, under the lock:
- `free` slots are not taken. A job runs in one. It is negative while there are more who run than
  there are workers, which is when somebody who had stepped aside goes on.
- While jobs wait and a slot is free, a worker was `called` and has not come yet.
- What `_begin` and those after it do is done by workers, which no signal handler can break into.
  `put` may be broken into anywhere: then a worker may come for nothing, and goes again.
What may not happen under it: a job, a future's callbacks.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from collections import deque
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, cast

from gochan._gochan import Chan, go
from gochan._gochan import _go_apart as go_apart  # pyright: ignore[reportPrivateUsage]
from gochan._pool_jobs import Call, Item, Job, Left, below, run
from gochan._pool_room import SHUT_DOWN, Room
from gochan.errors import GoExit

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from gochan._pool_map import Course


_NOT_HERE = nullcontext()


class _Here(threading.local):
    """Whose worker this thread is."""

    workers: Workers | None = None


_here = _Here()


class Taken:
    """The slot of an `async def` job, which belongs to the goroutines that it starts as well.

    A job may wait for them, in a way that is not seen here, while they wait for the pool. So while
    one of them does, another job takes the slot.
    """

    __slots__ = ("over", "waiting", "workers")

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        #: How many wait. The slot is given away unless there are none.
        self.waiting = 0
        #: The job has ended: the slot is no longer its.
        self.over = False


#: An async job moves between threads, so a thread does not tell whose it is.
_taken: ContextVar[Taken | None] = ContextVar("gochan._pool_workers._taken", default=None)


class Workers:
    """Runs jobs, so many at a time."""

    local = True  # its jobs run in this process: on values as they are
    executor = None

    def __init__(self, size: int, waiting: int) -> None:
        self.size = size
        #: How many jobs run and wait before `submit` waits.
        self.capacity = size + waiting
        # Reentrant: a signal handler, or what the collector finalizes, may submit in the middle.
        self._lock = threading.RLock()
        #: For the jobs of `submit` that are not over.
        self.room = Room(self.capacity, self._lock)
        # A map stands in it once, for all its calls that wait.
        self._jobs: deque[Job | Course[Any]] = deque()
        self._free = size
        #: How many jobs have stepped aside: they have no slot, and are not over.
        self._out = 0
        self._called = False
        self._closed = False
        #: Whether the end of the program does not wait for it.
        self._abandoned = False
        #: Closed when it is shut down and nothing is left.
        self.ended = Chan[None]()
        _all[id(self)] = weakref.ref(self, partial(_all.pop, id(self)))

    # ------------------------------------------------------------------ from outside

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """A job that is not put yet."""
        return Call(self, fn, args, kwargs)

    def start(self, course: Course[Any], calls: list[tuple[int, tuple[Any, ...]]]) -> None:
        """Put calls of a map, all or none."""
        with self._lock:
            if self._closed:
                raise RuntimeError(SHUT_DOWN)
            course.todo.extend(calls)
            if not course.in_line:
                course.in_line = True
                self._jobs.append(course)
            try:
                self._call_for_jobs()
            except RuntimeError:  # no thread to be had: who works already will come to it
                if self._free == self.size:
                    self.drop(course)
                    raise

    def drop(self, course: Course[Any]) -> None:
        """Nobody waits for what is left of a map."""
        with self._lock:
            course.todo.clear()
            if course.in_line:
                course.in_line = False
                with suppress(ValueError):
                    self._jobs.remove(course)
            self._rest()

    def portable(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """A function as the workers can call it: any."""
        return fn

    def close(self, cancel: bool = False) -> None:
        """No jobs any more. `cancel`: those that wait are not started."""
        left: deque[Job | Course[Any]] = deque()
        try:
            with self._lock:
                self._closed = True
                self.room.close()
                if cancel:
                    self._jobs, left = left, self._jobs
                elif self._jobs:
                    self._call_for_jobs()
                self._rest()
            _drop(left)
        except BaseException:
            # Ctrl-C. Nobody else knows of those that are left.
            _drop(left)
            raise

    def abandon(self) -> None:
        """The end of the program need not wait for it."""
        self._abandoned = True
        _busy.discard(self)

    def counts(self) -> tuple[int, int, bool]:
        """How many jobs run, how many wait, and whether it is shut down."""
        with self._lock:
            waiting = sum(1 if isinstance(job, Job) else len(job.todo) for job in self._jobs)
            return self.size - self._free, waiting, self._closed

    def is_idle(self) -> bool:
        with self._lock:
            return self._free == self.size and not self._jobs and not self._out

    def is_here(self) -> bool:
        """Whether this thread is one of its workers."""
        return _here.workers is self

    def is_job(self) -> bool:
        """Whether a job of its asks, of whatever kind."""
        return _here.workers is self or self._taken() is not None

    def aside(self) -> AbstractContextManager[None]:
        """For a job that waits for jobs of its own pool: another one takes its place.

        Otherwise jobs that wait for jobs would wait for ever once they are as many as the workers.
        """
        if _here.workers is self:
            return self._aside()
        taken = self._taken()
        return _NOT_HERE if taken is None else self._all_aside(taken)

    def _taken(self) -> Taken | None:
        """The slot of the async job that this is part of, if it is one of this pool."""
        taken = _taken.get()
        return taken if taken is not None and taken.workers is self and not taken.over else None

    @contextmanager
    def _aside(self) -> Generator[None]:
        self._step_aside()
        try:
            yield
        finally:
            self._step_back()

    def _step_aside(self) -> None:
        with self._lock:
            self._free += 1
            self._out += 1
            with suppress(RuntimeError):  # no thread to be had: it waits without
                self._call_for_jobs()

    def _step_back(self) -> None:
        """At once, also if no slot is free: who is one too many ends after its job."""
        with self._lock:
            self._free -= 1
            self._out -= 1

    @contextmanager
    def _all_aside(self, taken: Taken) -> Generator[None]:
        """As `_aside`, while at least one of those waits who share the slot."""
        with self._lock:
            taken.waiting += 1
            if taken.waiting == 1 and not taken.over:
                self._step_aside()
        try:
            yield
        finally:
            with self._lock:
                taken.waiting -= 1
                if taken.waiting == 0 and not taken.over:
                    self._step_back()

    def try_put(self, job: Call) -> bool:
        """Have it run, if there is a place for it."""
        with self._lock:
            if not self._closed and not self.room.take(job):
                return False
            self.put(job)
            return True

    def put(self, job: Call) -> None:
        """Have it run. It has a place."""
        with self._lock:
            if self._closed:
                raise RuntimeError(SHUT_DOWN)
            try:
                self._jobs.append(job)
                self._call_for_jobs()
            except BaseException:
                with suppress(ValueError):
                    self._jobs.remove(job)
                raise
            job.queued = True

    # ------------------------------------------------------------------ workers; the lock is held

    def _call_for_jobs(self) -> None:
        if self._jobs and self._free > 0 and not self._called:
            if not self._abandoned:
                _busy.add(self)
            go_apart(self._work)
            self._called = True
            _finish_at_exit()

    def _rest(self) -> None:
        """If nothing is going on: that is the end, or a pause."""
        if self._jobs or self._free < self.size or self._out or self._called:
            return
        _busy.discard(self)
        if self._closed and not self.ended.closed:
            self.ended.close()

    # ------------------------------------------------------------------ workers

    def _work(self) -> None:
        _here.workers = self
        try:
            if self._begin():
                self._serve()
        finally:
            _here.workers = None

    def _begin(self) -> bool:
        with self._lock:
            self._called = False
            return self._take_slot()

    def _take_slot(self) -> bool:
        with self._lock:
            if self._jobs and self._free > 0:
                self._free -= 1
                return True
            self._rest()
            return False

    def _give_slot(self) -> None:
        with self._lock:
            self._free += 1
            if self._jobs:
                # While the interpreter exits no goroutine is started any more, and no job.
                with suppress(RuntimeError):
                    self._call_for_jobs()
            self._rest()

    def _serve(self) -> None:
        """Run jobs in the slot that this worker has taken, until there are none."""
        try:
            while (job := self._next()) is not None:
                left = run(job) if isinstance(job, Job) else self._walk(*job)
                # What is left goes on elsewhere, and takes the slot with it.
                if left is not None and self._hand_over(*left) and not self._take_slot():
                    return
                del job, left
        except BaseException:
            # A job called goexit(), which ends the goroutine it is called in: this one.
            self._give_slot()
            raise

    def _next(self) -> Job | tuple[Course[Any], int, tuple[Any, ...]] | None:
        """The next job, or call of a map; None if there is none, and then the slot is given up."""
        with self._lock:
            while self._jobs and self._free >= 0:
                job = self._jobs.popleft()
                call: Job | tuple[Course[Any], int, tuple[Any, ...]] | None = None
                if isinstance(job, Job):
                    call = job
                else:
                    # Workers that are in the map already take its calls without asking here.
                    with suppress(IndexError):
                        call = (job, *job.todo.popleft())
                    job.in_line = bool(job.todo)
                    if job.in_line:
                        self._jobs.append(job)
                if call is not None:
                    if self._jobs and self._free > 0:
                        with suppress(RuntimeError):  # as in _give_slot
                            self._call_for_jobs()
                    return call
            self._give_slot()
            return None

    def _walk(self, course: Course[Any], index: int, args: tuple[Any, ...]) -> Left | None:
        """Make calls of a map, one after the other, as long as nobody else waits."""
        fn, copy, land = course.fn, course.context.copy, course.landed.send_nowait
        while True:
            context = copy()
            try:
                value = context.run(fn, *args)
            except GoExit:
                land((index, None, None))
                raise
            except BaseException as error:
                course.failed = True
                land((index, below(error), None))
            else:
                if isinstance(value, CoroutineType):
                    return Item(course, index, context), cast("Coroutine[Any, Any, Any]", value)
                land((index, None, value))
                del value
            if self._free < 0 or len(self._jobs) > course.in_line:
                return None
            try:
                index, args = course.todo.popleft()
            except IndexError:
                return None

    def _hand_over(self, job: Job, rest: Coroutine[Any, Any, Any]) -> bool:
        try:
            job.context.run(go, self._drive, job, rest)
        except BaseException as error:
            rest.close()
            job.fail(error)
            return False
        return True

    async def _drive(self, job: Job, rest: Coroutine[Any, Any, Any]) -> None:
        taken = Taken(self)
        _taken.set(taken)  # in the goroutine's own context
        try:
            value = await rest
        except GoExit:
            job.finish(None)
            raise
        except BaseException as error:
            job.fail(below(error))
        else:
            job.finish(value)
        finally:
            self._give_up(taken)
            del self, job, rest, taken

    def _give_up(self, taken: Taken) -> None:
        with self._lock:
            if taken.waiting:
                self._step_back()
            taken.over = True
            self._give_slot()

    # ------------------------------------------------------------------ fork

    def forget(self) -> None:
        """In a forked child: the workers are the parent's, and so are the jobs."""
        self._lock = threading.RLock()
        self._jobs.clear()
        self._free = self.size
        self._out = 0
        self._called = False
        self.room = Room(self.capacity, self._lock)


def _drop(left: deque[Job | Course[Any]]) -> None:
    """What waited is not started, and who waits for it hears of that.

    Done again it completes what an exception had interrupted.
    """
    while left:
        job = left[0]
        if isinstance(job, Job):
            job.drop()
        else:
            job.in_line, job.failed = False, True
            while job.todo:
                job.landed.send_nowait((job.todo[0][0], CancelledError(), None))
                job.todo.popleft()
        left.popleft()


# ---------------------------------------------------------------------- the end of the program

# Those that have something to do. A program that comes to its end waits for them, as for the
# standard library's executors.
_busy: set[Workers] = set()
# Not a WeakSet: what that calls when a pool goes is Python, and a Ctrl-C that comes there is lost.
_all: dict[int, weakref.ref[Workers]] = {}
_at_exit = False


def _finish_at_exit() -> None:
    """After the first goroutine: what is registered later is called earlier, and gochan stops."""
    global _at_exit
    if not _at_exit:
        _at_exit = True
        atexit.register(_finish)


def _finish() -> None:
    # Ctrl-C, or another exception that nobody caught: as at the end of a `with` block.
    failed = getattr(sys, "last_type", None) is not None
    while _busy:
        workers = next(iter(_busy))
        workers.close(cancel=failed)
        if not failed:
            workers.ended.recv_ok()
        _busy.discard(workers)


def _forget() -> None:
    _busy.clear()
    _here.workers = None
    for known in list(_all.values()):
        workers = known()
        if workers is not None:
            workers.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

"""One call for all who want the same at the same time: Go's ``golang.org/x/sync/singleflight``.

    flight = Flight()

    def profile(user: str) -> Profile:
        value, shared = flight.do(user, lambda: load(user))
        return value

While one caller runs its function for a key, others with that key wait, and get the same value or
the same exception. Nothing is kept: the next call after the end runs its function again.

One flight serves threads, goroutines and asyncio tasks together. The function runs where its caller
runs: in ``do`` on that thread, in ``ado`` in that task or goroutine, in ``do_chan`` in a goroutine
of its own. No lock is held meanwhile.

- An ``Exception`` is the function's result, and every caller gets it: the same object, with
  the traceback of the function.
- What is no ``Exception`` (Ctrl-C, a cancelled task, ``goexit()``) is about the caller in which the
  function ran, not about the value. It goes on there, and the next of those who wait runs its own
  function. So nobody is cancelled because somebody else was. Where the work should rather go
  on, give it a goroutine of its own: ``await flight.ado(key, lambda: go(load, key))``.
- Whoever is cancelled while it only waits leaves the others alone.
- Keys are found as in a dict, by hash and equality. A function that asks for its own key waits for
  itself, for ever.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from gochan._gochan import Chan, go
from gochan._kinds import check_function
from gochan.errors import BlockingError, WouldBlock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Hashable
    from types import TracebackType
    from typing import Never

    from gochan import RecvChan

__all__ = ["Flight", "Result"]

_T = TypeVar("_T")


class Result(NamedTuple):
    """How a call ended, as ``Flight.do_chan`` sends it."""

    value: Any
    """What the function returned. None if it raised."""
    error: BaseException | None
    """What it raised, or None."""
    shared: bool
    """Whether others have got this result too."""


class Flight:
    """Joins calls for the same key that happen at the same time. Go's ``singleflight.Group``.

    Example:
        >>> flight = Flight()
        >>> flight.do("key", lambda: "value")
        ('value', False)
    """

    # The lock guards the dict, and what is said so of in _Call. Under it only the keys are
    # compared. It is reentrant: a signal handler may call in the middle of a call.
    __slots__ = ("__weakref__", "_calls", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._calls: dict[Hashable, _Call] = {}

    def do(self, key: Hashable, fn: Callable[[], _T], /) -> tuple[_T, bool]:
        """Run ``fn()``, or wait for the end of a call for that key that is under way. Go's ``Do``.

        Returns:
            The value, and whether several callers got it.

        Raises:
            TypeError: ``key`` is not hashable, ``fn`` cannot be called, or is an ``async def``.
            BlockingError: It would stop a running event loop; use ``ado`` there.
            RuntimeError: ``fn`` called it for its own key: it would wait for itself for ever.
            Exception: What the function raised, whoever's it was.
        """
        check_function("Flight.do()", fn)
        mine = call = _Call()
        try:
            while (call := self._board(key, mine)) is not mine:
                if call.thread == threading.get_ident():
                    raise RuntimeError(
                        "Flight.do() was called for a key by the function that runs for that key:"
                        " it would wait for itself for ever"
                    )
                try:
                    call.landed.recv_ok()
                except BlockingError:
                    raise BlockingError(
                        "Flight.do() would stop the running event loop, as a call for that key"
                        " is under way: use `await flight.ado(key, fn)` there"
                    ) from None
                if call.has_result:
                    return call.result(), True
            mine.thread = threading.get_ident()
            try:
                value = fn()
                if isinstance(value, CoroutineType):
                    value.close()
                    raise TypeError(
                        "Flight.do(): the function is an async def: use `await flight.ado(key, fn)`"
                    )
            except Exception as error:
                mine.fail(error, _below(error))
                self._land(key, mine)
                raise
            mine.succeed(value)
            self._land(key, mine)
            return value, mine.shared
        finally:
            # Again, for a Ctrl-C that came in there.
            self._land(key, mine)
            # An exception holds this frame, which must not hold the exception.
            del call, mine

    @overload
    def ado(
        self, key: Hashable, fn: Callable[[], Awaitable[_T]], /
    ) -> Coroutine[Any, Any, tuple[_T, bool]]: ...
    @overload
    def ado(
        self, key: Hashable, fn: Callable[[], _T], /
    ) -> Coroutine[Any, Any, tuple[_T, bool]]: ...
    def ado(self, key: Hashable, fn: Callable[[], Any], /) -> Coroutine[Any, Any, tuple[Any, bool]]:
        """The awaitable form of ``do``, for goroutines and asyncio tasks.

        If ``fn()`` returns something that can be awaited, as an ``async def`` does, it is awaited,
        and what comes of it is the value. A plain function that blocks holds up the event loop;
        ``lambda: go(fn)`` runs it in a goroutine of its own.

        Raises:
            TypeError: ``key`` is not hashable, or ``fn`` cannot be called.
            Exception: What the function raised, whoever's it was.
        """
        check_function("Flight.ado()", fn)
        hash(key)
        return self._ado(key, fn)

    async def _ado(self, key: Hashable, fn: Callable[[], Any]) -> tuple[Any, bool]:
        mine = call = _Call()
        try:
            while (call := self._board(key, mine)) is not mine:
                await call.landed.arecv_ok()
                if call.has_result:
                    return call.result(), True
            mine.thread = threading.get_ident()
            try:
                value = fn()
                mine.thread = None
                if hasattr(value, "__await__"):
                    value = await value
            except Exception as error:
                mine.fail(error, _below(error))
                self._land(key, mine)
                raise
            mine.succeed(value)
            self._land(key, mine)
            return value, mine.shared
        finally:
            self._land(key, mine)  # as in do()
            del call, mine

    def do_chan(self, key: Hashable, fn: Callable[[], Any], /) -> RecvChan[Result]:
        """As ``do``, without waiting: the result comes on a channel. Go's ``DoChan``.

        The function, plain or ``async def``, runs in a goroutine of its own. The channel receives
        one Result, also when the function raised, and is never closed.

        Example:
            >>> Flight().do_chan("key", lambda: 1 / 0).recv().error
            ZeroDivisionError('division by zero')

        Raises:
            TypeError: ``key`` is not hashable, or ``fn`` cannot be called.
        """
        check_function("Flight.do_chan()", fn)
        taker = Chan[Result](1)
        self._take(key, fn, taker)
        return taker.receiver

    def forget(self, key: Hashable, /) -> None:
        """Have the next call for that key run its function, and not wait for one under way.

        Those who wait already get the result of the old one. Go's ``Forget``.

        Raises:
            TypeError: ``key`` is not hashable.
        """
        hash(key)  # an empty dict would not look
        with self._lock:
            self._calls.pop(key, None)

    def __repr__(self) -> str:
        return f"<gochan.singleflight.Flight at {id(self):#x} calls={len(self._calls)}>"

    def __reduce__(self) -> Never:
        raise TypeError(
            "cannot copy or pickle a Flight: it is one place that many share;"
            " pass the object itself"
        )

    # ------------------------------------------------------------------ one call

    def _board(self, key: Hashable, mine: _Call) -> _Call:
        """The call to wait for, or `mine`, which is the one for that key from now on."""
        with self._lock:
            call = self._calls.get(key)
            if call is None:
                mine.boarded = True  # first: whatever happens now, it will be landed
                self._calls[key] = call = mine
            else:
                call.shared = True
        return call

    def _land(self, key: Hashable, call: _Call) -> None:
        """The call is over. Done again it completes what an exception had interrupted."""
        if not call.boarded:
            return
        with self._lock:
            # After forget() there may be another one for that key.
            if self._calls.get(key) is call:
                del self._calls[key]
        # Nobody finds it any more, so from here on it has all who wait for it.
        with call.landed:
            pass
        while call.takers:
            taker, fn = call.takers[-1]
            if call.has_result:
                call.send(taker)
            else:
                self._take(key, fn, taker)
            call.takers.pop()
        call.boarded = False

    def _take(self, key: Hashable, fn: Callable[[], Any], taker: Chan[Result]) -> None:
        """See to it that the channel receives a result."""
        mine = _Call()
        try:
            with self._lock:
                call = self._calls.get(key)
                if call is not None:
                    call.shared = True
                    call.takers.append((taker, fn))
                    return
                mine.boarded = True
                self._calls[key] = mine
            go(self._serve, key, mine, fn, taker)
        except BaseException:
            self._land(key, mine)
            raise

    async def _serve(
        self, key: Hashable, mine: _Call, fn: Callable[[], Any], taker: Chan[Result]
    ) -> None:
        try:
            error: BaseException | None
            try:
                work = go(fn)
            except Exception as refused:  # a generator function, or no thread to be had
                error = refused
            else:
                await work.ajoin()
                error = work.exception()
                if error is None:
                    mine.succeed(work.result())
            if isinstance(error, Exception):
                mine.fail(error, error.__traceback__)
            self._land(key, mine)
            # Its own taker gets whatever it was; another run would end in the same way.
            taker.send_nowait(Result(mine.value, error, mine.shared))
        finally:
            self._land(key, mine)
            del mine


class _Call:
    """One call for a key, which may have more than one caller."""

    __slots__ = (
        "_error",
        "_traceback",
        "boarded",
        "has_result",
        "landed",
        "shared",
        "takers",
        "thread",
        "value",
    )

    def __init__(self) -> None:
        #: Closed when it is over. What says how it ended is set before, and by one caller alone.
        self.landed = Chan[None]()
        self.has_result = False  # False at the end: who waits asks again
        #: The thread that its function keeps until its end.
        self.thread: int | None = None
        self.value: Any = None
        self._error: Exception | None = None
        self._traceback: TracebackType | None = None
        #: Whether it is, or was, in the dict, and is not over.
        self.boarded = False
        #: Guarded by the lock of the flight until it is out of the dict.
        self.shared = False
        self.takers: list[tuple[Chan[Result], Callable[[], Any]]] = []

    def succeed(self, value: Any) -> None:
        self.value = value
        self.has_result = True

    def fail(self, error: Exception, traceback: TracebackType | None) -> None:
        # Every raise adds frames to the error's own traceback, so that of the function is kept.
        self._error, self._traceback = error, traceback
        self.has_result = True

    def result(self) -> Any:
        try:
            if self._error is not None:
                raise self._error.with_traceback(self._traceback)
            return self.value
        finally:
            del self  # the error holds this frame

    def send(self, taker: Chan[Result]) -> None:
        with suppress(WouldBlock):  # it has it already: an exception came in between
            taker.send_nowait(Result(self.value, self._error, True))


def _below(error: Exception) -> TracebackType | None:
    """Its traceback without the frame that caught it."""
    return error.__traceback__ and error.__traceback__.tb_next

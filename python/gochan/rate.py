"""Rate limits, as in Go's ``golang.org/x/time/rate``: a token bucket.

    limiter = Limiter(10, 3)  # 10 events per second, up to 3 of them at once
    for page in pages:
        limiter.wait()  # in an async def: await limiter
        fetch(page)

The bucket holds ``burst`` tokens and is full at first; ``rate`` tokens per second flow into it. An
event takes a token. ``wait`` is for those who can wait, ``allow`` for those who would rather do
without, ``reserve`` for those who want to know how long it takes and wait by themselves.

``Sometimes`` is for what is to happen now and then only, such as a line in a log.

One limiter serves threads, goroutines and asyncio tasks together. Those who wait are served in the
order in which they came, since each one's tokens are booked when it comes.

Rates are in events per second, durations in seconds. ``at`` is a moment on the clock of
``time.monotonic()``, None is now. Inside, time is counted in whole nanoseconds and tokens in
floats, as in Go, so the same numbers give the same answers.
"""

# pyright: reportPrivateUsage=false
# A limiter and its reservations are two halves of one thing.

from __future__ import annotations

import math
import threading
import time

from gochan._gochan import Mutex, asleep, sleep
from gochan._kinds import is_async
from gochan._numbers import count, real, seconds
from gochan.errors import BlockingError, DeadlineExceeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from datetime import timedelta
    from typing import Any, Never, TypeAlias

    from gochan import Context

    # rate, burst, tokens at `last`, last, and the moment of the latest event that was let pass.
    _State: TypeAlias = tuple[float, int, float, int, int]

__all__ = ["INF", "Limiter", "Reservation", "Sometimes", "every"]

#: The rate without a limit: every event passes, whatever the burst. Go's ``rate.Inf``.
INF = math.inf

# Go's longest duration, some 292 years: what takes longer takes that long.
_FOREVER = 2**63 - 1


def every(period: float | timedelta, /) -> float:
    """The rate of one event per ``period`` seconds, INF for zero or less. Go's ``rate.Every``.

    Example:
        >>> every(0.25)
        4.0

    Raises:
        TypeError: It is neither a number nor a timedelta.
        ValueError: It is NaN.
    """
    length = seconds(period, "every(): the period")
    return 1 / length if length > 0 else INF


class Limiter:
    """Lets events pass at a rate, with bursts up to a size. Go's ``rate.Limiter``.

    ``await limiter`` waits for one event.

    Example:
        >>> limiter = Limiter(10, 2)
        >>> [limiter.allow(at=0.0) for _ in range(3)]
        [True, True, False]
        >>> limiter.allow(at=0.1)
        True
    """

    # The state is one tuple that is replaced as a whole: all is computed first, then the lock is
    # taken for a look whether the state is still the same, and an assignment. So an operation
    # that a signal handler or a finalizer begins in the middle of another one is no danger: the
    # lock is reentrant, and the other one then tries again.
    __slots__ = ("__weakref__", "_lock", "_state")

    def __init__(self, rate: float, burst: int) -> None:
        """Make a limiter whose bucket is full.

        Args:
            rate: Events per second. With 0 no token comes back; INF lets all pass.
            burst: How many events may happen at once, and the largest ``n`` of an operation.

        Raises:
            TypeError: ``rate`` is no number, or ``burst`` no int.
            ValueError: One of them is negative, or ``rate`` is NaN.
        """
        rate, burst = _rate("Limiter()", rate), _burst("Limiter()", burst)
        self._lock = threading.RLock()
        self._state: _State = (rate, burst, float(burst), 0, 0)

    @property
    def rate(self) -> float:
        """Events per second. Go's ``Limit``."""
        return self._state[0]

    @property
    def burst(self) -> int:
        """How many events may happen at once."""
        return self._state[1]

    def tokens(self, *, at: float | None = None) -> float:
        """How many tokens there are. Negative when more are booked than there were.

        Raises:
            TypeError: ``at`` is no number.
            ValueError: ``at`` is not finite.
        """
        return _advance(self._state, _moment("Limiter.tokens()", at))

    def allow(self, n: int = 1, /, *, at: float | None = None) -> bool:
        """Take ``n`` tokens if they are there, else take none. Go's ``AllowN``.

        Returns:
            Whether they were taken, and the events may happen.

        Raises:
            TypeError: ``n`` is no int, or ``at`` no number.
            ValueError: ``n`` is negative, or ``at`` not finite.
        """
        n = count(n, "Limiter.allow(): n", 0)
        return self._reserve(Reservation(self), n, _moment("Limiter.allow()", at), 0).ok

    def reserve(self, n: int = 1, /, *, at: float | None = None) -> Reservation:
        """Book ``n`` tokens, now or later, and say how long to wait for them. Go's ``ReserveN``.

        Example:
            >>> limiter = Limiter(10, 1)
            >>> limiter.reserve(at=0.0).delay(at=0.0), limiter.reserve(at=0.0).delay(at=0.0)
            (0.0, 0.1)

        Returns:
            A reservation. Its ``ok`` is false when ``n`` is more than the burst: then nothing was
            booked.

        Raises:
            TypeError: ``n`` is no int, or ``at`` no number.
            ValueError: ``n`` is negative, or ``at`` not finite.
        """
        n = count(n, "Limiter.reserve(): n", 0)
        return self._reserve(Reservation(self), n, _moment("Limiter.reserve()", at), _FOREVER)

    def wait(
        self, n: int = 1, /, *, timeout: float | timedelta | None = None, ctx: Context | None = None
    ) -> None:
        """Wait until ``n`` events may happen. Go's ``WaitN``.

        How long it takes is known beforehand: where that is longer than the timeout, or than the
        time to the context's deadline, the error comes at once, and no tokens are taken. A wait
        that is broken off, by its context, by Ctrl-C or by a cancelled task, gives its tokens back,
        but for those that later events were already put off for.

        Args:
            n: How many; at most the burst, unless the rate is INF.
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait with its own error.

        Raises:
            ValueError: ``n`` is more than the burst or negative, or the timeout is NaN.
            TimeoutError: It takes longer than the timeout.
            Canceled: The context was cancelled.
            DeadlineExceeded: The context's deadline has passed, or comes too early.
            BlockingError: It would stop a running event loop; use ``await_n`` there.
            TypeError: ``n`` is no int, or another argument is of the wrong type.
        """
        n, most = _asked("Limiter.wait()", n, timeout)
        reservation, delay = Reservation(self), 0.0
        try:
            delay = self._begin(reservation, "Limiter.wait()", n, most, ctx)
            if delay > 0:
                sleep(delay, ctx=ctx)
        except BaseException as error:
            self._give_back(reservation, time.monotonic_ns(), unused=True)
            if not isinstance(error, BlockingError):
                raise
        else:
            return
        raise BlockingError(
            f"Limiter.wait() would stop the running event loop for {delay:.3g} s:"
            f" use `await limiter.await_n({n})` there"
        )

    def await_n(
        self, n: int = 1, /, *, timeout: float | timedelta | None = None, ctx: Context | None = None
    ) -> Coroutine[Any, Any, None]:
        """The awaitable form of ``wait``, for goroutines and asyncio tasks.

        ``await limiter`` is short for ``await limiter.await_n(1)``.
        """
        n, most = _asked("Limiter.await_n()", n, timeout)
        return self._await_n(n, most, ctx)

    async def _await_n(self, n: int, most: int, ctx: Context | None) -> None:
        reservation = Reservation(self)
        try:
            delay = self._begin(reservation, "Limiter.await_n()", n, most, ctx)
            if delay > 0:
                await asleep(delay, ctx=ctx)
        except BaseException:
            self._give_back(reservation, time.monotonic_ns(), unused=True)
            raise

    def __await__(self) -> Generator[Any, Any, None]:
        """Wait until one event may happen."""
        return self._await_n(1, _FOREVER, None).__await__()

    def set_rate(self, rate: float, /, *, at: float | None = None) -> None:
        """Change the rate. Go's ``SetLimitAt``.

        What was reserved before keeps its time.

        Raises:
            TypeError: ``rate`` or ``at`` is no number.
            ValueError: ``rate`` is negative or NaN, or ``at`` is not finite.
        """
        rate = _rate("Limiter.set_rate()", rate)
        self._set(_moment("Limiter.set_rate()", at), rate=rate)

    def set_burst(self, burst: int, /, *, at: float | None = None) -> None:
        """Change the burst. A larger bucket fills up at the rate. Go's ``SetBurstAt``.

        Raises:
            TypeError: ``burst`` is no int, or ``at`` no number.
            ValueError: ``burst`` is negative, or ``at`` not finite.
        """
        burst = _burst("Limiter.set_burst()", burst)
        self._set(_moment("Limiter.set_burst()", at), burst=burst)

    def __repr__(self) -> str:
        rate, burst, *_ = now = self._state
        tokens = _advance(now, time.monotonic_ns())
        return (
            f"<gochan.rate.Limiter at {id(self):#x} {rate:g}/s burst={burst} tokens={tokens:.3g}>"
        )

    def __reduce__(self) -> Never:
        raise TypeError(
            "cannot copy or pickle a Limiter: it is one bucket that many share;"
            " pass the object itself"
        )

    # ------------------------------------------------------------------ changes of the state

    def _reserve(self, reservation: Reservation, n: int, now: int, most: int) -> Reservation:
        """Take `n` tokens, if they will be there in `most` nanoseconds.

        The reservation is given, so that one who is interrupted in here can give back what it says.
        """
        while True:
            rate, burst, _, _, _ = old = self._state
            if rate == INF:
                # It takes none, so there are none to give back either.
                reservation._booked = (0, rate, now)
                return reservation
            if n > burst:
                return reservation
            tokens = _advance(old, now) - n
            delay = _time_for(-tokens, rate) if tokens < 0 else 0
            if delay > most:
                return reservation
            event = now + delay
            with self._lock:
                if self._state is old:
                    # Between the two no signal handler runs: there is no call.
                    self._state = (rate, burst, tokens, now, event)
                    reservation._booked = (n, rate, event)
                    return reservation

    def _give_back(self, reservation: Reservation, now: int, *, unused: bool = False) -> None:
        """`unused`: whoever waited was interrupted, perhaps just after its time had come."""
        while True:
            rate, burst, _, _, latest = old = self._state
            n, booked_rate, event = reservation._booked
            if event is None or (event < now and not unused) or rate == INF:
                return
            # Events were let pass after this one, and later for its sake: their tokens are theirs.
            restored = n - _tokens_in(latest - event, booked_rate)
            if n == 0 or restored <= 0:
                return
            tokens = min(_advance(old, now) + restored, float(burst))
            # Whether it is the latest one. Go compares for equality, which fails as soon as one of
            # the times was cut off to a nanosecond.
            if _tokens_in(abs(latest - event), booked_rate) < 0.5:
                before = event - _time_for(n, booked_rate)
                latest = before if before >= now else latest
            with self._lock:
                if self._state is old and reservation._booked[0] != 0:
                    self._state = (rate, burst, tokens, now, latest)
                    reservation._booked = (0, booked_rate, event)
                    return

    def _set(self, now: int, *, rate: float | None = None, burst: int | None = None) -> None:
        while True:
            old_rate, old_burst, _, _, latest = old = self._state
            new_rate = old_rate if rate is None else rate
            new_burst = old_burst if burst is None else burst
            tokens = _advance(old, now)  # at the old rate, until now
            with self._lock:
                if self._state is old:
                    self._state = (new_rate, new_burst, tokens, now, latest)
                    return

    def _begin(
        self, reservation: Reservation, what: str, n: int, most: int, ctx: Context | None
    ) -> float:
        """Book what a wait waits for. Returns how many seconds that is."""
        self._check_burst(what, n)
        deadline = None
        if ctx is not None:
            if not hasattr(ctx, "done"):
                raise TypeError(f"{what}: ctx must be a Context, not {type(ctx).__name__}")
            sleep(0, ctx=ctx)  # raises if it is done
            deadline = getattr(ctx, "deadline", None)
        now = time.monotonic_ns()
        left = _FOREVER if deadline is None else _nanoseconds(deadline) - now
        self._reserve(reservation, n, now, min(most, left))
        event = reservation._booked[2]
        if event is not None:
            return (event - now) / 1e9
        self._check_burst(what, n)  # it may have been made smaller meanwhile
        if most <= left:
            raise TimeoutError(f"{what}: n={n} would take longer than the timeout")
        raise DeadlineExceeded(f"{what}: n={n} would exceed the context's deadline")

    def _check_burst(self, what: str, n: int) -> None:
        rate, burst, *_ = self._state
        if n > burst and rate != INF:
            raise ValueError(f"{what}: n={n} exceeds the burst of {burst}, so it would never end")


class Reservation:
    """Tokens that were booked by ``Limiter.reserve``. Go's ``rate.Reservation``.

    Who holds it waits for ``delay()`` seconds and then acts, or calls ``cancel()``.
    """

    __slots__ = ("__weakref__", "_booked", "_limiter")

    def __init__(self, limiter: Limiter) -> None:
        """Made by ``Limiter.reserve``, never by hand."""
        self._limiter = limiter
        # How many tokens to give back at most, at which rate they were booked, and for when, if
        # they are.
        self._booked: tuple[int, float, int | None] = (0, 0.0, None)

    @property
    def ok(self) -> bool:
        """Whether anything was booked. If not, the events can never happen, and cost nothing."""
        return self._booked[2] is not None

    def delay(self, *, at: float | None = None) -> float:
        """How many seconds to wait before acting; ``math.inf`` if it is not ``ok``. Go's ``Delay``.

        At a rate of 0 that is some 292 years, as in Go: tokens may come when the rate changes, but
        what was reserved before keeps its time.

        Raises:
            TypeError: ``at`` is no number.
            ValueError: ``at`` is not finite.
        """
        now = _moment("Reservation.delay()", at)
        event = self._booked[2]
        return math.inf if event is None else max(0, event - now) / 1e9

    def cancel(self, *, at: float | None = None) -> None:
        """Say that the events will not happen, and give back what later ones do not need.

        It does nothing where the time to act has passed, at a rate of INF, and the second time.
        Go's ``CancelAt``.

        Raises:
            TypeError: ``at`` is no number.
            ValueError: ``at`` is not finite.
        """
        self._limiter._give_back(self, _moment("Reservation.cancel()", at))

    def __repr__(self) -> str:
        n, _, event = self._booked
        state = "not ok" if event is None else f"n={n} in {self.delay():.3g} s"
        return f"<gochan.rate.Reservation at {id(self):#x} {state}>"

    def __reduce__(self) -> Never:
        raise TypeError("cannot copy or pickle a Reservation: it can be cancelled only once")


class Sometimes:
    """Calls a function at some calls only, by number or by time. Go's ``rate.Sometimes``.

    It runs if any of the rules says so; without a rule at the first call only. A call waits while
    another one runs its function.

    Example:
        >>> sometimes = Sometimes(first=2, every=4)
        >>> [n for n in range(10) if sometimes.do(lambda: None)]
        [0, 1, 4, 8]
    """

    __slots__ = (
        "__weakref__",
        "_calls",
        "_every",
        "_first",
        "_interval",
        "_last",
        "_thread",
        "_turn",
    )

    def __init__(self, *, first: int = 0, every: int = 0, interval: float | timedelta = 0) -> None:
        """Make one that was not called yet. The first call always runs.

        Args:
            first: How many calls at the beginning run; 0 for no such rule.
            every: Each so many calls, one runs; 0 for no such rule.
            interval: A call runs when so many seconds have passed since the last run ended. Zero
                or less for no such rule.

        Raises:
            TypeError: ``first`` or ``every`` is no int, or ``interval`` no number.
            ValueError: ``first`` or ``every`` is negative, or ``interval`` NaN.
        """
        self._first = count(first, "Sometimes(): first", 0)
        self._every = count(every, "Sometimes(): every", 0)
        self._interval = seconds(interval, "Sometimes(): interval")
        self._calls, self._last = 0, 0.0
        self._turn = Mutex()
        # Which one runs a function in `do`.
        self._thread: int | None = None

    def do(self, fn: Callable[[], object], /) -> bool:
        """Call ``fn``, or not. What it raises comes out, and the call does not count.

        Returns:
            Whether it was called.

        Raises:
            TypeError: ``fn`` is no function, or an ``async def``: use ``ado``.
            RuntimeError: ``fn`` itself calls it, and would wait for itself.
            BlockingError: Another call runs, and it would stop a running event loop;
                ``await sometimes.ado(fn)``.
        """
        _function("Sometimes.do()", fn)
        if is_async(fn):
            raise TypeError("Sometimes.do() needs a plain function: `await sometimes.ado(fn)`")
        if self._thread == threading.get_ident():
            raise RuntimeError(
                "Sometimes.do() was called by the function that it runs: it would wait for itself"
                " for ever"
            )
        entered = False
        try:
            with self._turn:
                entered = True
                due = self._is_due()
                if due:
                    self._thread = threading.get_ident()
                    try:
                        fn()
                    finally:
                        self._thread = None
                    self._last = time.monotonic()
                self._calls += 1
                return due
        except BlockingError:
            if entered:
                raise
        raise BlockingError(
            "Sometimes.do() would stop the running event loop until another call has ended:"
            " use `await sometimes.ado(fn)` there"
        )

    def ado(self, fn: Callable[[], object], /) -> Coroutine[Any, Any, bool]:
        """Awaitable twin of ``do``. ``fn`` may be an ``async def``: it is awaited.

        It must not await the same one: it would wait for itself for ever.
        """
        _function("Sometimes.ado()", fn)
        return self._ado(fn)

    async def _ado(self, fn: Callable[[], Any]) -> bool:
        async with self._turn:
            due = self._is_due()
            if due:
                result = fn()
                if hasattr(result, "__await__"):
                    await result
                self._last = time.monotonic()
            self._calls += 1
            return due

    def _is_due(self) -> bool:
        n = self._calls
        return (
            n < max(self._first, 1)
            or (self._every > 0 and n % self._every == 0)
            or (self._interval > 0 and time.monotonic() - self._last >= self._interval)
        )

    def __repr__(self) -> str:
        rules = f"first={self._first} every={self._every} interval={self._interval:g}"
        return f"<gochan.rate.Sometimes at {id(self):#x} {rules} calls={self._calls}>"

    def __reduce__(self) -> Never:
        raise TypeError(
            "cannot copy or pickle a Sometimes: it counts the calls of all who share it;"
            " pass the object itself"
        )


# ---------------------------------------------------------------------- arithmetic


def _advance(state: _State, now: int) -> float:
    """The tokens there are at that time. Before the last change no time has passed."""
    rate, burst, tokens, last, _ = state
    return min(tokens + _tokens_in(max(0, now - last), rate), float(burst))


def _tokens_in(elapsed: int, rate: float) -> float:
    """How many tokens flow in during so many nanoseconds."""
    # 0 * INF is NaN: in no time nothing flows, at whatever rate.
    return elapsed / 1e9 * rate if elapsed and rate > 0 else 0.0


def _time_for(tokens: float, rate: float) -> int:
    """How many nanoseconds it takes until so many tokens have flown in."""
    return _nanoseconds(tokens / rate) if rate > 0 else _FOREVER


def _nanoseconds(seconds: float) -> int:
    """Cut off, not rounded, as Go does; at most 292 years."""
    return int(max(-_FOREVER, min(_FOREVER, seconds * 1e9)))


# ---------------------------------------------------------------------- arguments


def _moment(what: str, at: float | None) -> int:
    if at is None:
        return time.monotonic_ns()
    moment = real(at, f"{what}: at")
    if math.isinf(moment):
        raise ValueError(f"{what}: at must be a moment on the clock of time.monotonic(), not {at}")
    return round(moment * 1e9)


def _asked(what: str, n: int, timeout: float | timedelta | None) -> tuple[int, int]:
    n = count(n, f"{what}: n", 0)
    if timeout is None:
        return n, _FOREVER
    return n, max(0, _nanoseconds(seconds(timeout, f"{what}: timeout")))


# Not `object`: of that `callable` makes mypy a class of the module's, which stubtest then misses.
def _function(what: str, fn: Any) -> None:
    if not callable(fn):
        raise TypeError(f"{what} needs a function to call, not {type(fn).__name__}")


def _rate(what: str, rate: float) -> float:
    given = real(rate, f"{what}: the rate")
    if given < 0:
        raise ValueError(f"{what}: the rate must not be negative, but it is {given:g}")
    return given


def _burst(what: str, burst: int) -> int:
    return count(burst, f"{what}: the burst", 0, _FOREVER)

"""Types and documentation of the Rust extension. Import the names from ``gochan``.

What holds for all of them:

- Every operation that may wait has a blocking form and an awaitable twin with an ``a`` in front
  (``recv``/``arecv``). Where the blocking form is called ``wait``, the object itself is awaited.
- ``timeout`` is in seconds (int, float or timedelta). None waits without limit, 0 or less tries
  once, NaN is a ValueError, running out raises TimeoutError.
- An operation that ended in an error had no effect, be it Ctrl-C or the cancelled task. Only a
  send that was taken before its task was cancelled stays sent.
- A blocking form that would have to wait on the thread of a running event loop raises
  BlockingError instead. One that is ready just works there.
- All classes may be used from any thread. They refuse copy and pickle with a TypeError.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from datetime import timedelta
from types import GenericAlias
from typing import (
    Any,
    Generic,
    Literal,
    Never,
    ParamSpec,
    Self,
    TypeAlias,
    TypeVar,
    final,
    overload,
)

__all__ = [
    "Chan",
    "Goroutine",
    "RecvChan",
    "SendChan",
    "WaitGroup",
    "__version__",
    "go",
    "num_goroutine",
    "set_excepthook",
]

_T = TypeVar("_T")
_P = ParamSpec("_P")
_T_co = TypeVar("_T_co", covariant=True)
_T_contra = TypeVar("_T_contra", contravariant=True)

# typing reads int as a kind of float, so ints are included.
_Seconds: TypeAlias = float | timedelta

# What the awaitable forms return has send(), throw() and close() besides __await__, so asyncio
# takes it for a coroutine. Awaitable alone would make checkers refuse asyncio.create_task() and
# asyncio.run(), which work; Coroutine also lets them report a forgotten await. Only __aenter__
# and __aexit__ are written `async def`: pyright wants exactly that for AsyncExitStack.
_Op: TypeAlias = Coroutine[Any, Any, _T]

# The tag comes second, as in Go. `match` narrows the value by it; an unpacked `value, ok = ...`
# stays `T | None`: neither mypy nor pyright follows a tag through two variables.
_Received: TypeAlias = tuple[_T, Literal[True]] | tuple[None, Literal[False]]

__version__: str
"""The version of the installed package, such as "0.1.0"."""

class _ChanBase:
    """What both faces of a channel have."""

    @property
    def closed(self) -> bool:
        """Whether the channel was closed. Buffered values may still be there to receive."""

    @property
    def capacity(self) -> int:
        """How many values the buffer holds; 0 without a buffer. Go's ``cap(ch)``."""

    def __len__(self) -> int:
        """The number of buffered values at this instant. Go's ``len(ch)``."""

    def __bool__(self) -> Literal[True]:
        """Always true, so that an empty channel is not taken for a missing one."""

    def __eq__(self, other: object, /) -> bool:
        """Whether both are the same channel; its views count as the channel."""

    def __hash__(self) -> int:
        """The hash of the channel, the same for its views."""

class SendChan(_ChanBase, Generic[_T_contra]):
    """The sending face of a channel, Go's ``chan<- T``. Taken from a Chan, never constructed.

    ``isinstance(ch, SendChan)`` is true for every Chan. The view ``ch.sender`` lacks the
    receiving methods; it equals its channel and hashes like it.
    """

    def __new__(cls, never: Never, /) -> Self: ...  # TypeError, always
    def send(self, value: _T_contra, /, *, timeout: _Seconds | None = None) -> None:
        """Send a value, waiting for room or for a receiver. Go's ``ch <- value``.

        Without a buffer this returns when a receiver has taken the value. Senders are served
        in the order they came. The receiver gets this very object, not a copy.

        Args:
            value: Any object, None and other channels included.
            timeout: Seconds to wait at most.

        Raises:
            ChanClosed: The channel is closed, or was closed during the wait.
            TimeoutError: No room and no receiver in time.
            BlockingError: It would stop a running event loop; use ``asend``.
        """

    def asend(self, value: _T_contra, /, *, timeout: _Seconds | None = None) -> _Op[None]:
        """The awaitable form of ``send``, for asyncio tasks.

        Nothing is sent before the ``await``. When the task is cancelled, the value was either
        not sent at all or stays sent; it is never lost in between.

        Raises:
            ChanClosed: The channel is closed, or was closed during the wait.
            TimeoutError: No room and no receiver in time.
        """

    def send_nowait(self, value: _T_contra, /) -> None:
        """Send only if it is possible at once. Go's ``select`` with a ``default``.

        Raises:
            WouldBlock: The buffer is full; without a buffer, no receiver is waiting.
            ChanClosed: The channel is closed.
        """

    def close(self) -> None:
        """Say that no value will follow. Go's ``close(ch)``.

        Buffered values stay receivable. Waiting receivers learn of the end; waiting senders
        get ChanClosed and keep their values.

        Raises:
            ChanClosed: The channel is closed already.
        """

    def __enter__(self) -> Self:
        """Enter a ``with`` block that closes the channel when it is left."""

    def __exit__(self, *exc: object) -> None:
        """Close the channel unless it is closed already. No exception is swallowed."""

    async def __aenter__(self) -> Self:
        """Enter an ``async with`` block that closes the channel when it is left."""

    async def __aexit__(self, *exc: object) -> None:
        """Close the channel unless it is closed already. No exception is swallowed."""

class RecvChan(_ChanBase, Generic[_T_co]):
    """The receiving face of a channel, Go's ``<-chan T``. Taken from a Chan, never constructed.

    ``isinstance(ch, RecvChan)`` is true for every Chan. The view ``ch.receiver`` can neither
    send nor close; it equals its channel and hashes like it.
    """

    def __new__(cls, never: Never, /) -> Self: ...  # TypeError, always
    def recv(self, *, timeout: _Seconds | None = None) -> _T_co:
        """Receive the next value, waiting for one. Go's ``<-ch``.

        Receivers are served in the order they came; every value goes to exactly one.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            ChanClosed: The channel is closed and every value has been received.
            TimeoutError: No value in time.
            BlockingError: It would stop a running event loop; use ``arecv``.
        """

    def recv_ok(self, *, timeout: _Seconds | None = None) -> _Received[_T_co]:
        """Receive as ``(value, True)``, or ``(None, False)`` at the end. Go's ``v, ok := <-ch``.

        Tell the two by ``ok``, as None may be a value. Type checkers narrow the value in a
        ``match``.

        Example:
            >>> ch = Chan[str](1)
            >>> ch.send("hello")
            >>> match ch.recv_ok():
            ...     case (text, True):
            ...         print(text.upper())
            ...     case _:
            ...         print("the end")
            HELLO

        Raises:
            TimeoutError: Neither a value nor the end in time.
            BlockingError: It would stop a running event loop; use ``arecv_ok``.
        """

    def arecv(self, *, timeout: _Seconds | None = None) -> _Op[_T_co]:
        """The awaitable form of ``recv``, for asyncio tasks.

        When the task is cancelled, no value is lost: one that was already handed over goes
        back to the front of the channel.

        Raises:
            ChanClosed: The channel is closed and every value has been received.
            TimeoutError: No value in time.
        """

    def arecv_ok(self, *, timeout: _Seconds | None = None) -> _Op[_Received[_T_co]]:
        """The awaitable form of ``recv_ok``, for asyncio tasks.

        Raises:
            TimeoutError: Neither a value nor the end in time.
        """

    def recv_nowait(self) -> _T_co:
        """Receive only if a value is there. Go's ``select`` with a ``default``.

        Raises:
            WouldBlock: No value is there, but the channel is open.
            ChanClosed: The channel is closed and every value has been received.
        """

    def recv_many(self, limit: int, /, *, timeout: _Seconds | None = None) -> list[_T_co]:
        """Wait for one value, then take along what is there, ``limit`` values at most.

        Go has no such call. Much cheaper per value than ``recv`` in a loop.

        Args:
            limit: The longest list to return, 1 or more.
            timeout: Seconds to wait at most for the first value.

        Returns:
            One to ``limit`` values in the order they were sent, or ``[]`` when the channel is
            closed and every value has been received.

        Raises:
            ValueError: ``limit`` is less than 1.
            TimeoutError: Neither a value nor the end in time.
            BlockingError: It would stop a running event loop; use ``arecv_many``.
        """

    def arecv_many(self, limit: int, /, *, timeout: _Seconds | None = None) -> _Op[list[_T_co]]:
        """The awaitable form of ``recv_many``, for asyncio tasks.

        Raises:
            ValueError: ``limit`` is less than 1.
            TimeoutError: Neither a value nor the end in time.
        """

    def __iter__(self) -> Iterator[_T_co]:
        """Receive until the channel is closed and empty. Go's ``for v := range ch``.

        Leaving the loop early closes nothing. Several loops may share one channel.
        """

    def __aiter__(self) -> AsyncIterator[_T_co]:
        """Receive with ``async for`` until the channel is closed and empty."""

class Chan(SendChan[_T], RecvChan[_T]):
    """A channel, Go's ``make(chan T, capacity)``: first in, first out, each value to one receiver.

    Threads and asyncio tasks may use one channel together, from several event loops at once.
    ``Chan[int](3)`` states the type of the values for type checkers; nothing checks it at run
    time. As a context manager it closes when the block is left.

    Example:
        >>> squares = Chan[int](2)
        >>> def produce() -> None:
        ...     with squares:
        ...         for n in range(4):
        ...             squares.send(n * n)
        >>> job = go(produce)
        >>> list(squares)
        [0, 1, 4, 9]
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make the object; what the arguments mean is the business of ``__init__``."""

    def __init__(self, capacity: int = 0) -> None:
        """Make an open, empty channel.

        Args:
            capacity: How many values may lie in the buffer. With 0 every send meets its
                receive: it returns when the value has been taken.

        Raises:
            ValueError: ``capacity`` is negative or larger than memory could hold.
            TypeError: ``capacity`` is not an int.
        """

    @property
    def sender(self) -> SendChan[_T]:
        """The same channel for sending only. It equals the channel and hashes like it."""

    @property
    def receiver(self) -> RecvChan[_T]:
        """The same channel for receiving only. It equals the channel and hashes like it."""

@final
class Goroutine(Generic[_T]):
    """The handle of one goroutine, made by ``go``.

    Keeping it is optional. An error that nobody looked at, by ``result``, ``exception`` or
    ``await``, is reported once through the excepthook: when the last handle is gone, or at exit.
    """

    def __new__(cls, never: Never, /) -> Self: ...  # TypeError, always
    @property
    def id(self) -> int:
        """A number no other goroutine of this process has."""

    @property
    def name(self) -> str:
        """The function's qualified name and the id, such as ``"worker-7"``."""

    @property
    def state(self) -> Literal["runnable", "running", "waiting", "done"]:
        """What it does at this instant; ``"waiting"`` means in an operation of gochan."""

    @property
    def done(self) -> RecvChan[None]:
        """A channel that never carries a value and is closed when the goroutine ends."""

    def join(self, timeout: _Seconds | None = None) -> None:
        """Wait for the end. The goroutine's own error is not raised here.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: It did not end in time; it goes on.
            BlockingError: It would stop a running event loop; use ``ajoin``.
        """

    def ajoin(self, timeout: _Seconds | None = None) -> _Op[None]:
        """The awaitable form of ``join``, for asyncio tasks.

        Raises:
            TimeoutError: It did not end in time; it goes on.
        """

    def result(self, timeout: _Seconds | None = None) -> _T:
        """Wait for the end and return what the function returned, or raise what it raised.

        ``await`` on the handle itself is the form for asyncio tasks.

        Example:
            >>> go(pow, 2, 10).result()
            1024

        Args:
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: It did not end in time; it goes on.
            BlockingError: It would stop a running event loop; ``await`` the handle.
        """

    def exception(self, timeout: _Seconds | None = None) -> BaseException | None:
        """Wait for the end and return what the function raised, or None.

        In an asyncio task, ``await g.ajoin()`` first.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: It did not end in time; it goes on.
            BlockingError: It would stop a running event loop.
        """

    def __await__(self) -> Generator[Any, Any, _T]:
        """Wait as ``result`` does. Cancelling the task that waits leaves the goroutine alone."""

    def __class_getitem__(cls, key: Any) -> GenericAlias:
        """Make ``Goroutine[int]`` usable at run time, where it says no more than ``Goroutine``."""

@overload
def go(
    fn: Callable[_P, Coroutine[Any, Any, _T]], /, *args: _P.args, **kwargs: _P.kwargs
) -> Goroutine[_T]:
    """Start ``fn(*args, **kwargs)`` as an ``async def`` goroutine.

    Raises:
        NotImplementedError: Always, until the scheduler is there.
    """

@overload
def go(fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Goroutine[_T]:
    """Start ``fn(*args, **kwargs)`` as a goroutine and return at once. Go's ``go fn(...)``.

    It runs on a thread of its own, taken from a cache, with a copy of the caller's
    contextvars. It does not keep the program alive: at exit it is abandoned.

    Example:
        >>> replies = Chan[str]()
        >>> g = go(replies.send, "done")
        >>> replies.recv()
        'done'

    Raises:
        TypeError: ``fn`` cannot be called.
    """

def num_goroutine() -> int:
    """The number of goroutines that have not ended. Go's ``runtime.NumGoroutine``.

    The main thread counts as one, so it is 1 where nothing was started.
    """

def set_excepthook(hook: Callable[[Goroutine[Any], BaseException], None] | None, /) -> None:
    """Choose who hears of goroutine errors that nobody looked at.

    Args:
        hook: Called with the handle and the exception, once per goroutine. None brings back
            the default, a traceback on stderr with the goroutine's name and where it was
            started.

    Raises:
        TypeError: ``hook`` is neither callable nor None.
    """

@final
class WaitGroup:
    """A counter to wait on until it is zero, Go's ``sync.WaitGroup``.

    Leaving a ``with`` or ``async with`` block waits. ``await wg`` waits in an asyncio task.
    It can be used again after it reached zero.

    Example:
        >>> seen = Chan[int](3)
        >>> with WaitGroup() as wg:
        ...     for n in range(3):
        ...         g = wg.go(seen.send, n)
        >>> len(seen)
        3
    """

    def __new__(cls) -> Self:
        """Make a wait group whose counter is 0."""

    def add(self, delta: int = 1, /) -> None:
        """Add to the counter. Call it before the work starts, not inside the work.

        Args:
            delta: How many units; may be negative.

        Raises:
            WaitGroupError: The counter would fall below zero. It stays as it was.
        """

    def done(self) -> None:
        """Take one off the counter, like ``add(-1)``.

        Raises:
            WaitGroupError: The counter is zero already.
        """

    def wait(self, *, timeout: _Seconds | None = None) -> None:
        """Wait until the counter is zero; return at once when it is.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: The counter did not reach zero in time.
            BlockingError: It would stop a running event loop; ``await`` the wait group.
        """

    def __await__(self) -> Generator[Any, Any]:
        """Wait until the counter is zero, for asyncio tasks."""

    @overload
    def go(
        self, fn: Callable[_P, Coroutine[Any, Any, _T]], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Goroutine[_T]:
        """Start an ``async def`` goroutine that is counted; see ``go`` for when that works."""

    @overload
    def go(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Goroutine[_T]:
        """Start a goroutine that is counted until it ends, also by an error. Go's ``wg.Go``.

        An error stays on the returned handle; ``wait`` does not raise it.

        Raises:
            TypeError: ``fn`` cannot be called.
        """

    @property
    def count(self) -> int:
        """The counter at this instant."""

    def __enter__(self) -> Self:
        """Enter a ``with`` block that waits for zero when it is left."""

    def __exit__(self, kind: type[BaseException] | None = None, /, *exc: object) -> None:
        """Wait for zero, unless KeyboardInterrupt or SystemExit ended the block."""

    async def __aenter__(self) -> Self:
        """Enter an ``async with`` block that waits for zero when it is left."""

    async def __aexit__(self, kind: type[BaseException] | None = None, /, *exc: object) -> None:
        """Wait for zero, unless a cancellation or an interrupt ended the block."""

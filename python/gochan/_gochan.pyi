"""Types and documentation of the Rust extension. Import the names from ``gochan``.

What holds for all of them:

- Every operation that may wait has a blocking form and an awaitable twin with an ``a`` in front
  (``recv``/``arecv``). Where the blocking form is called ``wait``, the object itself is awaited.
- Awaitable forms work in ``async def`` goroutines and in asyncio tasks, of any number of loops at
  once; blocking forms anywhere but on the thread of a running event loop. In an ``async def``
  goroutine a blocking form costs that goroutine its thread; the other goroutines go on.
- ``timeout`` is in seconds (int, float or timedelta). None waits without limit, 0 or less tries
  once, NaN is a ValueError, running out raises TimeoutError.
- ``ctx`` is a context that ends the wait too, with its own error. One that is done already wins
  over an operation that is ready; once the wait has begun, whoever comes first does.
- An operation that ended in an error had no effect, also if the error was Ctrl-C, or the task was
  cancelled. Only a send that was taken before its task was cancelled stays sent.
- A blocking form that would have to wait on the thread of a running event loop raises
  BlockingError instead. One that is ready just works there, and in IPython and Jupyter all do.
- All classes may be used from any thread. They refuse copy and pickle with a TypeError.
"""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
)
from datetime import timedelta
from types import GenericAlias
from typing import (
    Any,
    Generic,
    Literal,
    Never,
    ParamSpec,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
    final,
    overload,
)

from typing_extensions import disjoint_base

from gochan.errors import Canceled, DeadlineExceeded

__all__ = [
    "AtomicBool",
    "AtomicInt",
    "AtomicRef",
    "CancelContext",
    "Chan",
    "Cond",
    "Context",
    "Goroutine",
    "Group",
    "Map",
    "Mutex",
    "ObjectPool",
    "Once",
    "RWMutex",
    "RecvChan",
    "Semaphore",
    "SendCase",
    "SendChan",
    "Ticker",
    "Timer",
    "WaitGroup",
    "__version__",
    "after",
    "after_func",
    "agosched",
    "aio",
    "aselect",
    "asleep",
    "background",
    "context_after_func",
    "go",
    "goexit",
    "gomaxprocs",
    "gosched",
    "num_goroutine",
    "once_func",
    "once_value",
    "run",
    "select",
    "sending",
    "set_excepthook",
    "sleep",
    "tick",
    "todo",
    "with_cancel",
    "with_deadline",
    "with_timeout",
    "with_value",
    "without_cancel",
]

_T = TypeVar("_T")
_K = TypeVar("_K")
_V = TypeVar("_V")
_P = ParamSpec("_P")
_T_co = TypeVar("_T_co", covariant=True)
_T_contra = TypeVar("_T_contra", contravariant=True)
# What an arm gives, and `ok` where it gives nothing.
_V_co = TypeVar("_V_co", covariant=True)
_Rest_co = TypeVar("_Rest_co", bound=bool, covariant=True)
_A = TypeVar("_A")
_Ax = TypeVar("_Ax", bound=bool)
_B = TypeVar("_B")
_Bx = TypeVar("_Bx", bound=bool)
_C = TypeVar("_C")
_Cx = TypeVar("_Cx", bound=bool)
_D = TypeVar("_D")
_Dx = TypeVar("_Dx", bound=bool)
_E = TypeVar("_E")
_Ex = TypeVar("_Ex", bound=bool)
_F = TypeVar("_F")
_Fx = TypeVar("_Fx", bound=bool)

# typing reads int as a kind of float, so ints are included.
_Seconds: TypeAlias = float | timedelta

_Rest = TypeVar("_Rest", bound=bool)
# The result of a select by its first arm, by its second, ...
_By0: TypeAlias = tuple[Literal[0], _V, Literal[True]] | tuple[Literal[0], None, _Rest]
_By1: TypeAlias = tuple[Literal[1], _V, Literal[True]] | tuple[Literal[1], None, _Rest]
_By2: TypeAlias = tuple[Literal[2], _V, Literal[True]] | tuple[Literal[2], None, _Rest]
_By3: TypeAlias = tuple[Literal[3], _V, Literal[True]] | tuple[Literal[3], None, _Rest]
_By4: TypeAlias = tuple[Literal[4], _V, Literal[True]] | tuple[Literal[4], None, _Rest]
_By5: TypeAlias = tuple[Literal[5], _V, Literal[True]] | tuple[Literal[5], None, _Rest]

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

class _Arm(Generic[_V_co, _Rest_co]):
    """What can stand as an arm of a select: the value it gives, and ``ok`` where it gives none."""

@final
class SendCase(_Arm[None, Literal[True]], Generic[_T_co]):
    """An arm of a select that sends: what ``sending(ch, value)`` makes.

    It may be used in any number of selects, each time to send the same value.
    """

    def __new__(cls, never: Never, /) -> Self: ...  # TypeError, always
    def __class_getitem__(cls, key: Any) -> GenericAlias:
        """Make ``SendCase[int]`` usable at run time, where it says no more than ``SendCase``."""

    def __bool__(self) -> Literal[True]:
        """An arm is true."""

    def __reduce__(self) -> Never:
        """Refuse to be copied or pickled.

        Raises:
            TypeError: Always.
        """

class SendChan(_ChanBase, Generic[_T_contra]):
    """The sending face of a channel, Go's ``chan<- T``. Taken from a Chan, never constructed.

    ``isinstance(ch, SendChan)`` is true for every Chan. The view ``ch.sender`` lacks the
    receiving methods; it equals its channel and hashes like it.
    """

    def _repr_html_(self) -> str:
        """How it is at this moment, for a notebook."""

    def __new__(cls, never: Never, /) -> Self: ...  # TypeError, always
    def send(
        self,
        value: _T_contra,
        /,
        *,
        timeout: _Seconds | None = None,
        ctx: _ContextLike | None = None,
    ) -> None:
        """Send a value, waiting for room or for a receiver. Go's ``ch <- value``.

        Without a buffer this returns when a receiver has taken the value. Senders are served
        in the order they came. The receiver gets this very object, not a copy.

        Args:
            value: Any object, None and other channels included.
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait with its error.

        Raises:
            ChanClosed: The channel is closed, or was closed during the wait.
            TimeoutError: No room and no receiver in time.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; use ``asend``.
        """

    def asend(
        self,
        value: _T_contra,
        /,
        *,
        timeout: _Seconds | None = None,
        ctx: _ContextLike | None = None,
    ) -> _Op[None]:
        """The awaitable form of ``send``.

        Nothing is sent before the ``await``. When an asyncio task is cancelled in it, the value
        was either not sent at all or stays sent; it is never lost in between.

        Raises:
            ChanClosed: The channel is closed, or was closed during the wait.
            TimeoutError: No room and no receiver in time.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
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

class RecvChan(_ChanBase, _Arm[_T_co, Literal[False]], Generic[_T_co]):
    """The receiving face of a channel, Go's ``<-chan T``. Taken from a Chan, never constructed.

    ``isinstance(ch, RecvChan)`` is true for every Chan. The view ``ch.receiver`` can neither
    send nor close; it equals its channel and hashes like it.
    """

    def _repr_html_(self) -> str:
        """How it is at this moment, for a notebook."""

    def __new__(cls, never: Never, /) -> Self: ...  # TypeError, always
    def recv(self, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None) -> _T_co:
        """Receive the next value, waiting for one. Go's ``<-ch``.

        Receivers are served in the order they came; every value goes to exactly one.

        Args:
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait with its error.

        Raises:
            ChanClosed: The channel is closed and every value has been received.
            TimeoutError: No value in time.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; use ``arecv``.
        """

    def recv_ok(
        self, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None
    ) -> _Received[_T_co]:
        """Receive as ``(value, True)``, or ``(None, False)`` at the end. Go's ``v, ok := <-ch``.

        Tell the two by ``ok``, as None may be a value. Type checkers narrow the value in a
        ``match``.

        Args:
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait with its error.

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
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; use ``arecv_ok``.
        """

    def arecv(
        self, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None
    ) -> _Op[_T_co]:
        """The awaitable form of ``recv``.

        When an asyncio task is cancelled in it, no value is lost: one that was already handed
        over goes back to the front of the channel.

        Raises:
            ChanClosed: The channel is closed and every value has been received.
            TimeoutError: No value in time.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
        """

    def arecv_ok(
        self, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None
    ) -> _Op[_Received[_T_co]]:
        """The awaitable form of ``recv_ok``.

        Raises:
            TimeoutError: Neither a value nor the end in time.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
        """

    def recv_nowait(self) -> _T_co:
        """Receive only if a value is there. Go's ``select`` with a ``default``.

        Raises:
            WouldBlock: No value is there, but the channel is open.
            ChanClosed: The channel is closed and every value has been received.
        """

    def recv_many(
        self, limit: int, /, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None
    ) -> list[_T_co]:
        """Wait for one value, then take along what is there, ``limit`` values at most.

        Go has no such call. Much cheaper per value than ``recv`` in a loop.

        Args:
            limit: The longest list to return, 1 or more.
            timeout: Seconds to wait at most for the first value.
            ctx: A context that ends the wait with its error.

        Returns:
            One to ``limit`` values in the order they were sent, or ``[]`` when the channel is
            closed and every value has been received.

        Raises:
            ValueError: ``limit`` is less than 1.
            TimeoutError: Neither a value nor the end in time.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; use ``arecv_many``.
        """

    def arecv_many(
        self, limit: int, /, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None
    ) -> _Op[list[_T_co]]:
        """The awaitable form of ``recv_many``.

        Raises:
            ValueError: ``limit`` is less than 1.
            TimeoutError: Neither a value nor the end in time.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
        """

    def __iter__(self) -> Iterator[_T_co]:
        """Receive until the channel is closed and empty. Go's ``for v := range ch``.

        Leaving the loop early closes nothing. Several loops may share one channel.
        """

    def __aiter__(self) -> AsyncIterator[_T_co]:
        """Receive with ``async for`` until the channel is closed and empty."""

class Chan(SendChan[_T], RecvChan[_T]):
    """A channel, Go's ``make(chan T, capacity)``: first in, first out, each value to one receiver.

    Goroutines, threads and asyncio tasks may use one channel together, from several event loops
    at once. ``Chan[int](3)`` states the type of the values for type checkers; nothing checks it at
    run time. As a context manager it closes when the block is left.

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

    ``await`` on it works in goroutines and in asyncio tasks. Its ``repr`` says what the goroutine
    waits for and where it was started::

        <gochan.Goroutine worker-7 waiting in Chan.arecv() on <gochan.Chan at 0x7f3a5c0d2e10 len=0
        cap=0 receivers=1 senders=0 open> for 1.2 s, started at app.py:31 in main>

    An ``async def`` goroutine that waits for something nothing can reach any more can never be
    woken. The garbage collector finds it: it is closed, so that its ``finally`` blocks run (an
    ``await`` in them that has to wait raises RuntimeError), and a ResourceWarning says what it
    waited for. One that waits with a timeout, in ``aio()`` or on anything reachable is left alone,
    and so is a ``def`` goroutine.
    """

    def _repr_html_(self) -> str:
        """How it is at this moment, for a notebook."""

    def __new__(cls, never: Never, /) -> Self: ...  # TypeError, always
    @property
    def id(self) -> int:
        """A number no other goroutine of this process has."""

    @property
    def name(self) -> str:
        """The function's qualified name and the id, such as ``"worker-7"``."""

    @property
    def state(self) -> Literal["runnable", "running", "waiting", "done"]:
        """What it does at this instant.

        ``"runnable"``: it has not begun, or was woken, and awaits its turn. ``"running"``: its code
        runs, also while that is busy elsewhere, as in ``time.sleep``. ``"waiting"``: it is in an
        operation of gochan that is not over. ``"done"``: it has ended.
        """

    @property
    def done(self) -> RecvChan[None]:
        """A channel that never carries a value and is closed when the goroutine ends."""

    def join(self, timeout: _Seconds | None = None, *, ctx: _ContextLike | None = None) -> None:
        """Wait for the end, without a look at how it ended: an error is not raised here.

        Args:
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait, not the goroutine.

        Raises:
            TimeoutError: It did not end in time; it goes on.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; use ``ajoin``.
        """

    def ajoin(
        self, timeout: _Seconds | None = None, *, ctx: _ContextLike | None = None
    ) -> _Op[None]:
        """The awaitable form of ``join``.

        Raises:
            TimeoutError: It did not end in time; it goes on.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
        """

    def result(self, timeout: _Seconds | None = None, *, ctx: _ContextLike | None = None) -> _T:
        """Wait for the end and return what the function returned, or raise what it raised.

        None after ``goexit()``. The awaitable form is ``await`` on the handle itself.

        Example:
            >>> go(pow, 2, 10).result()
            1024

        Args:
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait, not the goroutine.

        Raises:
            TimeoutError: It did not end in time; it goes on.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; ``await`` the handle.
        """

    def exception(
        self, timeout: _Seconds | None = None, *, ctx: _ContextLike | None = None
    ) -> BaseException | None:
        """Wait for the end and return what the function raised, or None.

        There is no awaitable form: ``await g.ajoin()`` first.

        Args:
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait, not the goroutine.

        Raises:
            TimeoutError: It did not end in time; it goes on.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop.
        """

    def __await__(self) -> Generator[Any, Any, _T]:
        """Wait as ``result`` does. Cancelling a task that waits leaves the goroutine alone."""

    def __class_getitem__(cls, key: Any) -> GenericAlias:
        """Make ``Goroutine[int]`` usable at run time, where it says no more than ``Goroutine``."""

@overload
def go(
    fn: Callable[_P, Coroutine[Any, Any, _T]], /, *args: _P.args, **kwargs: _P.kwargs
) -> Goroutine[_T]:
    """Start ``fn(*args, **kwargs)``, an ``async def``, as a goroutine. Go's ``go fn(...)``.

    The scheduler runs it, which carries a million of them on few threads: nothing of its body
    runs inside this call. It may be called from anywhere: a goroutine, a thread, an asyncio task.
    The goroutine has a copy of the caller's contextvars, and does not keep the program alive.

    Inside, ``await`` takes what gochan offers: channels, wait groups, goroutines, ``agosched()``.
    What belongs to an event loop raises TypeError; ``aio()`` around it makes it work.

    An error stays on the handle; if nobody looks at it there, ``set_excepthook`` says who is told.
    SystemExit alone is told nobody: ``sys.exit()`` ends the program only if main looks.

    Example:
        >>> async def squares(upto: int, out: SendChan[int]) -> None:
        ...     async with out:
        ...         for n in range(upto):
        ...             await out.asend(n * n)
        >>> numbers = Chan[int]()
        >>> g = go(squares, 4, numbers)
        >>> list(numbers)
        [0, 1, 4, 9]

    Raises:
        TypeError: ``fn`` cannot be called, or is a generator function. A coroutine object is
            refused too: pass the function and its arguments.
    """

@overload
def go(fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Goroutine[_T]:
    """Start ``fn(*args, **kwargs)``, a plain function, as a goroutine. Go's ``go fn(...)``.

    It runs on a goroutine thread, and may block as it likes. If it returns a coroutine, as a
    lambda around an ``async def`` does, the scheduler runs that one to its end, and its result is
    the goroutine's. The goroutine has a copy of the caller's contextvars, and does not keep the
    program alive. What becomes of an error is as in the other form.

    Example:
        >>> replies = Chan[str]()
        >>> g = go(replies.send, "done")
        >>> replies.recv()
        'done'

    Raises:
        TypeError: ``fn`` cannot be called, or is a generator function.
    """

@overload
def run(main: Callable[_P, Coroutine[Any, Any, _T]], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run ``main(*args, **kwargs)`` as the main goroutine, on this thread. Go's ``func main``.

    When main ends, the goroutines that were started under this run are abandoned, as in Go: wait
    for those that matter. What is abandoned is no longer resumed and no longer counted; an
    ``async def`` one is closed when nothing holds it any more, at exit at the latest, and a
    ``def`` one that runs already goes on. Goroutines that were started outside live on.

    Ctrl-C raises KeyboardInterrupt in main, at what main waits for, also while other goroutines
    run; main may catch it. It can be called again and again, and in several threads at once.

    Example:
        >>> async def double(n: int) -> int:
        ...     return 2 * n
        >>> async def main() -> int:
        ...     workers = [go(double, n) for n in range(4)]
        ...     return sum([await worker for worker in workers])
        >>> run(main)
        12

    Returns:
        What main returned. None if it ended by ``goexit()``: then the run goes on until all of its
        other goroutines have ended.

    Raises:
        RuntimeError: It is called in a goroutine, or would block a running event loop. IPython and
            Jupyter cells may call it.
        TypeError: ``main`` cannot be called, or is a coroutine object or a generator function.
    """

@overload
def run(main: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run a plain function as the main goroutine: it uses the blocking forms."""

def gosched() -> None:
    """Let other goroutines and threads run. Go's ``runtime.Gosched``.

    In an ``async def`` goroutine prefer ``await agosched()``: this form keeps the goroutine's
    thread, and those that share it wait.
    """

def agosched() -> _Op[None]:
    """Let everything run that is ready: ``await agosched()``.

    A goroutine goes to the end of the queue that all threads share; an asyncio task waits for one
    turn of its loop.
    """

def goexit() -> Never:
    """End the calling goroutine, after its ``finally`` blocks. Go's ``runtime.Goexit``.

    It raises an exception that is no Exception, so that ``except Exception`` lets it pass; what
    swallows it sees it again at the next operation of gochan. The goroutine ends without an error,
    and its result is None. In the main goroutine of ``run`` it ends that one only.

    Raises:
        RuntimeError: The caller is no goroutine.
    """

def gomaxprocs(n: int | None = None, /) -> int:
    """Say how many goroutines may run Python at the same time. Go's ``runtime.GOMAXPROCS``.

    On a build with the GIL one runs at any instant, and it is 1 until a number is set. That number
    is kept, so that a program reads what it has set, and changes nothing. On a free-threaded build
    it is the number of CPUs, or what was set before the first goroutine.

    Args:
        n: The new number. None changes nothing.

    Returns:
        The number before the call.

    Raises:
        ValueError: ``n`` is less than 1.
        TypeError: ``n`` is not an int.
    """

def aio(awaitable: Awaitable[_T], /) -> _Op[_T]:
    """Await something of asyncio in a goroutine: ``page = await aio(client.get(url))``.

    It runs as a task of an asyncio loop of gochan's own, which has a thread of its own from the
    first use on. Result and exception come back, and the task has a copy of the caller's
    contextvars. Every call uses the same loop, so what one call opened, such as a connection, the
    next may use.

    When nobody waits for it any more (Ctrl-C in main, a task that is cancelled, a goroutine that is
    closed, a ``run()`` that has ended), the task is cancelled. At exit all are: their ``finally``
    blocks have a fifth of a second.

    Example:
        >>> import asyncio
        >>> async def main() -> str:
        ...     return await aio(asyncio.sleep(0.01, "slept"))
        >>> run(main)
        'slept'

    Args:
        awaitable: A coroutine, or anything else that a task of that loop can await.

    Raises:
        TypeError: It cannot be awaited.
    """

def num_goroutine() -> int:
    """The number of goroutines that have not ended. Go's ``runtime.NumGoroutine``.

    The caller counts as one, also when it is no goroutine, so it is 1 where nothing was started.
    """

def set_excepthook(hook: Callable[[Goroutine[Any], BaseException], None] | None, /) -> None:
    """Choose who hears of goroutine errors that nobody looked at.

    SystemExit is not reported, as in threads: ``sys.exit()`` ends its own goroutine and nothing
    else, without a word. Let main look, if it is to end the program: ``result()``, or ``await`` on
    the handle, raises it there.

    Args:
        hook: Called with the handle and the exception, once per goroutine. If it raises itself,
            that goes to ``sys.unraisablehook``, and the goroutine's error is reported by default
            as well. None brings back the default, a traceback on stderr with the goroutine's name
            and where it was started.

    Raises:
        TypeError: ``hook`` is neither callable nor None.
    """

@final
class WaitGroup:
    """A counter to wait on until it is zero, Go's ``sync.WaitGroup``.

    Leaving a ``with`` or ``async with`` block waits; ``await wg`` is the awaitable form of
    ``wait``. It can be used again after it reached zero.

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

    def wait(self, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None) -> None:
        """Wait until the counter is zero; return at once when it is.

        Args:
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait with its error.

        Raises:
            TimeoutError: The counter did not reach zero in time.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; ``await`` the wait group.
        """

    def __await__(self) -> Generator[Any, Any]:
        """Wait until the counter is zero."""

    @overload
    def go(
        self, fn: Callable[_P, Coroutine[Any, Any, _T]], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Goroutine[_T]:
        """Start an ``async def`` goroutine that is counted until it ends, also by an error.

        An error stays on the returned handle; waiting for zero does not raise it.

        Raises:
            TypeError: As for the function ``go``.
        """

    @overload
    def go(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Goroutine[_T]:
        """Start a goroutine that is counted until it ends, also by an error. Go's ``wg.Go``.

        An error stays on the returned handle; waiting for zero does not raise it.

        Raises:
            TypeError: As for the function ``go``.
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

class _ContextLike(Protocol):
    """What works as a parent, and as ``ctx=``: a Context, or an object that has these three."""

    @property
    def done(self) -> RecvChan[Any] | None:
        """A channel that is closed when the context is done; None if it can never be."""

    @property
    def err(self) -> BaseException | None:
        """None until the context is done, then what ended it."""

    def value(self, key: Any, /) -> Any:
        """What is bound to the key, or None."""

@disjoint_base
class Context:
    """Carries a cancellation, a deadline and values to all who work for one purpose.

    Go's ``context.Context``. Begin with ``background()`` and derive from it; hand it down as the
    first argument of whatever may take long, and pass ``ctx=`` to operations that may wait.

    A class of your own may derive from it and define ``done``, ``err`` and ``value``; then
    ``check``, ``wait`` and ``await`` work on those. An object with these three that derives from
    nothing works as a parent too. If it has a method ``after_func(fn) -> stop``, that is used to
    learn of its end, else a goroutine waits for it.
    """

    def _repr_html_(self) -> str:
        """How it is at this moment, for a notebook."""

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """For classes that derive from it.

        Raises:
            TypeError: It is Context itself: ``background()`` gives one.
        """

    @property
    def done(self) -> RecvChan[None] | None:
        """A channel that is closed when the context is done: an arm for ``select``.

        The same channel each time, by ``==``, not by ``is``. None where it can never be done, which
        is an arm that is never ready.
        """

    @property
    def err(self) -> Canceled | DeadlineExceeded | None:
        """None until the context is done, then how it ended: the same object each time."""

    @property
    def cause(self) -> BaseException | None:
        """Why it is done: what ``cancel(cause)`` or ``cause=`` of a deadline said. Go's ``Cause``.

        Whoever ended it first decides, here or further up. ``err`` where no cause was given, None
        until it is done.
        """

    @property
    def deadline(self) -> float | None:
        """When it is done at the latest, on the clock of ``time.monotonic()``."""

    def value(self, key: object, default: Any = None, /) -> Any:
        """What ``with_value`` bound to the key, the innermost binding first.

        Keys match by type and equality: 1, 1.0 and True are three keys. A key that is bound to
        None is found, and gives None.

        Args:
            key: Anything hashable but None.
            default: What to return where the key is not bound.

        Raises:
            TypeError: The key is None or not hashable.
        """

    @property
    def _cancelled_itself(self) -> bool:
        """For ``gochan.patterns``: whether it was cancelled, and not one that it derives from."""

    def check(self) -> None:
        """Raise the error of the context if it is done. Call it in a long computation.

        Each call raises a new exception; a cause that was given is its ``__cause__``.

        Raises:
            Canceled: It was cancelled.
            DeadlineExceeded: Its deadline has passed.
        """

    def wait(self, timeout: _Seconds | None = None) -> None:
        """Wait until the context is done. That is no error here; ``err`` says how it ended.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: It was not done in time.
            BlockingError: It would stop a running event loop; ``await`` the context.
        """

    def __await__(self) -> Generator[Any, Any]:
        """Wait until the context is done."""

@final
class CancelContext(Context):
    """A context that can be ended by itself. Leaving a ``with`` block cancels it.

    One that was never cancelled and that nobody holds any more costs nothing, but for the
    functions that are registered on it.

    Example:
        >>> with with_timeout(background(), 60) as ctx:
        ...     ctx.err is None
        True
        >>> ctx.err
        Canceled('context canceled')
    """

    def __new__(cls, never: Never, /) -> Self: ...  # TypeError, always
    def cancel(self, cause: BaseException | None = None, /) -> None:
        """End the context, and all that derive from it: they are done when this returns.

        Only the first end counts; cancelling again is no error. It never waits, not even for the
        functions of ``context_after_func``.

        Args:
            cause: What ``cause`` shows then. None: the error itself.

        Raises:
            TypeError: ``cause`` is not an exception.
        """

    def __enter__(self) -> Self:
        """Enter a ``with`` block that cancels the context when it is left."""

    def __exit__(self, *exc: object) -> None:
        """Cancel. No exception is swallowed."""

    def __iter__(self) -> Iterator[Any]:
        """The context and its ``cancel``: ``ctx, cancel = with_cancel(parent)``."""

@overload
def select(
    a: _Arm[_A, _Ax] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _By0[_A, _Ax]: ...
@overload
def select(
    a: _Arm[_A, _Ax] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _By0[_A, _Ax] | None: ...
@overload
def select(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _By0[_A, _Ax] | _By1[_B, _Bx]: ...
@overload
def select(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _By0[_A, _Ax] | _By1[_B, _Bx] | None: ...
@overload
def select(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx]: ...
@overload
def select(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | None: ...
@overload
def select(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | _By3[_D, _Dx]: ...
@overload
def select(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | _By3[_D, _Dx] | None: ...
@overload
def select(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    e: _Arm[_E, _Ex] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | _By3[_D, _Dx] | _By4[_E, _Ex]: ...
@overload
def select(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    e: _Arm[_E, _Ex] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | _By3[_D, _Dx] | _By4[_E, _Ex] | None: ...
@overload
def select(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    e: _Arm[_E, _Ex] | None,
    f: _Arm[_F, _Fx] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> (
    _By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | _By3[_D, _Dx] | _By4[_E, _Ex] | _By5[_F, _Fx]
): ...
@overload
def select(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    e: _Arm[_E, _Ex] | None,
    f: _Arm[_F, _Fx] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> (
    _By0[_A, _Ax]
    | _By1[_B, _Bx]
    | _By2[_C, _Cx]
    | _By3[_D, _Dx]
    | _By4[_E, _Ex]
    | _By5[_F, _Fx]
    | None
): ...
@overload
def select(
    *arms: _Arm[Any, bool] | None,
    default: bool = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> tuple[int, Any, bool] | None:
    """Wait until one of the arms can happen, do it, and say which. Go's ``select``.

    An arm is a channel, from which it receives, ``sending(ch, value)``, or None, which is never
    ready: set a variable to None to disable its arm. Of several that are ready each is as likely
    as any other; while it waits, the first peer to come decides. The same channel may stand in
    several arms.

    Returns:
        ``(index, value, ok)``. A receive gives ``(i, value, True)``, or ``(i, None, False)`` when
        the channel is closed and drained; a send gives ``(i, None, True)``.

    Args:
        arms: At most 65,536. With none that can ever be ready it waits for ever.
        default: Never wait: None if no arm is ready.
        timeout: Seconds to wait at most.
        ctx: A context that ends the wait. If it is done already it wins over every arm and the
            default.
        priority: Take the first arm that is ready in the order written.

    Raises:
        ChanClosed: The arm that was chosen sends, and its channel is closed.
        TimeoutError: No arm could happen in time.
        Canceled: ``ctx`` was cancelled.
        DeadlineExceeded: The deadline of ``ctx`` has passed.
        TypeError: Something is no arm; the message has its position, from 0.
        ValueError: A default and a timeout.
        BlockingError: It would stop a running event loop; use ``aselect`` there.

    Example:
        >>> jobs, stop = Chan[int](1), Chan[None]()
        >>> jobs.send(7)
        >>> match select(jobs, stop):
        ...     case (0, job, True):
        ...         print("job", job)
        ...     case (1, _, _):
        ...         print("stopped")
        job 7
    """

@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[_By0[_A, _Ax]]: ...
@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[_By0[_A, _Ax] | None]: ...
@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[_By0[_A, _Ax] | _By1[_B, _Bx]]: ...
@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[_By0[_A, _Ax] | _By1[_B, _Bx] | None]: ...
@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[_By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx]]: ...
@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[_By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | None]: ...
@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[_By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | _By3[_D, _Dx]]: ...
@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[_By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | _By3[_D, _Dx] | None]: ...
@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    e: _Arm[_E, _Ex] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[_By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | _By3[_D, _Dx] | _By4[_E, _Ex]]: ...
@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    e: _Arm[_E, _Ex] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[_By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | _By3[_D, _Dx] | _By4[_E, _Ex] | None]: ...
@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    e: _Arm[_E, _Ex] | None,
    f: _Arm[_F, _Fx] | None,
    /,
    *,
    default: Literal[False] = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[
    _By0[_A, _Ax] | _By1[_B, _Bx] | _By2[_C, _Cx] | _By3[_D, _Dx] | _By4[_E, _Ex] | _By5[_F, _Fx]
]: ...
@overload
def aselect(
    a: _Arm[_A, _Ax] | None,
    b: _Arm[_B, _Bx] | None,
    c: _Arm[_C, _Cx] | None,
    d: _Arm[_D, _Dx] | None,
    e: _Arm[_E, _Ex] | None,
    f: _Arm[_F, _Fx] | None,
    /,
    *,
    default: Literal[True],
    timeout: None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[
    _By0[_A, _Ax]
    | _By1[_B, _Bx]
    | _By2[_C, _Cx]
    | _By3[_D, _Dx]
    | _By4[_E, _Ex]
    | _By5[_F, _Fx]
    | None
]: ...
@overload
def aselect(
    *arms: _Arm[Any, bool] | None,
    default: bool = False,
    timeout: _Seconds | None = None,
    ctx: _ContextLike | None = None,
    priority: bool = False,
) -> _Op[tuple[int, Any, bool] | None]:
    """Awaitable twin of ``select``: the same arguments, results and errors."""

def sending(ch: SendChan[_T] | None, value: _T, /) -> SendCase[_T]:
    """Make an arm for ``select`` that sends the value. Go's ``case ch <- value:``.

    Args:
        ch: A channel that sends; None makes an arm that is never ready.

    Raises:
        TypeError: ``ch`` is no channel, or receives only.
    """

def background() -> Context:
    """Return the context that is never done and has no values, where all others begin.

    The same object each time. Go's ``context.Background``.
    """

def todo() -> Context:
    """Return what ``background()`` is, for where it is not clear yet which context to use.

    Go's ``context.TODO``.
    """

def with_cancel(parent: _ContextLike, /) -> CancelContext:
    """Make a context that ends when it is cancelled, or when its parent ends.

    Example:
        >>> ctx, cancel = with_cancel(background())
        >>> below = with_cancel(ctx)
        >>> cancel(ValueError("no longer wanted"))
        >>> below.cause
        ValueError('no longer wanted')

    Raises:
        TypeError: ``parent`` is not a context.
    """

def with_timeout(
    parent: _ContextLike, timeout: _Seconds, /, *, cause: BaseException | None = None
) -> CancelContext:
    """Make a context that ends after so many seconds, if nothing ended it before.

    Args:
        parent: If its deadline is earlier, that one holds, and ``cause`` means nothing.
        timeout: Seconds from now; zero or less makes one that is done already.
        cause: What ``cause`` shows when the time is up. Cancelling does not use it.

    Raises:
        TypeError: ``parent`` is not a context, ``timeout`` no time, or ``cause`` no exception.
        ValueError: ``timeout`` is NaN.
    """

def with_deadline(
    parent: _ContextLike, deadline: float, /, *, cause: BaseException | None = None
) -> CancelContext:
    """Make a context that ends at a time, if nothing ended it before.

    Args:
        parent: If its deadline is earlier, that one holds, and ``cause`` means nothing.
        deadline: Seconds on the clock of ``time.monotonic()``.
        cause: What ``cause`` shows when the time has come. Cancelling does not use it.

    Raises:
        TypeError: ``parent`` is not a context, ``deadline`` no number, or ``cause`` no exception.
        ValueError: ``deadline`` is NaN.
    """

def with_value(parent: _ContextLike, key: object, value: object, /) -> Context:
    """Make a context in which ``value(key)`` is the value, for all that derive from it.

    For what belongs to a request as a whole, such as who made it; not for optional arguments.
    Use a key that nobody else can have, such as a class of your own.

    Raises:
        TypeError: ``parent`` is not a context, or the key is None or not hashable.
    """

def without_cancel(parent: _ContextLike, /) -> Context:
    """Make a context with the parent's values that never ends and has no deadline.

    For work that has to be done also when what it belongs to was cancelled.

    Raises:
        TypeError: ``parent`` is not a context.
    """

def context_after_func(ctx: _ContextLike, fn: Callable[[], Any], /) -> Callable[[], bool]:
    """Call ``fn()`` when the context is done, at once if it is already. Go's ``AfterFunc``.

    It runs in a goroutine of its own, as by ``go``; ``async def`` functions too. Nobody waits for
    it, and an error in it goes to the excepthook.

    Returns:
        A function that takes it back. It returns True if that prevented ``fn``, and False if
        ``fn`` was started already, or taken back before.

    Raises:
        TypeError: ``ctx`` is not a context, or ``fn`` cannot be called.
    """

# ------------------------------------------------------------------ for gochan.signal alone
def _signal_notify(ch: SendChan[int], signals: list[tuple[int, int, bool]], /) -> None:
    """Register a channel for signals: number, what is sent, whether a handler of now is chained."""

def _signal_stop(ch: SendChan[int], /) -> None:
    """Take back the registrations of a channel, when all that has come is delivered."""

def _signal_context(
    parent: _ContextLike, names: str, signals: list[tuple[int, int, bool]], /
) -> CancelContext:
    """Make a context that the first of the signals ends; `names` is for its repr."""

def _signal_reset(numbers: list[int], ignore: bool, /) -> None:
    """Take signals from all targets, and ignore them from now on, or not."""

def _signal_close() -> None:
    """Take back all registrations, and allow no new ones: the interpreter is exiting."""

def _signal_ignored(number: int, /) -> bool:
    """Whether the system drops the signal."""

def _signal_wanted(number: int, /) -> bool:
    """Whether anybody is registered for the signal."""

def _signal_mark(number: int, /) -> bool:
    """Deliver a signal that came to a handler in Python; False if nobody is registered for it."""

def _signal_again(number: int, /) -> None:
    """Set gochan's handler in front of Python's again, if anybody is registered for the signal."""

def _signal_watch() -> None:
    """Wait for signals, and deliver them: one round of the thread that does it."""

# ------------------------------------------------------------------ for gochan.Pool alone

def _go_apart(function: Callable[[], Any], /) -> Goroutine[Any]:
    """Start a plain function that belongs to no ``run()``, without contextvars."""

def _close_asyncgen(generator: AsyncGenerator[Any, Any], /) -> None:
    """Close an async generator that was dropped before its end, in a goroutine: it may await."""

# ------------------------------------------------------------------

def sleep(seconds: _Seconds, /, *, ctx: _ContextLike | None = None) -> None:
    """Wait for at least so many seconds. Go's ``time.Sleep``.

    Args:
        seconds: Zero or less returns at once, and gives nobody else a turn; ``gosched`` does that.
        ctx: A context that ends it, with its own error.

    Raises:
        Canceled: ``ctx`` was cancelled.
        DeadlineExceeded: The deadline of ``ctx`` has passed.
        BlockingError: It would stop a running event loop; use ``asleep`` there.
    """

def asleep(seconds: _Seconds, /, *, ctx: _ContextLike | None = None) -> _Op[None]:
    """Awaitable twin of ``sleep``, with the same arguments, for goroutines and asyncio tasks."""

def after(seconds: _Seconds, /) -> RecvChan[float]:
    """Make a channel on which one value comes after so many seconds. Go's ``time.After``.

    The value is ``time.time()`` of the instant it was due, however late it is received. Such a
    channel costs nothing while nobody waits on it, and need not be stopped.

    Example:
        >>> after(0.001).recv() > 0
        True
    """

def tick(period: _Seconds, /) -> RecvChan[float] | None:
    """Make the channel of a ``Ticker`` that nobody will stop. Go's ``time.Tick``.

    Returns:
        None for a period of zero or less, as in Go: an arm of ``select`` that is never ready.
    """

def after_func(seconds: _Seconds, fn: Callable[[], Any], /) -> Timer:
    """Call ``fn()`` in a goroutine of its own after so many seconds. Go's ``time.AfterFunc``.

    The goroutine is started as ``go`` would start it, with a copy of the caller's contextvars. It
    is abandoned with the ``run()`` that it was asked for in.

    Returns:
        A timer without a channel: ``stop()`` takes the call back, ``reset()`` has it made again.

    Raises:
        TypeError: ``fn`` cannot be called.
    """

@final
class Timer:
    """One value on the channel ``c`` after so many seconds. Go's ``time.NewTimer``.

    The value is ``time.time()`` of the instant it was due. One that nobody waits for costs nothing,
    and need not be stopped.

    Example:
        >>> timer = Timer(60)
        >>> timer.stop()
        True
        >>> timer.reset(0)
        False
        >>> timer.c.recv() > 0
        True
    """

    def __new__(cls, seconds: _Seconds, /) -> Self:
        """Make a timer that is due so many seconds from now; at once for zero or less."""

    @property
    def c(self) -> RecvChan[float] | None:
        """The channel, which works on when the timer is gone. None for ``after_func``'s."""

    def stop(self) -> bool:
        """Stop it: no value can be received after that. It closes nothing. Go's ``Timer.Stop``.

        Returns:
            True if this kept its value from being received, or its function from being started.
            False if the value was received, the function was started (it may still run), or it was
            stopped before.
        """

    def reset(self, seconds: _Seconds, /) -> bool:
        """Start it anew: it is due so many seconds from now. Go's ``Timer.Reset``.

        No value of the old setting can be received after that.

        Returns:
            What ``stop()`` would have said.
        """

    def __bool__(self) -> Literal[True]:
        """A timer is true, whatever its state."""

@final
class Ticker:
    """One value on the channel ``c`` every ``period`` seconds. Go's ``time.NewTicker``.

    A value is ``time.time()`` of the instant its tick was due. Ticks keep to their grid, and for a
    slow receiver some are dropped: it gets the first that it missed, then the next to come.
    ``for`` and ``async for`` receive from the channel and never end by themselves. Leaving a
    ``with`` block stops the ticker. One that nobody waits for costs nothing.

    Example:
        >>> with Ticker(0.001) as ticker:
        ...     first, second = ticker.c.recv(), ticker.c.recv()
        >>> first < second
        True
    """

    def __new__(cls, period: _Seconds, /) -> Self:
        """Make a ticker whose first tick comes a period from now.

        Raises:
            ValueError: The period is zero or less.
        """

    @property
    def c(self) -> RecvChan[float]:
        """The channel, which works on when the ticker is gone."""

    def stop(self) -> None:
        """Stop it: no tick can be received after that. Go's ``Ticker.Stop``.

        It does not close the channel: whoever waits there waits on.
        """

    def reset(self, period: _Seconds, /) -> None:
        """Start it anew with this period, also after a stop. Go's ``Ticker.Reset``.

        Raises:
            ValueError: The period is zero or less.
        """

    def __enter__(self) -> Self:
        """Return the ticker itself."""

    def __exit__(self, *exc: object) -> None:
        """Stop it."""

    def __iter__(self) -> Iterator[float]:
        """Receive tick after tick. Go's ``for range ticker.C``."""

    def __aiter__(self) -> AsyncIterator[float]:
        """Receive tick after tick."""

    def __bool__(self) -> Literal[True]:
        """A ticker is true, stopped or not."""

@disjoint_base
class Mutex:
    """A lock that one party holds at a time, Go's ``sync.Mutex``.

    ``with mutex`` and ``async with mutex`` lock and unlock; threads, tasks and goroutines may share
    it in any mix. It has no owner: any party may unlock it. It is not reentrant: a party that locks
    it twice waits for itself.

    Who waits is served in order, but one that is running already may be faster than the one who was
    just woken. Whoever has waited for 1 ms is handed the mutex, and the others stand behind.

    Example:
        >>> mutex = Mutex()
        >>> with mutex:
        ...     mutex.locked
        True
    """

    def __new__(cls) -> Self:
        """Make a mutex that is not locked."""

    def lock(self, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None) -> None:
        """Lock it; wait while somebody else holds it.

        Args:
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait with its error.

        Raises:
            TimeoutError: It was not unlocked in time.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; ``await mutex.alock()``.
        """

    def alock(
        self, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None
    ) -> _Op[None]:
        """Awaitable twin of ``lock``: same arguments, same errors; at once when nobody holds it."""

    def try_lock(self) -> bool:
        """Lock it if nobody holds it, and say whether that was so. Never waits."""

    def unlock(self) -> None:
        """Unlock it, whoever locked it.

        Raises:
            UnlockError: It is not locked. Nothing changed.
        """

    @property
    def locked(self) -> bool:
        """Whether somebody holds it: of an RWMutex a writer, of its ``reader`` any reader."""

    def __enter__(self) -> Self:
        """Lock it for a ``with`` block."""

    def __exit__(self, *exc: object) -> None:
        """Unlock it."""

    async def __aenter__(self) -> Self:
        """Lock it for an ``async with`` block."""

    async def __aexit__(self, *exc: object) -> None:
        """Unlock it."""

@final
class RWMutex(Mutex):
    """A lock for many readers or one writer, Go's ``sync.RWMutex``.

    ``lock``, ``unlock`` and ``with rw`` write; ``rlock``, ``runlock`` and ``with rw.reader`` read.

    A writer that waits holds off new readers, and when it is done all readers that wait come
    before the next writer, so neither kind starves. A party that reads twice at once can therefore
    wait for itself, and one that reads can not become a writer without unlocking first.

    Example:
        >>> rw = RWMutex()
        >>> with rw.reader, rw.reader:
        ...     rw.try_lock()
        False
    """

    def __new__(cls) -> Self:
        """Make a lock that nobody holds."""

    def rlock(self, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None) -> None:
        """Lock it for reading; wait while somebody writes, or waits to write.

        Args:
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait with its error.

        Raises:
            TimeoutError: It could not be locked in time.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; ``await rw.arlock()``.
        """

    def arlock(
        self, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None
    ) -> _Op[None]:
        """Awaitable twin of ``rlock``: the same arguments and errors."""

    def try_rlock(self) -> bool:
        """Lock it for reading if nobody writes or waits to write; say whether. Never waits."""

    def runlock(self) -> None:
        """Undo one ``rlock``.

        Raises:
            UnlockError: Nobody reads. Nothing changed.
        """

    @property
    def reader(self) -> Mutex:
        """The reader's side as a Mutex, whose ``lock`` is ``rlock``. Go's ``RLocker()``."""

@final
class Cond:
    """Waiting for something that others announce, under a lock. Go's ``sync.Cond``.

    ``wait`` unlocks the lock, waits for a ``signal`` or ``broadcast``, and locks it again, also
    before it raises. Test what you wait for in a loop: the lock is free in between. ``await cond``
    is the awaitable form of ``wait``.

    Of several who wait, a signal wakes the one that came first, and nobody else. A channel is often
    the better choice, since it says what happened.

    Example:
        >>> cond, ready = Cond(), []
        >>> def consumer():
        ...     with cond.lock:
        ...         while not ready:
        ...             cond.wait()
        ...         return ready.pop()
        >>> g = go(consumer)
        >>> with cond.lock:
        ...     ready.append("tea")
        ...     cond.signal()
        >>> g.result()
        'tea'
    """

    def __new__(cls, lock: Mutex | None = None) -> Self:
        """Make a condition.

        Args:
            lock: A Mutex, an RWMutex or the ``reader`` of one; None makes a new Mutex.
        """

    @property
    def lock(self) -> Mutex:
        """The lock that goes with it."""

    def wait(self, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None) -> None:
        """Unlock, wait for a signal, and lock again.

        Args:
            timeout: Seconds to wait for the signal at most. Locking again is not counted.
            ctx: A context that ends the wait with its error.

        Raises:
            UnlockError: The lock is not locked.
            TimeoutError: No signal came in time. The lock is held.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; ``await cond``.
        """

    def __await__(self) -> Generator[Any, Any]:
        """Unlock, wait for a signal, and lock again, also when the task is cancelled."""

    def signal(self) -> None:
        """Wake the one who waits longest, if somebody does. The lock need not be held."""

    def broadcast(self) -> None:
        """Wake all who wait. The lock need not be held."""

@final
class Group:
    """Goroutines that work for one purpose: the first error ends it for all. Go's ``errgroup``.

    The first error cancels ``ctx``, and is what ``wait()`` raises when all have ended; ``errors``
    has the others too. Nobody is stopped by force: the goroutines watch ``ctx``, best by handing it
    to what they wait in. Leaving a ``with`` or ``async with`` block waits; ``await group`` is the
    awaitable form of ``wait``. It can be used again, with the same ``ctx``.

    An error in the body of the block cancels ``ctx`` as well, and comes out of the block when all
    goroutines have ended, in the place of theirs.

    An error that is no ``Exception`` (Ctrl-C, ``SystemExit``) is raised at once, without waiting.
    ``goexit()`` in a goroutine is no error.

    Example:
        >>> squares = []
        >>> with Group(limit=2) as group:
        ...     for n in range(4):
        ...         g = group.go(lambda n: squares.append(n * n), n)
        >>> sorted(squares)
        [0, 1, 4, 9]
    """

    def _repr_html_(self) -> str:
        """How it is at this moment, for a notebook."""

    def __new__(cls, ctx: _ContextLike | None = None, *, limit: int | None = None) -> Self:
        """Make a group.

        Args:
            ctx: The parent of the group's context; None for ``background()``.
            limit: How many goroutines may be active at the same time. With 0 ``go()`` waits for
                ever and ``try_go()`` is False; None for no limit.

        Raises:
            ValueError: ``limit`` is negative.
            TypeError: ``ctx`` is no context, or ``limit`` no int.
        """

    @property
    def ctx(self) -> CancelContext:
        """Done when a goroutine failed, with its error as cause, and when ``wait()`` returned."""

    @property
    def errors(self) -> tuple[BaseException, ...]:
        """All errors so far, in the order in which the goroutines ended."""

    @overload
    def go(
        self, fn: Callable[_P, Coroutine[Any, Any, _T]], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Goroutine[_T]:
        """Start an ``async def`` goroutine of the group; wait while ``limit`` are active.

        See the other form.
        """

    @overload
    def go(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Goroutine[_T]:
        """Start a goroutine of the group; wait while ``limit`` are active.

        It is started also when ``ctx`` is done: look at ``ctx`` there. A goroutine of the group
        that calls it with a full limit may wait for ever, as it keeps its own place.

        Raises:
            TypeError: As for the function ``go``.
            BlockingError: It would stop a running event loop; ``await group.ago(...)``.
        """

    @overload
    def ago(
        self, fn: Callable[_P, Coroutine[Any, Any, _T]], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> _Op[Goroutine[_T]]:
        """Awaitable twin of ``go``. It starts nothing before it is awaited."""

    @overload
    def ago(
        self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> _Op[Goroutine[_T]]:
        """Awaitable twin of ``go``. It starts nothing before it is awaited."""

    def try_go(self, fn: Callable[_P, Any], /, *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """As ``go`` if that need not wait; say whether it started the goroutine. Never waits."""

    def wait(self, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None) -> None:
        """Wait until all goroutines have ended; cancel ``ctx``; raise the first error, if any.

        It raises that error each time.

        Args:
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait with its error. The goroutines go on.

        Raises:
            TimeoutError: They did not end in time. They go on.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; ``await`` the group.
        """

    def __await__(self) -> Generator[Any, Any]:
        """Wait until all goroutines have ended, and raise the first error."""

    def __enter__(self) -> Self:
        """Return the group itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        /,
        *exc: object,
    ) -> None:
        """Wait for all; cancel ``ctx`` first if the body has failed.

        When Ctrl-C, a cancellation or an exit is on its way out of the block it does not wait.
        """

    async def __aenter__(self) -> Self:
        """Return the group itself."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        /,
        *exc: object,
    ) -> None:
        """As ``__exit__``."""

@final
class Semaphore:
    """So many permits, taken some at a time, first come first served. Go's ``semaphore.Weighted``.

    ``with semaphore`` and ``async with semaphore`` hold one permit. The first who waits holds back
    everyone behind, also those who want less: else somebody who wants many would wait for ever.

    Example:
        >>> semaphore = Semaphore(3)
        >>> with semaphore:
        ...     semaphore.try_acquire(3)
        False
    """

    def __new__(cls, size: int, /) -> Self:
        """Make a semaphore of ``size`` permits, all free.

        Raises:
            ValueError: ``size`` is negative, or more than 64 bits hold.
        """

    def acquire(
        self, n: int = 1, /, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None
    ) -> None:
        """Take ``n`` permits; wait until they are free and all who came before are served.

        Args:
            n: How many.
            timeout: Seconds to wait at most.
            ctx: A context that ends the wait with its error, also if the permits came at the same
                time.

        Raises:
            ValueError: ``n`` is negative; or more than there is, and nothing would end the wait.
            TimeoutError: They were not free in time.
            Canceled: ``ctx`` was cancelled.
            DeadlineExceeded: The deadline of ``ctx`` has passed.
            BlockingError: It would stop a running event loop; ``await semaphore.aacquire()``.
        """

    def aacquire(
        self, n: int = 1, /, *, timeout: _Seconds | None = None, ctx: _ContextLike | None = None
    ) -> _Op[None]:
        """Awaitable twin of ``acquire``: the same arguments and errors."""

    def try_acquire(self, n: int = 1, /) -> bool:
        """Take ``n`` permits if they are free and nobody waits; say whether. Never waits."""

    def release(self, n: int = 1, /) -> None:
        """Give ``n`` permits back, whoever took them.

        Raises:
            ValueError: More than are held. Nothing changed.
        """

    def __enter__(self) -> Self:
        """Take one permit for a ``with`` block."""

    def __exit__(self, *exc: object) -> None:
        """Give it back."""

    async def __aenter__(self) -> Self:
        """Take one permit for an ``async with`` block."""

    async def __aexit__(self, *exc: object) -> None:
        """Give it back."""

@final
class Once:
    """Something that runs a function once, however often it is asked. Go's ``sync.Once``.

    The function of the first call runs, those of all others do not; all who come while it runs wait
    for its end. An error counts as done, and goes to the first caller alone.

    Example:
        >>> once = Once()
        >>> for name in ("a", "b"):
        ...     once.do(lambda: print(name))
        a
    """

    def __new__(cls) -> Self:
        """Make one that has run nothing yet."""

    def do(self, fn: Callable[[], Any], /) -> None:
        """Call ``fn`` if nothing was run yet; else return when what was run has ended.

        Raises:
            TypeError: ``fn`` is no function, or an ``async def``: use ``ado``.
            RuntimeError: ``fn`` itself calls it, and would wait for itself.
            BlockingError: It would stop a running event loop; ``await once.ado(fn)``.
            Exception: What ``fn`` raised.
        """

    def ado(self, fn: Callable[[], Any], /) -> Coroutine[Any, Any, None]:
        """Awaitable twin of ``do``. ``fn`` may be an ``async def``: it is awaited."""

    @property
    def done(self) -> bool:
        """Whether what was run has ended."""

def once_func(fn: Callable[[], Any], /) -> Callable[[], None]:
    """Make a function that calls ``fn`` at its first call only. Go's ``sync.OnceFunc``.

    If ``fn`` raised an error, every call raises that. Whoever calls while ``fn`` runs waits; in an
    event loop that is a BlockingError, and ``Once.ado`` the way out.

    Example:
        >>> setup = once_func(lambda: print("once"))
        >>> setup()
        once
        >>> setup()

    Raises:
        TypeError: ``fn`` is no function, or an ``async def``.
    """

def once_value(fn: Callable[[], _T], /) -> Callable[[], _T]:
    """Make a function that calls ``fn`` at its first call only, and returns its result every time.

    If ``fn`` raised an error, every call raises that. Whoever calls while ``fn`` runs waits; in an
    event loop that is a BlockingError, and ``Once.ado`` the way out. Go's ``sync.OnceValue``.

    Example:
        >>> answer = once_value(lambda: 6 * 7)
        >>> answer(), answer()
        (42, 42)

    Raises:
        TypeError: ``fn`` is no function, or an ``async def``.
    """

@final
class AtomicInt:
    """An int of 64 bits that many may change at the same time. Go's ``atomic.Int64``.

    Example:
        >>> n = AtomicInt(5)
        >>> n.add(2), n.swap(1), n.load()
        (7, 7, 1)
    """

    def __new__(cls, value: int = 0, /) -> Self:
        """Make one with this value.

        Raises:
            ValueError: ``value`` does not fit 64 bits; as for all methods.
        """

    def load(self) -> int:
        """Return the value."""

    def store(self, value: int, /) -> None:
        """Set the value."""

    def add(self, delta: int, /) -> int:
        """Add ``delta`` and return the new value. The largest plus one is the smallest."""

    def swap(self, value: int, /) -> int:
        """Set the value and return the old one."""

    def compare_and_swap(self, old: int, new: int, /) -> bool:
        """Set the value to ``new`` if it is ``old``, and say whether it was."""

@final
class AtomicBool:
    """A bool that many may change at the same time. Go's ``atomic.Bool``.

    Example:
        >>> stopped = AtomicBool()
        >>> stopped.swap(True), stopped.load()
        (False, True)
    """

    def __new__(cls, value: bool = False, /) -> Self:
        """Make one with this value."""

    def load(self) -> bool:
        """Return the value."""

    def store(self, value: bool, /) -> None:
        """Set the value."""

    def swap(self, value: bool, /) -> bool:
        """Set the value and return the old one."""

    def compare_and_swap(self, old: bool, new: bool, /) -> bool:
        """Set the value to ``new`` if it is ``old``, and say whether it was."""

@final
class AtomicRef(Generic[_T]):
    """A reference to an object that many may change at the same time. Go's ``atomic.Pointer``.

    Example:
        >>> old, new = ["old"], ["new"]
        >>> config = AtomicRef(old)
        >>> config.compare_and_swap(old, new), config.load()
        (True, ['new'])
    """

    def __new__(cls, value: _T, /) -> Self:
        """Make one that refers to ``value``."""

    def __class_getitem__(cls, key: Any) -> GenericAlias:
        """Write the type of the object: ``AtomicRef[Config](config)``."""

    def load(self) -> _T:
        """Return the object."""

    def store(self, value: _T, /) -> None:
        """Set the object."""

    def swap(self, value: _T, /) -> _T:
        """Set the object and return the old one."""

    def compare_and_swap(self, old: _T, new: _T, /) -> bool:
        """Set the object to ``new`` if it *is* ``old``, and say whether it was."""

@final
class Map(Generic[_K, _V]):
    """A dict that many may change at the same time, with steps of its own. Go's ``sync.Map``.

    Each operation happens at one instant. ``ok`` tells whether a key was there; None is an ordinary
    key and value. Keys are found as in a dict, by hash and equality.

    Example:
        >>> hits = Map[str, int]()
        >>> hits.load_or_store("/", 1), hits.load_or_store("/", 1)
        ((1, False), (1, True))
        >>> hits.compare_and_swap("/", 1, 2), hits.load("/")
        (True, (2, True))
    """

    def __new__(cls) -> Self:
        """Make an empty map."""

    def __class_getitem__(cls, key: Any) -> GenericAlias:
        """Write the types of keys and values: ``Map[str, int]()``."""

    def load(self, key: _K, /) -> tuple[_V, Literal[True]] | tuple[None, Literal[False]]:
        """Return ``(value, True)``, or ``(None, False)`` if the key is not there.

        Raises:
            TypeError: The key is not hashable; as for all methods.
        """

    def store(self, key: _K, value: _V, /) -> None:
        """Set the value of a key."""

    def load_or_store(self, key: _K, value: _V, /) -> tuple[_V, bool]:
        """Return ``(its value, True)`` if the key is there; else store, ``(value, False)``."""

    def load_and_delete(self, key: _K, /) -> tuple[_V, Literal[True]] | tuple[None, Literal[False]]:
        """Delete a key; return ``(value, True)``, or ``(None, False)`` if it was not there."""

    def swap(self, key: _K, value: _V, /) -> tuple[_V, Literal[True]] | tuple[None, Literal[False]]:
        """Set the value of a key; return ``(old value, True)``, or ``(None, False)``."""

    def compare_and_swap(self, key: _K, old: _V, new: _V, /) -> bool:
        """Set the value to ``new`` if it is or equals ``old``; say whether. Not for a new key."""

    def compare_and_delete(self, key: _K, old: _V, /) -> bool:
        """Delete a key if its value is or equals ``old``; say whether."""

    def delete(self, key: _K, /) -> None:
        """Delete a key, if it is there."""

    def range(self) -> Iterator[tuple[_K, _V]]:
        """Go through the pairs that are there. It is no snapshot, and holds nobody up.

        Each key comes at most once, with the value it has then. Keys that come or go meanwhile may
        be shown or not, and the loop may change the map as it likes.
        """

    def clear(self) -> None:
        """Delete all keys."""

    def __len__(self) -> int:
        """How many keys there are at this instant. An empty map is true nonetheless."""

@final
class ObjectPool(Generic[_T]):
    """Objects that are dear to make, kept for the next one who needs such a thing.

    Which object ``get`` returns is not said, and the pool may lose any of them at any time. Go's
    ``sync.Pool``.

    Example:
        >>> buffers = ObjectPool(bytearray)
        >>> buffer = buffers.get()
        >>> buffers.put(buffer)
        >>> buffers.get() is buffer
        True
    """

    def __new__(cls, new: Callable[[], _T] | None = None) -> Self:
        """Make an empty pool.

        Args:
            new: Makes an object when the pool has none.
        """

    def __class_getitem__(cls, key: Any) -> GenericAlias:
        """Write the type of the objects: ``ObjectPool[bytearray]()``."""

    def get(self) -> _T | None:
        """Return an object of the pool, else what ``new()`` makes, else None."""

    def put(self, item: _T, /) -> None:
        """Give an object to the pool. None is ignored."""

"""Pipelines: stages that receive from one channel and send to another.

    async def fetch(url: str) -> Page: ...

    urls = generate(open("urls.txt"))
    pages = pipe(urls, fetch, workers=8)
    for page in where(pages, lambda page: page.ok):
        ...

Each function starts a stage and returns the channel, or the channels, that come out of it. A stage
ends when its input is closed, and closes what it returned. All work for threads, goroutines and
asyncio tasks alike, and the channels that go in may come from anywhere.

**Where functions run.** A stage is an ``async def`` goroutine. An ``async def`` function that is
given to it runs on the scheduler too: take one where there is something to await, or so little to
do that it is not worth a thread. A plain function may block as it likes, as each call of it gets a
goroutine thread: ``workers=8`` are 8 blocking calls at a time. That is a change of threads and
back, about 25 us for each value. The items of a collection, such as a list or a range, and those of
an async iterable are taken in the stage itself; any other iterator may block in between, and has
one goroutine thread.

**Errors.** An exception in a stage's function ends the stage and closes its output; what came out
before stays. With ``group`` the stage is a goroutine of that group (a ``Group``, a ``WaitGroup``,
anything that has a ``go``), and the error is the group's. Without one it is the error of a
goroutine that nobody looked at, and is reported, with the name of the function and the place where
the stage was made: ``pipe(fetch)-7, started at app.py:12``. A ``Group`` with a ``limit`` must have
a place for each stage, for as long as that runs, else it is a RuntimeError: a stage waits for no
place, as the others hold theirs until the whole pipeline ends.

**Stopping early.** Nothing tells a stage that nobody receives any more: it waits with its next
value, as in Go. There it is a leak. Here the garbage collector finds a pipeline whose channels
nobody holds any more, and ends it, with a ResourceWarning for each stage. Better tell it: cancel
the context of ``group``, if it has one, as a ``Group`` does.

    with Group() as group:
        lines = generate(follow(log), group=group)
        first = list(take(where(lines, interesting, group=group), 10))
        group.ctx.cancel()  # enough: all stages end

Stages that were ended so have no error, and nor has a function that ends with the ``Canceled`` of
that: whoever cancels knows that there is no more to come. When a context above that of the group is
done, or a deadline has passed, they end with the context's error: ``group.wait()`` raises it, else
what has come out could be taken for all there is. What stages call is not interrupted: a function
runs to its end, a thread that iterates goes on to the next item, and a stage that waits for an
async iterator, or for an ``async def``, ends after that.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Collection, Iterable
from functools import partial
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from gochan._gochan import Chan, Group, RecvChan, SendChan, aselect, go, goexit, sending
from gochan._kinds import check_function, is_async
from gochan._numbers import count, seconds
from gochan.errors import Canceled, ChanClosed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator
    from datetime import timedelta
    from typing import Protocol, TypeGuard

    from gochan import Context, Goroutine

    class _Group(Protocol):
        """What ``group=`` takes: something to start goroutines with."""

        @property
        def go(self) -> Callable[..., object]: ...


__all__ = ["batch", "broadcast", "fan_out", "generate", "merge", "pipe", "take", "where"]

_A = TypeVar("_A")
_B = TypeVar("_B")


# ---------------------------------------------------------------------- one input, one output


@overload
def generate(
    values: AsyncIterable[_A], /, *, capacity: int = 0, group: _Group | None = None
) -> RecvChan[_A]: ...
@overload
def generate(
    values: Iterable[_A], /, *, capacity: int = 0, group: _Group | None = None
) -> RecvChan[_A]: ...
def generate(
    values: Iterable[Any] | AsyncIterable[Any],
    /,
    *,
    capacity: int = 0,
    group: _Group | None = None,
) -> RecvChan[Any]:
    """Send the items of an iterable, then close. It may be infinite: nothing is taken ahead.

    That is, but for what fills the buffer, and the one or two items that wait to be sent.

    Example:
        >>> list(generate("abc"))
        ['a', 'b', 'c']

    Args:
        values: An iterable, or an async iterable of what goroutines can await.
        capacity: Of the channel that is returned.
        group: Where the stage runs, and where an error of the iterator goes.

    Raises:
        TypeError: It cannot be iterated over, or ``capacity`` is no int.
        ValueError: ``capacity`` is negative.
        RuntimeError: ``group`` has a limit, and no place left.
    """
    out = Chan[Any](capacity)
    name, told = f"generate({_name(values)})", _Told(group)
    if isinstance(values, RecvChan):
        _start(group, name, _forward, values, out, told)
    elif isinstance(values, AsyncIterable):
        _start(group, name, _generate_async, values, out, told)
    elif isinstance(values, Collection):
        _start(group, name, _generate, values, out, told)
    else:
        _start(group, name, _generate_from_thread, iter(values), out, told)
    return out.receiver


@overload
def pipe(
    ch: RecvChan[_A],
    fn: Callable[[_A], Coroutine[Any, Any, _B]],
    /,
    *,
    workers: int = 1,
    ordered: bool = True,
    capacity: int = 0,
    group: _Group | None = None,
) -> RecvChan[_B]: ...
@overload
def pipe(
    ch: RecvChan[_A],
    fn: Callable[[_A], _B],
    /,
    *,
    workers: int = 1,
    ordered: bool = True,
    capacity: int = 0,
    group: _Group | None = None,
) -> RecvChan[_B]: ...
def pipe(
    ch: RecvChan[Any],
    fn: Callable[[Any], Any],
    /,
    *,
    workers: int = 1,
    ordered: bool = True,
    capacity: int = 0,
    group: _Group | None = None,
) -> RecvChan[Any]:
    """Send ``fn(value)`` for each value.

    Example:
        >>> list(pipe(generate(range(5)), lambda n: n * n, workers=3))
        [0, 1, 4, 9, 16]

    Args:
        ch: Where the values come from.
        fn: A plain function, which may block, or an ``async def``.
        workers: How many calls there may be at a time. A result that waits for those before it, or
            for a receiver, counts as one, so what is under way is bounded.
        ordered: Whether the results come in the order of the values. Otherwise each comes when it
            is there.
        capacity: Of the channel that is returned.
        group: Where the stage runs, and where an error of ``fn`` goes. Calls that are under way
            then run to their end, without effect.

    Raises:
        TypeError: ``ch`` is no channel to receive from, ``fn`` cannot be called, or an argument is
            no int.
        ValueError: ``workers`` is less than 1, or ``capacity`` negative.
        RuntimeError: ``group`` has a limit, and no place left.
    """
    _check_stage("pipe()", ch, fn)
    workers = count(workers, "pipe(): workers", 1)
    out = Chan[Any](capacity)
    name, told = f"pipe({_name(fn)})", _Told(group)
    if workers == 1:
        _start(group, name, _pipe, ch, _in_stage(fn, told), out, told)
    else:
        _start(group, name, _pipe_many, ch, fn, workers, ordered, out, told)
    return out.receiver


@overload
def where(
    ch: RecvChan[_A], pred: Callable[[_A], TypeGuard[_B]], /, *, group: _Group | None = None
) -> RecvChan[_B]: ...
@overload
def where(
    ch: RecvChan[_A],
    pred: Callable[[_A], Coroutine[Any, Any, object]] | Callable[[_A], object],
    /,
    *,
    group: _Group | None = None,
) -> RecvChan[_A]: ...
def where(
    ch: RecvChan[Any], pred: Callable[[Any], Any], /, *, group: _Group | None = None
) -> RecvChan[Any]:
    """Send on the values for which ``pred(value)`` is true.

    Example:
        >>> list(where(generate(range(6)), lambda n: n % 2))
        [1, 3, 5]

    Args:
        ch: Where the values come from.
        pred: A plain function, which may block, or an ``async def``.
        group: Where the stage runs, and where an error of ``pred`` goes.

    Raises:
        TypeError: ``ch`` is no channel to receive from, or ``pred`` cannot be called.
        RuntimeError: ``group`` has a limit, and no place left.
    """
    _check_stage("where()", ch, pred)
    name, told = f"where({_name(pred)})", _Told(group)
    out = Chan[Any]()
    _start(group, name, _where, ch, _in_stage(pred, told), out, told)
    return out.receiver


def batch(
    ch: RecvChan[_A], size: int, /, *, timeout: float | timedelta | None = None
) -> RecvChan[list[_A]]:
    """Send lists of ``size`` values. The last one may be shorter, none is empty.

    Example:
        >>> list(batch(generate("abcde"), 2))
        [['a', 'b'], ['c', 'd'], ['e']]

    Args:
        ch: Where the values come from.
        size: How many values make a list.
        timeout: A list is also sent when so many seconds have passed since its first value. With
            0 it takes what is there without waiting.

    Raises:
        TypeError: ``ch`` is no channel to receive from, ``size`` no int, or ``timeout`` no number.
        ValueError: ``size`` is less than 1, or ``timeout`` NaN.
    """
    _check_input("batch()", ch)
    size = count(size, "batch(): the size", 1)
    limit = None if timeout is None else seconds(timeout, "batch(): timeout")
    out = Chan[list[_A]]()
    _start(None, "batch", _batch, ch, size, limit, out)
    return out.receiver


def take(ch: RecvChan[_A], n: int, /) -> RecvChan[_A]:
    """Send on the first ``n`` values, then close. The others stay where they are.

    It receives a value before somebody asks for it, but never more than ``n``.

    Example:
        >>> list(take(generate(range(10**9)), 3))
        [0, 1, 2]

    Raises:
        TypeError: ``ch`` is no channel to receive from, or ``n`` no int.
        ValueError: ``n`` is negative.
    """
    _check_input("take()", ch)
    n = count(n, "take(): n", 0)
    out = Chan[_A]()
    _start(None, "take", _take, ch, n, out)
    return out.receiver


# ---------------------------------------------------------------------- many inputs or outputs


def merge(*chs: RecvChan[_A]) -> RecvChan[_A]:
    """Send on the values of all channels, in the order in which they come. It ends with the last.

    Example:
        >>> sorted(merge(generate("abc"), generate("xyz")))
        ['a', 'b', 'c', 'x', 'y', 'z']

    Raises:
        TypeError: One of them is no channel to receive from.
    """
    for ch in chs:
        several = isinstance(ch, list | tuple | set)
        _check_input("merge()", ch, ": write merge(*channels)" if several else "")
    out = Chan[_A]()
    if not chs:
        out.close()
    # Who takes the first item, which goes last, was the last one.
    last = [True] + [False] * (len(chs) - 1)
    for ch in chs:
        _start(None, "merge", _merge, ch, out, last)
    return out.receiver


def fan_out(ch: RecvChan[_A], n: int, /) -> tuple[RecvChan[_A], ...]:
    """Make ``n`` channels; each value is sent on one of them, where somebody receives first.

    A channel on which nobody receives holds nothing up. (Goroutines that share the work may as well
    all receive from ``ch`` itself.)

    Example:
        >>> left, right = fan_out(generate(range(4)), 2)
        >>> sorted(merge(left, right))
        [0, 1, 2, 3]

    Raises:
        TypeError: ``ch`` is no channel to receive from, or ``n`` no int.
        ValueError: ``n`` is less than 1.
    """
    _check_input("fan_out()", ch)
    outs = [Chan[_A]() for _ in range(count(n, "fan_out(): n", 1))]
    _start(None, "fan_out", _fan_out, ch, outs)
    return tuple(out.receiver for out in outs)


def broadcast(ch: RecvChan[_A], n: int, /) -> tuple[RecvChan[_A], ...]:
    """Make ``n`` channels; each value is sent on all of them, in any order.

    The slowest receiver sets the pace, and one that stops receiving stops the others: let it
    go on until the end, or pick with ``where`` after it what it wants.

    Example:
        >>> left, right = broadcast(generate(range(3)), 2)
        >>> g = go(list, left)
        >>> list(right), g.result()
        ([0, 1, 2], [0, 1, 2])

    Raises:
        TypeError: ``ch`` is no channel to receive from, or ``n`` no int.
        ValueError: ``n`` is less than 1.
    """
    _check_input("broadcast()", ch)
    outs = [Chan[_A]() for _ in range(count(n, "broadcast(): n", 1))]
    _start(None, "broadcast", _broadcast, ch, outs)
    return tuple(out.receiver for out in outs)


# ---------------------------------------------------------------------- the stages


class _Told:
    """Ends in silence what ends because the context of its own group was cancelled.

    Not when one above was: who waits for the group has to hear that not all was done.
    """

    def __init__(self, group: _Group | None) -> None:
        self.ctx: Context | None = getattr(group, "ctx", None)
        # A stage that is made of a group that is over does nothing at all, which is to be heard.
        self.late = self.ctx is not None and self.ctx.err is not None

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        if kind is not Canceled or self.late:
            return False
        return getattr(self.ctx, "_cancelled_itself", None) is True


async def _generate(values: Iterable[_A], out: SendChan[_A], told: _Told) -> None:
    with told, out:
        for value in values:
            await out.asend(value, ctx=told.ctx)


async def _forward(ch: RecvChan[_A], out: SendChan[_A], told: _Told) -> None:
    with told, out:
        while True:
            match await ch.arecv_ok(ctx=told.ctx):
                case (value, True):
                    await out.asend(value, ctx=told.ctx)
                case _:
                    return


async def _generate_async(values: AsyncIterable[_A], out: SendChan[_A], told: _Told) -> None:
    with told, out:
        async for value in values:
            await out.asend(value, ctx=told.ctx)


async def _generate_from_thread(values: Iterator[_A], out: SendChan[_A], told: _Told) -> None:
    """The thread sends to this goroutine, and only this one waits for receivers.

    So when nobody receives any more the collector can end this one, which closes `items`, and
    that ends the thread. A thread that waits itself would wait for ever.
    """
    items = Chan[_A]()
    with told, out, items:
        thread = go(_iterate, values, items, told)
        while True:
            match await items.arecv_ok(ctx=told.ctx):
                case (value, True):
                    await out.asend(value, ctx=told.ctx)
                case _:
                    break
        await thread  # raises what the iterator raised


def _iterate(values: Iterator[_A], items: Chan[_A], told: _Told) -> None:
    with told, items:
        for value in values:
            try:
                items.send(value)
            except ChanClosed:
                return


async def _pipe(
    ch: RecvChan[_A], fn: Callable[[_A], Awaitable[_B]], out: SendChan[_B], told: _Told
) -> None:
    with told, out:
        while True:
            match await ch.arecv_ok(ctx=told.ctx):
                case (value, True):
                    await out.asend(await fn(value), ctx=told.ctx)
                case _:
                    return


async def _pipe_many(
    ch: RecvChan[_A],
    fn: Callable[[_A], Any],
    workers: int,
    ordered: bool,
    out: SendChan[Any],
    told: _Told,
) -> None:
    """A goroutine for each value, at most `workers` of them."""
    call = _named(_call_async if is_async(fn) else _call, _name(fn))
    running: list[Goroutine[Any]] = []  # in the order of their values
    more = True
    with told, out:
        try:
            while more or running:
                source = ch if more and len(running) < workers else None
                done = [g.done for g in (running[:1] if ordered else running)]
                arm, value, ok = await _first(source, *done, ctx=told.ctx)
                if arm > 0:
                    result = await running.pop(arm - 1)
                    await out.asend(_unpack(result), ctx=told.ctx)
                elif ok:
                    running.append(go(call, fn, value, told))
                else:
                    more = False
        finally:
            # An error holds this frame: the handles in it would keep the others' errors from being
            # reported.
            running.clear()


async def _where(
    ch: RecvChan[_A], pred: Callable[[_A], Awaitable[Any]], out: SendChan[_A], told: _Told
) -> None:
    with told, out:
        while True:
            match await ch.arecv_ok(ctx=told.ctx):
                case (value, True):
                    if await pred(value):
                        await out.asend(value, ctx=told.ctx)
                case _:
                    return


async def _batch(ch: RecvChan[_A], size: int, limit: float | None, out: SendChan[list[_A]]) -> None:
    with out:
        while values := await ch.arecv_many(size):
            end = None if limit is None else time.monotonic() + limit
            while len(values) < size:
                left = None if end is None else end - time.monotonic()
                try:
                    more = await ch.arecv_many(size - len(values), timeout=left)
                except TimeoutError:
                    break
                if not more:
                    break  # the end; the next receive sees it too
                values += more
            await out.asend(values)


async def _take(ch: RecvChan[_A], n: int, out: SendChan[_A]) -> None:
    with out:
        for _ in range(n):
            match await ch.arecv_ok():
                case (value, True):
                    await out.asend(value)
                case _:
                    return


async def _merge(ch: RecvChan[_A], out: SendChan[_A], last: list[bool]) -> None:
    try:
        async for value in ch:
            await out.asend(value)
    finally:
        if last.pop():
            out.close()


async def _fan_out(ch: RecvChan[_A], outs: list[Chan[_A]]) -> None:
    try:
        async for value in ch:
            await aselect(*[sending(out, value) for out in outs])
    finally:
        for out in outs:
            out.close()


async def _broadcast(ch: RecvChan[_A], outs: list[Chan[_A]]) -> None:
    try:
        async for value in ch:
            # Whoever receives first: they need not receive in the order of the channels.
            arms = [sending(out, value) for out in outs]
            left: list[Any] = [*arms]
            for _ in arms:
                arm, _, _ = await _first(*left)
                left[arm] = None
    finally:
        for out in outs:
            out.close()


async def _first(*arms: Any, ctx: Context | None = None) -> tuple[int, Any, bool]:
    chosen: tuple[int, Any, bool] | None = await aselect(*arms, ctx=ctx)
    assert chosen is not None  # as it may be with a default
    return chosen


# ---------------------------------------------------------------------- calling functions


def _in_stage(fn: Callable[[_A], Any], told: _Told) -> Callable[[_A], Awaitable[Any]]:
    """What the stage awaits: an `async def` as it is, anything else in a goroutine of its own."""
    return fn if is_async(fn) else partial(_elsewhere, _named(_call, _name(fn)), fn, told)


async def _elsewhere(
    call: Callable[..., Any], fn: Callable[[_A], Any], told: _Told, value: _A
) -> Any:
    return _unpack(await go(call, fn, value, told))


def _call(fn: Callable[[_A], Any], value: _A, told: _Told) -> Any:
    """The result in a tuple, to tell it from the None of a goroutine that called goexit(), and of
    one that was told to end.
    """
    with told:
        result = fn(value)
        if _is_coroutine(result):
            # Of a lambda around an `async def`, for one: the goroutine goes on with it.
            return _pack(result, told)
        return (result,)
    return None


async def _call_async(
    fn: Callable[[_A], Awaitable[_B]], value: _A, told: _Told
) -> tuple[_B] | None:
    return await _pack(fn(value), told)


async def _pack(result: Awaitable[_B], told: _Told) -> tuple[_B] | None:
    with told:
        return (await result,)
    return None


def _unpack(result: tuple[_B] | None) -> _B:
    if result is None:
        goexit()  # as the function has done: it ends the stage
    return result[0]


def _is_coroutine(result: object) -> TypeGuard[Coroutine[Any, Any, Any]]:
    return isinstance(result, CoroutineType)


# ---------------------------------------------------------------------- arguments


def _start(group: _Group | None, name: str, stage: Callable[..., Any], *args: Any) -> None:
    named = _named(stage, name)
    if not isinstance(group, Group):
        (go if group is None else group.go)(named, *args)
    elif not group.try_go(named, *args):
        # The stages of a pipeline end together: one that waited for the place of another would as a
        # rule wait for ever.
        raise RuntimeError(
            f"{name} needs a place in {group!r}, which has none left: each stage keeps one until"
            " it ends. Give stages a Group() without a limit; how many calls there may be at a"
            " time is pipe(..., workers=)"
        )


def _named(stage: Any, name: str) -> FunctionType:
    """What is told of a goroutine is to name what its user knows.

    A copy, as a function around it would have a frame that each wait goes through.
    """
    named = FunctionType(stage.__code__, stage.__globals__, stage.__name__)
    named.__qualname__ = name
    return named


def _name(fn: object) -> str:
    """Of a function, or of what is iterated over."""
    while isinstance(fn, partial):
        fn = fn.func
    name = getattr(fn, "__qualname__", None)
    return name.rpartition("<locals>.")[2] if isinstance(name, str) else type(fn).__name__


def _check_input(what: str, ch: object, advice: str = "") -> None:
    if not isinstance(ch, RecvChan):
        raise TypeError(f"{what} needs a channel to receive from, not {type(ch).__name__}{advice}")


def _check_stage(what: str, ch: object, fn: Any) -> None:
    _check_input(what, ch)
    check_function(what, fn)

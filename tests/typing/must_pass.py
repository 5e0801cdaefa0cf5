"""What a typed program may write. Read by mypy and pyright, never run.

``assert_type`` pins the exact type a user sees, so a stub that falls back to Any or to a wider
type fails here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, AsyncExitStack
from datetime import timedelta
from functools import partial
from signal import SIGINT, SIGTERM
from typing import Any, Literal, TypeVar, assert_type

import gochan
from gochan import (
    AtomicBool,
    AtomicInt,
    AtomicRef,
    BlockingError,
    CancelContext,
    Canceled,
    Chan,
    ChanClosed,
    Cond,
    Context,
    DeadlineExceeded,
    Goroutine,
    Group,
    Map,
    Mutex,
    ObjectPool,
    Once,
    RecvChan,
    RWMutex,
    Semaphore,
    SendChan,
    UnlockError,
    WaitGroup,
    WaitGroupError,
    WouldBlock,
    agosched,
    aio,
    background,
    context_after_func,
    go,
    goexit,
    gomaxprocs,
    gosched,
    num_goroutine,
    once_func,
    once_value,
    run,
    set_excepthook,
    todo,
    with_cancel,
    with_deadline,
    with_timeout,
    with_value,
    without_cancel,
)
from gochan.signal import SignalError, ignore, ignored, notify, notify_context, reset, stop

T = TypeVar("T")


# ------------------------------------------------------------------ making channels
def making() -> None:
    assert_type(Chan[int](3), Chan[int])
    assert_type(Chan[int](capacity=3), Chan[int])
    assert_type(Chan[str | None](), Chan[str | None])
    inferred: Chan[bytes] = Chan(8)
    assert_type(inferred, Chan[bytes])
    requests = Chan[tuple[str, SendChan[int]]]()
    assert_type(requests.recv(), tuple[str, SendChan[int]])
    assert_type(gochan.__version__, str)


class Named(Chan[T]):
    """Chan can be subclassed, and stays generic."""

    label: str = ""


def subclassing() -> None:
    assert_type(Named[int](2).recv(), int)
    with Named[int]() as ch:
        assert_type(ch, Named[int])


# ------------------------------------------------------------------ sending
def sending(ch: Chan[int]) -> None:
    assert_type(ch.sender, SendChan[int])
    ch.send(1)
    ch.send(1, timeout=None)
    ch.send(1, timeout=2)
    ch.send(1, timeout=0.5)
    ch.send(1, timeout=timedelta(milliseconds=5))
    ch.sender.send_nowait(True)
    with ch as same, ch.sender as view:
        assert_type(same, Chan[int])
        assert_type(view, SendChan[int])
    ch.sender.close()


# ------------------------------------------------------------------ receiving
def receiving(ch: Chan[int]) -> None:
    assert_type(ch.receiver, RecvChan[int])
    assert_type(ch.recv(), int)
    assert_type(ch.recv(timeout=timedelta(seconds=1)), int)
    assert_type(ch.receiver.recv_nowait(), int)
    assert_type(ch.recv_many(16, timeout=0), list[int])
    assert_type(ch.closed, bool)
    assert_type(ch.capacity, int)
    assert_type(len(ch), int)
    assert_type(ch.__bool__(), Literal[True])


def matching(ch: RecvChan[int]) -> str:
    match ch.recv_ok(timeout=1):
        case (value, True):
            assert_type(value, int)
            return str(value)
        case (nothing, False):
            assert_type(nothing, None)
            return "the end"
    # No return here: the two cases are all there is, and both checkers know it.


def receiving_ok(ch: RecvChan[int]) -> None:
    pair = ch.recv_ok()
    if pair[1] is True:
        assert_type(pair[0], int)
    else:
        assert_type(pair[0], None)
    value_or_none, ok = ch.recv_ok()
    assert_type(ok, bool)
    if ok:
        # Neither checker follows the tag through two variables; the match is the exact form.
        assert_type(value_or_none, int | None)


def iterating(ch: Chan[int]) -> None:
    for value in ch:
        assert_type(value, int)
    assert_type(iter(ch.receiver), Iterator[int])
    assert_type(list(ch), list[int])
    assert_type({n: str(n) for n in ch.receiver}, dict[int, str])
    assert_type(max(ch, default=None), int | None)


# ------------------------------------------------------------------ variance
class Animal:
    pass


class Dog(Animal):
    pass


def feed(out: SendChan[Dog]) -> None:
    out.send(Dog())


def watch(source: RecvChan[Animal]) -> None:
    assert_type(source.recv(), Animal)


def close_on(done: RecvChan[object]) -> None:
    assert_type(done.recv(), object)


def variance(animals: Chan[Animal], dogs: Chan[Dog]) -> None:
    feed(dogs)
    feed(dogs.sender)
    feed(animals)  # who takes any animal takes dogs
    feed(animals.sender)
    watch(animals)
    watch(animals.receiver)
    watch(dogs)  # who gives dogs gives animals
    watch(dogs.receiver)
    close_on(dogs)
    close_on(go(feed, dogs).done)


def generic(source: RecvChan[T], sink: SendChan[T]) -> list[T]:
    for value in source:
        sink.send(value)
    return source.recv_many(1)


def generics(ch: Chan[int]) -> None:
    assert_type(generic(ch, ch), list[int])
    assert_type(generic(ch.receiver, ch.sender), list[int])


# ------------------------------------------------------------------ asyncio
async def awaiting(ch: Chan[int]) -> None:
    await ch.asend(1)
    await ch.sender.asend(1, timeout=timedelta(seconds=1))
    assert_type(await ch.arecv(), int)
    assert_type(await ch.receiver.arecv(timeout=1), int)
    assert_type(await ch.arecv_many(4, timeout=0.5), list[int])
    match await ch.arecv_ok():
        case (value, True):
            assert_type(value, int)
        case (nothing, False):
            assert_type(nothing, None)
    async for value in ch:
        assert_type(value, int)
    async for value in ch.receiver:
        assert_type(value, int)
    assert_type(aiter(ch), AsyncIterator[int])
    assert_type([n async for n in ch], list[int])
    async with ch as same, ch.sender as view:
        assert_type(same, Chan[int])
        assert_type(view, SendChan[int])


async def scheduling(ch: Chan[int]) -> None:
    task = asyncio.create_task(ch.arecv(), name="reader")
    assert_type(task, asyncio.Task[int])
    assert_type(await task, int)
    assert_type(await asyncio.wait_for(ch.arecv(), 1), int)
    number, pair = await asyncio.gather(ch.arecv(), ch.arecv_ok())
    assert_type(number, int)
    match pair:
        case (value, True):
            assert_type(value, int)
        case _:
            pass
    async with asyncio.TaskGroup() as group:
        assert_type(group.create_task(ch.asend(2)), asyncio.Task[None])
    waiting: Awaitable[int] = ch.arecv()
    assert_type(await waiting, int)
    operation: Coroutine[Any, Any, None] = ch.asend(3)
    await operation


def running(ch: Chan[int]) -> None:
    assert_type(asyncio.run(ch.arecv()), int)
    loop = asyncio.new_event_loop()
    assert_type(asyncio.run_coroutine_threadsafe(ch.arecv(), loop).result(), int)


# ------------------------------------------------------------------ goroutines
def count(text: str, *, times: int = 1) -> int:
    return len(text) * times


async def fetch(url: str) -> bytes:
    return url.encode()


def goroutines() -> None:
    worker = go(count, "abc", times=2)
    assert_type(worker, Goroutine[int])
    assert_type(worker.result(), int)
    assert_type(worker.result(timedelta(seconds=1)), int)
    assert_type(worker.exception(timeout=0.1), BaseException | None)
    worker.join(1)
    worker.join(timeout=None)
    worker.join(1, ctx=background())
    assert_type(worker.result(ctx=background()), int)
    assert_type(worker.exception(ctx=None), BaseException | None)
    assert_type(worker.id, int)
    assert_type(worker.name, str)
    assert_type(worker.done, RecvChan[None])
    state = worker.state
    assert_type(state, Literal["runnable", "running", "waiting", "done"])
    if state == "runnable" or state == "running" or state == "waiting":
        return
    assert_type(state, Literal["done"])
    assert_type(go(fetch, "/"), Goroutine[bytes])
    assert_type(go(Chan[int]().send, 1), Goroutine[None])
    assert_type(go(Dog), Goroutine[Dog])
    assert_type(go(lambda: 1.5), Goroutine[float])
    assert_type(num_goroutine(), int)


async def joining(worker: Goroutine[int]) -> None:
    assert_type(await worker, int)
    await worker.ajoin()
    await worker.ajoin(timeout=timedelta(seconds=1), ctx=background())
    assert_type(await asyncio.wait_for(worker, 1), int)
    assert_type(await asyncio.gather(worker, worker), tuple[int, int])
    assert_type(asyncio.create_task(worker.ajoin(1)), asyncio.Task[None])


# A plain function that returns a coroutine: the goroutine's result is the coroutine's.
def coroutine_goroutines(ch: Chan[int], shop: "Shop") -> None:
    assert_type(go(lambda: fetch("/")), Goroutine[bytes])
    assert_type(go(partial(fetch, "/")), Goroutine[bytes])
    assert_type(go(ch.arecv, timeout=1), Goroutine[int])
    assert_type(go(shop.price, "tea", cups=2), Goroutine[float])
    assert_type(go(Shop.opened), Goroutine[Shop])
    assert_type(WaitGroup().go(shop.price, "tea"), Goroutine[float])


class Shop:
    async def price(self, name: str, *, cups: int = 1) -> float:
        return len(name) * cups / 2

    @classmethod
    async def opened(cls) -> "Shop":
        return cls()


# ------------------------------------------------------------------ programs
def programs(shop: Shop) -> None:
    assert_type(run(fetch, "/"), bytes)
    assert_type(run(shop.price, "tea", cups=2), float)
    assert_type(run(count, "abc", times=2), int)
    assert_type(run(lambda: fetch("/")), bytes)
    assert_type(run(partial(fetch, "/")), bytes)
    assert_type(run(Chan[int]().arecv, timeout=timedelta(seconds=1)), int)


def turns() -> None:
    gosched()
    assert_type(gomaxprocs(), int)
    assert_type(gomaxprocs(2), int)
    assert_type(gomaxprocs(None), int)


async def giving_way() -> None:
    await agosched()
    assert_type(asyncio.create_task(agosched()), asyncio.Task[None])
    asyncio.run(agosched())


def exiting(word: str | None) -> int:
    if word is None:
        goexit()
    # It does not come back, and both checkers know it.
    return len(word)


async def foreign(future: asyncio.Future[int], task: asyncio.Task[str]) -> None:
    assert_type(await aio(fetch("/")), bytes)
    assert_type(await aio(asyncio.sleep(0.1, "slept")), str)
    assert_type(await aio(future), int)
    assert_type(await aio(task), str)
    assert_type(await asyncio.wait_for(aio(fetch("/")), 1), bytes)
    operation: Coroutine[Any, Any, bytes] = aio(fetch("/"))
    await operation


async def numbers(upto: int) -> AsyncIterator[int]:
    for n in range(upto):
        await agosched()
        yield n


async def generating(sink: SendChan[int]) -> None:
    async for n in numbers(3):
        await sink.asend(n)


def report(goroutine: Goroutine[Any], error: BaseException) -> None:
    print(goroutine.name, error)


def hooks() -> None:
    set_excepthook(report)
    set_excepthook(lambda goroutine, error: print(goroutine.id, error))
    set_excepthook(None)


# ------------------------------------------------------------------ wait groups
def wait_groups() -> None:
    wg = WaitGroup()
    wg.add()
    wg.add(-1)
    wg.done()
    wg.wait()
    wg.wait(timeout=timedelta(minutes=1))
    assert_type(wg.count, int)
    assert_type(wg.go(count, "abc", times=2), Goroutine[int])
    assert_type(wg.go(fetch, "/"), Goroutine[bytes])
    with WaitGroup() as inner:
        assert_type(inner, WaitGroup)


async def async_wait_groups(wg: WaitGroup) -> None:
    await wg
    await asyncio.wait_for(wg, 1)
    async with wg as same:
        assert_type(same, WaitGroup)


# ------------------------------------------------------------------ groups
def groups(parent: Context) -> None:
    group = Group(parent, limit=3)
    Group(limit=None)
    assert_type(group.ctx, CancelContext)
    assert_type(group.errors, tuple[BaseException, ...])
    assert_type(group.go(count, "abc", times=2), Goroutine[int])
    assert_type(group.go(fetch, "/"), Goroutine[bytes])
    assert_type(group.try_go(count, "abc"), bool)
    group.wait(timeout=1, ctx=parent)
    with Group() as inner:
        assert_type(inner, Group)


async def async_groups(group: Group) -> None:
    assert_type(await group.ago(count, "abc", times=2), Goroutine[int])
    assert_type(await group.ago(fetch, "/"), Goroutine[bytes])
    assert_type(await asyncio.create_task(group.ago(fetch, "/")), Goroutine[bytes])
    await group
    async with group as same:
        assert_type(same, Group)


# ------------------------------------------------------------------ locks
def locks() -> None:
    mutex, rw = Mutex(), RWMutex()
    mutex.lock()
    mutex.lock(timeout=timedelta(seconds=1))
    assert_type(mutex.try_lock(), bool)
    mutex.unlock()
    assert_type(mutex.locked, bool)
    with mutex as same, rw as writing, rw.reader as reading:
        assert_type(same, Mutex)
        assert_type(writing, RWMutex)
        assert_type(reading, Mutex)
    rw.rlock(timeout=1)
    assert_type(rw.try_rlock(), bool)
    rw.runlock()
    cond = Cond()
    assert_type(Cond(rw.reader).lock, Mutex)
    Cond(lock=rw)
    cond.wait(timeout=0.5)
    cond.signal()
    cond.broadcast()
    semaphore = Semaphore(3)
    semaphore.acquire()
    semaphore.acquire(2, timeout=1)
    assert_type(semaphore.try_acquire(), bool)
    semaphore.release(2)
    with semaphore as held:
        assert_type(held, Semaphore)


async def async_locks(mutex: Mutex, rw: RWMutex, cond: Cond, semaphore: Semaphore) -> None:
    await mutex.alock(timeout=1)
    await rw.arlock()
    await cond
    await semaphore.aacquire(2)
    await asyncio.gather(
        asyncio.create_task(mutex.alock()),
        asyncio.create_task(rw.arlock()),
        asyncio.create_task(semaphore.aacquire(2)),
    )
    async with mutex as same, rw as writing, semaphore as held:
        assert_type(same, Mutex)
        assert_type(writing, RWMutex)
        assert_type(held, Semaphore)


# ------------------------------------------------------------------ once, atomics, maps, pools
def once_and_atomics() -> None:
    once = Once()
    once.do(lambda: 3)
    assert_type(once.done, bool)
    assert_type(once_value(lambda: "text")(), str)
    once_func(lambda: "text")()
    n, flag, ref = AtomicInt(3), AtomicBool(), AtomicRef("text")
    assert_type(n.add(1), int)
    assert_type(n.swap(1), int)
    assert_type(n.compare_and_swap(1, 2), bool)
    assert_type(flag.swap(True), bool)
    assert_type(ref.load(), str)
    assert_type(ref.swap("other"), str)
    maybe = AtomicRef[str | None](None)
    assert_type(maybe.load(), str | None)


async def async_once(once: Once) -> None:
    await once.ado(lambda: fetch("/"))
    await asyncio.create_task(once.ado(print))


def maps_and_pools() -> None:
    m = Map[str, int]()
    value, ok = m.load("a")
    assert_type(value, int | None)
    assert_type(ok, bool)
    m.store("a", 1)
    assert_type(m.load_or_store("a", 1), tuple[int, bool])
    assert_type(m.swap("a", 2)[1], bool)
    assert_type(m.compare_and_swap("a", 1, 2), bool)
    assert_type(m.compare_and_delete("a", 1), bool)
    for key, number in m.range():
        assert_type(key, str)
        assert_type(number, int)
    assert_type(len(m), int)
    pool = ObjectPool(bytearray)
    assert_type(pool.get(), bytearray | None)
    pool.put(bytearray())
    assert_type(ObjectPool[int]().get(), int | None)


# ------------------------------------------------------------------ errors and protocols
def errors(ch: Chan[int]) -> int:
    try:
        return ch.recv_nowait()
    except (WouldBlock, ChanClosed):
        pass
    except (BlockingError, UnlockError, WaitGroupError) as wrong:
        as_builtin: RuntimeError = wrong
        raise as_builtin from None
    return 0


async def managers(ch: Chan[int], wg: WaitGroup) -> None:
    plain: list[AbstractContextManager[object, None]] = [ch, ch.sender, wg]
    callbacks: list[Callable[[int], None]] = [ch.send, ch.sender.send_nowait]
    print(plain, callbacks)
    async with AsyncExitStack() as stack:
        assert_type(await stack.enter_async_context(ch), Chan[int])
        assert_type(await stack.enter_async_context(wg), WaitGroup)
        stack.push_async_exit(ch.sender)


def hashing(ch: Chan[int]) -> None:
    # A view equals its channel, so all three are one key.
    print(ch == ch.sender, ch.receiver == ch, ch.sender == ch.receiver)
    names: dict[SendChan[int] | RecvChan[int], str] = {ch: "numbers"}
    print(names[ch.sender], names[ch.receiver])


# ------------------------------------------------------------------ contexts
def contexts(parent: Context) -> None:
    assert_type(background(), Context)
    assert_type(todo(), Context)
    ctx = with_cancel(parent)
    assert_type(ctx, CancelContext)
    assert_type(with_timeout(ctx, 1), CancelContext)
    assert_type(with_timeout(ctx, timedelta(seconds=1), cause=ValueError()), CancelContext)
    assert_type(with_deadline(ctx, 12.5, cause=None), CancelContext)
    assert_type(with_value(ctx, "key", 3), Context)
    assert_type(without_cancel(ctx), Context)
    assert_type(ctx.done, RecvChan[None] | None)
    assert_type(ctx.err, Canceled | DeadlineExceeded | None)
    assert_type(ctx.cause, BaseException | None)
    assert_type(ctx.deadline, float | None)
    ctx.value("key", 3)
    ctx.check()
    ctx.wait()
    ctx.wait(1)
    ctx.wait(timeout=timedelta(seconds=1))
    ctx.cancel()
    ctx.cancel(KeyboardInterrupt())
    stop: Callable[[], bool] = context_after_func(ctx, ctx.cancel)
    print(stop())
    with with_cancel(parent) as same:
        assert_type(same, CancelContext)
    again, cancel = with_cancel(parent)
    cancel(ValueError(again))
    timed_out: TimeoutError = DeadlineExceeded()
    print(timed_out)


async def async_contexts(ctx: Context) -> None:
    await ctx
    await asyncio.wait_for(ctx, 1)

    async def later() -> None: ...

    context_after_func(ctx, later)


class Derived(Context):
    @property
    def err(self) -> Canceled | None:
        return None


class ContextOfMine:
    """Derives from nothing."""

    done: RecvChan[None] | None = None
    err: Exception | None = None

    def value(self, key: str, /) -> int:
        return len(key)


def foreign_contexts() -> None:
    with_cancel(Derived())
    with_timeout(ContextOfMine(), 1)
    context_after_func(ContextOfMine(), print)


# ------------------------------------------------------------------ time
def times() -> None:
    for seconds in (1, 0.5, timedelta(seconds=1)):
        gochan.sleep(seconds)
        gochan.sleep(seconds, ctx=None)
        assert_type(gochan.after(seconds), RecvChan[float])
        assert_type(gochan.tick(seconds), RecvChan[float] | None)
        assert_type(gochan.after_func(seconds, times), gochan.Timer)
        assert_type(gochan.after_func(seconds, async_times), gochan.Timer)
        timer = gochan.Timer(seconds)
        assert_type(timer.c, RecvChan[float] | None)
        assert_type(timer.reset(seconds), bool)
        assert_type(timer.stop(), bool)
    gochan.after_func(1, partial(print, "late"))
    assert_type(gochan.after(1).recv(), float)


async def async_times() -> None:
    await gochan.asleep(1)
    await asyncio.gather(gochan.asleep(timedelta(0)), gochan.after(1).arecv())
    with gochan.Ticker(0.5) as ticker:
        assert_type(ticker.c, RecvChan[float])
        for stamp in ticker:
            assert_type(stamp, float)
        async for stamp in ticker:
            assert_type(stamp, float)
        ticker.reset(timedelta(seconds=1))


# ------------------------------------------------------------------ select
def selects(ints: Chan[int], strs: Chan[str | None], ctx: Context) -> None:
    match gochan.select(ints, strs):
        case (0, number, True):
            assert_type(number, int)
        case (0, nothing, False):
            assert_type(nothing, None)
        case (1, text, True):
            assert_type(text, str | None)
        case (1, nothing, False):
            assert_type(nothing, None)
    index, _, ok = gochan.select(ints.receiver, timeout=timedelta(seconds=1), ctx=ctx)
    assert_type(index, Literal[0])
    assert_type(ok, bool)
    sent = gochan.select(gochan.sending(ints, 1))
    assert_type(sent, tuple[Literal[0], None, Literal[True]])
    maybe: Chan[int] | None = None if ok else ints
    match gochan.select(maybe, gochan.sending(strs.sender, "text"), priority=True):
        case (0, number, True):
            assert_type(number, int)
        case (1, nothing, True):
            assert_type(nothing, None)
        case _:
            pass
    match gochan.select(maybe, default=True):
        case (0, number, True):
            assert_type(number, int)
        case (0, nothing, False):
            assert_type(nothing, None)
        case none:
            assert_type(none, None)
    arms: list[Chan[int] | gochan.SendCase[str] | None] = [ints, None]
    assert_type(gochan.select(*arms), tuple[int, Any, bool] | None)


async def async_selects(ints: Chan[int], strs: Chan[str], ctx: Context) -> None:
    match await gochan.aselect(ints, strs, ints, strs, ints, gochan.after(1), ctx=ctx):
        case (4, number, True):
            assert_type(number, int)
        case (5, stamp, True):
            assert_type(stamp, float)
        case _:
            pass
    task = asyncio.create_task(gochan.aselect(ints, ctx.done))
    index, _, _ = await task
    assert_type(index, Literal[0, 1])


# ------------------------------------------------------------------ signals
# ------------------------------------------------------------------ signals
def signals(ctx: Context, anything: Chan[object]) -> None:
    ch = Chan[int](1)
    notify(ch, SIGINT, SIGTERM, 40)
    notify(ch.sender)
    notify(anything, SIGINT)
    stop(ch)
    reset()
    ignore(SIGINT)
    assert_type(ignored(SIGINT), bool)
    assert_type(notify_context(ctx, SIGINT), CancelContext)
    with notify_context(ContextOfMine()) as below:
        assert_type(below, CancelContext)
        if isinstance(below.cause, SignalError):
            assert_type(below.cause.signal, int)

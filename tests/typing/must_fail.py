"""What a type checker must refuse. Read by mypy and pyright, never run.

Every line that ends in the marker has to be an error for both; an error anywhere else, or a
marked line that passes, fails the test.
"""

import asyncio
from contextlib import AbstractContextManager

import gochan
from gochan import (
    AtomicBool,
    AtomicInt,
    AtomicRef,
    CancelContext,
    Chan,
    Cond,
    Context,
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
    WaitGroup,
    agosched,
    aio,
    background,
    context_after_func,
    go,
    goexit,
    gomaxprocs,
    gosched,
    num_goroutine,
    once_value,
    run,
    set_excepthook,
    with_cancel,
    with_deadline,
    with_timeout,
    with_value,
)
from gochan.signal import notify, notify_context, stop


# ------------------------------------------------------------------ making channels
def making() -> None:
    Chan[int]("3")  # E
    Chan[int](1.5)  # E
    Chan[int](None)  # E
    Chan[int](3, 4)  # E
    Chan[int](size=3)  # E
    SendChan[int]()  # E
    SendChan[int](3)  # E
    RecvChan[int]()  # E
    RecvChan[int](3)  # E
    Goroutine[int]()  # E


def type_arguments(ch: Chan[int, str]) -> None: ...  # E


# ------------------------------------------------------------------ sending
def sending(ch: Chan[int]) -> None:
    ch.send("one")  # E
    ch.send(None)  # E
    ch.send()  # E
    ch.send(1, 2.0)  # E
    ch.send(value=1)  # E
    ch.send(1, timeout="2")  # E
    ch.send(1, wait=False)  # E
    ch.send_nowait("one")  # E
    ch.send_nowait(1, timeout=0)  # E
    ch.sender.send("one")  # E
    ch.close(True)  # E


# ------------------------------------------------------------------ receiving
def receiving(ch: Chan[int]) -> str:
    ch.recv(1.0)  # E
    ch.recv(timeout="1")  # E
    ch.recv_nowait(timeout=1)  # E
    ch.recv_many()  # E
    ch.recv_many(1.5)  # E
    ch.recv_many(limit=3)  # E
    ch.recv_many("3")  # E
    ch.closed = True  # E
    ch.capacity = 3  # E
    ch.sender = ch.sender  # E
    for text in ch:
        text.upper()  # E
    return ch.recv()  # E


def receiving_ok(ch: Chan[int | None]) -> None:
    value, ok = ch.recv_ok()
    print(value + 1, ok)  # E
    match ch.recv_ok():
        case (number, True):
            print(number + 1)  # E
        case (nothing, False):
            print(nothing + 1)  # E


# ------------------------------------------------------------------ one direction only
def send_only(view: SendChan[int]) -> None:
    view.recv()  # E
    view.recv_ok()  # E
    view.recv_nowait()  # E
    view.recv_many(1)  # E
    print(view.receiver)  # E
    list(view)  # E
    for _ in view:  # E
        pass


def receive_only(view: RecvChan[int]) -> None:
    view.send(1)  # E
    view.send_nowait(1)  # E
    view.close()  # E
    print(view.sender)  # E
    with view:  # E
        pass
    manager: AbstractContextManager[object] = view  # E
    print(manager)


# ------------------------------------------------------------------ variance
class Animal:
    pass


class Dog(Animal):
    pass


def feed(out: SendChan[Animal]) -> None: ...
def walk(source: RecvChan[Dog]) -> None: ...
def both(ch: Chan[Animal]) -> None: ...


def variance(animals: Chan[Animal], dogs: Chan[Dog]) -> None:
    feed(dogs)  # E
    feed(dogs.sender)  # E
    feed(animals.receiver)  # E
    walk(animals)  # E
    walk(animals.receiver)  # E
    walk(dogs.sender)  # E
    both(dogs)  # E
    both(animals.sender)  # E
    both(animals.receiver)  # E


# ------------------------------------------------------------------ asyncio
async def awaiting(ch: Chan[int], wg: WaitGroup) -> str:
    ch.asend(1)  # E
    ch.arecv()  # E
    ch.arecv_ok()  # E
    ch.arecv_many(2)  # E
    await ch.asend("one")  # E
    await ch.arecv(1)  # E
    await ch.arecv(timeout="1")  # E
    await ch.arecv_many()  # E
    await ch.send(1)  # E
    await ch.recv()  # E
    await ch  # E
    number: int = ch.arecv()  # E
    print(number)
    async for _ in ch.sender:  # E
        pass
    async for text in ch.receiver:
        text.upper()  # E
    async with ch.receiver:  # E
        pass
    asyncio.create_task(wg)  # E
    asyncio.create_task(ch.recv())  # E
    return await asyncio.create_task(ch.arecv())  # E


# ------------------------------------------------------------------ goroutines
def count(text: str) -> int:
    return len(text)


async def fetch(url: str) -> bytes:
    return url.encode()


def goroutines() -> str:
    go()  # E
    go(3)  # E
    go(count("abc"))  # E
    go(fn=count)  # E
    go(count, 3)  # E
    go(count, "abc", ties=2)  # E
    go(fetch("/"))  # E
    go(fetch, 3)  # E
    go(fetch, "/", retries=2)  # E
    text: Goroutine[str] = go(fetch, "/")  # E
    print(text)
    num_goroutine(True)  # E
    worker = go(count, "abc")
    worker.name = "other"  # E
    worker.join("soon")  # E
    worker.cancel()  # E
    worker.done.send(None)  # E
    worker.done.close()  # E
    if worker.state == "dead":  # E
        pass
    other: Goroutine[str] = worker  # E
    print(other)
    return worker.result()  # E


async def joining(worker: Goroutine[int]) -> str:
    worker.ajoin()  # E
    asyncio.create_task(worker)  # E
    return await worker  # E


# ------------------------------------------------------------------ programs
def programs() -> str:
    run()  # E
    run(3)  # E
    run(main=fetch)  # E
    run(fetch("/"))  # E
    run(fetch, 3)  # E
    run(count, 3)  # E
    run(count, "abc", ties=2)  # E
    page: str = run(fetch, "/")  # E
    print(page)
    return run(count, "abc")  # E


def turns() -> None:
    gosched(1)  # E
    gomaxprocs("2")  # E
    gomaxprocs(1.5)  # E
    gomaxprocs(n=2)  # E
    gomaxprocs(1, 2)  # E
    count: str = gomaxprocs()  # E
    print(count)


def exiting() -> None:
    goexit(1)  # E


async def giving_way() -> None:
    agosched()  # E
    await agosched(1)  # E
    await agosched(timeout=1)  # E
    await gosched()  # E


async def foreign() -> str:
    aio(fetch("/"))  # E
    await aio()  # E
    await aio(3)  # E
    await aio(fetch)  # E
    await aio(fetch("/"), timeout=1)  # E
    await aio(awaitable=fetch("/"))  # E
    page: bytes = aio(fetch("/"))  # E
    print(page)
    return await aio(fetch("/"))  # E


class MyGoroutine(Goroutine[int]): ...  # E


def hook(error: BaseException) -> None: ...


def hooks() -> None:
    set_excepthook()  # E
    set_excepthook(hook)  # E
    set_excepthook("print")  # E
    set_excepthook(hook=None)  # E


# ------------------------------------------------------------------ wait groups
class MyWaitGroup(WaitGroup): ...  # E


def wait_groups() -> None:
    wg = WaitGroup(3)  # E
    wg.add("1")  # E
    wg.add(0.5)  # E
    wg.add(delta=2)  # E
    wg.done(2)  # E
    wg.wait(1.0)  # E
    wg.wait(timeout="1")  # E
    wg.go()  # E
    wg.go(3)  # E
    wg.go(count, 3)  # E
    wg.go(fetch, 3)  # E
    wg.go(fetch("/"))  # E
    text: str = wg.go(fetch, "/").result()  # E
    print(text)
    wg.count = 1  # E
    wg.acquire()  # E


# ------------------------------------------------------------------ contexts
class MyCancelContext(CancelContext): ...  # E


def contexts(ctx: Context, mine: CancelContext) -> None:
    CancelContext()  # E
    background(3)  # E
    with_cancel()  # E
    with_cancel(None)  # E
    with_cancel(3)  # E
    with_cancel(parent=ctx)  # E
    with_timeout(ctx)  # E
    with_timeout(ctx, "1")  # E
    with_timeout(ctx, 1, ValueError())  # E
    with_timeout(ctx, 1, cause=ValueError)  # E
    with_timeout(ctx, timeout=1)  # E
    with_deadline(ctx, "1")  # E
    with_value(ctx, "key")  # E
    context_after_func(ctx)  # E
    context_after_func(ctx, 3)  # E
    ctx.cancel()  # E
    ctx.done.recv()  # E
    ctx.err = None  # E
    ctx.wait("1")  # E
    mine.cancel("why")  # E
    mine.cancel(cause=ValueError())  # E
    with ctx:  # E
        pass


# ------------------------------------------------------------------ time
class MyTimer(gochan.Timer): ...  # E


class MyTicker(gochan.Ticker): ...  # E


async def times(timer: gochan.Timer, ticker: gochan.Ticker) -> None:
    gochan.sleep()  # E
    gochan.sleep("1")  # E
    gochan.sleep(None)  # E
    gochan.sleep(seconds=1)  # E
    await gochan.sleep(1)  # E
    gochan.after()  # E
    gochan.after(1).send(1.0)  # E
    gochan.after(1).close()  # E
    gochan.tick(1).recv()  # E
    gochan.after_func(1)  # E
    gochan.after_func(1, fetch)  # E
    gochan.after_func(times, 1)  # E
    gochan.Timer()  # E
    timer.c.recv()  # E
    timer.c = None  # E
    timer.reset()  # E
    timer.stop(1)  # E
    gochan.Ticker("1")  # E
    ticker.c.close()  # E
    ticker.reset(None)  # E
    async with ticker:  # E
        pass


# ------------------------------------------------------------------ select
def selects(ints: gochan.Chan[int], strs: gochan.Chan[str]) -> None:
    gochan.select(ints.sender)  # E
    gochan.select(ints, "text")  # E
    gochan.select(ints, timeout="1")  # E
    gochan.sending(ints.receiver, 1)  # E
    gochan.sending(ints, "text")  # E
    gochan.SendCase()  # E
    gochan.select(ints, default=True)[0]  # E
    match gochan.select(ints, strs):
        case (0, number, True):
            number.upper()  # E
        case (1, text, True):
            text.bit_length()  # E
        case (_, nothing, False):
            nothing.real  # E
        case _:
            pass
    match gochan.select(ints, gochan.sending(strs, "text")):
        case (1, sent, _):
            sent.upper()  # E
        case _:
            pass


# ------------------------------------------------------------------ signals
def signals(ctx: Context, ch: Chan[int], text: Chan[str]) -> None:
    notify(text)  # E
    notify(ch.receiver)  # E
    notify(None)  # E
    notify(ch, "SIGINT")  # E
    stop(ch, 1)  # E
    notify_context(2)  # E
    with notify_context(ctx, 2.0):  # E
        pass


# ------------------------------------------------------------------ locks
class MyRWMutex(RWMutex): ...  # E


def locks() -> None:
    mutex = Mutex(1)  # E
    mutex.lock(1.0)  # E
    mutex.lock(timeout="1")  # E
    mutex.rlock()  # E
    mutex.locked = True  # E
    RWMutex().reader.rlock()  # E
    Cond(3)  # E
    Cond().wait(1)  # E
    Semaphore()  # E
    Semaphore("3")  # E
    Semaphore(size=3)  # E
    Semaphore(3).acquire(n=1)  # E
    Semaphore(3).release(0.5)  # E


async def forgotten_awaits(mutex: Mutex, rw: RWMutex, semaphore: Semaphore, group: Group) -> None:
    mutex.alock()  # E
    rw.alock()  # E
    rw.arlock(timeout=1)  # E
    rw.reader.alock()  # E
    semaphore.aacquire(2)  # E
    group.ago(fetch, "/")  # E
    group.ago(count, "abc")  # E
    Once().ado(print)  # E


# ------------------------------------------------------------------ groups
class MyGroup(Group): ...  # E


async def groups(group: Group) -> None:
    Group(limit="3")  # E
    Group(3)  # E
    group.go(count, 3)  # E
    group.go(count("abc"))  # E
    group.try_go(count)  # E
    group.wait(1)  # E
    group.errors = ()  # E
    name: str = (await group.ago(count, "abc")).result()  # E
    print(name)


# ------------------------------------------------------------------ once, atomics, maps, pools
class MyMap(Map[str, int]): ...  # E


def the_rest() -> None:
    Once().do(3)  # E
    Once().do()  # E
    once_value(count)  # E
    number: int = once_value(str)()  # E
    print(number)
    AtomicInt("3")  # E
    AtomicInt().add(0.5)  # E
    AtomicInt(value=3)  # E
    AtomicBool().store(None)  # E
    AtomicRef()  # E
    AtomicRef("a").store(3)  # E
    m = Map[str, int]()
    m.store(1, 1)  # E
    m.store("a", "b")  # E
    m["a"] = 1  # E
    m.compare_and_swap("a", 1)  # E
    ObjectPool(3)  # E
    ObjectPool[int]().put("a")  # E

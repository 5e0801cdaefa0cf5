"""`ctx=` on every operation that has one, on every host: one table, the same truths for each.

A context that is done wins over what is ready; a cancel ends the wait and leaves no trace; a peer
that came first wins over the cancel; a deadline is a DeadlineExceeded, and a `timeout` beside a
context stays a TimeoutError.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

import gochan
from gochan import (
    Canceled,
    Chan,
    Cond,
    Context,
    DeadlineExceeded,
    Group,
    Mutex,
    RWMutex,
    Semaphore,
    WaitGroup,
    background,
    sending,
    with_cancel,
    with_timeout,
    with_value,
)
from hosts import Host, LoopHost
from parking import wait_until
from ticking import LONG
from watch import PATIENCE


@dataclass
class Case:
    """An operation that has to wait, until `release` completes it."""

    blocking: Callable[..., object]
    awaiting: Callable[..., Awaitable[object]] | None
    release: Callable[[], object]
    #: What it works on; its repr says who waits there and what it holds.
    on: object = None
    gives: object = None
    #: False: a context that is done takes back what was granted just before (SM3).
    commits: bool = True

    async def run(self, host: Host, **limits: Any) -> object:
        if host.blocking or self.awaiting is None:
            return self.blocking(**limits)
        return await self.awaiting(**limits)


def send() -> Case:
    ch = Chan[int](1)
    ch.send(0)
    return Case(lambda **o: ch.send(1, **o), lambda **o: ch.asend(1, **o), ch.recv_nowait, ch)


def recv() -> Case:
    ch = Chan[int](1)
    return Case(ch.recv, ch.arecv, lambda: ch.send_nowait(7), ch, gives=7)


def recv_ok() -> Case:
    ch = Chan[int](1)
    return Case(ch.recv_ok, ch.arecv_ok, lambda: ch.send_nowait(7), ch, gives=(7, True))


def recv_many() -> Case:
    ch = Chan[int](1)
    return Case(
        lambda **o: ch.recv_many(9, **o),
        lambda **o: ch.arecv_many(9, **o),
        lambda: ch.send_nowait(7),
        ch,
        gives=[7],
    )


def select() -> Case:
    ch, never = Chan[int](1), Chan[int]()
    arms = [never, sending(never, 1), None, ch]
    return Case(
        lambda **o: gochan.select(*arms, **o),
        lambda **o: gochan.aselect(*arms, **o),
        lambda: ch.send_nowait(7),
        ch,
        gives=(3, 7, True),
    )


def wait_group() -> Case:
    wg = WaitGroup()
    wg.add(1)
    return Case(wg.wait, None, wg.done, wg)


def mutex() -> Case:
    mu = Mutex()
    mu.lock()
    return Case(mu.lock, mu.alock, mu.unlock, mu)


def rw_write() -> Case:
    rw = RWMutex()
    rw.rlock()
    return Case(rw.lock, rw.alock, rw.runlock, rw)


def rw_read() -> Case:
    rw = RWMutex()
    rw.lock()
    return Case(rw.rlock, rw.arlock, rw.unlock, rw)


def semaphore() -> Case:
    sem = Semaphore(3)
    sem.acquire(2)
    return Case(
        lambda **o: sem.acquire(2, **o),
        lambda **o: sem.aacquire(2, **o),
        lambda: sem.release(1),
        sem,
        commits=False,
    )


def cond() -> Case:
    """However it ends, it ends with the lock held."""
    cond = Cond()
    cond.lock.lock()
    return Case(cond.wait, None, cond.signal, cond)


def group() -> Case:
    gate, group = Chan[int](), Group()
    group.go(gate.recv)

    def release() -> None:
        gate.send(1)
        wait_until(lambda: "active=0" in repr(group), "the end of the last one")

    return Case(group.wait, None, release, group)


def _ending(gives: object = None) -> tuple[gochan.Goroutine[Any], Callable[[], None]]:
    """A goroutine, and what lets it end."""
    gate = Chan[object](1)
    g = gochan.go(gate.recv)

    def release() -> None:
        gate.send(gives)
        wait_until(lambda: g.done.closed, "the end of the goroutine")

    return g, release


def join() -> Case:
    g, release = _ending()
    return Case(g.join, g.ajoin, release, g.done)


def result() -> Case:
    """Its awaitable form is the handle itself, which takes no limits."""
    g, release = _ending(7)
    return Case(g.result, None, release, g.done, gives=7)


def exception() -> Case:
    g, release = _ending()
    return Case(g.exception, None, release, g.done)


CASES = [
    send,
    recv,
    recv_ok,
    recv_many,
    select,
    wait_group,
    mutex,
    rw_write,
    rw_read,
    semaphore,
    cond,
    group,
    join,
    result,
    exception,
]


#: What has no `a` form with limits: the object itself is awaited.
AWAITED = {"wait", "result", "exception"}


def when_parked(case: Case, act: Callable[[], object]) -> None:
    """Calls `act` in a thread elsewhere as soon as somebody waits."""
    idle = repr(case.on)

    def watch() -> None:
        wait_until(lambda: repr(case.on) != idle, f"somebody waiting on {idle}")
        act()

    threading.Thread(target=watch).start()


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
async def test_table(host: Host, make: Callable[[], Case]) -> None:
    if isinstance(host, LoopHost) and make().awaiting is None:
        pytest.skip("it has no awaitable form with a context")
    why = ValueError("why")

    # It is done before: also where the operation could go on at once.
    for ready in (False, True):
        case, ctx = make(), with_cancel(background())
        ctx.cancel(why)
        if ready:
            case.release()
        before = repr(case.on)
        with pytest.raises(Canceled) as caught:
            await case.run(host, ctx=with_value(ctx, "key", 1))
        assert caught.value.__cause__ is why
        assert repr(case.on) == before

    # It is cancelled in the middle of the wait.
    case, ctx = make(), with_cancel(background())
    before = repr(case.on)
    when_parked(case, lambda: ctx.cancel(why))
    with pytest.raises(Canceled) as caught:
        await case.run(host, ctx=ctx, timeout=PATIENCE)
    assert caught.value.__cause__ is why
    assert repr(case.on) == before

    # It is cancelled when a peer has completed the operation already.
    if case.commits:
        case, ctx = make(), with_cancel(background())

        def both(case: Case = case, ctx: Any = ctx) -> None:
            case.release()
            ctx.cancel()

        when_parked(case, both)
        assert await case.run(host, ctx=ctx, timeout=PATIENCE) == case.gives

    # Which limit is first is to be seen by the error.
    case = make()
    before = repr(case.on)
    with pytest.raises(DeadlineExceeded):
        await case.run(host, ctx=with_timeout(background(), 0.002), timeout=PATIENCE)
    with pytest.raises(TimeoutError) as late:
        await case.run(host, ctx=with_timeout(background(), LONG), timeout=0.002)
    assert type(late.value) is TimeoutError
    assert repr(case.on) == before

    # One that can never be done changes nothing.
    when_parked(case, case.release)
    assert await case.run(host, ctx=background(), timeout=PATIENCE) == case.gives


async def test_sleep(host: Host) -> None:
    """It has no object that says who waits: so whoever cancels may come before it sleeps, too."""

    async def nap(seconds: float, ctx: Context) -> None:
        if host.blocking:
            gochan.sleep(seconds, ctx=ctx)
        else:
            await gochan.asleep(seconds, ctx=ctx)

    ctx = with_cancel(background())
    threading.Thread(target=ctx.cancel).start()
    with pytest.raises(Canceled):
        await nap(LONG, ctx)
    for seconds in (0, -1, 0.001):
        with pytest.raises(Canceled):
            await nap(seconds, ctx)
        await nap(seconds, background())
    with pytest.raises(DeadlineExceeded):
        await nap(LONG, with_timeout(background(), 0.002))


def test_all_are_in_the_table() -> None:
    """Whatever takes `ctx` in the package is above; or has a test of its own, as said here."""
    above = ["send", "recv", "recv_ok", "recv_many", "select", "sleep"]
    above += ["wait", "lock", "rlock", "acquire", "join", "result", "exception"]
    found = set()
    for holder in (gochan, *(thing for thing in vars(gochan).values() if isinstance(thing, type))):
        for name in vars(holder):
            if "ctx=" in (getattr(getattr(holder, name), "__text_signature__", None) or ""):
                found.add(name)
    found.discard("Group")  # the parent of its context
    assert found == {*above, *(f"a{name}" for name in above if name not in AWAITED)}

"""Cond: signals in order, and a lock that is held again whatever ends the wait.

D1-D6, and Go's own tests of it.
"""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import weakref
from typing import Any

import pytest

from cancelling import start
from gochan import BlockingError, Chan, Cond, Mutex, RWMutex, UnlockError, go
from holding import Ctx, Gone, holding, until_waiting, wait, waiting
from hosts import Host
from parking import settle, wait_until, wait_waiting
from watch import PATIENCE

# ---------------------------------------------------------------- what one party sees


def test_its_lock() -> None:
    mu, rw = Mutex(), RWMutex()
    assert Cond(mu).lock is mu
    assert Cond(lock=rw).lock is rw
    assert Cond(rw.reader).lock.locked is False
    assert type(Cond().lock) is Mutex
    make: Any = Cond
    for wrong in (threading.Lock(), 1, Mutex):
        with pytest.raises(TypeError, match="lock must be a Mutex"):
            make(wrong)


def test_signals_for_nobody_are_forgotten() -> None:
    """D2, D4"""
    cond = Cond()
    cond.signal()
    cond.broadcast()
    with cond.lock:
        with pytest.raises(TimeoutError, match="Cond"):
            cond.wait(timeout=0.005)
        with pytest.raises(TimeoutError):
            cond.wait(timeout=0)
        assert cond.lock.locked
    assert waiting(cond) == 0


def test_waiting_without_the_lock() -> None:
    """D4: an unlock of what is not locked. Before it waits, so a timeout of 0 does not hide it."""
    cond = Cond()
    for limit in (None, 0, 1):
        with pytest.raises(
            UnlockError, match=r"Cond.wait\(\) needs its lock: write `with cond.lock"
        ):
            cond.wait(timeout=limit)
    rw = RWMutex()
    with rw, pytest.raises(UnlockError, match="RUnlock"):
        Cond(rw.reader).wait()
    asyncio.run(awaits_without_the_lock(cond))
    assert waiting(cond) == 0


async def awaits_without_the_lock(cond: Cond) -> None:
    with pytest.raises(UnlockError, match=r"`async with cond\.lock:` around `await cond`"):
        await cond


def test_identity_copy_and_truth() -> None:
    """D5"""
    cond = Cond()
    assert cond
    assert cond != Cond(cond.lock)
    assert weakref.ref(cond)() is cond
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="Cond"):
            attempt(cond)


# ---------------------------------------------------------------- on every host


async def test_one_signal_wakes_one_in_order(host: Host, peer: Host) -> None:
    """D2; Go's TestCondSignal and TestCondSignalGenerations."""
    cond, awake = Cond(), list[int]()

    async def party(host: Host, number: int) -> None:
        async with holding(host, cond.lock):
            await wait(host, cond)
            awake.append(number)

    peers = []
    for number in range(6):
        peers.append(peer.spawn(party, number))
        await until_waiting(host, cond, number + 1)
    for number in range(6):
        async with holding(host, cond.lock):
            cond.signal()
            assert waiting(cond) == 5 - number
        await host.join(peers[number])
        assert awake == list(range(number + 1))


async def test_broadcast_wakes_all(host: Host, peer: Host) -> None:
    """Go's TestCondBroadcast."""
    cond, awake, ready = Cond(), 0, False

    async def party(host: Host) -> None:
        nonlocal awake
        async with holding(host, cond.lock):
            while not ready:
                await wait(host, cond)
            awake += 1

    peers = [peer.spawn(party) for _ in range(6)]
    await until_waiting(host, cond, 6)
    cond.broadcast()
    await until_waiting(host, cond, 6)
    assert awake == 0, "they wait on: it was not so"
    ready = True
    cond.broadcast()
    for one in peers:
        await host.join(one)
    assert awake == 6


async def test_hand_over_protocol(host: Host, peer: Host) -> None:
    """Go's TestRace: what was written under the lock is seen by who is signalled."""
    cond, x = Cond(), 0

    async def first(host: Host) -> None:
        nonlocal x
        async with holding(host, cond.lock):
            x = 1
            await wait(host, cond)
            assert x == 2
            x = 3
            cond.signal()

    async def second(host: Host) -> None:
        nonlocal x
        while True:
            async with holding(host, cond.lock):
                if x == 1:
                    x = 2
                    cond.signal()
                    return
            await host.nap(0)

    async def third(host: Host) -> None:
        while True:
            async with holding(host, cond.lock):
                if x == 2:
                    await wait(host, cond)
                    assert x == 3
                if x == 3:
                    return
            await host.nap(0)

    for one in [peer.spawn(body) for body in (first, second, third)]:
        await host.join(one)


async def test_the_first_is_not_robbed(host: Host, peer: Host) -> None:
    """D3; Go's TestCondSignalStealing: one that comes after the signal does not get it."""
    cond = Cond()
    for _ in range(20):
        got = list[str]()

        async def party(host: Host, name: str, got: list[str] = got) -> None:
            async with holding(host, cond.lock):
                await wait(host, cond)
                got.append(name)

        first = peer.spawn(party, "first")
        await until_waiting(host, cond, 1)
        async with holding(host, cond.lock):
            cond.signal()
        second = peer.spawn(party, "second")
        await host.join(first)
        await until_waiting(host, cond, 1)
        cond.broadcast()
        await host.join(second)
        assert got == ["first", "second"]


async def test_with_an_rwmutex_and_its_reader(host: Host, peer: Host) -> None:
    """D4, M13: any lock will do."""
    rw = RWMutex()
    for held in (rw, rw.reader):
        cond = Cond(held)

        async def party(host: Host, cond: Cond = cond) -> bool:
            async with holding(host, cond.lock):
                await wait(host, cond)
                return cond.lock.locked

        waits = peer.spawn(party)
        await until_waiting(host, cond, 1)
        assert not held.locked
        cond.signal()
        assert await host.join(waits)
        assert not held.locked


# -------------------------------------------------- whatever ends the wait, the lock is held


def test_a_timeout_waits_for_the_lock() -> None:
    cond, raised = Cond(), Chan[bool](1)

    def party() -> None:
        with cond.lock:
            try:
                cond.wait(timeout=0.005)
            except TimeoutError:
                raised.send(cond.lock.locked)

    cond.lock.lock()
    g = go(party)
    wait_until(lambda: waiting(cond.lock) == 1, "it waits to begin")
    cond.lock.unlock()
    wait_until(lambda: waiting(cond) == 1 or len(raised) == 1, "it waits for a signal")
    if cond.lock.try_lock():
        wait_until(lambda: waiting(cond.lock) == 1 or len(raised) == 1, "its time is up")
        cond.lock.unlock()
    assert raised.recv(timeout=PATIENCE)
    g.result(PATIENCE)
    assert not cond.lock.locked


def test_a_context_ends_the_wait_with_the_lock_held() -> None:
    """The idiom of Go's ExampleAfterFunc_cond is one argument here (D6)."""
    cond, ctx = Cond(), Ctx()

    def party() -> None:
        with cond.lock:
            try:
                cond.wait(ctx=ctx)
            finally:
                assert cond.lock.locked

    waits = go(party)
    wait_until(lambda: waiting(cond) == 1, "it waits")
    cond.lock.lock()
    ctx.cancel()
    wait_until(lambda: waiting(cond.lock) == 1, "it wants the lock back")
    cond.lock.unlock()
    with pytest.raises(Gone):
        waits.result(PATIENCE)
    with cond.lock, pytest.raises(Gone):
        cond.wait(ctx=ctx)


def test_a_cancelled_task_waits_for_the_lock() -> None:
    async def main() -> None:
        cond = Cond()

        async def party() -> None:
            async with cond.lock:
                try:
                    await cond
                finally:
                    assert cond.lock.locked

        task = await start(party())
        async with cond.lock:
            task.cancel()
            await settle()
            assert not task.done() and waiting(cond.lock) == 1
            task.cancel()
            await settle()
            assert not task.done() and waiting(cond.lock) == 1, "a second one changes nothing"
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not cond.lock.locked and waiting(cond) == 0

    asyncio.run(main())


def test_a_cancelled_task_that_finds_it_free() -> None:
    async def main() -> None:
        cond = Cond()

        async def party() -> None:
            async with cond.lock:
                await cond

        task = await start(party())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not cond.lock.locked

    asyncio.run(main())


def test_asyncio_timeout() -> None:
    async def main() -> None:
        cond = Cond()
        async with cond.lock:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await cond
            assert cond.lock.locked

    asyncio.run(main())


def test_a_signal_to_a_cancelled_task_goes_on() -> None:
    """D3, PY7"""

    async def main() -> None:
        cond = Cond()

        async def party() -> None:
            async with cond.lock:
                await cond

        first, second = await start(party()), await start(party())
        cond.signal()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second
        assert not cond.lock.locked

    asyncio.run(main())


def test_blocking_a_loop_is_refused() -> None:
    async def main() -> None:
        cond = Cond()
        async with cond.lock:
            with pytest.raises(BlockingError, match="await cond"):
                cond.wait()
            assert cond.lock.locked and waiting(cond) == 0

    asyncio.run(main())


def test_a_goroutine_says_what_it_waits_for() -> None:
    cond = Cond()

    async def party() -> None:
        async with cond.lock:
            await cond

    g = go(party)
    wait_waiting(g)
    assert "Cond.__await__() on <gochan.Cond" in repr(g)
    cond.signal()
    g.result(PATIENCE)


def test_a_closed_coroutine_takes_the_lock_if_it_is_free() -> None:
    """It cannot wait. Where somebody holds the lock it goes on without."""

    async def party(cond: Cond) -> None:
        await cond.lock.alock()
        try:
            await cond
        finally:
            seen.append(cond.lock.locked)

    async def main() -> None:
        for held in (False, True):
            cond = Cond()
            body = party(cond)
            body.send(None)
            assert waiting(cond) == 1
            if held:
                cond.lock.lock()
            body.close()
            assert (waiting(cond), waiting(cond.lock)) == (0, 0)

    seen: list[bool] = []
    asyncio.run(main())
    assert seen == [True, True]

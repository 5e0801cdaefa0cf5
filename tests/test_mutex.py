"""Mutex: one holds it, whoever unlocks it; who waits is served in the end.

M1-M7, and Go's own tests of it.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import time
import weakref
from typing import Any

import pytest

from cancelling import cancelled, start
from gochan import BlockingError, Chan, Mutex, UnlockError, go, goexit
from holding import Ctx, Gone, holding, lock, until_waiting, waiting
from hosts import Host, LoopHost
from parking import settle, wait_waiting
from watch import PATIENCE

# ---------------------------------------------------------------- what one party sees


def test_lock_and_unlock() -> None:
    """M1: not reentrant, and anybody may unlock it."""
    mu = Mutex()
    assert not mu.locked
    mu.lock()
    assert mu.locked
    assert not mu.try_lock()
    with pytest.raises(TimeoutError):
        mu.lock(timeout=0)
    go(mu.unlock).result(PATIENCE)
    assert not mu.locked
    assert mu.try_lock()
    mu.unlock()


def test_unlocking_what_is_not_locked() -> None:
    """M2, PY1: Go ends the process; here an error has no effect."""
    mu = Mutex()
    for _ in range(2):
        with pytest.raises(UnlockError, match="unlock of unlocked Mutex"):
            mu.unlock()
    assert issubclass(UnlockError, RuntimeError)
    with mu:
        mu.unlock()
        mu.lock()
    with pytest.raises(UnlockError), mu:
        mu.unlock()
    assert not mu.locked


def test_identity_copy_and_truth() -> None:
    mu = Mutex()
    assert mu
    assert mu != Mutex()
    assert weakref.ref(mu)() is mu
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="Mutex"):
            attempt(mu)
    frozen: Any = mu
    with pytest.raises(AttributeError):
        frozen.locked = True


def test_wrong_arguments() -> None:
    mu: Any = Mutex()
    for call in (mu.lock, mu.alock):
        with pytest.raises(ValueError, match=r"(?i)nan"):
            call(timeout=float("nan"))
        with pytest.raises(TypeError):
            call(timeout="1")
        with pytest.raises(TypeError):
            call(1)
        with pytest.raises(TypeError, match="context"):
            call(ctx=1)
    assert not mu.locked


def test_repr_says_who_waits() -> None:
    mu = Mutex()
    assert " unlocked waiters=0>" in repr(mu)
    with mu:
        waits = go(mu.lock)
        wait_waiting(waits)
        assert " locked waiters=1>" in repr(mu)
        assert "Mutex.lock() on" in repr(waits)
    waits.result(PATIENCE)
    mu.unlock()


# ---------------------------------------------------------------- on every host


async def test_with_locks(host: Host) -> None:
    mu = Mutex()
    async with holding(host, mu):
        assert mu.locked
    with pytest.raises(ZeroDivisionError):
        async with holding(host, mu):
            raise ZeroDivisionError
    assert not mu.locked


async def test_hammer(host: Host, peer: Host) -> None:
    """K8, Go's HammerMutex with try_lock: nobody is inside with another one, all get through."""
    mu, inside, total = Mutex(), 0, 0

    async def party(host: Host) -> None:
        nonlocal inside, total
        for turn in range(40):
            if turn % 3 == 0 and mu.try_lock():
                mu.unlock()
            async with holding(host, mu):
                inside += 1
                assert inside == 1
                if turn % 5 == 0:
                    await host.nap(0)
                total += 1
                inside -= 1

    peers = [(host, host.spawn(party)), *((peer, peer.spawn(party)) for _ in range(4))]
    for home, one in peers:
        await home.join(one) if home is host else await host.join(one)
    assert total == 200
    assert " unlocked waiters=0>" in repr(mu)


async def test_who_waits_is_woken(host: Host, peer: Host) -> None:
    mu = Mutex()
    mu.lock()
    got: list[int] = []

    async def party(host: Host, number: int) -> None:
        await lock(host, mu)
        got.append(number)
        mu.unlock()

    peers = []
    for number in range(4):
        peers.append(peer.spawn(party, number))
        await until_waiting(host, mu, number + 1)
    mu.unlock()
    for one in peers:
        await host.join(one)
    assert got == [0, 1, 2, 3], "nobody else competes, so they come in their order"


async def test_fairness(host: Host, peer: Host) -> None:
    """M4, M7; Go's TestMutexFairness: who locks it again at once cannot keep the others out."""
    mu, stop = Mutex(), False

    async def hog(host: Host) -> None:
        while not stop:
            await lock(host, mu)
            await host.nap(0.0001)
            mu.unlock()

    hogs = peer.spawn(hog)
    begin = time.monotonic()
    for _ in range(10):
        await host.nap(0.0001)
        await lock(host, mu)
        mu.unlock()
    stop = True
    await host.join(hogs)
    assert time.monotonic() - begin < 10, "as long as Go's test waits"


async def test_starving_hands_over(host: Host) -> None:
    """M3, M4: a newcomer is faster at first; who lost after 1 ms is handed the mutex."""
    if not isinstance(host, LoopHost):
        pytest.skip("needs parties that run only when this one gives way")
    mu = Mutex()
    mu.lock()
    has = False

    async def party(host: Host) -> None:
        nonlocal has
        await lock(host, mu)
        has = True

    waits = host.spawn(party)
    await until_waiting(host, mu, 1)
    mu.unlock()
    assert mu.try_lock(), "it was called, but runs later than this"
    time.sleep(0.002)  # for it: it cannot run meanwhile
    await until_waiting(host, mu, 1)
    mu.unlock()
    assert mu.locked and not mu.try_lock(), "handed over, although it has not run yet"
    await host.join(waits)
    assert has
    mu.unlock()
    assert not mu.locked


async def test_timeout(host: Host) -> None:
    mu = Mutex()
    mu.lock()
    for limit in (0, -1, 0.01):
        with pytest.raises(TimeoutError, match="Mutex"):
            await lock(host, mu, timeout=limit)
    assert waiting(mu) == 0
    mu.unlock()
    await lock(host, mu, timeout=0)
    mu.unlock()


async def test_a_timeout_counts_over_all_turns(host: Host) -> None:
    """One that is called in vain has what is left of its time; the message says all of it."""
    if not isinstance(host, LoopHost):
        pytest.skip("needs parties that run only when this one gives way")
    mu = Mutex()
    mu.lock()

    async def party(host: Host) -> None:
        await lock(host, mu, timeout=0.05)

    waits = host.spawn(party)
    await until_waiting(host, mu, 1)
    mu.unlock()
    assert mu.try_lock()
    with pytest.raises(TimeoutError, match=r"timed out after 0\.05 s"):
        await host.join(waits)
    assert " locked waiters=0>" in repr(mu)


async def test_context(host: Host, peer: Host) -> None:
    mu, ctx = Mutex(), Ctx()
    mu.lock()

    async def party(host: Host) -> None:
        await lock(host, mu, ctx=ctx)

    waits = peer.spawn(party)
    await until_waiting(host, mu, 1)
    ctx.cancel()
    with pytest.raises(Gone):
        await host.join(waits)
    mu.unlock()
    with pytest.raises(Gone):
        await lock(host, mu, ctx=ctx)
    assert " unlocked waiters=0>" in repr(mu)


# ---------------------------------------------------------------- cancelled


def test_a_call_to_a_cancelled_task_goes_on() -> None:
    """PY7: the first was called, and does not want the mutex any more; the second gets it."""

    async def main() -> None:
        mu = Mutex()
        mu.lock()
        first, second = await start(mu.alock()), await start(mu.alock())
        mu.unlock()
        first.cancel()
        await cancelled(first)
        await second
        assert " locked waiters=0>" in repr(mu)

    asyncio.run(main())


def test_a_mutex_handed_to_a_cancelled_task_goes_on() -> None:
    """The same when it starves: it was the first one's already."""

    async def main() -> None:
        mu = Mutex()
        mu.lock()
        first, second = await start(mu.alock()), await start(mu.alock())
        mu.unlock()
        assert mu.try_lock()
        time.sleep(0.002)
        await settle()
        mu.unlock()
        assert mu.locked
        first.cancel()
        await cancelled(first)
        await second
        assert " locked waiters=0>" in repr(mu)

    asyncio.run(main())


def test_a_cancelled_task_leaves_the_queue() -> None:
    async def main() -> None:
        mu = Mutex()
        mu.lock()
        first, second = await start(mu.alock()), await start(mu.alock())
        first.cancel()
        await cancelled(first)
        assert waiting(mu) == 1
        mu.unlock()
        await second

    asyncio.run(main())


def test_ready_operations_do_not_suspend() -> None:
    async def main() -> None:
        mu, turns = Mutex(), 0

        async def other() -> None:
            nonlocal turns
            turns += 1

        task = asyncio.create_task(other())
        async with mu:
            pass
        await mu.alock()
        mu.unlock()
        assert turns == 0
        await task

    asyncio.run(main())


def test_blocking_a_loop_is_refused() -> None:
    async def main() -> None:
        mu = Mutex()
        with mu:
            with pytest.raises(BlockingError, match=r"await mutex\.alock\(\)"):
                mu.lock()
            with pytest.raises(BlockingError):
                mu.__enter__()
        await settle()
        assert " unlocked waiters=0>" in repr(mu)

    asyncio.run(main())


# ---------------------------------------------------------------- endings


def test_goexit_unlocks_on_its_way() -> None:
    mu = Mutex()

    def blocking() -> None:
        with mu:
            goexit()

    async def suspending() -> None:
        async with mu:
            goexit()

    for body in (blocking, suspending):
        go(body).result(PATIENCE)
        assert not mu.locked


def test_the_collector_closes_who_waits_for_a_mutex_nobody_has() -> None:
    """PY9: nobody can unlock it, so the goroutine never goes on."""
    closed = Chan[str](1)

    async def waits() -> None:
        mu = Mutex()
        mu.lock()
        try:
            async with mu:
                pass
        finally:
            closed.send_nowait("closed")

    g = go(waits)
    wait_waiting(g)
    del g
    with pytest.warns(ResourceWarning, match=r"Mutex\.alock"):
        gc.collect()
    assert closed.recv(timeout=PATIENCE) == "closed"

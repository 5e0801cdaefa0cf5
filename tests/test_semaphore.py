"""Semaphore: weighted, first come first served, with timeout, context and cancellation.

SM1-SM5, and Go's own tests of it.
"""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest

from cancelling import cancelled, start
from gochan import BlockingError, Semaphore
from holding import Ctx, Gone, acquire, holding, until_waiting, waiting
from hosts import Host, LoopHost
from parking import settle

# ---------------------------------------------------------------- what one party sees


def test_permits_go_out_and_come_back() -> None:
    """Go's TestWeightedTryAcquire."""
    sem = Semaphore(2)
    assert sem.try_acquire()
    assert sem.try_acquire(1)
    assert not sem.try_acquire()
    sem.release(2)
    assert sem.try_acquire(2)
    assert not sem.try_acquire(3), "more than there is"
    assert "size=2 held=2 waiters=0" in repr(sem)


def test_more_than_held_is_refused_whole() -> None:
    """SM5; Go's TestWeightedPanic."""
    sem = Semaphore(3)
    with pytest.raises(ValueError, match="released more than held"):
        sem.release()
    sem.acquire(2)
    with pytest.raises(ValueError, match="released more than held"):
        sem.release(3)
    assert not sem.try_acquire(2), "nothing came back"
    sem.release(2)


def test_nothing_is_free_when_nobody_waits() -> None:
    sem = Semaphore(0)
    sem.acquire(0)
    sem.release(0)
    assert not sem.try_acquire()


@pytest.mark.parametrize("call", ["acquire", "aacquire", "try_acquire", "release"])
def test_wrong_numbers(call: str) -> None:
    sem: Any = Semaphore(1)
    for wrong in ("1", 1.0, None):
        with pytest.raises(TypeError):
            getattr(sem, call)(wrong)
    for wrong in (-1, 2**63):
        with pytest.raises(ValueError, match="between"):
            getattr(sem, call)(wrong)
    assert "held=0" in repr(sem)


def test_wrong_sizes() -> None:
    make: Any = Semaphore
    for wrong in ("1", None, 1.5):
        with pytest.raises(TypeError):
            make(wrong)
    with pytest.raises(ValueError, match="between"):
        make(-1)
    with pytest.raises(TypeError):
        make()


def test_identity_copy_and_truth() -> None:
    sem = Semaphore(0)
    assert sem
    assert sem != Semaphore(0)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="Semaphore"):
            attempt(sem)


def test_what_can_never_be_had_needs_an_end() -> None:
    """Contract: more than `size` waits for its timeout or context; ValueError without either."""
    sem = Semaphore(1)
    for attempt in (sem.acquire, sem.aacquire):
        with pytest.raises(ValueError, match="never"):
            attempt(2)
    with pytest.raises(ValueError, match="never"), Semaphore(0):
        pass
    empty: Any = Semaphore(0)
    with pytest.raises(ValueError, match="never"):
        empty.__aenter__()


# ---------------------------------------------------------------- on every host


async def test_with_holds_one(host: Host) -> None:
    sem = Semaphore(2)
    async with holding(host, sem):
        assert "held=1" in repr(sem)
    assert "held=0" in repr(sem)
    with pytest.raises(ZeroDivisionError):
        async with holding(host, sem):
            raise ZeroDivisionError
    assert "held=0" in repr(sem)


async def test_the_head_holds_back_everyone_behind(host: Host, peer: Host) -> None:
    """SM1, SM4; Go's TestLargeAcquireDoesntStarve in small."""
    sem = Semaphore(3)
    sem.acquire(2)
    order: list[int] = []

    async def party(host: Host, n: int) -> None:
        await acquire(host, sem, n)
        order.append(n)

    big = peer.spawn(party, 3)
    await until_waiting(host, sem, 1)
    small = peer.spawn(party, 1)
    await until_waiting(host, sem, 2)
    assert not sem.try_acquire(), "one is free, but somebody waits"
    sem.release(2)
    await host.join(big)
    assert order == [3]
    sem.release(3)
    await host.join(small)
    assert order == [3, 1]
    sem.release()


async def test_large_is_not_starved(host: Host, peer: Host) -> None:
    """Go's TestLargeAcquireDoesntStarve: some hold one each all the time, and one wants all."""
    parties = 4
    sem = Semaphore(parties)
    running = True

    async def small(host: Host) -> None:
        await acquire(host, sem)
        while running:
            await host.nap(0.0005)
            sem.release()
            await acquire(host, sem)
        sem.release()

    peers = [peer.spawn(small) for _ in range(parties)]
    await host.until(lambda: f"held={parties}" in repr(sem), sem)
    await acquire(host, sem, parties)
    running = False
    sem.release(parties)
    for one in peers:
        await host.join(one)
    assert "held=0" in repr(sem)


async def test_hammer(host: Host, peer: Host) -> None:
    """Go's TestWeighted: never more out than there are."""
    sem, held = Semaphore(3), 0

    async def party(host: Host, n: int) -> None:
        nonlocal held
        for turn in range(30):
            await acquire(host, sem, n)
            held += n
            assert held <= 3
            if turn % 4 == 0:
                await host.nap(0)
            held -= n
            sem.release(n)

    for one in [peer.spawn(party, 1 + at % 3) for at in range(6)]:
        await host.join(one)
    assert held == 0
    assert "held=0 waiters=0" in repr(sem)


async def test_timeout(host: Host) -> None:
    """Go's TestWeightedAcquire."""
    sem = Semaphore(2)
    await acquire(host, sem)
    for limit in (0, -1, 0.01):
        with pytest.raises(TimeoutError, match="Semaphore"):
            await acquire(host, sem, 2, timeout=limit)
    await acquire(host, sem, timeout=0)
    assert waiting(sem) == 0
    sem.release(2)


async def test_too_much_keeps_nobody(host: Host, peer: Host) -> None:
    """SM2; Go's TestWeightedDoesntBlockIfTooBig."""
    sem = Semaphore(2)
    ctx = Ctx()

    async def never(host: Host) -> None:
        await acquire(host, sem, 3, ctx=ctx)

    waits = peer.spawn(never)
    for _ in range(5):
        await acquire(host, sem, 2)
        await host.nap(0.001)
        sem.release(2)
    assert not waits.done
    ctx.cancel()
    with pytest.raises(Gone):
        await host.join(waits)
    with pytest.raises(TimeoutError):
        await acquire(host, sem, 3, timeout=0.005)


async def test_whom_the_head_held_back_goes_on_when_it_leaves(host: Host, peer: Host) -> None:
    """SM3; Go's TestAllocCancelDoesntStarve."""
    sem = Semaphore(2)
    await acquire(host, sem)
    ctx = Ctx()

    async def head(host: Host) -> None:
        await acquire(host, sem, 2, ctx=ctx)

    async def behind(host: Host) -> None:
        await acquire(host, sem)

    first = peer.spawn(head)
    await until_waiting(host, sem, 1)
    second = peer.spawn(behind)
    await until_waiting(host, sem, 2)
    ctx.cancel()
    await host.join(second)
    with pytest.raises(Gone):
        await host.join(first)
    assert "held=2 waiters=0" in repr(sem)


async def test_done_wins_over_free(host: Host) -> None:
    """SM2; Go's TestWeightedAcquireCanceled."""
    sem, ctx = Semaphore(1), Ctx()
    ctx.cancel()
    with pytest.raises(Gone):
        await acquire(host, sem, ctx=ctx)
    assert "held=0" in repr(sem)


async def test_done_wins_over_granted(host: Host) -> None:
    """SM3: permits that came before the context was done, and were not seen yet, go back."""
    if not isinstance(host, LoopHost):
        pytest.skip("needs parties that run only when this one gives way")
    sem, ctx = Semaphore(1), Ctx()
    sem.acquire()

    async def party(host: Host) -> None:
        await acquire(host, sem, ctx=ctx)

    waits = host.spawn(party)
    await until_waiting(host, sem, 1)
    sem.release()
    ctx.cancel()
    with pytest.raises(Gone):
        await host.join(waits)
    assert "held=0 waiters=0" in repr(sem)


# -------------------------------------------------- cancelled by asyncio, refused in its loop


def test_a_cancelled_task_leaves_the_queue() -> None:
    async def main() -> None:
        sem = Semaphore(1)
        sem.acquire()
        head = await start(sem.aacquire())
        behind = await start(sem.aacquire())
        head.cancel()
        await cancelled(head)
        sem.release()
        await behind
        assert "held=1 waiters=0" in repr(sem)

    asyncio.run(main())


def test_permits_handed_to_a_cancelled_task_go_on() -> None:
    """SM3, PY7: the hand-over came first, but the host insists on its cancellation."""

    async def main() -> None:
        sem = Semaphore(2)
        sem.acquire(2)
        head = await start(sem.aacquire(2))
        behind = await start(sem.aacquire(1))
        sem.release(2)
        head.cancel()
        await cancelled(head)
        await behind
        assert "held=1 waiters=0" in repr(sem)

    asyncio.run(main())


def test_ready_operations_do_not_suspend() -> None:
    async def main() -> None:
        sem = Semaphore(1)
        turns = 0

        async def other() -> None:
            nonlocal turns
            turns += 1

        task = asyncio.create_task(other())
        async with sem:
            pass
        await sem.aacquire()
        sem.release()
        assert turns == 0
        await task

    asyncio.run(main())


def test_blocking_a_loop_is_refused() -> None:
    async def main() -> None:
        sem = Semaphore(1)
        with sem:
            with pytest.raises(BlockingError, match=r"await semaphore\.aacquire\(\)"):
                sem.acquire()
            with pytest.raises(BlockingError):
                sem.__enter__()
        await settle()
        assert "held=0 waiters=0" in repr(sem)

    asyncio.run(main())

"""RWMutex: many readers or one writer, phases that alternate, the reader's side.

M8-M13, and Go's own tests of it.
"""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest

from cancelling import cancelled, start
from gochan import BlockingError, Mutex, RWMutex, UnlockError, go
from holding import Ctx, Gone, holding, lock, rlock, until_waiting, waiting
from hosts import Host
from parking import wait_waiting
from watch import PATIENCE

# ---------------------------------------------------------------- what one party sees


def test_truth_table() -> None:
    """M11; Go's TestRWMutex."""
    rw = RWMutex()
    rw.lock()
    assert not rw.try_lock() and not rw.try_rlock()
    assert rw.locked and not rw.reader.locked
    rw.unlock()
    assert rw.try_rlock() and rw.try_rlock()
    assert not rw.try_lock()
    assert rw.reader.locked and not rw.locked
    rw.runlock()
    assert not rw.try_lock()
    rw.runlock()
    assert rw.try_lock()
    rw.unlock()


def test_writers_show_one_reason_to_wait() -> None:
    """M14: Go tells who waits for readers from who waits for another writer; here both lock()."""
    rw = RWMutex()
    rw.rlock()

    def write() -> None:
        with rw:
            pass

    writers = [go(write), go(write)]
    wait_waiting(*writers)
    assert all("in RWMutex.lock() on" in repr(g) for g in writers)
    rw.runlock()
    for g in writers:
        g.result(PATIENCE)


def test_a_pending_writer_refuses_readers() -> None:
    """M9, M11"""
    rw = RWMutex()
    rw.rlock()
    writer = go(rw.lock)
    wait_waiting(writer)
    assert not rw.try_rlock()
    with pytest.raises(TimeoutError):
        rw.rlock(timeout=0.005)
    rw.runlock()
    writer.result(PATIENCE)
    rw.unlock()


def test_misuse() -> None:
    """M12: each pair that does not fit; nothing changes."""
    rw = RWMutex()
    with pytest.raises(UnlockError, match="Unlock of unlocked RWMutex"):
        rw.unlock()
    with pytest.raises(UnlockError, match="RUnlock of unlocked RWMutex"):
        rw.runlock()
    rw.rlock()
    with pytest.raises(UnlockError):
        rw.unlock()
    rw.runlock()
    rw.lock()
    for wrong in (rw.runlock, rw.reader.unlock):
        with pytest.raises(UnlockError, match="RUnlock"):
            wrong()
    assert rw.locked
    rw.unlock()


def test_the_readers_side() -> None:
    """M13; Go's TestRLocker."""
    rw = RWMutex()
    reader = rw.reader
    assert isinstance(rw, Mutex) and isinstance(reader, Mutex) and not isinstance(reader, RWMutex)
    with reader, rw.reader:
        assert "RWMutex.reader" in repr(reader) and "read by 2" in repr(reader)
        assert not rw.try_lock()
    with rw:
        assert not reader.try_lock()
        assert " locked " in repr(rw)
    reader.lock()
    rw.runlock()
    rw.rlock()
    reader.unlock()
    assert " unlocked " in repr(rw)


def test_identity_copy_and_truth() -> None:
    rw = RWMutex()
    for what in (rw, rw.reader):
        assert what
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="Mutex"):
                attempt(what)
    assert rw != RWMutex()
    make: Any = RWMutex
    with pytest.raises(TypeError):
        make(1)


# ---------------------------------------------------------------- on every host


async def test_readers_read_at_the_same_time(host: Host, peer: Host) -> None:
    """Go's TestParallelReaders: all are inside before the first one leaves."""
    rw, inside, leave = RWMutex(), 0, False

    async def reader(host: Host) -> None:
        nonlocal inside
        async with holding(host, rw.reader):
            inside += 1
            await host.until(lambda: leave, rw)

    readers = [peer.spawn(reader) for _ in range(4)]
    await host.until(lambda: inside == 4, rw)
    assert not rw.try_lock()
    leave = True
    for one in readers:
        await host.join(one)
    assert rw.try_lock()


async def test_hammer(host: Host, peer: Host) -> None:
    """Go's HammerRWMutex: readers see no writer inside, writers nobody."""
    rw, reading, writing = RWMutex(), 0, 0

    async def reader(host: Host) -> None:
        nonlocal reading
        for turn in range(30):
            await rlock(host, rw)
            reading += 1
            assert writing == 0
            if turn % 3 == 0:
                await host.nap(0)
            assert writing == 0
            reading -= 1
            rw.runlock()

    async def writer(host: Host) -> None:
        nonlocal writing
        for _ in range(15):
            await lock(host, rw)
            writing += 1
            assert (reading, writing) == (0, 1)
            await host.nap(0)
            assert (reading, writing) == (0, 1)
            writing -= 1
            rw.unlock()

    for one in [peer.spawn(body) for body in (writer, reader, reader, writer, reader)]:
        await host.join(one)
    assert " unlocked waiting_writers=0 waiting_readers=0>" in repr(rw)


async def test_phases_alternate(host: Host, peer: Host) -> None:
    """M10: a writer that came first of all waits for the readers that came during the write."""
    rw, order = RWMutex(), list[str]()
    rw.lock()

    async def writer(host: Host) -> None:
        await lock(host, rw)
        order.append("W")
        rw.unlock()

    async def reader(host: Host) -> None:
        await rlock(host, rw)
        order.append("R")
        rw.runlock()

    peers = []
    for count, body in enumerate((writer, reader, reader, reader), 1):
        peers.append(peer.spawn(body))
        await until_waiting(host, rw, count)
    rw.unlock()
    for one in peers:
        await host.join(one)
    assert order == ["R", "R", "R", "W"]


async def test_a_writer_that_leaves_lets_the_readers_in(host: Host, peer: Host) -> None:
    rw, ctx = RWMutex(), Ctx()
    rw.rlock()

    async def writer(host: Host) -> None:
        await lock(host, rw, ctx=ctx)

    async def reader(host: Host) -> None:
        await rlock(host, rw)

    first = peer.spawn(writer)
    await until_waiting(host, rw, 1)
    second = peer.spawn(reader)
    await until_waiting(host, rw, 2)
    ctx.cancel()
    await host.join(second)
    with pytest.raises(Gone):
        await host.join(first)
    assert "read by 2" in repr(rw)


async def test_timeouts(host: Host) -> None:
    rw = RWMutex()
    rw.lock()
    for limit in (0, 0.01):
        with pytest.raises(TimeoutError, match="rlock"):
            await rlock(host, rw, timeout=limit)
        with pytest.raises(TimeoutError, match="RWMutex"):
            await lock(host, rw, timeout=limit)
        with pytest.raises(TimeoutError, match="RWMutex"):
            await lock(host, rw.reader, timeout=limit)
    assert waiting(rw) == 0
    rw.unlock()
    await rlock(host, rw, timeout=0)
    rw.runlock()


# -------------------------------------------------- cancelled by asyncio, refused in its loop


@pytest.mark.parametrize("side", ["reader", "writer"])
def test_a_lock_handed_to_a_cancelled_task_goes_on(side: str) -> None:
    async def main() -> None:
        rw = RWMutex()
        rw.lock()
        first = await start(rw.arlock() if side == "reader" else rw.alock())
        second = await start(rw.alock())
        rw.unlock()
        first.cancel()
        await cancelled(first)
        await second
        assert " locked waiting_writers=0 waiting_readers=0>" in repr(rw)

    asyncio.run(main())


def test_blocking_a_loop_is_refused() -> None:
    async def main() -> None:
        rw = RWMutex()
        async with rw:
            with pytest.raises(BlockingError, match=r"await rw\.arlock\(\)"):
                rw.rlock()
            with pytest.raises(BlockingError, match="alock"):
                rw.lock()

    asyncio.run(main())

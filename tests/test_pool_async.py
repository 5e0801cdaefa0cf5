"""Pools from asyncio tasks and goroutines: asubmit, amap, run_in_executor, what would block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import aclosing
from typing import Any, TypeVar, cast

import pytest

from gochan import BlockingError, Chan, Pool
from hosts import Host, LoopHost
from parking import wait_until
from pools import Counting, fail_at, square

T = TypeVar("T")


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(2, queue=1) as pool:
        yield pool


async def submit(host: Host, pool: Pool, fn: Callable[..., T], *args: Any) -> Future[T]:
    if host.blocking:
        return pool.submit(fn, *args)
    return await pool.asubmit(fn, *args)


async def results(
    host: Host, pool: Pool, fn: Callable[..., T], *iterables: Iterable[Any], **options: Any
) -> AsyncGenerator[T]:
    if host.blocking:
        for result in pool.map(fn, *iterables, **options):
            yield result
    else:
        async for result in pool.amap(fn, *iterables, **options):
            yield result


# ---------------------------------------------------------------- everywhere


async def test_submit_waits_for_room(host: Host, pool: Pool) -> None:
    gate, late = Chan[None](), []

    async def one_more(host: Host) -> None:
        late.append(await submit(host, pool, square, 3))

    futures: list[Future[Any]] = [await submit(host, pool, gate.recv_ok) for _ in range(3)]
    peer = host.spawn(one_more)
    await host.nap(0.01)
    assert late == []
    gate.close()
    await host.join(peer)
    await host.until(lambda: all(f.done() for f in futures + late), futures)
    assert late[0].result() == 9


async def test_map(host: Host, pool: Pool) -> None:
    values, got = Counting(), []
    async with aclosing(results(host, pool, square, values, buffersize=3)) as squares:
        async for result in squares:
            got.append(result)
            assert values.taken <= len(got) + 3
            if len(got) == 20:
                break
    assert got == [n * n for n in range(20)]
    both = results(host, pool, pow, [2, 3], [2, 2], ordered=False)
    assert sorted([v async for v in both]) == [4, 9]
    assert [v async for v in results(host, pool, square, [])] == []


async def test_the_first_error_of_a_map_ends_it(host: Host, pool: Pool) -> None:
    values, got = Counting(), []
    failing = results(host, pool, fail_at, values, [3] * 100, buffersize=2)
    for _ in range(3):
        got.append(await anext(failing))
    with pytest.raises(LookupError, match="no 3 here"):
        await anext(failing)
    assert got == [0, 1, 2]
    assert values.taken <= 5


# ---------------------------------------------------------------- in event loops


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_host(request: pytest.FixtureRequest) -> LoopHost:
    from conftest import LOOPS

    return LoopHost(request.param, LOOPS[request.param])


def test_what_would_block_the_loop_is_refused(loop_host: LoopHost, pool: Pool) -> None:
    gate = Chan[None]()

    async def main() -> None:
        futures = [pool.submit(gate.recv_ok) for _ in range(3)]
        with pytest.raises(BlockingError, match=r"use `await pool.asubmit\(fn, ...\)` there"):
            pool.submit(square, 1)
        with pytest.raises(BlockingError, match="or a larger queue"):
            asyncio.get_running_loop().run_in_executor(pool, square, 1)
        results = pool.map(square, [1])
        with pytest.raises(BlockingError, match=r"use `async for value in pool\.amap"):
            next(results)
        with pytest.raises(BlockingError, match="use `async with pool` there"):
            pool.shutdown()
        assert "open" in repr(pool), "nothing happened"
        cast(Any, results).close()  # what waits in a map is neither active nor queued
        gate.close()
        await asyncio.gather(*map(asyncio.wrap_future, futures))
        wait_until(lambda: " active=0 " in repr(pool), "at rest")
        pool.shutdown()  # has nothing to wait for

    loop_host.run(main)


def test_run_in_executor(loop_host: LoopHost) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with Pool(2, queue=100) as pool:
            calls = [loop.run_in_executor(pool, square, n) for n in range(50)]
            assert await asyncio.gather(*calls) == [n * n for n in range(50)]
            assert await loop.run_in_executor(pool, threading.get_ident) != threading.get_ident()
            with pytest.raises(LookupError):
                await loop.run_in_executor(pool, fail_at, 1, 1)

    loop_host.run(main)


def test_wrap_future_and_cancel(loop_host: LoopHost, pool: Pool) -> None:
    gate = Chan[None]()

    async def main() -> None:
        running = [await pool.asubmit(gate.recv_ok) for _ in range(2)]
        wait_until(lambda: all(f.running() for f in running), "both run")
        waiting = await pool.asubmit(square, 2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.wrap_future(waiting)
        assert waiting.cancelled()
        gate.close()
        assert await asyncio.wrap_future(await pool.asubmit(square, 3)) == 9

    loop_host.run(main)


def test_a_cancelled_asubmit_leaves_nothing(loop_host: LoopHost, pool: Pool) -> None:
    gate = Chan[None]()
    ran: list[int] = []

    async def main() -> None:
        futures = [await pool.asubmit(gate.recv_ok) for _ in range(3)]
        task = asyncio.create_task(pool.asubmit(ran.append, 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.close()
        await asyncio.gather(*map(asyncio.wrap_future, futures))
        # All the room there was is there again.
        more = [await asyncio.wait_for(pool.asubmit(square, n), 5) for n in range(9)]
        assert [await asyncio.wrap_future(f) for f in more] == [n * n for n in range(9)]
        assert ran == []

    loop_host.run(main)


def test_a_cancelled_amap_goes_on(loop_host: LoopHost, pool: Pool) -> None:
    gate = Chan[None]()

    async def main() -> None:
        results = pool.amap(lambda n: (gate.recv_ok(), n)[1], range(3))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(results)
        gate.close()
        assert [v async for v in results] == [0, 1, 2]

    loop_host.run(main)


def test_a_failed_amap_is_over(loop_host: LoopHost, pool: Pool) -> None:
    def stop(n: int) -> int:
        raise StopAsyncIteration

    async def main() -> None:
        failed = pool.amap(stop, [1])
        with pytest.raises(RuntimeError, match="a call raised StopAsyncIteration"):
            await anext(failed)
        assert [v async for v in failed] == []

    loop_host.run(main)


def test_async_with(loop_host: LoopHost) -> None:
    gate = Chan[None]()

    async def main() -> None:
        async with Pool(1, queue=3) as pool:
            futures = [await pool.asubmit(gate.recv_ok) for _ in range(3)]
            asyncio.get_running_loop().call_soon(gate.close)
        assert [f.result() for f in futures] == [(None, False)] * 3
        assert "shut down" in repr(pool)
        with pytest.raises(RuntimeError, match="after shutdown"):
            await pool.asubmit(square, 1)

        blocked = Chan[None]()
        futures.clear()

        async def cancelled() -> None:
            async with asyncio.timeout(0.01), Pool(1, queue=3) as pool:
                futures.extend([await pool.asubmit(blocked.recv_ok) for _ in range(3)])
                await asyncio.sleep(60)

        with pytest.raises(TimeoutError):
            await cancelled()
        assert [f.cancelled() for f in futures] == [False, True, True]
        blocked.close()

        async def failed() -> None:
            async with Pool(1) as pool:
                futures.append(await pool.asubmit(lambda: (None, False)))
                raise LookupError

        with pytest.raises(LookupError):
            await failed()
        assert futures[-1].done()

    loop_host.run(main)

"""What a typed program may write with gochan.Pool."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed, wait
from datetime import timedelta
from functools import partial
from typing import assert_type

import gochan
from gochan import Pool, PoolFuture


def area(width: int, height: int = 1) -> float:
    return width * height


async def fetch(url: str, *, retries: int = 3) -> bytes:
    return url.encode() * retries


def pools(executor: Executor) -> None:
    assert_type(Pool(), Pool)
    assert_type(Pool(4, queue=0), Pool)
    assert_type(Pool(workers=4, queue=None, executor=executor), Pool)
    Pool(executor=Pool())
    an_executor: Executor = gochan.Pool()
    with Pool() as pool:
        assert_type(pool, Pool)
    with ProcessPoolExecutor() as processes, Pool(executor=processes):
        pass
    an_executor.shutdown(wait=False, cancel_futures=True)
    assert_type(pool.shutdown(), None)


def jobs(pool: Pool) -> None:
    assert_type(pool.submit(area, 3), PoolFuture[float])
    assert_type(pool.submit(area, 3, height=4), PoolFuture[float])
    assert_type(pool.submit(partial(area, 3)), PoolFuture[float])
    assert_type(pool.submit(fetch, "a", retries=1), PoolFuture[bytes])
    assert_type(pool.submit(lambda: 3).result(), int)
    futures = [pool.submit(area, n) for n in range(3)]
    wait(futures)
    for future in as_completed(futures):
        assert_type(future.result(), float)
    a_future: Future[float] = futures[0]
    an_awaitable: Awaitable[float] = futures[0]
    print(a_future, an_awaitable)


def maps(pool: Pool) -> None:
    assert_type(pool.map(area, [1], range(3)), Iterator[float])
    assert_type(pool.map(fetch, ["a", "b"]), Iterator[bytes])
    pool.map(area, [1], timeout=1)
    pool.map(area, [1], timeout=timedelta(seconds=1), chunksize=10, buffersize=5, ordered=False)
    for value in pool.map(str.upper, "abc"):
        assert_type(value, str)


async def async_jobs(pool: Pool) -> None:
    future = await pool.asubmit(area, 3)
    assert_type(future, PoolFuture[float])
    assert_type(await pool.asubmit(fetch, "a", retries=1), PoolFuture[bytes])
    assert_type(await future, float)
    assert_type(await pool.submit(fetch, "a"), bytes)
    assert_type(await asyncio.wait_for(future, 1), float)
    assert_type(await asyncio.wrap_future(future), float)
    task = asyncio.create_task(pool.asubmit(area, 3))
    assert_type(await task, PoolFuture[float])
    assert_type(pool.amap(area, [1], [2], ordered=False, buffersize=3), AsyncIterator[float])
    async for page in pool.amap(fetch, ["a"]):
        assert_type(page, bytes)
    async with Pool(3) as other:
        assert_type(other, Pool)
    loop = asyncio.get_running_loop()
    assert_type(await loop.run_in_executor(pool, area, 3), float)

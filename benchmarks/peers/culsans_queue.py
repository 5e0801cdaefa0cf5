"""culsans, by the queue's own methods: its sync_q and async_q proxies only add a call."""

from culsans import Queue

import drive
import drive_async
import drive_coro


def one_thread(n: int) -> float:
    q = Queue[int](128)
    return drive.alternate(q.sync_put, q.sync_get, n)


def stream(n: int) -> float:
    q = Queue[int](128)
    return drive.stream(q.sync_put, q.sync_get, n)


def stream_4x4(n: int) -> float:
    q = Queue[int](128)
    return drive.stream(q.sync_put, q.sync_get, n, pairs=4)


def ping_pong(n: int) -> float:
    there, back = Queue[int](1), Queue[int](1)
    return drive.ping_pong(there.sync_put, there.sync_get, back.sync_put, back.sync_get, n)


async def ready(n: int) -> float:
    q = Queue[int](128)
    return await drive_async.alternate(q.async_put, q.async_get, n)


async def async_ping_pong(n: int) -> float:
    there, back = Queue[int](1), Queue[int](1)
    return await drive_coro.ping_pong(
        drive_async.together, there.async_put, there.async_get, back.async_put, back.async_get, n
    )


async def thread_to_task(n: int) -> float:
    q = Queue[int](128)
    return await drive_async.thread_to_task(q.sync_put, q.async_get, n)


async def task_to_thread(n: int) -> float:
    q = Queue[int](128)
    return await drive_async.task_to_thread(q.async_put, q.sync_get, n)

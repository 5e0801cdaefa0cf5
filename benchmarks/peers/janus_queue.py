"""janus: one queue with a face for threads and one for tasks."""

from janus import Queue

import drive
import drive_async
import drive_coro


def one_thread(n: int) -> float:
    q = Queue[int](128).sync_q
    return drive.alternate(q.put, q.get, n)


def stream(n: int) -> float:
    q = Queue[int](128).sync_q
    return drive.stream(q.put, q.get, n)


def stream_4x4(n: int) -> float:
    q = Queue[int](128).sync_q
    return drive.stream(q.put, q.get, n, pairs=4)


def ping_pong(n: int) -> float:
    there, back = Queue[int](1).sync_q, Queue[int](1).sync_q
    return drive.ping_pong(there.put, there.get, back.put, back.get, n)


async def ready(n: int) -> float:
    q = Queue[int](128).async_q
    return await drive_async.alternate(q.put, q.get, n)


async def async_ping_pong(n: int) -> float:
    there, back = Queue[int](1).async_q, Queue[int](1).async_q
    return await drive_coro.ping_pong(
        drive_async.together, there.put, there.get, back.put, back.get, n
    )


async def thread_to_task(n: int) -> float:
    q = Queue[int](128)
    return await drive_async.thread_to_task(q.sync_q.put, q.async_q.get, n)


async def task_to_thread(n: int) -> float:
    q = Queue[int](128)
    return await drive_async.task_to_thread(q.async_q.put, q.sync_q.get, n)

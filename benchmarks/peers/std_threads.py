"""The standard library's queues and threads."""

import queue
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait

import drive


def one_thread_simple(n: int) -> float:
    q = queue.SimpleQueue[int]()
    return drive.alternate(q.put, q.get, n)


def one_thread_queue(n: int) -> float:
    q = queue.Queue[int](128)
    return drive.alternate(q.put, q.get, n)


def drain_simple(n: int) -> float:
    def filled(size: int) -> Iterable[object]:
        q = queue.SimpleQueue[int | None]()
        drive.put_all(q.put, size)
        q.put(None)
        return iter(q.get, None)

    return drive.drain(filled, n)


def drain_queue(n: int) -> float:
    def filled(size: int) -> Iterable[object]:
        q = queue.Queue[int | None]()
        drive.put_all(q.put, size)
        q.put(None)
        return iter(q.get, None)

    return drive.drain(filled, n)


def stream_simple(n: int) -> float:
    q = queue.SimpleQueue[int]()
    return drive.stream(q.put, q.get, n)


def stream_queue(n: int) -> float:
    q = queue.Queue[int](128)
    return drive.stream(q.put, q.get, n)


def stream_4x4_simple(n: int) -> float:
    q = queue.SimpleQueue[int]()
    return drive.stream(q.put, q.get, n, pairs=4)


def stream_4x4_queue(n: int) -> float:
    q = queue.Queue[int](128)
    return drive.stream(q.put, q.get, n, pairs=4)


def ping_pong_simple(n: int) -> float:
    there, back = queue.SimpleQueue[int](), queue.SimpleQueue[int]()
    return drive.ping_pong(there.put, there.get, back.put, back.get, n)


def ping_pong_queue(n: int) -> float:
    there, back = queue.Queue[int](1), queue.Queue[int](1)
    return drive.ping_pong(there.put, there.get, back.put, back.get, n)


def spawn_thread(n: int) -> float:
    def burst(size: int) -> None:
        threads = [threading.Thread(target=drive.tiny) for _ in range(size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return drive.bursts(burst, n)


def spawn_pool(n: int) -> float:
    with ThreadPoolExecutor(8) as pool:

        def burst(size: int) -> None:
            wait([pool.submit(drive.tiny) for _ in range(size)])

        return drive.bursts(burst, n)

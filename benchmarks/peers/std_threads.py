"""The standard library's queues and threads."""

import queue
import threading
import time
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


def spawn_pool(n: int) -> float:
    with ThreadPoolExecutor(8) as pool:

        def burst() -> None:
            wait([pool.submit(drive.tiny) for _ in range(drive.BURST)])

        return drive.bursts(burst, n)


def sleep_once(n: int) -> float:
    """The floor: one nap in place of SLEEPERS of them."""
    return drive.crowds(lambda: time.sleep(drive.NAP), n)


def sleep_thread(n: int) -> float:
    def nap_all() -> None:
        threads = [
            threading.Thread(target=time.sleep, args=(drive.NAP,)) for _ in range(drive.SLEEPERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return drive.crowds(nap_all, n)


def sleep_pool(n: int) -> float:
    with ThreadPoolExecutor(drive.SLEEPERS) as pool:

        def nap_all() -> None:
            wait([pool.submit(time.sleep, drive.NAP) for _ in range(drive.SLEEPERS)])

        return drive.crowds(nap_all, n)

"""The standard library's ThreadPoolExecutor."""

from concurrent.futures import ThreadPoolExecutor

import drive_pool
from drive_pool import WORKERS


def submit(n: int) -> float:
    return drive_pool.submit(ThreadPoolExecutor(WORKERS), n)


def round_trips(n: int) -> float:
    return drive_pool.round_trips(ThreadPoolExecutor(WORKERS), n)


def walk(n: int) -> float:
    return drive_pool.walk(ThreadPoolExecutor(WORKERS), n)

"""gochan's Pool."""

import drive_pool
from drive_pool import BURST, WORKERS
from gochan import Pool


def submit(n: int) -> float:
    return drive_pool.submit(Pool(WORKERS, queue=BURST), n)


def submit_held_back(n: int) -> float:
    return drive_pool.submit(Pool(WORKERS), n)


def round_trips(n: int) -> float:
    return drive_pool.round_trips(Pool(WORKERS), n)


def walk(n: int) -> float:
    return drive_pool.walk(Pool(WORKERS), n)

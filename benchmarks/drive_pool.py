"""The timed loops for pools: any executor, as long as it has submit and map."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, wait
from time import perf_counter

import drive

BURST = 1_000
WORKERS = 8

Map = Callable[[Callable[[int], int], Iterable[int]], Iterable[int]]


def submit(pool: Executor, n: int) -> float:
    """Bursts of jobs that do nothing, each burst waited for before the next."""

    def burst() -> None:
        wait([pool.submit(drive.tiny) for _ in range(BURST)])

    with pool:
        burst()
        return drive.bursts(burst, n, BURST)


def round_trips(pool: Executor, n: int) -> float:
    """One job that does nothing, and its result, before the next."""
    with pool:
        begin = perf_counter()
        for _ in range(n):
            pool.submit(drive.tiny).result()
        return perf_counter() - begin


def walk(pool: Executor, n: int) -> float:
    """The results of a map of a tiny function, one by one."""
    with pool:
        begin = perf_counter()
        for _ in pool.map(abs, range(n)):
            pass
        return perf_counter() - begin

"""The timed loops for threads, shared by every contestant so that their own cost is alike for all.

Each returns the seconds that `n` operations took. Making queues, threads and pools is outside the
clock. A worker thread that raises ends the whole process with its traceback: the sample has failed,
and waiting for the values it will never send would only turn the error into a hang.
"""

import os
import sys
import traceback
from collections.abc import Callable, Iterable
from threading import Barrier, Thread
from time import perf_counter

Put = Callable[[int], object]
Get = Callable[[], object]

Jobs = list[Callable[[], object]]

DRAIN_BATCH = 10_000
BURST = 20_000
SLEEPERS, NAP = 1_000, 0.1
RIVALS = 4


def start(fn: Callable[[], object]) -> Thread:
    """Run fn on a new thread; an error in it ends the process."""

    def guarded() -> None:
        try:
            fn()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    thread = Thread(target=guarded, daemon=True)
    thread.start()
    return thread


def put_all(put: Put, n: int) -> None:
    for i in range(n):
        put(i)


def get_all(get: Get, n: int) -> None:
    for _ in range(n):
        get()


def alternate(put: Put, get: Get, n: int) -> float:
    """One thread: put one, get one."""
    begin = perf_counter()
    for i in range(n):
        put(i)
        get()
    return perf_counter() - begin


def drain(filled: Callable[[int], Iterable[object]], n: int) -> float:
    """One thread: iterate over something filled beforehand, outside the clock, to its end."""
    # Counting in the timed loop would cost as much as the iteration itself, so it is done here.
    if (seen := len(list(filled(100)))) != 100:
        raise AssertionError(f"{seen} of 100 values came out")
    taken = 0.0
    left = n
    while left > 0:
        values = filled(min(left, DRAIN_BATCH))
        begin = perf_counter()
        for _ in values:
            pass
        taken += perf_counter() - begin
        left -= DRAIN_BATCH
    return taken


def together(jobs: Jobs) -> float:
    """Run the jobs on a thread each, released at once; the clock stops when the last has ended."""
    gate = Barrier(len(jobs) + 1)

    def gated(job: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            gate.wait()
            job()

        return run

    threads = [start(gated(job)) for job in jobs]
    gate.wait()
    begin = perf_counter()
    for thread in threads:
        thread.join()
    return perf_counter() - begin


def stream(
    put: Put, get: Get, n: int, *, pairs: int = 1, together: Callable[[Jobs], float] = together
) -> float:
    """`pairs` producer threads and as many consumer threads move n values in all."""
    shares = [n // pairs + (k < n % pairs) for k in range(pairs)]
    producers = [lambda share=share: put_all(put, share) for share in shares]
    consumers = [lambda share=share: get_all(get, share) for share in shares]
    return together([*producers, *consumers])


def ping_pong(
    put_there: Put,
    get_there: Get,
    put_back: Put,
    get_back: Get,
    n: int,
    *,
    together: Callable[[Jobs], float] = together,
) -> float:
    """Two threads: one sends and awaits the answer, n times; the clock sees n round trips."""

    def ping() -> None:
        for i in range(n):
            put_there(i)
            get_back()

    def pong() -> None:
        for i in range(n):
            get_there()
            put_back(i)

    return together([ping, pong])


def bursts(run_burst: Callable[[], object], n: int, size: int = BURST) -> float:
    """n tiny jobs in bursts of `size`, each burst waited for before the next."""
    begin = perf_counter()
    for _ in range(n // size):
        run_burst()
    return perf_counter() - begin


def crowds(nap_all: Callable[[], object], n: int) -> float:
    """n times SLEEPERS jobs that sleep NAP seconds each, all waited for."""
    begin = perf_counter()
    for _ in range(n):
        nap_all()
    return perf_counter() - begin


def called(call: Callable[[], object], n: int) -> float:
    """One function after the other."""
    start = perf_counter()
    for _ in range(n):
        call()
    return perf_counter() - start


def locked(lock: Get, unlock: Get, n: int) -> float:
    """One thread: lock and unlock."""
    begin = perf_counter()
    for _ in range(n):
        lock()
        unlock()
    return perf_counter() - begin


def locked_by_four(lock: Get, unlock: Get, n: int) -> float:
    """RIVALS threads share n locks of one lock evenly."""

    def rival() -> None:
        for _ in range(n // RIVALS):
            lock()
            unlock()

    return together([rival] * RIVALS)


def tiny() -> None:
    """The job of the spawn scenario."""

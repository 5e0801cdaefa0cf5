"""gevent: greenlets that call the blocking forms, over Channel (unbuffered) and Queue(128)."""

import gc
from collections.abc import Callable
from itertools import pairwise
from time import perf_counter

import gevent
from gevent.queue import Channel, Queue

import drive
from drive_coro import BURST, CROWD, LAST_PRIME, PRIMES, RING
from memory import resident


def _together(jobs: list[Callable[[], object]]) -> float:
    begin = perf_counter()
    gevent.joinall([gevent.spawn(job) for job in jobs], raise_error=True)
    return perf_counter() - begin


def ping_pong(n: int) -> float:
    there, back = Channel(), Channel()
    return drive.ping_pong(there.put, there.get, back.put, back.get, n, together=_together)


def stream(n: int) -> float:
    q = Queue(128)
    return drive.stream(q.put, q.get, n, together=_together)


def ring(n: int) -> float:
    """As drive_coro.ring."""
    laps = n // RING
    taken = 0.0
    links = [Channel() for _ in range(RING)]

    def node(before: Channel, after: Channel) -> Callable[[], None]:
        get, put = before.get, after.put

        def pass_on() -> None:
            for _ in range(laps + 1):
                put(get())

        return pass_on

    def drive_it() -> None:
        nonlocal taken
        put, get = links[0].put, links[-1].get
        put(0)
        get()
        begin = perf_counter()
        for lap in range(laps):
            put(lap)
            get()
        taken = perf_counter() - begin

    pairs = pairwise(links)
    _together([*(node(*pair) for pair in pairs), drive_it])
    return taken


def sieve(n: int) -> float:
    """As drive_coro.sieve, n times."""
    return sum(float(gevent.spawn(_sieve).get()) for _ in range(n))


def _sieve() -> float:
    begin = perf_counter()
    prime = 0
    ch = Channel()
    chain = [gevent.spawn(_count, ch.put)]
    for _ in range(PRIMES):
        prime = ch.get()
        rest = Channel()
        chain.append(gevent.spawn(_sift, ch.get, rest.put, prime))
        ch = rest
    taken = perf_counter() - begin
    gevent.killall(chain)
    if prime != LAST_PRIME:
        raise AssertionError(f"{prime} is not prime number {PRIMES}")
    return taken


def _count(put: drive.Put) -> None:
    i = 2
    while True:
        put(i)
        i += 1


def _sift(get: Callable[[], int], put: drive.Put, prime: int) -> None:
    while True:
        i = get()
        if i % prime:
            put(i)


def spawn(n: int) -> float:
    def burst() -> None:
        gevent.joinall([gevent.spawn(drive.tiny) for _ in range(BURST)])

    return drive.bursts(burst, n, BURST)


def memory(n: int) -> float:
    """As drive_coro.memory."""
    q = Queue()

    def park() -> None:
        for _ in range(CROWD):
            gevent.spawn(q.get)
        gevent.sleep(0)

    park()
    gc.collect()
    before = resident()
    for _ in range(n // CROWD):
        park()
    gc.collect()
    return resident() - before

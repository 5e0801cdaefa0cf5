"""gochan's select: Chan(1) where somebody is ready, Chan() where somebody waits."""

from functools import partial

import drive_select
from drive_coro import APut
from drive_select import ASelect
from gochan import Chan, aselect, select
from peers.gochan_goroutine import in_goroutine, together


def _ready(arms: int, n: int) -> float:
    chans = [Chan[int](1) for _ in range(arms)]
    puts: list[APut] = [ch.asend for ch in chans]
    take: ASelect = partial(aselect, *chans)
    return in_goroutine(drive_select.asend_and_select, puts, take, n)


def ready_2(n: int) -> float:
    return _ready(2, n)


def ready_16(n: int) -> float:
    return _ready(16, n)


def ready_recv(n: int) -> float:
    """No select: one channel."""
    ch = Chan[int](1)
    return in_goroutine(drive_select.asend_and_select, [ch.asend], ch.arecv, n)


def _parked(arms: int, n: int) -> float:
    chans = [Chan[int]() for _ in range(arms)]
    puts: list[APut] = [ch.asend for ch in chans]
    take: ASelect = partial(aselect, *chans)
    return in_goroutine(drive_select.feed_and_select, together, puts, take, n)


def parked_2(n: int) -> float:
    return _parked(2, n)


def parked_16(n: int) -> float:
    return _parked(16, n)


def parked_recv(n: int) -> float:
    """No select: one channel."""
    ch = Chan[int]()
    return in_goroutine(drive_select.feed_and_select, together, [ch.asend], ch.arecv, n)


def thread(n: int) -> float:
    a, b = Chan[int](1), Chan[int](1)
    return drive_select.select_and_refill([a.send, b.send], partial(select, a, b), n)


def thread_recv(n: int) -> float:
    """No select: one channel."""
    ch = Chan[int](1)
    return drive_select.recv_and_refill(ch.send, ch.recv, n)

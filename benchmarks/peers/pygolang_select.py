"""pygolang: channels and select in C++, from threads."""

from functools import partial

from golang import chan, select

import drive_select


def _ready(arms: int, n: int) -> float:
    chans = [chan(1) for _ in range(arms)]
    take = partial(select, *[ch.recv for ch in chans])
    return drive_select.send_and_select([ch.send for ch in chans], take, n)


def ready_2(n: int) -> float:
    return _ready(2, n)


def ready_16(n: int) -> float:
    return _ready(16, n)


def _parked(arms: int, n: int) -> float:
    chans = [chan() for _ in range(arms)]
    take = partial(select, *[ch.recv for ch in chans])
    return drive_select.feed_and_select_threads([ch.send for ch in chans], take, n)


def parked_2(n: int) -> float:
    return _parked(2, n)


def parked_16(n: int) -> float:
    return _parked(16, n)


def thread(n: int) -> float:
    a, b = chan(1), chan(1)
    return drive_select.select_and_refill([a.send, b.send], partial(select, a.recv, b.recv), n)

"""gochan's timers, contexts and sleeps, in an `async def` goroutine under run()."""

from collections.abc import Sequence
from functools import partial

import drive_time
from drive_time import FAR, NAP_SPREAD
from gochan import (
    Timer,
    WaitGroup,
    after_func,
    agosched,
    asleep,
    background,
    go,
    run,
    with_timeout,
)
from peers.gochan_goroutine import in_goroutine


def _nothing() -> None:
    pass


def with_timeout_cancel(n: int) -> float:
    make = partial(with_timeout, background(), FAR)
    return in_goroutine(drive_time.scoped, make, agosched, n)


def timer_stop(n: int) -> float:
    return in_goroutine(drive_time.set_and_stop, partial(Timer, FAR), Timer.stop, agosched, n)


def after_func_stop(n: int) -> float:
    make = partial(after_func, FAR, _nothing)
    return in_goroutine(drive_time.set_and_stop, make, Timer.stop, agosched, n)


async def _nap(seconds: float, asleep_still: WaitGroup) -> None:
    await asleep(seconds)
    asleep_still.done()


async def _sleep_all(naps: Sequence[float]) -> None:
    asleep_still = WaitGroup()
    for nap in naps:
        asleep_still.add(1)
        go(_nap, nap, asleep_still)
    await asleep_still


def sleepers(n: int) -> float:
    return run(drive_time.cpu_of_sleepers, _sleep_all, 0.0, n)


def sleepers_spread(n: int) -> float:
    return run(drive_time.cpu_of_sleepers, _sleep_all, NAP_SPREAD, n)


def lateness(n: int) -> float:
    return in_goroutine(drive_time.lateness, asleep, n)

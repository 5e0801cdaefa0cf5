"""Timers in tests: both forms of what waits for them, and what a channel has right now."""

from __future__ import annotations

import time
from typing import Any

import gochan
from gochan import RecvChan, Ticker, Timer, WouldBlock
from hosts import Host

#: Long enough for a test to do something first, short enough to wait for.
SOON = 0.01
#: Never comes in a test.
LONG = 3600.0
#: What two clocks, and a float, may be apart. A stamp says when a tick was due, so no load on the
#: machine moves it.
CLOSE = 0.002


def channel(timer: Timer | Ticker) -> RecvChan[float]:
    ch = timer.c
    assert ch is not None
    return ch


def ready(ch: RecvChan[float]) -> float | None:
    """What can be received at once."""
    try:
        return ch.recv_nowait()
    except WouldBlock:
        return None


async def sleep(host: Host, seconds: Any, **options: Any) -> None:
    if host.blocking:
        gochan.sleep(seconds, **options)
    else:
        await gochan.asleep(seconds, **options)


async def pass_by(host: Host, ch: RecvChan[float], due: float) -> None:
    """Until `due` on the clock of time.monotonic() is over. `ch` is for the message."""
    await host.until(lambda: time.monotonic() > due, ch)

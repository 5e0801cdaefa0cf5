"""Waiting until something really is parked, so that no test needs a sleep and a hope."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gochan import Goroutine
from watch import PATIENCE, parked, stacks

_PAUSE = 0.002
_STILL = 4  # looks in a row without a change; together longer than a turn at the GIL


def wait_until(condition: Callable[[], bool], what: str, limit: float = PATIENCE) -> None:
    """Look until `condition` holds; an AssertionError that says `what` never came otherwise."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not seen in {limit} s: {what}\n{stacks()}")
        # Not an Event: without the GIL its wait spins first, attached, and on a busy machine that
        # holds up whoever stops the world, as the looks at frames here do, for 0.3 s each time.
        time.sleep(_PAUSE)


def wait_waiting(*goroutines: Goroutine[Any]) -> None:
    """Until each of them is parked in an operation of gochan."""
    for g in goroutines:
        wait_until(partial(_in_state, g, "waiting"), f"{g.name} parked, it is {g.state}")


def _in_state(g: Goroutine[Any], state: str) -> bool:
    return g.state == state


def wait_parked(ch: object, *, receivers: int = 0, senders: int = 0) -> None:
    """Until exactly so many are parked on the channel."""
    wait_until(lambda: parked(ch) == (receivers, senders), f"{receivers}/{senders} on {ch!r}")


def _activity(thread: threading.Thread) -> tuple[object, ...]:
    """Changes whenever the thread does anything; its first item is True while it sleeps."""
    frame = sys._current_frames().get(thread.ident or 0)
    where = (id(frame), frame.f_lasti) if frame is not None else ()
    if not sys.platform.startswith("linux"):
        return (True, where)
    # The kernel knows better: asleep, and not woken in between. A thread that only waits for
    # the GIL is asleep too, but gets it, and so moves, while we sleep without it.
    fields = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/self/task/{thread.native_id}/status").read_text().splitlines()
        if ":\t" in line
    )
    return (fields["State"].startswith("S"), fields["voluntary_ctxt_switches"], where)


def wait_blocked(thread: threading.Thread, limit: float = PATIENCE) -> None:
    """Until the thread is blocked, whatever in: it sleeps, and nothing stirs it for a while."""
    last: tuple[object, ...] = ()
    still = 0

    def blocked() -> bool:
        nonlocal last, still
        now = _activity(thread)
        still = still + 1 if now == last and now[0] else 0
        last = now
        return still >= _STILL

    wait_until(blocked, f"{thread.name} blocked", limit)


async def settle(rounds: int = 6) -> None:
    """Let every task of this loop that can run do so until it parks."""
    for _ in range(rounds):
        await asyncio.sleep(0)

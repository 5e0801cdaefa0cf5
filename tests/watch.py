"""Looking from outside: who is parked on a channel, and where everybody stands in a hang."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CoroutineType, FrameType
from typing import NamedTuple

# Seconds. Every test takes a small part of one; whatever gets here hangs, and is reported with
# the stacks of all threads and tasks.
DEADLINE = 90.0
# For one wait inside a test, so that it says what it waited for before the whole test is over.
PATIENCE = 60.0


def slowness() -> float:
    """How many times as long as on an idle machine something takes that only computes."""
    began, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < 0.05:
        pass
    return max(1.0, (time.monotonic() - began) / 0.05)


def label(thing: object) -> str:
    """Its repr without its address, as a test's name: the same in each run."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(thing))


class State(NamedTuple):
    """What `repr()` of a channel says: the only public view of who is parked on it."""

    len: int
    cap: int
    receivers: int
    senders: int
    closed: bool


_STATE = re.compile(r" len=(\d+) cap=(\d+) receivers=(\d+) senders=(\d+) (open|closed)>$")


def state(ch: object) -> State:
    found = _STATE.search(repr(ch))
    assert found, f"no state in {ch!r}"
    length, cap, receivers, senders = map(int, found.groups()[:4])
    return State(length, cap, receivers, senders, found[5] == "closed")


def parked(ch: object) -> tuple[int, int]:
    """How many (receivers, senders) are parked on the channel."""
    now = state(ch)
    return now.receivers, now.senders


@contextmanager
def alarm(seconds: float, where: Callable[[], str] = str) -> Iterator[None]:
    """End a hang of the main thread with an AssertionError. `where` adds to what it says."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"deadline\n{where()}{stacks()}")

    if not hasattr(signal, "setitimer"):  # Windows: faulthandler_timeout is all there is
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def stacks(loop: asyncio.AbstractEventLoop | None = None) -> str:
    """Where every thread, and every task of the loop, stands."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = []
    for ident, frame in sys._current_frames().items():
        parts.append(f"--- thread {names.get(ident, ident)}\n")
        parts += traceback.format_stack(frame)[-8:]
    for task in asyncio.all_tasks(loop) if loop is not None else ():
        parts.append(f"--- task {task.get_name()}\n")
        for frame in task.get_stack():
            parts += traceback.format_stack(frame)[-1:]
    return "".join(parts)


def standing(body: object) -> str:
    """Where a suspended coroutine stands, from the outermost frame to the innermost."""
    parts = []
    while isinstance(body, CoroutineType):
        if body.cr_frame is not None:
            parts += traceback.format_stack(body.cr_frame)[-1:]
        body = body.cr_await
    return "".join(["--- suspended\n", *parts]) if parts else ""

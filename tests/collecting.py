"""The garbage collector and goroutines: making it run, and hearing what it says and does."""

from __future__ import annotations

import gc
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from parking import wait_until


def collect_until(condition: Callable[[], bool], what: str) -> None:
    """Collect again and again until `condition` holds.

    Once is not enough: what a finalizer has revived is freed by the next collection, and a runner
    may still hold what it has just parked.
    """

    def seen() -> bool:
        gc.collect()
        return condition()

    wait_until(seen, what)


@contextmanager
def listening() -> Iterator[Callable[[], list[str]]]:
    """Gives what is said meanwhile of goroutines that can never be woken."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()  # what earlier tests have left behind
        caught.clear()

        def said() -> list[str]:
            ours = [w for w in caught if "can never be woken" in str(w.message)]
            assert all(w.category is ResourceWarning for w in ours)
            return [str(w.message) for w in ours]

        yield said


@contextmanager
def unraisable() -> Iterator[list[BaseException]]:
    """Errors that have nobody to go to, such as those of finally blocks the collector runs."""
    heard: list[BaseException] = []

    def hook(args: Any) -> None:
        # Without its frames, which hold what is to die.
        heard.append(args.exc_value.with_traceback(None))

    before = sys.unraisablehook
    sys.unraisablehook = hook
    try:
        yield heard
    finally:
        sys.unraisablehook = before


class Collector:
    """Collects in a thread of its own, without a pause. `rounds(n)` waits for n more of them."""

    def __init__(self) -> None:
        self.count = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.work, name="collector", daemon=True)

    def work(self) -> None:
        while not self.over.is_set():
            gc.collect()
            self.count += 1

    def rounds(self, n: int) -> None:
        # The one that is under way began before the call.
        wanted = self.count + n + 1
        wait_until(lambda: self.count >= wanted, f"{n} collections")


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    collector.thread.start()
    try:
        yield collector
    finally:
        collector.over.set()
        collector.thread.join()

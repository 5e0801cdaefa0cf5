"""Groups for stages, and functions of all kinds for them to call."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gochan import Context, Goroutine, agosched, go
from hosts import Host
from watch import PATIENCE


class Crew:
    """The least that ``group=`` takes, with a context or without one."""

    def __init__(self, ctx: Context | None = None) -> None:
        self.ctx = ctx
        self.goroutines: list[Goroutine[Any]] = []

    def go(self, fn: Callable[..., Any], *args: Any) -> None:
        self.goroutines.append(go(fn, *args))

    def errors(self) -> list[BaseException | None]:
        """What each of its goroutines raised, once all have ended."""
        return [g.exception(PATIENCE) for g in self.goroutines]

    async def ended(self, host: Host) -> list[BaseException | None]:
        await host.until(lambda: all(g.state == "done" for g in self.goroutines), self.goroutines)
        return self.errors()


async def double(n: int) -> int:
    return 2 * n


async def slow_double(n: int) -> int:
    for _ in range(n % 3):
        await agosched()
    return 2 * n


def plain_double(n: int) -> int:
    return 2 * n


def blocking_double(n: int) -> int:
    time.sleep(n % 3 * 0.0005)
    return 2 * n


async def times(factor: int, n: int) -> int:
    return factor * n


class Doubler:
    async def method(self, n: int) -> int:
        return 2 * n

    async def __call__(self, n: int) -> int:
        return 2 * n


# A function that doubles, in all the ways a function may come.
DOUBLING: dict[str, Callable[[int], Any]] = {
    "async def": double,
    "async def that waits": slow_double,
    "def": plain_double,
    "def that blocks": blocking_double,
    "lambda around an async def": lambda n: double(n),
    "partial": partial(times, 2),
    "partial of a partial": partial(partial(times), 2),
    "method": Doubler().method,
    "object": Doubler(),
    "builtin": (2).__mul__,
}

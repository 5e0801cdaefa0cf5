"""Those who are in everybody's way, each in another manner, until the others are through."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from gochan import Chan, agosched, go, gosched
from parking import wait_until
from watch import PATIENCE

Hog: TypeAlias = Callable[["Way"], Any]
LIMIT = 3 * PATIENCE  # when the way is cleared even so; whoever wants through has given up then


class Way:
    """Shared by those in the way and those who want to get through."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.free = threading.Event()
        self.given_up = time.monotonic() + LIMIT

    def blocked(self) -> bool:
        """For whoever is in the way: whether it still has to be."""
        if not self.begun.is_set():  # what takes a lock could let others in
            self.begun.set()
        return not self.free.is_set() and time.monotonic() < self.given_up


async def computes(way: Way) -> None:
    while way.blocked():
        sum(range(100))


async def sleeps(way: Way) -> None:
    while way.blocked():
        time.sleep(0.3)


async def waits_for_a_lock(way: Way) -> None:
    way.begun.set()
    way.free.wait(LIMIT)


async def blocks_in_a_channel(way: Way) -> None:
    """The blocking form, of which nobody will ever hear."""
    while way.blocked():
        try:
            Chan[int]().recv(timeout=0.3)
        except TimeoutError:
            continue


async def never_suspends(way: Way) -> None:
    """All that it awaits is ready."""
    ch = Chan[int](1)
    while way.blocked():
        await ch.asend(1)
        await ch.arecv()


async def iterates_without_end(way: Way) -> None:
    ch = Chan[int](1)
    await ch.asend(1)
    async for value in ch:
        await ch.asend(value)
        if not way.blocked():
            return


async def takes_turns(way: Way) -> None:
    while way.blocked():
        await agosched()


async def calls_gosched(way: Way) -> None:
    while way.blocked():
        gosched()


async def plays_ping_pong(way: Way) -> None:
    """A pair that wakes each other, and needs nobody else."""
    there, back = Chan[int](), Chan[int]()

    async def pong() -> None:
        async for value in there:
            await back.asend(value)

    go(pong)
    while way.blocked():
        await there.asend(1)
        await back.arecv()
    there.close()


async def starts_its_successor(way: Way) -> None:
    """Each runs once. The newest would always be the next one, if nobody counted."""
    over = Chan[None]()

    async def successor() -> None:
        if way.blocked():
            go(successor)
        else:
            over.close()

    go(successor)
    await over.arecv_ok()


async def two_that_start_each_other(way: Way) -> None:
    over = Chan[None]()

    async def one() -> None:
        await go(other)

    async def other() -> None:
        if way.blocked():
            go(one)
        else:
            over.close()

    go(one)
    await over.arecv_ok()


def def_computes(way: Way) -> None:
    while way.blocked():
        sum(range(100))


def def_sleeps(way: Way) -> None:
    while way.blocked():
        time.sleep(0.3)


def def_calls_gosched(way: Way) -> None:
    while way.blocked():
        gosched()


def def_plays_ping_pong(way: Way) -> None:
    there, back = Chan[int](), Chan[int]()

    def pong() -> None:
        for value in there:
            back.send(value)

    go(pong)
    while way.blocked():
        there.send(1)
        back.recv()
    there.close()


def def_starts_others(way: Way) -> None:
    while way.blocked():
        go(int).join()


ASYNC_HOGS: list[Callable[[Way], Coroutine[Any, Any, None]]] = [
    computes,
    sleeps,
    waits_for_a_lock,
    blocks_in_a_channel,
    never_suspends,
    iterates_without_end,
    takes_turns,
    calls_gosched,
    plays_ping_pong,
    starts_its_successor,
    two_that_start_each_other,
]
HOGS: list[Hog] = [
    *ASYNC_HOGS,
    def_computes,
    def_sleeps,
    def_calls_gosched,
    def_plays_ping_pong,
    def_starts_others,
]


@contextmanager
def in_the_way(hog: Hog, count: int = 1) -> Iterator[None]:
    """So many of them are, from before the block until its end."""
    ways = [Way() for _ in range(count)]
    goroutines = [go(hog, way) for way in ways]
    for way in ways:
        wait_until(way.begun.is_set, f"{hog.__name__} begun")
    try:
        yield
        assert all(way.blocked() for way in ways), "they had given up"
    finally:
        for way in ways:
            way.free.set()
    for g in goroutines:
        g.result(PATIENCE)

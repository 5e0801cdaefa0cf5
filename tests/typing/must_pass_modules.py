"""What a typed program may write with gochan.rate, gochan.singleflight and gochan.patterns."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, TypeGuard, assert_type

import gochan
from gochan import Chan, RecvChan, WaitGroup, background, go, patterns, rate, with_cancel
from gochan import singleflight as flights
from gochan.patterns import batch, broadcast, fan_out, generate, merge, pipe, take, where
from gochan.rate import INF, Limiter, Reservation, every
from gochan.singleflight import Flight, Result


class Page:
    ok: bool = True


def load(url: str) -> Page:
    return Page()


async def fetch(url: str) -> Page:
    return Page()


# ------------------------------------------------------------------ rate
def limits() -> None:
    assert_type(every(0.5), float)
    assert_type(gochan.rate.every(0.5), float)  # without an import of its own
    assert_type(gochan.signal.ignored(1), bool)
    assert_type(every(timedelta(seconds=2)), float)
    assert_type(rate.INF, float)
    limiter = Limiter(every(1), 3)
    Limiter(INF, 0)
    assert_type(limiter.allow(), bool)
    assert_type(limiter.allow(2, at=1.5), bool)
    reservation = limiter.reserve(2)
    assert_type(reservation, Reservation)
    assert_type(reservation.ok, bool)
    assert_type(reservation.delay(at=2), float)
    reservation.cancel()
    limiter.wait()
    with with_cancel(background()) as ctx:
        limiter.wait(2, timeout=timedelta(seconds=1), ctx=ctx)
    assert_type(limiter.tokens(), float)
    limiter.set_rate(2.5)
    limiter.set_burst(4, at=3.0)
    assert_type((limiter.rate, limiter.burst), tuple[float, int])


async def awaiting_limits(limiter: Limiter) -> None:
    await limiter
    await limiter.await_n(2, timeout=1)
    await asyncio.create_task(limiter.await_n())


# ------------------------------------------------------------------ singleflight
def joined(flight: Flight) -> None:
    assert_type(flight.do("/", lambda: load("/")), tuple[Page, bool])
    value, shared = flight.do(("a", 1), lambda: 3)
    assert_type(value, int)
    assert_type(shared, bool)
    assert_type(flight.do_chan("/", lambda: fetch("/")), RecvChan[Result])
    result = flights.Flight().do_chan("/", lambda: 1).recv()
    assert_type(result.error, BaseException | None)
    assert_type(result.shared, bool)
    flight.forget("/")


async def awaiting_joined(flight: Flight) -> None:
    assert_type(await flight.ado("/", lambda: fetch("/")), tuple[Page, bool])
    assert_type(await flight.ado("/", lambda: go(load, "/")), tuple[Page, bool])
    assert_type(await flight.ado("/", lambda: load("/")), tuple[Page, bool])
    assert_type(await asyncio.create_task(flight.ado(1, lambda: fetch("/"))), tuple[Page, bool])


# ------------------------------------------------------------------ patterns
async def numbers() -> AsyncIterator[int]:
    yield 1


def is_text(value: str | int) -> TypeGuard[str]:
    return isinstance(value, str)


async def good(page: Page) -> bool:
    return page.ok


def stages(urls: RecvChan[str], mixed: Chan[str | int], group: WaitGroup) -> None:
    assert_type(generate(["a"]), RecvChan[str])
    assert_type(generate(numbers(), capacity=3, group=group), RecvChan[int])
    assert_type(generate(map(str, [1])), RecvChan[str])
    assert_type(pipe(urls, fetch, workers=8), RecvChan[Page])
    assert_type(pipe(urls, load, workers=8, ordered=False, group=group), RecvChan[Page])
    assert_type(pipe(urls, lambda url: len(url)), RecvChan[int])
    pages = patterns.pipe(Chan[str](3), fetch)
    assert_type(where(pages, good), RecvChan[Page])
    assert_type(where(pages, lambda page: page.ok, group=group), RecvChan[Page])
    assert_type(where(mixed, is_text), RecvChan[str])
    assert_type(batch(pages, 10), RecvChan[list[Page]])
    assert_type(batch(pages, 10, timeout=timedelta(seconds=1)), RecvChan[list[Page]])
    assert_type(take(pages, 3), RecvChan[Page])
    assert_type(merge(urls, generate(["b"])), RecvChan[str])
    assert_type(fan_out(urls, 2), tuple[RecvChan[str], ...])
    left, right = broadcast(urls, 2)
    assert_type(left, RecvChan[str])
    assert_type(right, RecvChan[str])


class Own:
    """A group of one's own."""

    def go(self, fn: Any, /, *args: Any) -> None: ...


def in_a_group_of_ones_own(urls: RecvChan[str]) -> None:
    assert_type(pipe(urls, load, group=Own()), RecvChan[Page])

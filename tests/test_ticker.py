"""`Ticker` and `tick`: ticks on a grid, one pending at most (T8, T11, T12)."""

from __future__ import annotations

import copy
import math
import pickle
import time
from datetime import timedelta
from typing import Any

import pytest

from gochan import Chan, Ticker, tick
from hosts import Host, recv_one
from selecting import select
from ticking import CLOSE, LONG, SOON, channel, pass_by, ready


def on_the_grid(stamps: list[float], period: float) -> list[int]:
    """The stamps as numbers of periods since the first one."""
    steps = [(stamp - stamps[0]) / period for stamp in stamps]
    for step in steps:
        assert abs(step - round(step)) * period < CLOSE, f"off the grid: {steps}"
    return [round(step) for step in steps]


async def test_tick_after_tick(host: Host) -> None:
    """T8, TestTickTimes: whole numbers of periods after the first, and none twice."""
    earliest, ticker = time.time() + SOON, Ticker(SOON)
    latest = time.time() + SOON
    stamps = [await host.recv(ticker.c) for _ in range(10)]
    assert earliest - CLOSE <= stamps[0] <= latest + CLOSE
    steps = on_the_grid(stamps, SOON)
    assert steps == sorted(set(steps))
    ticker.stop()


async def test_a_slow_reader_gets_the_first_missed_tick_and_then_the_next(host: Host) -> None:
    """T8: read after 5.5 periods: 1, and the rest is dropped up to the next that comes."""
    begun = time.monotonic()
    ticker = Ticker(SOON)
    await pass_by(host, ticker.c, begun + 5.5 * SOON)
    stamps = [await host.recv(ticker.c) for _ in range(3)]
    steps = on_the_grid(stamps, SOON)
    assert steps[0] == 0 and steps[1] >= 5
    assert steps[2] > steps[1]
    ticker.stop()


async def test_at_most_one_tick_is_pending(host: Host) -> None:
    begun = time.monotonic()
    ticker = Ticker(SOON)
    await pass_by(host, ticker.c, begun + 4.5 * SOON)
    late = time.time()
    stamps = await host.recv_many(ticker.c, 10)
    assert stamps[0] < late
    if len(stamps) > 1:
        assert stamps[1] >= late, "a missed tick came late"
    assert len(ticker.c) == 0


async def test_each_tick_goes_to_one_receiver(host: Host) -> None:
    """T12."""
    ticker = Ticker(SOON / 2)
    peers = [host.spawn(recv_one, ticker.c) for _ in range(6)]
    stamps = await host.gather(peers)
    assert len(set(stamps)) == len(stamps)
    on_the_grid(sorted(stamps), SOON / 2)
    ticker.stop()


# ------------------------------------------------------------------ stop and reset
async def test_stop_leaves_nothing_to_receive(host: Host) -> None:
    """T4, T11."""
    begun = time.monotonic()
    ticker = Ticker(SOON)
    await pass_by(host, ticker.c, begun + 1.5 * SOON)
    ticker.stop()
    ticker.stop()
    assert ready(ticker.c) is None
    assert not ticker.c.closed
    with pytest.raises(TimeoutError):
        await host.recv(ticker.c, timeout=3 * SOON)


async def test_reset_begins_a_new_grid(host: Host) -> None:
    ticker = Ticker(LONG)
    ch = ticker.c
    peer = host.spawn(recv_one, ch)
    await host.parked(ch, receivers=1)
    ticker.reset(SOON)
    first = await host.join(peer)
    stamps = [first] + [await host.recv(ch) for _ in range(3)]
    on_the_grid(stamps, SOON)
    ticker.stop()
    ticker.reset(SOON / 2)
    await host.recv(ch)
    ticker.stop()


def test_leaving_with_stops_it() -> None:
    with Ticker(SOON / 10) as ticker:
        assert ticker.c.recv() < ticker.c.recv()
    assert "stopped" in repr(ticker)
    ticker.reset(LONG)
    with pytest.raises(ZeroDivisionError), ticker:
        raise ZeroDivisionError
    assert "stopped" in repr(ticker)


# ------------------------------------------------------------------ iteration
async def test_iteration(host: Host) -> None:
    stamps = []
    with Ticker(SOON / 2) as ticker:
        if host.blocking:
            for stamp in ticker:
                stamps.append(stamp)
                if len(stamps) == 4:
                    break
        else:
            async for stamp in ticker:
                stamps.append(stamp)
                if len(stamps) == 4:
                    break
    on_the_grid(stamps, SOON / 2)


def test_it_may_be_iterated_without_a_name() -> None:
    for number, _ in enumerate(Ticker(SOON / 10)):
        if number == 3:
            break


# ------------------------------------------------------------------ tick()
async def test_tick_is_the_channel_of_a_ticker(host: Host) -> None:
    ch = tick(SOON / 2)
    assert ch is not None
    on_the_grid([await host.recv(ch) for _ in range(3)], SOON / 2)


@pytest.mark.parametrize("period", [0, -1, -math.inf, timedelta(0)])
async def test_tick_of_nothing_is_a_nil_channel(host: Host, period: Any) -> None:
    """T8."""
    assert tick(period) is None
    assert await select(host, tick(period), default=True) is None


@pytest.mark.parametrize("period", [0, 0.0, -1, -math.inf, timedelta(0), timedelta(-1)])
def test_a_period_must_be_positive(period: Any) -> None:
    with pytest.raises(ValueError, match=r"Ticker\(\): non-positive interval"):
        Ticker(period)
    ticker = Ticker(SOON / 10)
    with pytest.raises(ValueError, match=r"Ticker\.reset\(\): non-positive interval"):
        ticker.reset(period)
    assert ticker.c.recv(), "an error had no effect"


@pytest.mark.parametrize("make", [Ticker, tick], ids=lambda make: make.__name__)
def test_what_is_no_time(make: Any) -> None:
    with pytest.raises(ValueError, match="period is not a number"):
        make(math.nan)
    for wrong in ("1", None, [1], 1j):
        with pytest.raises(TypeError, match=r"period must be seconds .* or a timedelta, not"):
            make(wrong)


def test_the_shortest_and_the_longest_period() -> None:
    assert Ticker(1e-12).c.recv() < Ticker(5e-324).c.recv()
    assert ready(Ticker(math.inf).c) is None


# ------------------------------------------------------------------ the object
def test_it_is_one_object() -> None:
    ticker, other = Ticker(LONG), Ticker(LONG)
    assert ticker and ticker != other and len({ticker, other, ticker}) == 2
    assert ticker.c is ticker.c
    assert (len(ticker.c), ticker.c.capacity) == (0, 0)
    for copier in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot copy or pickle a Ticker"):
            copier(ticker)


def test_repr_says_how_often_and_when() -> None:
    ticker = Ticker(60)
    assert " every 60 s, due in " in repr(ticker)
    ticker.stop()
    assert repr(ticker).endswith(" every 60 s, stopped>")


async def test_beside_other_arms(host: Host) -> None:
    """The idiom of a loop that works and ticks: the tick is not lost while the other arm fires."""
    work: Chan[int] = Chan(100)
    for number in range(100):
        work.send_nowait(number)
    ticks: list[float] = []
    jobs = 0
    with Ticker(SOON / 2) as ticker:
        ch = channel(ticker)
        while len(ticks) < 3 or jobs < 100:
            chosen = await select(host, work, ch)
            assert chosen is not None
            if chosen[0] == 0:
                jobs += 1
            else:
                ticks.append(chosen[1])
    on_the_grid(ticks, SOON / 2)

"""What keeps a timer alive, and what it keeps alive (T10, PY9)."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from collecting import collect_until, listening
from gochan import Chan, RecvChan, Ticker, Timer, after, aselect, go, select, tick
from hosts import Host
from parking import wait_parked, wait_until
from ticking import LONG, SOON, channel

MAKERS: list[Callable[[], Any]] = [
    lambda: Timer(LONG),
    lambda: Timer(0),
    lambda: Ticker(0.001),
    lambda: after(LONG),
    lambda: tick(0.001),
]


@pytest.mark.parametrize("make", MAKERS, ids=["Timer", "Timer-due", "Ticker", "after", "tick"])
def test_one_that_nobody_holds_is_gone_at_once(make: Callable[[], Any]) -> None:
    """TestTimerGC: without a stop, and without a collection."""
    timer = make()
    gone = weakref.ref(timer)
    del timer
    assert gone() is None


async def test_what_was_waited_for_is_gone_afterwards(host: Host) -> None:
    """However a wait ends, the channel leaves the timers: nothing holds it until it is due."""
    gone: list[weakref.ref[RecvChan[float]]] = []

    def fresh() -> RecvChan[float]:
        ch = after(LONG)
        gone.append(weakref.ref(ch))
        return ch

    with pytest.raises(TimeoutError):
        await host.recv(fresh(), timeout=SOON / 10)
    ready: Chan[int] = Chan(1)
    ready.send_nowait(1)
    if host.blocking:
        select(ready, fresh())
    else:
        await aselect(ready, fresh())

    async def send_later(party: Host, ch: Chan[int]) -> None:
        await party.parked(ch, receivers=1)
        await party.send(ch, 2)

    late: Chan[int] = Chan()
    peer = host.spawn(send_later, late)
    assert (select(late, fresh()) if host.blocking else await aselect(late, fresh()))[1] == 2
    await host.join(peer)
    collect_until(lambda: all(ref() is None for ref in gone), "the channels are gone")


def test_a_stopped_one_that_is_waited_for_holds_nobody() -> None:
    """PY9: nothing can wake it any more, so it is found and closed."""
    closed: list[int] = []

    async def wait() -> None:
        timer = Timer(LONG)
        timer.stop()
        try:
            await channel(timer).arecv()
        finally:
            closed.append(1)

    with listening() as said:
        go(wait)
        collect_until(lambda: bool(closed), "the goroutine is closed")
        (what,) = said()
        assert "Chan.arecv() on <gochan.RecvChan" in what


@pytest.mark.parametrize("form", ["recv", "select", "ticker"])
def test_who_waits_for_a_tick_is_never_collected(form: str) -> None:
    """PY9: nothing reaches the goroutine but the clock."""
    woken: list[int] = []

    async def wait() -> None:
        if form == "recv":
            await after(10 * SOON).arecv()
        elif form == "select":
            await aselect(Chan[int](), after(10 * SOON))
        else:
            async for _ in Ticker(5 * SOON):
                if woken:
                    break
                woken.append(0)
        woken.append(1)

    with listening() as said:
        go(wait)
        collect_until(lambda: 1 in woken, "the goroutine wakes")
        assert not said()


def test_a_cycle_through_a_timer_is_collected() -> None:
    class Owner:
        def __init__(self) -> None:
            self.timer = Timer(LONG)
            self.ticker = Ticker(LONG)
            self.values = iter(self.ticker)
            self.me = self

    owner = Owner()
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None


def test_a_ticker_whose_reader_has_gone_is_let_go() -> None:
    ticker = Ticker(SOON / 10)
    gone = weakref.ref(ticker.c)

    async def read(ch: RecvChan[float]) -> None:
        for _ in range(3):
            await ch.arecv()

    go(read, ticker.c).join()
    del ticker
    collect_until(lambda: gone() is None, "the channel is gone")


def test_many_that_were_never_waited_for_leave_nothing() -> None:
    """The idiom of a timeout in a loop: `after` in each select."""
    ready: Chan[int] = Chan(1)
    refs = []
    for number in range(2_000):
        ready.send_nowait(number)
        ch = after(LONG)
        refs.append(weakref.ref(ch))
        assert select(ready, ch)[:2] == (0, number)
    del ch
    assert not any(ref() for ref in refs)


def test_a_goroutine_on_a_timer_that_somebody_can_reset_is_kept() -> None:
    """Stopped, but the Timer is still there: a reset wakes it."""
    timer = Timer(LONG)
    timer.stop()
    woken: list[int] = []

    async def wait() -> None:
        await channel(timer).arecv()
        woken.append(1)

    with listening() as said:
        go(wait)
        wait_parked(timer.c, receivers=1)
        for _ in range(3):
            gc.collect()
        timer.reset(SOON)
        wait_until(lambda: bool(woken), "the goroutine wakes")
        assert not said()

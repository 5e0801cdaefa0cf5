"""What Go's own tests of timers and tickers check (go-semantics, part 3), beyond test_timer*.py.

Each test names the Go test whose idea it takes.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
import time
from functools import partial
from typing import Any

import pytest

import gochan
from gochan import Chan, RecvChan, Ticker, Timer, after, after_func, go
from hosts import Host
from parking import wait_until
from selecting import select
from ticking import CLOSE, LONG, SOON, channel, pass_by, ready
from watch import PATIENCE


@pytest.mark.parametrize("kind", ["Timer", "Ticker"])
async def test_chan_script(host: Host, kind: str) -> None:
    """TestChan: stopped and armed again while it waits, is due, is received; alone and in a select.

    Whatever the channel did before: no value of an old setting, stamps of the new one, and length
    and capacity are zero.
    """
    timer: Any = Timer(LONG) if kind == "Timer" else Ticker(LONG)
    ch = channel(timer)

    def stop(was_armed: bool) -> None:
        assert timer.stop() == (was_armed if kind == "Timer" else None)
        quiet()

    def reset(span: float, was_armed: bool) -> float:
        assert timer.reset(span) == (was_armed if kind == "Timer" else None)
        return time.monotonic() + span

    def quiet() -> None:
        assert ready(ch) is None
        assert (len(ch), ch.capacity, ch.closed) == (0, 0, False)

    async def due(span: float, was_armed: bool) -> None:
        await pass_by(host, ch, reset(span, was_armed) + SOON / 10)
        assert (len(ch), ch.capacity) == (0, 0)

    async def waits(party: Host, *arms: RecvChan[float]) -> Any:
        return await select(party, *arms)

    quiet()
    stop(True)
    stop(False)
    # It was due, and nobody had received: nothing is left after a stop, nor after a reset (T4, T5).
    await due(SOON / 10, False)
    stop(True)
    await due(SOON / 10, False)
    reset(LONG, True)
    quiet()
    # It was due, and is armed anew to be due again: the stamp is of the second time (T3).
    await due(SOON / 10, True)
    earliest = time.time() + SOON
    again = reset(SOON, True)
    quiet()
    await pass_by(host, ch, again)
    assert await host.recv(ch) >= earliest - CLOSE
    armed = kind == "Ticker"
    # Somebody is parked, alone and in a select that names it twice; who waits does not mind a stop.
    for arms in ([ch], [ch, Chan[float](), ch]):
        reset(LONG, armed)
        waiting = host.spawn(waits, *arms)
        await host.parked(ch, receivers=arms.count(ch))
        assert (len(ch), ch.capacity) == (0, 0)
        timer.stop()
        reset(LONG, False)
        reset(SOON / 10, True)
        arm, stamp, ok = await host.join(waiting)
        assert arms[arm] is ch and ok and abs(stamp - time.time()) < LONG / 4
        stop(armed)
        armed = False
    # Those who are parked at a stop wait on, and leave by their own limit.
    with pytest.raises(TimeoutError):
        await select(host, ch, ch, timeout=SOON / 10)
    # Due, and looked at by a select that takes something else.
    await due(SOON / 10, False)
    for _ in range(20):
        other = Chan[float](1)
        other.send_nowait(1.0)
        assert await select(host, other, ch, priority=True) == (0, 1.0, True)
    assert (await select(host, Chan[float](), ch, default=True))[0] == 1
    stop(kind == "Ticker")


async def test_multi_wakeup(host: Host) -> None:
    """TestMultiWakeupTicker, TestMultiWakeupTimer: many wait at one clock (T12)."""
    parties = 12 if host.blocking else 200
    ticker, timer, over = Ticker(SOON / 20), Timer(SOON / 10), Chan[None]()

    async def waits(party: Host) -> int:
        return int((await select(party, channel(ticker), channel(timer), over))[0])

    waiting = [host.spawn(waits) for _ in range(parties)]
    await host.until(lambda: sum(peer.done for peer in waiting) >= 5, ticker)
    over.close()
    chosen = await host.gather(waiting)
    assert chosen.count(1) <= 1 and chosen.count(0) >= 4
    ticker.stop()


async def test_after_queuing(host: Host) -> None:
    """TestAfterQueuing: they come in the order of their times, however they were made."""
    slots = [5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0]
    step = 0.002
    arrived: list[float] = []

    async def wait(party: Host, ch: RecvChan[float]) -> None:
        arrived.append(await party.recv(ch))

    began = time.time()
    timers = [after(slot * step) for slot in slots]
    await host.gather([host.spawn(wait, ch) for ch in timers])
    # By what the stamps say: when each party runs is for the machine to say.
    late = time.time() - began
    for stamp in arrived:
        assert -CLOSE <= stamp - began <= late + CLOSE
    functions: Chan[int] = Chan(len(slots))
    for slot in slots:
        after_func(slot * step, partial(functions.send_nowait, slot))
    assert sorted([await host.recv(functions) for _ in slots]) == sorted(slots)


def test_timers_of_zero() -> None:
    """TestZeroTimer: all of many fire, by their channels and by their functions (T2)."""
    for _ in range(3_000):
        assert ready(after(0)) is not None
    count, fired = 2_000, Chan[int](2_000)
    timer = Timer(LONG)
    for number in range(count):
        after_func(0, partial(fired.send_nowait, number))
        timer.reset(0)
        channel(timer).recv(timeout=PATIENCE)
    wait_until(lambda: len(fired) == count, "all functions have run")


def test_many_that_are_stopped_in_time() -> None:
    """TestTimerStopStress: none of them is called."""
    called: list[int] = []
    timers = [after_func(20 * SOON, partial(called.append, n)) for n in range(100)]
    assert all(timer.stop() for timer in timers)
    gochan.sleep(25 * SOON)
    assert not called


def test_a_chain_that_arms_itself() -> None:
    """TestAfterFunc: each call asks for the next one."""
    over, left = threading.Event(), [10]

    def step() -> None:
        left[0] -= 1
        if left[0]:
            after_func(SOON / 100, step)
        else:
            over.set()

    after_func(0, step)
    assert over.wait(PATIENCE)


def test_a_fast_ticker_beside_the_collector() -> None:
    """TestTickerStress, TestTickerConcurrentStress: parties of all hosts read it."""
    began = time.time()
    ticker, over = Ticker(1e-6), threading.Event()
    seen: list[list[float]] = [[] for _ in range(6)]

    def read(mine: list[float]) -> None:
        while not over.is_set():
            mine.append(ticker.c.recv())

    async def aread(mine: list[float]) -> None:
        while not over.is_set():
            mine.append(await ticker.c.arecv())

    def loop() -> None:
        asyncio.run(aread(seen[4]))

    threads = [threading.Thread(target=read, args=(mine,)) for mine in seen[:2]]
    threads.append(threading.Thread(target=loop))
    for thread in threads:
        thread.start()
    readers = [go(aread, seen[2]), go(aread, seen[3]), go(read, seen[5])]
    until = time.monotonic() + 0.2
    while time.monotonic() < until or not all(seen):
        gc.collect()
    over.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    for g in readers:
        g.join(PATIENCE)
    # Which tick it was the clocks do not tell so exactly, but each is of the ticker's time.
    stamps = [stamp for mine in seen for stamp in mine]
    assert began - CLOSE <= min(stamps) <= max(stamps) <= time.time() + CLOSE


@pytest.mark.skipif(sys.platform == "win32", reason="needs setitimer")
def test_a_sleep_is_not_shortened_by_signals() -> None:
    """TestSleep: they come all the time, and are handled by the main thread in its sleep."""
    handled = [0]

    def handle(*_: object) -> None:
        handled[0] += 1

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for sleep in (gochan.sleep, lambda span: after(span).recv()):
            began, seen = time.monotonic(), handled[0]
            sleep(0.03)
            assert time.monotonic() - began >= 0.03 - CLOSE
            assert handled[0] > seen
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

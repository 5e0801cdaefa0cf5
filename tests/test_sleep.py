"""`sleep` and `asleep`, in every host (T1)."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

import gochan
import procs
from collecting import collect_until
from gochan import (
    BlockingError,
    Chan,
    asleep,
    background,
    go,
    gosched,
    run,
    sleep,
    with_timeout,
)
from hosts import Host
from parking import wait_blocked, wait_until, wait_waiting
from ticking import LONG, SOON
from ticking import sleep as sleep_in


async def test_it_takes_at_least_that_long(host: Host) -> None:
    for span in (SOON / 10, SOON, timedelta(milliseconds=5)):
        begun = time.monotonic()
        await sleep_in(host, span)
        seconds = span.total_seconds() if isinstance(span, timedelta) else span
        assert time.monotonic() - begun >= seconds


async def test_others_go_on_meanwhile(host: Host) -> None:
    order: list[float] = []

    async def nap(party: Host, seconds: float) -> None:
        await sleep_in(party, seconds)
        order.append(seconds)

    peers = [host.spawn(nap, seconds) for seconds in (30 * SOON, SOON)]
    await host.gather(peers)
    assert order == [SOON, 30 * SOON]


@pytest.mark.parametrize("seconds", [0, -1, 0.0, -math.inf, timedelta(-1)])
async def test_zero_or_less_returns_at_once(host: Host, seconds: Any) -> None:
    """Without a wait: where none is allowed, and in the first step of the awaitable."""
    await sleep_in(host, seconds)
    if host.blocking:

        async def where_none_may_wait() -> None:
            sleep(seconds)  # no BlockingError

        asyncio.run(where_none_may_wait())
    else:
        with pytest.raises(StopIteration):
            asleep(seconds).send(None)


def test_zero_gives_nobody_a_turn() -> None:
    """T1: a goroutine that was just started does not run in sleep(0), and does in gosched()."""
    ran: list[str] = []
    undisturbed = 0

    async def other() -> None:
        ran.append("other")

    async def main() -> None:
        nonlocal undisturbed
        for _ in range(20):
            ran.clear()
            g = go(other)
            for _ in range(10):
                sleep(0)
                await asleep(0)
                await asleep(-1)
            undisturbed += not ran
            await g
            assert ran

    run(main)
    # Not 20: if the machine takes the thread away in the middle, the monitor lets `other` go on.
    assert undisturbed >= 5
    ran.clear()

    async def tasks() -> None:
        task = asyncio.create_task(other())
        await asleep(0)
        sleep(0)
        assert not ran
        await task

    asyncio.run(tasks())
    gosched()


@pytest.mark.parametrize("call", [sleep, asleep], ids=lambda call: call.__name__)
def test_what_is_no_time(call: Any) -> None:
    with pytest.raises(ValueError, match=rf"{call.__name__}\(\): seconds is not a number"):
        call(math.nan)
    for wrong in ("1", None, [1], 1j):
        with pytest.raises(TypeError, match=r"seconds must be a number .* or a timedelta, not"):
            call(wrong)
    with pytest.raises(TypeError):
        call()
    with pytest.raises(TypeError, match="the context must be a Context"):
        call(1, ctx=3)


def test_never_under_a_running_loop() -> None:
    async def main() -> None:
        sleep(0)
        with pytest.raises(BlockingError, match=r"^sleep\(1\.5\) would block .* `await asleep"):
            sleep(1.5)

    asyncio.run(main())


def test_an_awaitable_that_nobody_awaits_says_so() -> None:
    with pytest.warns(RuntimeWarning, match=r"asleep\(\) was never awaited"):
        asleep(1)  # type: ignore[unused-coroutine]


async def test_for_ever_is_for_ever(host: Host) -> None:
    """It saturates: 584 years are not a deadline that could pass."""
    woken = []

    async def nap(party: Host) -> None:
        try:
            if party.blocking:
                sleep(math.inf, ctx=with_timeout(background(), SOON))
            else:
                await asyncio.wait_for(asleep(math.inf), SOON)
        except TimeoutError:
            woken.append(1)

    if host.name in ("asyncio", "uvloop", "thread"):
        await host.join(host.spawn(nap))
        assert woken == [1]
    else:
        g = go(asleep, math.inf) if host.name == "goroutine" else go(sleep, 1e300)
        with pytest.raises(TimeoutError):
            g.join(timeout=3 * SOON) if host.blocking else await g.ajoin(timeout=3 * SOON)
        assert g.state == "waiting"


# ------------------------------------------------------------------ who sleeps
def test_a_sleeping_goroutine_says_so() -> None:
    async def nap() -> None:
        await asleep(LONG)

    for g, form in ((go(nap), "asleep"), (go(sleep, LONG), "sleep")):
        wait_waiting(g)
        assert f" waiting in {form}({LONG:.0f}) for " in repr(g)


def test_a_sleeping_goroutine_is_never_collected() -> None:
    """PY9: nothing reaches it but the clock."""
    woken: list[int] = []

    async def nap() -> None:
        await asleep(10 * SOON)
        woken.append(1)

    go(nap)
    collect_until(lambda: bool(woken), "the sleeper wakes")


def test_a_task_that_is_cancelled_sleeps_no_longer() -> None:
    async def main() -> None:
        task = asyncio.create_task(asleep(LONG))
        await asyncio.sleep(0)
        assert "asleep" in repr(task)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON):
                await asleep(LONG)

    asyncio.run(main())


def test_ctrl_c_ends_it() -> None:
    child = procs.run(
        """
        import os, signal, threading, gochan
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            gochan.sleep(3600)
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert child.ok() == "interrupted\n"


def test_a_thread_that_sleeps_needs_no_other() -> None:
    child = procs.run(
        """
        import os, gochan
        gochan.sleep(0.02)
        gochan.Timer(3600); gochan.Ticker(0.001); gochan.after(0)
        print(len(os.listdir("/proc/self/task")))
        """
    )
    assert child.ok() == "1\n"


def test_it_ends_for_nothing_else() -> None:
    """A stray token of an earlier wait, or a signal that does nothing, does not shorten it."""
    spent: list[float] = []

    def nap() -> None:
        with pytest.raises(TimeoutError):
            Chan[int]().recv(timeout=0.001)
        begun = time.monotonic()
        sleep(5 * SOON)
        spent.append(time.monotonic() - begun)

    threads = [threading.Thread(target=nap) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(spent) >= 5 * SOON


def test_exit_does_not_wait_for_sleepers() -> None:
    child = procs.run(
        """
        import gochan, threading
        async def nap():
            try:
                await gochan.asleep(3600)
            finally:
                print("closed")
        gochan.go(nap)
        gochan.go(gochan.sleep, 3600)
        gochan.after_func(3600, print)
        threading.Thread(target=gochan.after(3600).recv, daemon=True).start()
        gochan.sleep(0.05)
        """
    )
    assert child.ok() == "closed\n"


def test_a_blocking_sleep_in_a_goroutine_costs_its_thread_only() -> None:
    done: list[str] = []

    async def blocks() -> None:
        sleep(30 * SOON)
        done.append("blocks")

    async def other() -> None:
        for _ in range(5):
            await asleep(SOON / 10)
        done.append("other")

    async def main() -> None:
        slow, fast = go(blocks), go(other)
        await fast
        await slow

    run(main)
    assert done == ["other", "blocks"]


def test_many_sleepers_wake_each_once() -> None:
    count = 5_000
    woken: Chan[int] = Chan(count)

    async def nap(number: int) -> None:
        await asleep(SOON + (number % 7) * 0.001)
        woken.send_nowait(number)

    for number in range(count):
        go(nap, number)
    wait_until(lambda: len(woken) == count, "all of them wake")
    assert sorted(woken.recv_many(count)) == list(range(count))


def test_a_thread_in_sleep_is_blocked() -> None:
    thread = threading.Thread(target=sleep, args=(20 * SOON,))
    thread.start()
    wait_blocked(thread)
    thread.join()
    assert gochan.num_goroutine() >= 1

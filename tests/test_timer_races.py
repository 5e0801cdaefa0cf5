"""Timers whose owner stops or moves them just as they fire (T4, T7, T15), and receivers that leave
just then.
"""

from __future__ import annotations

import asyncio
import threading

import pytest

from gochan import Chan, Timer, WouldBlock, after, asleep, go
from hosts import Host, recv_one
from selecting import select
from ticking import LONG, SOON, channel, ready

ROUNDS = 300


def spans() -> list[float]:
    """Around the time that the race takes, so that either side comes first now and then."""
    return [(turn % 20) * 0.00005 for turn in range(ROUNDS)]


async def test_stop_says_truly_who_has_the_value(host: Host) -> None:
    """K9, T7, TestStopResult: false exactly if the one that was parked has received it."""

    async def wait(party: Host, ch: Chan[None], timer: Timer) -> bool:
        chosen = await select(party, channel(timer), ch)
        return chosen is not None and chosen[0] == 0

    for span in spans():
        timer, over = Timer(span), Chan[None]()
        peer = host.spawn(wait, over, timer)
        await host.nap(0)
        stopped = timer.stop()
        assert not timer.stop(), "a second one changes nothing"
        over.close()
        received = await host.join(peer)
        assert received != stopped
        assert ready(channel(timer)) is None


def test_stop_in_one_thread_and_a_receive_in_another() -> None:
    """T7 with threads that meet head-on: the value is received, or the stop says true."""
    for span in spans():
        timer, got = Timer(span), []
        ch = channel(timer)
        both = threading.Barrier(2)

        def look() -> None:
            both.wait()  # noqa: B023 - joined in the same round
            for _ in range(50):
                if ready(ch) is not None:  # noqa: B023
                    got.append(1)  # noqa: B023
                    return

        thread = threading.Thread(target=look)
        thread.start()
        both.wait()
        stopped = timer.stop()
        thread.join()
        assert len(got) == (not stopped)


def test_no_value_of_an_old_setting_after_reset() -> None:
    """T4: whatever comes after a reset to far away is wrong, however the reset met the old time."""
    for span in spans():
        timer = Timer(span)
        helper = threading.Thread(target=ready, args=(channel(timer),))
        helper.start()
        timer.reset(LONG)
        assert ready(channel(timer)) is None
        helper.join()
        assert timer.stop()


async def test_moved_again_and_again_it_is_not_lost(host: Host) -> None:
    """T15, TestAdjustTimers: somebody is parked while the time goes back and forth."""
    timer = Timer(LONG)
    ch = channel(timer)
    for turn in range(20):
        peer = host.spawn(recv_one, ch)
        await host.parked(ch, receivers=1)
        for step in range(30):
            timer.reset(LONG + step if (turn + step) % 3 else LONG - step)
            if step % 7 == 0:
                timer.stop()
        timer.reset(SOON / 10)
        await host.join(peer)


def test_many_at_once_in_any_order() -> None:
    """TestAdjustTimers, TestLongAdjustTimers: timers come before others and go from between.

    Several are due at the same instant, and come in any order (T14).
    """

    async def main() -> None:
        out: Chan[int] = Chan()

        async def wait(number: int) -> None:
            far = [Timer(LONG + n) for n in range(3)]
            await asleep(((number * 7919) % 100) * 0.0003)
            for timer in far:
                assert timer.stop()
            await out.asend(number)

        for number in range(300):
            go(wait, number)
        seen = [await out.arecv() for _ in range(300)]
        assert sorted(seen) == list(range(300))

    go(main).result(20)


# ------------------------------------------------------------------ receivers that leave
def test_a_cancelled_task_gives_its_tick_back() -> None:
    """PY7: the tick was handed to a task that was cancelled before it ran."""

    async def main() -> None:
        timer = Timer(LONG)
        ch = channel(timer)
        task = asyncio.create_task(ch.arecv())
        await asyncio.sleep(0)
        timer.reset(0)
        while "receivers=1" in repr(ch):
            # Not an await: the loop must not get to the task.
            threading.Event().wait(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert timer.stop(), "received by nobody"
        with pytest.raises(WouldBlock):
            ch.recv_nowait()

        timer.reset(LONG)
        first, second = (asyncio.create_task(ch.arecv()) for _ in range(2))
        await asyncio.sleep(0)
        timer.reset(0)
        while "receivers=2" in repr(ch):
            threading.Event().wait(0.001)
        first.cancel()
        await second
        assert not timer.stop()

    asyncio.run(main())


async def test_a_timeout_leaves_the_tick_to_the_next(host: Host) -> None:
    for span in (0.0, SOON / 20, SOON / 10):
        ch = after(SOON / 10)
        try:
            await host.recv(ch, timeout=span)
        except TimeoutError:
            await host.recv(ch)
        assert ready(ch) is None

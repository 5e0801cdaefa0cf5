"""`Timer` and `after`: one value, when it was due, and what `stop` and `reset` say (T2-T7, T9)."""

from __future__ import annotations

import copy
import math
import pickle
import time
from datetime import timedelta
from typing import Any

import pytest

from gochan import Chan, RecvChan, Timer, after
from hosts import Host, recv_one
from selecting import select
from ticking import CLOSE, LONG, SOON, channel, pass_by, ready


async def test_a_value_comes_when_it_is_due(host: Host) -> None:
    begun = time.monotonic()
    await host.recv(after(SOON))
    assert time.monotonic() - begun >= SOON


async def test_the_value_is_when_it_was_due(host: Host) -> None:
    """T3: TestAfterTimes of Go's time package."""
    earliest = time.time() + SOON
    begun = time.monotonic()
    ch = after(SOON)
    latest = time.time() + SOON
    await pass_by(host, ch, begun + 5 * SOON)
    stamp = await host.recv(ch)
    assert earliest - CLOSE <= stamp <= latest + CLOSE
    assert ready(ch) is None, "there is one only"


@pytest.mark.parametrize("seconds", [0, 0.0, -1, -math.inf, timedelta(0), timedelta(-1)])
def test_zero_or_less_is_due_at_once(seconds: Any) -> None:
    """T2: TestZeroTimer."""
    assert ready(after(seconds)) is not None
    timer = Timer(seconds)
    assert ready(channel(timer)) is not None
    assert not timer.stop()
    assert not timer.reset(seconds)
    assert ready(channel(timer)) is not None


async def test_a_timedelta_is_as_good_as_seconds(host: Host) -> None:
    begun = time.monotonic()
    await host.recv(after(timedelta(milliseconds=10)))
    assert time.monotonic() - begun >= 0.01


@pytest.mark.parametrize("seconds", [math.inf, 1e300, 10**400, timedelta.max])
def test_one_that_is_too_long_never_comes(seconds: Any) -> None:
    """T1: far deadlines saturate; they do not fire early."""
    timer = Timer(seconds)
    assert ready(channel(timer)) is None
    with pytest.raises(TimeoutError):
        channel(timer).recv(timeout=SOON)
    assert timer.stop(), "armed all the same"


@pytest.mark.parametrize("make", [after, Timer], ids=lambda make: make.__name__)
def test_what_is_no_time(make: Any) -> None:
    with pytest.raises(ValueError, match="not a number"):
        make(math.nan)
    for wrong in ("1", None, [1], 1j):
        with pytest.raises(TypeError, match=r"must be a number .* or a timedelta, not"):
            make(wrong)
    with pytest.raises(TypeError):
        make()
    timer = Timer(LONG)
    with pytest.raises(ValueError, match=r"Timer\.reset\(\): seconds is not a number"):
        timer.reset(math.nan)
    assert timer.stop(), "an error had no effect"


# ------------------------------------------------------------------ stop and reset
def test_stop_of_one_that_is_armed() -> None:
    timer = Timer(SOON)
    assert timer.stop()
    assert not timer.stop()
    with pytest.raises(TimeoutError):
        channel(timer).recv(timeout=3 * SOON)
    assert not channel(timer).closed


async def test_stop_of_one_that_has_expired_but_was_not_received(host: Host) -> None:
    """T4, T5: true, and then there is nothing to receive."""
    due = time.monotonic() + SOON
    timer = Timer(SOON)
    await pass_by(host, channel(timer), due + SOON)
    assert timer.stop()
    assert not timer.stop()
    assert ready(channel(timer)) is None


async def test_stop_of_one_that_was_received(host: Host) -> None:
    timer = Timer(SOON)
    await host.recv(channel(timer))
    assert not timer.stop()


async def test_reset_says_what_stop_would_have_said(host: Host) -> None:
    timer = Timer(LONG)
    assert timer.reset(SOON)
    due = time.monotonic() + SOON
    await pass_by(host, channel(timer), due + SOON)
    assert timer.reset(LONG), "expired, but nobody had received it"
    assert ready(channel(timer)) is None, "no value of the old setting (T4)"
    assert timer.reset(SOON)
    await host.recv(channel(timer))
    assert not timer.reset(SOON), "received"
    await host.recv(channel(timer))
    assert not timer.stop()
    assert not timer.reset(LONG), "not armed"
    assert timer.stop()


async def test_reset_to_earlier_wakes_who_is_parked_already(host: Host) -> None:
    """T15."""
    timer = Timer(LONG)
    ch = channel(timer)
    peer = host.spawn(recv_one, ch)
    await host.parked(ch, receivers=1)
    assert timer.reset(LONG / 2)
    assert timer.reset(SOON)
    stamp = await host.join(peer)
    assert abs(stamp - time.time()) < LONG / 4
    assert not timer.stop()


async def test_stopped_and_armed_again_under_somebody_who_waits(host: Host) -> None:
    timer = Timer(LONG)
    ch = channel(timer)
    peer = host.spawn(recv_one, ch)
    await host.parked(ch, receivers=1)
    assert timer.stop()
    await host.parked(ch, receivers=1)
    assert not timer.reset(SOON)
    await host.join(peer)


# ------------------------------------------------------------------ the channel
def test_its_length_is_always_zero() -> None:
    """T9."""
    for ch in (after(LONG), after(0)):
        assert (len(ch), ch.capacity, ch.closed) == (0, 0, False)
    assert ready(ch) is not None, "looking at the length took nothing"


def test_its_channel_receives_only() -> None:
    ch = channel(Timer(LONG))
    assert type(ch) is RecvChan
    for name in ("send", "send_nowait", "asend", "close", "__enter__"):
        assert not hasattr(ch, name)


def test_the_channel_is_always_the_same_and_outlives_its_timer() -> None:
    timer = Timer(0)
    ch = timer.c
    assert timer.c is ch
    del timer
    assert ch is not None and ready(ch) is not None


async def test_every_way_to_receive(host: Host) -> None:
    assert (await host.recv_ok(after(SOON)))[1]
    assert len(await host.recv_many(after(SOON), 5)) == 1
    async for stamp in host.iterate(after(SOON)):
        assert stamp > 0
        break
    with pytest.raises(TimeoutError):
        await host.recv(after(LONG), timeout=SOON)
    assert await select(host, after(LONG), Chan[int](), default=True) is None
    chosen = await select(host, after(LONG), after(SOON), None, Chan[int]())
    assert chosen is not None and (chosen[0], chosen[2]) == (1, True)
    chosen = await select(host, Chan[int](), after(0), default=True)
    assert chosen is not None and chosen[0] == 1, (
        "ready though nobody looked at the timers (T10, S16)"
    )


# ------------------------------------------------------------------ the object
def test_repr_says_when() -> None:
    timer = Timer(90)
    text = repr(timer)
    assert " due in 89.9" in text or " due in 90.000 s" in text
    timer.stop()
    assert repr(timer).endswith(" not armed>")
    timer.reset(0)
    assert repr(timer).endswith(" due now>")
    timer.reset(math.inf)
    assert repr(timer).endswith(" due never>")


def test_it_is_one_object() -> None:
    timer, other = Timer(LONG), Timer(LONG)
    assert timer and timer != other and len({timer, other, timer}) == 2
    for copier in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot copy or pickle a Timer"):
            copier(timer)
    with pytest.raises(AttributeError):
        timer.c = None  # type: ignore[misc]

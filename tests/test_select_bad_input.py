"""Select given what it cannot use: the exception names the arm and says what to write instead."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest

from gochan import BlockingError, Chan, SendCase, aselect, go, select, sending
from hosts import Host, parked
from parking import wait_parked, wait_waiting
from selecting import select as select_in
from watch import label


@pytest.mark.parametrize("wrong", [5, "ch", object(), [Chan[int]()], Chan], ids=label)
async def test_what_is_no_arm(host: Host, wrong: Any) -> None:
    ch = Chan[int](1)
    ch.send(1)
    with pytest.raises(TypeError, match=r"select\(\): arm 1 must be a channel"):
        await select_in(host, ch, wrong)
    assert len(ch) == 1


async def test_a_send_only_channel_is_no_arm(host: Host) -> None:
    ch = Chan[int]()
    with pytest.raises(TypeError, match=r"arm 2 is a send-only channel.*sending\(ch, value\)"):
        await select_in(host, None, ch, ch.sender)
    assert parked(ch) == (0, 0)


def test_sending_needs_a_channel_that_sends() -> None:
    with pytest.raises(TypeError, match="receive-only"):
        sending(Chan[int]().receiver, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not int"):
        sending(3, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        SendCase()  # type: ignore[call-arg]


async def test_a_default_and_a_timeout(host: Host) -> None:
    ch = Chan[int](1)
    ch.send(1)
    with pytest.raises(ValueError, match="default=True"):
        await select_in(host, ch, default=True, timeout=1)
    assert len(ch) == 1


async def test_wrong_limits(host: Host) -> None:
    ch = Chan[int](1)
    ch.send(1)
    with pytest.raises(ValueError, match="NaN"):
        await select_in(host, ch, timeout=float("nan"))
    with pytest.raises(TypeError, match="timeout"):
        await select_in(host, ch, timeout="1")
    with pytest.raises(TypeError, match="select"):
        await select_in(host, ch, ctx=5)
    assert len(ch) == 1


async def test_the_most_arms(host: Host) -> None:
    """S17."""
    ch = Chan[int](1)
    ch.send(1)
    arms: list[Any] = [None] * 65_535 + [ch]
    assert await select_in(host, *arms) == (65_535, 1, True)
    with pytest.raises(ValueError, match="at most 65536 arms"):
        await select_in(host, *arms, None)


async def test_very_many_parked_arms(host: Host, peer: Host) -> None:
    chans = [Chan[int]() for _ in range(300)]

    async def wait(party: Host) -> Any:
        return await select_in(party, *chans, *chans)

    waiting = peer.spawn(wait)
    await host.parked(chans[299], receivers=2)
    await host.send(chans[123], 1)
    assert await host.join(waiting) in ((123, 1, True), (423, 1, True))
    assert all(parked(ch) == (0, 0) for ch in chans)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps], ids=lambda f: f.__name__)
def test_a_send_case_refuses_to_be_copied(how: Any) -> None:
    with pytest.raises(TypeError, match="SendCase"):
        how(sending(Chan[int](), 1))


def test_a_send_case_is_true_and_says_what_it_is() -> None:
    case: SendCase[list[int]] = sending(Chan[list[int]](2), [])
    assert case
    assert "value of type list" in repr(case) and "cap=2" in repr(case)
    assert "no channel" in repr(sending(None, 1))


def test_blocking_an_event_loop_is_refused() -> None:
    async def main() -> None:
        ch = Chan[int](1)
        with pytest.raises(BlockingError, match=r"select\(\) on recv from .*await aselect"):
            select(ch)
        ch.send(1)
        assert select(ch) == (0, 1, True)  # what is ready just works

    asyncio.run(main())


def test_never_awaited() -> None:
    with pytest.warns(RuntimeWarning, match=r"aselect\(\) was never awaited"):
        aselect(Chan[int]())  # type: ignore[unused-coroutine]


def test_a_goroutine_says_what_it_waits_for() -> None:
    a, b = Chan[int](), Chan[int]()
    for waits, name in ((lambda: select(a, sending(b, 1)), "select()"), (None, "aselect()")):

        async def wait() -> None:
            await aselect(a, sending(b, 1))

        g = go(waits or wait)
        wait_parked(a, receivers=1)
        wait_waiting(g)
        assert f"in {name} on recv from <gochan.Chan" in repr(g)
        assert ", send on <gochan.Chan" in repr(g)
        a.send(1)
        g.join(60)

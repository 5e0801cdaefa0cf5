"""The harness itself: a test that fails on a host fails, and one that hangs says where."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from typing import Any

import pytest

import hosts
from gochan import Chan
from hosts import Host, LoopHost, Peer, drive, parked, state


async def give(h: Host, value: int) -> int:
    return value


async def fail(h: Host) -> None:
    raise ZeroDivisionError


def test_error_of_the_body_comes_out(host: Host) -> None:
    async def body() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        host.run(body)


async def test_join_gives_the_result_or_the_error(host: Host, peer: Host) -> None:
    assert await host.join(peer.spawn(give, 7)) == 7
    with pytest.raises(ZeroDivisionError):
        await host.join(peer.spawn(fail))


def test_error_of_a_peer_nobody_joined_comes_out(host: Host) -> None:
    async def body() -> None:
        host.spawn(give, 1)
        host.spawn(fail)
        await host.settle()

    with pytest.raises(ZeroDivisionError):
        host.run(body)


def test_timeout_error_of_a_peer_is_its_own(host: Host) -> None:
    async def late(h: Host) -> None:
        raise TimeoutError("mine")

    async def body() -> None:
        with pytest.raises(TimeoutError, match="mine"):
            await host.join(host.spawn(late))

    host.run(body)


def test_parties_live_where_they_should(host: Host) -> None:
    async def is_in_loop(h: Host) -> bool:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return False
        return True

    async def body() -> None:
        here = await is_in_loop(host)
        there = await host.join(host.spawn(is_in_loop))
        assert here == there == isinstance(host, LoopHost)

    host.run(body)


def test_bodies_run_on_the_thread_that_their_host_is_about(host: Host) -> None:
    async def on_main_thread() -> bool:
        return threading.current_thread() is threading.main_thread()

    async def body() -> None:
        assert await on_main_thread() == (host.name not in {"thread", "goroutine"})

    host.run(body)


def test_awaiting_hosts_suspend_and_blocking_ones_do_not(host: Host) -> None:
    ch: Chan[int] = Chan()

    async def waits(h: Host) -> int:
        return await h.recv(ch)

    async def body() -> None:
        party = host.spawn(waits)
        await host.parked(ch, receivers=1)
        waiting: Any = party.body
        wanted = inspect.CORO_RUNNING if host.blocking else inspect.CORO_SUSPENDED
        await host.until(lambda: inspect.getcoroutinestate(waiting) == wanted, waiting)
        await host.send(ch, 1)
        assert await host.join(party) == 1

    host.run(body)


def test_blocking_host_refuses_to_suspend() -> None:
    async def body() -> None:
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="suspended"):
        drive(body())


def test_hang_of_the_body_is_reported(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "DEADLINE", 0.2)
    ch: Chan[int] = Chan()

    async def stuck_in_here() -> None:
        await host.recv(ch)

    with pytest.raises(AssertionError, match="stuck_in_here"):
        host.run(stuck_in_here)
    ch.close()  # a thread that was left behind ends now
    _until_nobody_is_parked(ch)


def test_hang_of_a_peer_is_reported(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "PATIENCE", 0.2)
    ch: Chan[int] = Chan()

    async def stuck_in_here(h: Host) -> None:
        await h.recv_ok(ch)

    async def body() -> None:
        stuck: Peer[None] = host.spawn(stuck_in_here)
        with pytest.raises(AssertionError, match=r"(?s)still running: .*stuck_in_here"):
            await host.join(stuck)
        ch.close()
        await host.join(stuck)

    host.run(body)


def test_state_that_never_comes_is_reported(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "PATIENCE", 0.05)
    ch: Chan[int] = Chan(3)

    async def body() -> None:
        with pytest.raises(AssertionError, match="cap=3"):
            await host.parked(ch, receivers=1)

    host.run(body)


def test_state_reads_the_repr() -> None:
    ch: Chan[int] = Chan(2)
    ch.send_nowait(1)
    assert state(ch) == hosts.state(ch) == (1, 2, 0, 0, False)
    assert state(ch).len == 1
    assert parked(ch) == (0, 0)
    with pytest.raises(AssertionError, match="no state"):
        state(object())


def _until_nobody_is_parked(ch: Chan[int]) -> None:
    deadline = time.monotonic() + 20
    while parked(ch) != (0, 0):
        assert time.monotonic() < deadline
        time.sleep(0.001)

"""Values that run code when they die: it runs outside the channel's lock, at a safe place (K12)."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable

import pytest

from gochan import Chan, ChanClosed, WouldBlock
from hosts import drain, state


class Tell:
    """Runs something when it dies."""

    def __init__(self, say: Callable[[], object]) -> None:
        self.say = say

    def __del__(self) -> None:
        self.say()


def test_del_that_uses_its_channel() -> None:
    """A value dies outside the channel's lock, else this is a deadlock (K12)."""
    ch: Chan[object] = Chan(2)
    said: list[object] = []

    def say() -> None:
        said.append(len(ch))
        with pytest.raises((WouldBlock, ChanClosed)):
            ch.recv_nowait()
        said.append(ch.closed)

    ch.send_nowait(Tell(say))
    ch.recv_nowait()
    assert said == [0, False]
    ch.close()
    with pytest.raises(ChanClosed):
        ch.send_nowait(Tell(say))
    gc.collect()
    assert said == [0, False, 0, True]


def test_del_at_close_uses_its_channel() -> None:
    """The parked sender is cancelled by close; its value dies and looks at the channel."""
    said: list[object] = []

    async def main() -> None:
        ch: Chan[object] = Chan()
        task = asyncio.create_task(ch.asend(Tell(lambda: said.append((ch.closed, parked_on(ch))))))
        await asyncio.sleep(0)
        ch.close()
        await asyncio.wait([task])
        with pytest.raises(ChanClosed):
            task.result()
        del task
        gc.collect()
        assert said == [(True, 0)]

    def parked_on(ch: Chan[object]) -> int:
        return state(ch).senders

    asyncio.run(main())


def test_del_of_a_buffer_uses_another_channel() -> None:
    log: Chan[int] = Chan(3)
    ch: Chan[object] = Chan(3)
    for i in range(3):
        ch.send_nowait(Tell(lambda i=i: log.send_nowait(i)))  # type: ignore[misc]
    del ch
    gc.collect()
    assert sorted(drain(log)) == [0, 1, 2]


def test_del_that_fills_the_channel_it_left() -> None:
    """A dying value sends its successor: each receive finds the next."""
    ch: Chan[object] = Chan(1)
    left = [3, 2, 1]

    def succeed() -> None:
        if left:
            left.pop()
            ch.send_nowait(Tell(succeed))

    ch.send_nowait(Tell(succeed))
    for i in range(4):
        assert len(ch) == 1, i
        ch.recv_nowait()
    assert left == []
    assert len(ch) == 0


def test_del_that_raises_is_not_the_channels_error(monkeypatch: pytest.MonkeyPatch) -> None:
    caught: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda it: caught.append(it.exc_type))
    ch: Chan[object] = Chan(1)

    def fail() -> None:
        raise ZeroDivisionError

    ch.send_nowait(Tell(fail))
    ch.recv_nowait()
    ch.send_nowait(Tell(fail))
    del ch
    gc.collect()
    assert caught == [ZeroDivisionError] * 2

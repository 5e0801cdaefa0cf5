"""A parked goroutine that nothing can wake any more is closed by the collector, and it says so."""

from __future__ import annotations

import gc
import math
import re
import warnings
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

import procs
from collecting import collect_until, listening, unraisable
from gochan import Chan, WaitGroup, WouldBlock, go, run
from parking import wait_parked, wait_waiting
from reporting import Reports
from watch import PATIENCE, alarm

# ---------------------------------------------------------------- what it waits for


async def recv() -> None:
    await Chan[int]().arecv()


async def send() -> None:
    await Chan[int]().asend(1)


async def buffer() -> None:
    """A cycle through a buffered value and the value that waits behind it."""
    ch = Chan[object](1)
    await ch.asend(ch)
    await ch.asend([ch.sender])


async def iterate() -> None:
    async for _ in Chan[int]():
        pass


async def wait_group() -> None:
    wg = WaitGroup()
    wg.add()
    await wg


async def no_limit() -> None:
    await Chan[int]().arecv(timeout=math.inf)


async def generator() -> None:
    async def values(ch: Chan[int]) -> Any:
        while True:
            yield await ch.arecv()

    async for _ in values(Chan()):
        pass


WAITS: dict[str, tuple[Callable[[], Awaitable[object]], str]] = {
    "recv": (recv, "Chan.arecv()"),
    "recv_ok": (lambda: Chan[int]().arecv_ok(), "Chan.arecv_ok()"),
    "recv_many": (lambda: Chan[int]().arecv_many(2), "Chan.arecv_many()"),
    "send": (send, "Chan.asend()"),
    "a view": (lambda: Chan[int]().sender.asend(1), "Chan.asend()"),
    "a cycle through the buffer": (buffer, "Chan.asend()"),
    "async for": (iterate, "Chan.__anext__()"),
    "an async generator": (generator, "Chan.arecv()"),
    "WaitGroup": (wait_group, "WaitGroup.__await__()"),
    "no limit": (no_limit, "Chan.arecv()"),
}


async def doomed(wait: Callable[[], Awaitable[object]], log: list[str]) -> None:
    try:
        await wait()
        log.append("went on")
    except GeneratorExit:
        log.append("GeneratorExit")
        raise
    finally:
        log.append("finally")


def start(wait: Callable[[], Awaitable[object]], log: list[str]) -> tuple[str, weakref.ref[Any]]:
    """Start `doomed`, wait until it is parked, and forget it."""
    g = go(doomed, wait, log)
    wait_waiting(g)
    return g.name, weakref.ref(g)


HERE = f"{start.__code__.co_filename}:{start.__code__.co_firstlineno + 2} in start"


@pytest.mark.parametrize("kind", WAITS)
def test_it_is_closed_with_a_warning(kind: str, reports: Reports) -> None:
    """PY9: what Go leaks for ever (C23) is found by the collector."""
    wait, operation = WAITS[kind]
    log: list[str] = []
    with listening() as said:
        name, seen = start(wait, log)
        collect_until(lambda: seen() is None and "finally" in log, f"{name} collected")
        for _ in range(3):
            gc.collect()
        (text,) = said()  # once
    assert log == ["GeneratorExit", "finally"]
    assert reports.settled() == []
    waits = rf"it waits in {re.escape(operation)} on <gochan\.\w+ .*>"
    if kind == "an async generator":
        # The collector may come to the generator first: then nothing shows any more what for.
        waits += "|it was waiting"
    assert re.fullmatch(
        rf"goroutine {name} can never be woken: ({waits}), and nothing else can reach that;"
        rf" started at {re.escape(HERE)}",
        text,
    )


def test_waiting_for_another_one_that_waits_for_ever() -> None:
    log: list[str] = []

    async def join() -> None:
        await go(doomed, recv, log)

    async def ajoin() -> None:
        await go(doomed, recv, log).ajoin()

    for wait in (join, ajoin):
        with listening() as said:
            name, _ = start(wait, log)
            collect_until(lambda: log.count("finally") == 2, "both ended")
            texts = said()
        # The end of the inner one may wake the outer one before the collector comes to it.
        inner = [text for text in texts if name not in text.partition(" can never")[0]]
        assert len(inner) == 1
        assert "it waits in Chan.arecv() on <gochan.Chan at" in inner[0]
        assert len(texts) <= 2
        log.clear()


def test_two_that_wait_for_each_other() -> None:
    log: list[str] = []

    def both() -> list[weakref.ref[Any]]:
        a, b = Chan[int](), Chan[int]()

        async def one(mine: Chan[int], other: Chan[int]) -> None:
            await other.asend(await mine.arecv())

        pair = [go(doomed, lambda: one(a, b), log), go(doomed, lambda: one(b, a), log)]
        wait_waiting(*pair)
        return [weakref.ref(g) for g in pair]

    with listening() as said:
        seen = both()
        collect_until(lambda: log.count("finally") == 2, "both collected")
        collect_until(lambda: all(ref() is None for ref in seen), "both freed")
        assert len(said()) == 2
    assert log == ["GeneratorExit", "finally"] * 2


def test_a_ring_of_many() -> None:
    log: list[str] = []

    def ring() -> None:
        chans = [Chan[int]() for _ in range(300)]

        async def hand_on(i: int) -> None:
            await chans[i - 1].asend(await chans[i].arecv())

        wait_waiting(*[go(doomed, partial(hand_on, i), log) for i in range(300)])

    with listening() as said:
        ring()
        collect_until(lambda: log.count("finally") == 300, "the ring collected")
        assert len(set(said())) == len(said()) == 300
    assert "went on" not in log


class Node:
    pass


def test_what_its_frames_hold_is_freed() -> None:
    log: list[str] = []
    nodes: list[weakref.ref[Node]] = []

    async def deep(depth: int) -> None:
        node = Node()
        nodes.append(weakref.ref(node))
        if depth:
            await deep(depth - 1)
        await Chan[Node](0).asend(node)

    with listening():
        start(lambda: deep(20), log)
        assert len(nodes) == 21
        collect_until(lambda: all(ref() is None for ref in nodes), "the frames freed")
    assert log == ["GeneratorExit", "finally"]


def test_a_channel_that_is_only_watched_does_not_keep_it() -> None:
    log: list[str] = []
    watched: list[weakref.ref[Chan[int]]] = []

    async def wait() -> None:
        ch = Chan[int]()
        watched.append(weakref.ref(ch))
        await ch.arecv()

    with listening() as said:
        _, seen = start(wait, log)
        assert watched[0]() is not None
        collect_until(lambda: seen() is None and watched[0]() is None, "collected")
        assert len(said()) == 1


def test_its_end_can_be_seen() -> None:
    """`done` does not hold the goroutine; it is closed as at any other end."""
    log: list[str] = []
    with listening() as said:
        g = go(doomed, recv, log)
        wait_waiting(g)
        done = g.done
        del g
        assert not done.closed
        collect_until(lambda: done.closed, "done closed")
        assert len(said()) == 1
    assert log == ["GeneratorExit", "finally"]


# ---------------------------------------------------------------- filters


def test_warnings_as_errors() -> None:
    """They cannot be raised anywhere; the goroutine is closed all the same."""
    log: list[str] = []
    gc.collect()
    with warnings.catch_warnings(), unraisable() as heard:
        warnings.simplefilter("error")
        name, _ = start(recv, log)
        collect_until(lambda: "finally" in log, "collected")
    assert log == ["GeneratorExit", "finally"]
    assert [type(error) for error in heard] == [ResourceWarning]
    assert f"goroutine {name} can never be woken" in str(heard[0])


def test_no_warnings_wanted() -> None:
    log: list[str] = []
    with listening() as said, unraisable() as heard:
        warnings.simplefilter("ignore")
        start(recv, log)
        collect_until(lambda: "finally" in log, "collected")
        assert (said(), heard) == ([], [])
    assert log == ["GeneratorExit", "finally"]


def test_the_default_says_nothing_and_the_option_says_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = """
        import gc
        from gochan import Chan, go
        from parking import wait_waiting

        async def lost():
            await Chan().arecv()

        wait_waiting(go(lost))
        for _ in range(3):
            gc.collect()
        print("over")
        """
    assert procs.run(program).ok() == "over\n"
    monkeypatch.setenv("PYTHONWARNINGS", "default::ResourceWarning")
    finished = procs.run(program)
    assert (finished.returncode, finished.stdout) == (0, "over\n"), finished.describe()
    assert finished.stderr.count("ResourceWarning: goroutine lost-") == 1, finished.describe()


# ---------------------------------------------------------------- under run()


def test_lost_while_main_is_running() -> None:
    log: list[str] = []

    async def main() -> None:
        _, seen = start(recv, log)
        collect_until(lambda: seen() is None, "collected")

    with listening() as said, alarm(PATIENCE):
        run(main)
        assert len(said()) == 1
    assert log == ["GeneratorExit", "finally"]


def test_abandoned_by_run() -> None:
    """That is how they were meant to end: they are freed without a word.

    Those in the queue of a channel that lives on stay there until a peer meets them,
    and take nothing.
    """
    nodes: list[weakref.ref[Node]] = []
    held = Chan[int]()

    async def waits(ch: Chan[int]) -> None:
        node = Node()
        nodes.append(weakref.ref(node))
        await ch.arecv()

    async def main() -> None:
        wait_waiting(*[go(waits, ch) for ch in (Chan(), Chan(), held, held)])

    with listening() as said, alarm(PATIENCE):
        run(main)
        collect_until(lambda: all(ref() is None for ref in nodes[:2]), "freed")
        with pytest.raises(WouldBlock):
            held.send_nowait(1)
        wait_parked(held)
        collect_until(lambda: all(ref() is None for ref in nodes), "freed")
        assert len(nodes) == 4
        assert said() == []


def test_the_handle_keeps_it() -> None:
    """As long as somebody holds it, it is shown as waiting: for a look at what went wrong."""
    log: list[str] = []
    with listening() as said:
        g = go(doomed, recv, log)
        wait_waiting(g)
        for _ in range(5):
            gc.collect()
        assert (g.state, log, said()) == ("waiting", [], [])
        del g
        collect_until(lambda: "finally" in log, "collected")
        assert len(said()) == 1

"""The handle of an `async def` goroutine: what it is doing, and what it says of itself."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gochan import Chan, Goroutine, WaitGroup, agosched, aio, go
from parking import wait_until, wait_waiting
from scheduler import by_go, turns, under_a_deadline, until, wait
from watch import PATIENCE

pytestmark = under_a_deadline


async def divide(a: int, b: int) -> float:
    return a / b


class Worker:
    async def run(self) -> None: ...

    async def __call__(self) -> None: ...


def test_the_name_is_the_functions_with_the_id() -> None:
    g = go(divide, 1, 1)
    assert g.name == f"divide-{g.id}"
    method = go(Worker().run)
    assert method.name == f"Worker.run-{method.id}"
    assert go(Worker()).name.rpartition("-")[0] != ""

    async def inner() -> None: ...

    # The functions that it is defined in are left out.
    local = go(inner)
    assert local.name == f"inner-{local.id}"


# ---------------------------------------------------------------- what it is doing


class Waits:
    """Each operation that a goroutine can wait in, and what ends it."""

    kinds = (
        *("asend", "arecv", "arecv, timeout", "arecv_ok", "arecv_many", "async for", "anext"),
        *("WaitGroup", "async with", "ajoin", "ajoin, timeout", "await goroutine", "done"),
        *("aio", "recv", "WaitGroup.wait"),
    )

    def __init__(self, kind: str) -> None:
        self.ch: Chan[int] = Chan()
        self.wg = WaitGroup()
        self.wg.add()
        self.gate: Chan[int] = Chan()
        self.g: Goroutine[int] = go(self.gate.recv)
        self.leave = threading.Event()
        ops: dict[str, tuple[Callable[[], Coroutine[Any, Any, Any]], Callable[[], object]]] = {
            "asend": (lambda: self.ch.asend(1), self.ch.recv),
            "arecv": (lambda: self.ch.arecv(), self.feed),
            "arecv, timeout": (lambda: self.ch.arecv(timeout=3600), self.feed),
            "arecv_ok": (lambda: self.ch.arecv_ok(), self.feed),
            "arecv_many": (lambda: self.ch.arecv_many(2), self.feed),
            "async for": (self.loop, self.ch.close),
            "anext": (lambda: wait(anext(aiter(self.ch))), self.feed),
            "WaitGroup": (lambda: wait(self.wg), self.wg.done),
            "async with": (self.leave_with, self.wg.done),
            "ajoin": (lambda: self.g.ajoin(), self.end),
            "ajoin, timeout": (lambda: self.g.ajoin(3600), self.end),
            "await goroutine": (lambda: wait(self.g), self.end),
            "done": (lambda: self.g.done.arecv_ok(), self.end),
            "aio": (lambda: aio(asyncio.to_thread(self.leave.wait, PATIENCE)), self.leave.set),
            "recv": (self.blocking_recv, self.feed),
            "WaitGroup.wait": (self.blocking_wait, self.wg.done),
        }
        assert set(ops) == set(self.kinds)
        self.operation, self.end_it = ops[kind]

    def feed(self) -> None:
        self.ch.send(1, timeout=PATIENCE)

    def end(self) -> None:
        self.gate.send(1, timeout=PATIENCE)

    async def loop(self) -> None:
        async for _ in self.ch:
            pass

    async def leave_with(self) -> None:
        async with self.wg:
            pass

    async def blocking_recv(self) -> int:
        return self.ch.recv()

    async def blocking_wait(self) -> None:
        self.wg.wait()


@pytest.mark.parametrize("kind", Waits.kinds)
def test_waiting_means_that_a_peer_finds_it(kind: str) -> None:
    it = Waits(kind)

    async def body() -> str:
        await it.operation()
        return "end"

    g = go(body)
    wait_waiting(g)
    it.end_it()
    assert g.result(PATIENCE) == "end"
    assert g.state == "done"
    if it.g.state != "done":
        it.end()


def test_states() -> None:
    own: Chan[Goroutine[None]] = Chan(1)
    told: Chan[str] = Chan(1)
    gate: Chan[None] = Chan()

    async def look() -> None:
        told.send_nowait((await own.arecv()).state)
        await gate.arecv()

    g = go(look)
    seen = [g.state]
    own.send(g)
    assert told.recv(timeout=PATIENCE) == "running"
    wait_waiting(g)
    gate.send(None, timeout=PATIENCE)
    g.join(PATIENCE)
    seen.append(g.state)
    assert seen[0] in {"runnable", "running", "waiting"}
    assert seen[1] == "done"


def test_queued_and_woken_are_runnable() -> None:
    """Seen by a goroutine that has just caused it: most of the times it is the one that runs."""
    ch: Chan[int] = Chan()

    async def child() -> int:
        return await ch.arecv()

    async def main() -> list[tuple[str, str, str]]:
        seen: list[tuple[str, str, str]] = []
        for i in range(50):
            g = go(child)
            queued = g.state
            await until(lambda g=g: g.state == "waiting", g)  # type: ignore[misc]
            waiting = g.state
            ch.send_nowait(i)
            seen.append((queued, waiting, g.state))
            assert await g == i
        return seen

    seen = by_go(main)
    assert seen.count(("runnable", "waiting", "runnable")) > 25, seen
    later = {"runnable", "running", "done"}
    assert all(q in {*later, "waiting"} and w == "waiting" and r in later for q, w, r in seen)


def test_giving_way_is_not_waiting() -> None:
    stop = False

    async def spinner() -> None:
        while not stop:
            await agosched()

    async def main() -> set[str]:
        nonlocal stop
        g = go(spinner)
        seen: set[str] = set()
        for _ in range(100):
            await agosched()
            seen.add(g.state)
        stop = True
        await g
        return seen

    seen = by_go(main)
    assert "runnable" in seen
    assert seen <= {"runnable", "running"}


def test_busy_is_running_and_foreign_waits_are_too() -> None:
    """Only operations of gochan count as waiting: it cannot see into anything else."""
    entered = threading.Event()
    leave = threading.Event()

    async def foreign() -> None:
        entered.set()
        leave.wait(PATIENCE)

    async def busy() -> None:
        entered.set()
        while not leave.is_set():
            pass

    for fn in (foreign, busy):
        entered.clear()
        leave.clear()
        g = go(fn)
        assert entered.wait(PATIENCE)
        assert g.state == "running"
        leave.set()
        g.join(PATIENCE)


# ---------------------------------------------------------------- what it says of itself


STARTED = r", started at (\S+):(\d+) in (\S+)>"
SAYS = {
    "asend": r"Chan\.asend\(\) on <gochan\.Chan at 0x\w+ .*senders=1.*>",
    "arecv": r"Chan\.arecv\(\) on <gochan\.Chan at 0x\w+ .*receivers=1.*>",
    "arecv, timeout": r"Chan\.arecv\(\) on <gochan\.Chan at 0x\w+ .*receivers=1.*>",
    "arecv_ok": r"Chan\.arecv_ok\(\) on <gochan\.Chan at 0x\w+ .*receivers=1.*>",
    "arecv_many": r"Chan\.arecv_many\(\) on <gochan\.Chan at 0x\w+ .*receivers=1.*>",
    "async for": r".* on <gochan\.Chan at 0x\w+ .*receivers=1.*>",
    "WaitGroup": r".* on <gochan\.WaitGroup at 0x\w+ .*waiters=1.*>",
    "ajoin": r"Goroutine\.ajoin\(\) on <gochan\.Goroutine Chan\.recv-\d+.*>",
    "await goroutine": r".* on <gochan\.Goroutine Chan\.recv-\d+.*>",
    "aio": r".*aio.*",
    "recv": r"Chan\.recv\(\) on <gochan\.Chan at 0x\w+ .*receivers=1.*>",
}


@pytest.mark.parametrize("kind", SAYS)
def test_repr_of_a_parked_one(kind: str) -> None:
    it = Waits(kind)

    async def worker() -> None:
        await it.operation()

    g = go(worker)
    line = worker.__code__.co_firstlineno + 3
    wait_waiting(g)
    text = repr(g)
    head = rf"<gochan\.Goroutine {g.name} waiting in "
    found = re.fullmatch(head + SAYS[kind] + r" for \d+\.\d+ s" + STARTED, text)
    assert found, text
    assert found.groups() == (__file__, str(line), "test_repr_of_a_parked_one")
    it.end_it()
    g.join(PATIENCE)
    text = repr(g)
    assert re.fullmatch(rf"<gochan\.Goroutine {g.name} done.*" + STARTED, text), text
    if it.g.state != "done":
        it.end()


def test_the_time_of_a_wait_begins_anew_with_each_wait() -> None:
    ch: Chan[int] = Chan()

    async def worker() -> None:
        async for _ in ch:
            pass

    def waited() -> float:
        found = re.search(r" for (\d+\.\d+) s, started", repr(g))
        assert found, repr(g)
        return float(found[1])

    g = go(worker)
    wait_waiting(g)
    wait_until(lambda: waited() >= 0.5, "half a second")
    ch.send(1)
    wait_waiting(g)
    assert waited() < 0.5
    ch.close()
    g.join(PATIENCE)


def test_where_it_was_started_in_a_coroutine() -> None:
    async def child() -> None:
        await turns(1)

    async def starter() -> Goroutine[None]:
        return go(child)

    g = by_go(starter)
    g.join(PATIENCE)
    line = starter.__code__.co_firstlineno + 1
    assert f"started at {__file__}:{line} in " in repr(g)
    assert repr(g).endswith("starter>")

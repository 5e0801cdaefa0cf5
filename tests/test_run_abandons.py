"""When main ends, the goroutines of its run are left where they are (RT3, PY8)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from gochan import Chan, WaitGroup, WouldBlock, agosched, aio, go, num_goroutine, run
from parking import wait_waiting
from scheduler import beside, parked, turns, under_a_deadline
from watch import PATIENCE, state

pytestmark = under_a_deadline


class Expected(Exception):
    pass


async def end() -> None:
    pass


async def fail() -> None:
    raise Expected


def ended(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it to its end, and see that nobody is left and that others find no trace of them."""
    before = num_goroutine()
    with suppress(Expected):
        run(main)
    assert num_goroutine() == before
    # Others come and go. Whoever could still run would have had its turn by now.
    for _ in range(3):
        go(turns, 20).result(PATIENCE)
        run(turns, 20)
    assert num_goroutine() == before


on_each_end = pytest.mark.parametrize("leave", [end, fail])


# ---------------------------------------------------------------- nothing of theirs runs


@on_each_end
def test_those_that_never_began(leave: Callable[[], Coroutine[Any, Any, None]]) -> None:
    began: list[int] = []

    async def child(i: int) -> None:
        began.append(i)

    async def main() -> None:
        for i in range(1000):
            go(child, i)
        await leave()

    # Main is not once suspended. But if it is held up for long, all of them may have begun.
    for _ in range(50):
        began.clear()
        ended(main)
        so_far = len(began)
        run(turns, 50)
        go(turns, 50).result(PATIENCE)
        assert len(began) == so_far
        if so_far < 1000:
            return
    raise AssertionError("they began each time, all of them")


@on_each_end
def test_those_that_go_round_and_round(leave: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """They are runnable all the time, so no wake-up has to be refused: they are just dropped."""
    count = 0

    async def child() -> None:
        nonlocal count
        while True:
            count += 1
            await agosched()

    async def main() -> None:
        for _ in range(5):
            go(child)
        while count < 100:
            await agosched()
        await leave()

    ended(main)
    seen = count
    run(turns, 50)
    go(turns, 50).result(PATIENCE)
    assert count == seen >= 100


@on_each_end
def test_parked_receivers_take_nothing_any_more(
    leave: Callable[[], Coroutine[Any, Any, None]], capacity: int
) -> None:
    """A value that one of them took would be lost."""
    ch: Chan[int] = Chan(capacity)
    got: list[int] = []

    async def child() -> None:
        got.append(await ch.arecv())

    async def main() -> None:
        for _ in range(3):
            go(child)
        await parked(ch, receivers=3)
        await leave()

    ended(main)
    if capacity == 0:
        with pytest.raises(WouldBlock):
            ch.send_nowait(1)
    else:
        ch.send_nowait(1)
        assert ch.recv_nowait() == 1
    assert got == []
    assert state(ch) == (0, capacity, 0, 0, False)


def test_parked_senders_send_nothing_any_more() -> None:
    ch: Chan[int] = Chan()

    async def child() -> None:
        await ch.asend(1)

    async def main() -> None:
        for _ in range(3):
            go(child)
        await parked(ch, senders=3)

    ended(main)
    with pytest.raises(WouldBlock):
        ch.recv_nowait()
    assert state(ch) == (0, 0, 0, 0, False)


def test_the_next_run_finds_no_trace_of_the_last_one() -> None:
    """Two programs that use one channel one after the other: all values are the second one's."""
    ch: Chan[int] = Chan()

    async def child() -> None:
        async for _ in ch:
            pass

    async def first() -> None:
        for _ in range(3):
            go(child)
        await parked(ch, receivers=3)

    async def send() -> None:
        for i in range(10):
            await ch.asend(i)

    async def second() -> list[int]:
        go(send)
        return [await ch.arecv() for _ in range(10)]

    run(first)
    assert run(second) == list(range(10))


def test_children_of_children() -> None:
    ch: Chan[int] = Chan()
    got: list[int] = []

    async def child(depth: int) -> None:
        if depth:
            go(child, depth - 1)
        got.append(await ch.arecv())

    async def main() -> None:
        go(child, 9)
        await parked(ch, receivers=10)

    ended(main)
    with pytest.raises(WouldBlock):
        ch.send_nowait(1)
    assert state(ch).receivers == 0
    assert got == []


def test_those_whose_time_runs_out_later() -> None:
    woken: list[str] = []

    async def child() -> None:
        try:
            await Chan[int]().arecv(timeout=0.3)  # longer than main takes on a busy machine
        except TimeoutError:
            woken.append("late")

    async def main() -> None:
        for _ in range(10):
            go(child)
        await turns(5)

    async def later() -> None:
        with pytest.raises(TimeoutError):
            await Chan[int]().arecv(timeout=0.4)

    ended(main)
    run(later)
    assert woken == []


def test_those_that_wait_for_a_loop() -> None:
    woken: list[str] = []
    leave = threading.Event()

    async def child() -> None:
        await aio(asyncio.to_thread(leave.wait, PATIENCE))
        woken.append("late")

    async def later() -> None:
        await aio(asyncio.sleep(0.02))  # by now that loop knows that the other one is over

    async def main() -> None:
        g = go(child)
        while g.state != "waiting":
            await agosched()

    ended(main)
    leave.set()
    run(later)
    run(turns, 20)
    assert woken == []


def test_those_that_wait_for_one_another() -> None:
    wg = WaitGroup()
    ran: list[str] = []
    gate: Chan[None] = Chan()

    async def child() -> None:
        await gate.arecv()

    async def main() -> None:
        first = wg.go(child)

        async def second() -> None:
            await first.ajoin()
            ran.append("joined")

        async def third() -> None:
            await wg
            ran.append("counted down")

        goroutines = [go(second), go(third)]
        await parked(gate, receivers=1)
        while {g.state for g in goroutines} != {"waiting"}:
            await agosched()

    run(main)
    with pytest.raises(WouldBlock):
        gate.send_nowait(None)
    run(turns, 20)
    assert ran == []


def test_blocked_def_goroutines_do_not_count_any_more() -> None:
    before = num_goroutine()
    gate: Chan[None] = Chan()

    async def main() -> None:
        for _ in range(3):
            go(gate.recv_ok)
        await parked(gate, receivers=3)

    run(main)
    assert num_goroutine() == before
    gate.close()


def test_a_function_that_was_blocked_goes_on() -> None:
    """Its thread can not be ended: what it is handed is not lost."""
    gate: Chan[int] = Chan()
    got: Chan[int] = Chan(1)

    def taker() -> None:
        got.send(gate.recv())

    async def main() -> None:
        go(taker)
        await parked(gate, receivers=1)

    run(main)
    gate.send(5, timeout=PATIENCE)
    assert got.recv(timeout=PATIENCE) == 5


# ---------------------------------------------------------------- the others live on


def test_goroutines_from_outside_live_on() -> None:
    gate: Chan[int] = Chan()
    stop = False
    count = 0

    async def receiver() -> int:
        return await gate.arecv()

    async def spinner() -> None:
        nonlocal count
        while not stop:
            count += 1
            await agosched()

    waiting, busy = go(receiver), go(spinner)
    wait_waiting(waiting)

    async def main() -> None:
        inside = go(receiver)
        go(spinner)
        # Not by the number of receivers: the last run's stand there still, until a peer meets them.
        while inside.state != "waiting":
            await agosched()

    for _ in range(3):
        run(main)
    gate.send(5, timeout=PATIENCE)
    assert waiting.result(PATIENCE) == 5
    with pytest.raises(WouldBlock):
        gate.send_nowait(6)
    seen = count
    while count < seen + 10:
        run(turns, 5)
    stop = True
    busy.result(PATIENCE)


def test_who_is_started_outside_while_a_run_goes_on_lives_on() -> None:
    """Whose it is depends on who starts it, not on when."""
    gate: Chan[int] = Chan()
    told: Chan[None] = Chan()

    async def receiver() -> int:
        return await gate.arecv()

    async def main() -> None:
        await told.arecv()

    running = beside(run, main)
    g = go(receiver)
    wait_waiting(g)
    told.send(None, timeout=PATIENCE)
    running.result(PATIENCE)
    gate.send(3, timeout=PATIENCE)
    assert g.result(PATIENCE) == 3

"""An error in a goroutine that nobody looked at is reported exactly once, and never otherwise."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

import pytest

from gochan import Chan, Goroutine, WaitGroup, go
from parking import wait_waiting
from reporting import Expected, Reports, fail
from watch import PATIENCE

# ---------------------------------------------------------------- reported


def test_without_a_handle_at_once(reports: Reports) -> None:
    go(fail, "a")
    reports.wait("a")
    assert reports.names[0].startswith("fail-")


def test_with_the_last_handle(reports: Reports) -> None:
    g = go(fail, "a")
    g.join(PATIENCE)
    copy = [g]
    del g
    assert reports.settled() == []
    copy.clear()
    reports.wait("a")


def test_the_handle_goes_first_and_the_goroutine_fails_later(reports: Reports) -> None:
    gate: Chan[None] = Chan()

    def late() -> None:
        gate.recv()
        fail("late")

    g = go(late)
    wait_waiting(g)
    del g
    assert reports.settled() == []
    gate.send(None)
    reports.wait("late")


def test_with_a_cycle_that_holds_the_handle(reports: Reports) -> None:
    g = go(fail, "a")
    g.join(PATIENCE)
    gc.collect()
    gc.disable()
    try:
        cycle: list[object] = [g]
        cycle.append(cycle)
        del g, cycle
        assert reports.errors == []
    finally:
        gc.enable()
    gc.collect()
    reports.wait("a")


def test_with_a_channel_that_holds_the_handle(reports: Reports) -> None:
    ch: Chan[Goroutine[None]] = Chan(1)
    ch.send(go(fail, "a"))
    assert reports.settled() == []
    del ch
    reports.wait("a")


def test_with_nothing_but_its_done_channel_left(reports: Reports) -> None:
    """Through `done` the end can be seen, but not the error: it is no handle."""
    done = go(fail, "a").done
    assert done.recv_ok(timeout=PATIENCE) == (None, False)
    reports.wait("a")
    assert done.closed


def test_waiting_is_not_looking(reports: Reports) -> None:
    gate: Chan[None] = Chan()

    def late() -> None:
        gate.recv()
        fail("a")

    g = go(late)
    for look in (g.result, g.exception):
        with pytest.raises(TimeoutError):
            look(timeout=0)
    gate.send(None, timeout=PATIENCE)
    g.join(PATIENCE)
    g.done.recv_ok(timeout=PATIENCE)
    asyncio.run(g.ajoin())
    assert g.state == "done"
    assert reports.settled() == []
    del look, g
    reports.wait("a")


def test_a_cancelled_await_is_not_looking(reports: Reports) -> None:
    gate: Chan[None] = Chan()

    def late() -> None:
        gate.recv()
        fail("a")

    async def main() -> None:
        g = go(late)

        async def look() -> None:
            await g

        task = asyncio.create_task(look())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gate.asend(None)
        await g.ajoin()

    asyncio.run(main())
    reports.wait("a")


def test_of_a_wait_group(reports: Reports) -> None:
    """wait() raises nothing, so what is not looked at on the handle is reported."""
    wg = WaitGroup()
    wg.go(fail, "a")
    kept = wg.go(fail, "b")
    wg.wait(timeout=PATIENCE)
    reports.wait("a")
    assert isinstance(kept.exception(), Expected)
    del kept
    assert reports.settled() == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, MemoryError])
def test_base_exceptions(reports: Reports, error: type[BaseException]) -> None:
    def leave() -> None:
        raise error("a")

    go(leave)
    reports.wait("a")


def test_many_at_once_are_each_reported_once(reports: Reports) -> None:
    gate: Chan[None] = Chan()

    def late(i: int) -> None:
        gate.recv_ok()
        fail(str(i))

    kept = [go(late, i) for i in range(50)]
    for i in range(50, 100):
        go(late, i)
    gate.close()
    for g in kept:
        g.join(PATIENCE)
    del g
    kept.clear()
    reports.wait(*map(str, range(100)))


# ---------------------------------------------------------------- not reported


def by_result(g: Goroutine[None]) -> None:
    with pytest.raises(Expected):
        g.result(PATIENCE)


def by_exception(g: Goroutine[None]) -> None:
    assert isinstance(g.exception(PATIENCE), Expected)


def by_await(g: Goroutine[None]) -> None:
    async def main() -> None:
        with pytest.raises(Expected):
            await g

    asyncio.run(main())


@pytest.mark.parametrize("look", [by_result, by_exception, by_await])
def test_looked_at(reports: Reports, look: Callable[[Goroutine[None]], None]) -> None:
    g = go(fail)
    look(g)
    del g
    assert reports.settled() == []


def test_looked_at_from_another_thread_while_it_ran(reports: Reports) -> None:
    gate: Chan[None] = Chan()

    def late() -> None:
        gate.recv()
        fail()

    g = go(late)
    other = go(g.exception)
    wait_waiting(g, other)
    del g
    gate.send(None)
    assert isinstance(other.result(PATIENCE), Expected)
    assert reports.settled() == []


def test_success(reports: Reports) -> None:
    go(int)
    go(int).join(PATIENCE)
    assert reports.settled() == []

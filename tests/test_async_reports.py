"""An error in an `async def` goroutine that nobody looked at is reported once, as any other's."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import procs
from gochan import Chan, Goroutine, WaitGroup, agosched, go, set_excepthook
from parking import wait_until, wait_waiting
from reporting import Expected, Reports
from scheduler import Start, by_go, on_each_start, wait
from watch import PATIENCE


async def fail(text: str = "expected by this test") -> None:
    await agosched()
    raise Expected(text)


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

    async def late() -> None:
        await gate.arecv()
        await fail("late")

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
    cycle: list[object] = [g]
    cycle.append(cycle)
    del g, cycle
    gc.collect()
    reports.wait("a")


def test_a_goroutine_that_holds_its_own_handle(reports: Reports) -> None:
    """The error holds the frame, and that the handle: a cycle, and no look at the error."""
    own: Chan[Goroutine[None]] = Chan(1)

    async def body() -> None:
        mine = await own.arecv()
        assert mine.state == "running"
        await fail("a")

    g = go(body)
    done = g.done
    own.send(g)
    del g
    assert done.recv_ok(timeout=PATIENCE) == (None, False)
    wait_until(lambda: gc.collect() >= 0 and len(reports.errors) == 1, "the report")
    reports.wait("a")


def test_waiting_is_not_looking(reports: Reports) -> None:
    async def look_elsewhere(g: Goroutine[None]) -> None:
        await g.ajoin()
        await g.done.arecv_ok()

    g = go(fail, "a")
    go(look_elsewhere, g).result(PATIENCE)
    g.join(PATIENCE)
    assert reports.settled() == []
    del g
    reports.wait("a")


def test_an_await_that_gave_up_is_not_looking(reports: Reports) -> None:
    gate: Chan[None] = Chan()

    async def late() -> None:
        await gate.arecv()
        await fail("a")

    async def main() -> None:
        g = go(late)
        with pytest.raises(TimeoutError):
            await g.ajoin(0.001)
        with pytest.raises(TimeoutError):
            g.result(0)
        await gate.asend(None)
        await g.ajoin()

    by_go(main)
    reports.wait("a")


async def by_await(g: Goroutine[None]) -> None:
    with pytest.raises(Expected):
        await g


async def by_exception(g: Goroutine[None]) -> None:
    await g.ajoin()
    assert isinstance(g.exception(), Expected)


async def by_another(g: Goroutine[None]) -> None:
    await go(by_await, g)


@pytest.mark.parametrize("look", [by_await, by_exception, by_another])
@on_each_start
def test_looked_at(start: Start, look: Callable[[Goroutine[None]], Any], reports: Reports) -> None:
    async def main() -> None:
        g = go(fail)
        await look(g)
        del g

    start(main)
    assert reports.settled() == []


def test_of_a_wait_group(reports: Reports) -> None:
    async def main() -> None:
        wg = WaitGroup()
        wg.go(fail, "a")
        kept = wg.go(fail, "b")
        await wg
        assert isinstance(kept.exception(), Expected)

    by_go(main)
    reports.wait("a")


def test_many_at_once_are_each_reported_once(reports: Reports) -> None:
    kept = [go(fail, str(i)) for i in range(50)]
    for i in range(50, 100):
        go(fail, str(i))
    for g in kept:
        g.join(PATIENCE)
    del g
    kept.clear()
    reports.wait(*map(str, range(100)))


def test_a_hook_may_use_gochan_and_may_fail() -> None:
    told: Chan[str] = Chan(4)

    def hook(g: Goroutine[Any], error: BaseException) -> None:
        told.send(f"{error} {go(wait, go(pow, 2, 2)).result(PATIENCE)}")

    set_excepthook(hook)
    try:
        go(fail, "a")
        assert told.recv(timeout=PATIENCE) == "a 4"
    finally:
        set_excepthook(None)


def test_a_system_exit_is_silent_and_ends_nothing() -> None:
    finished = procs.run("""
        import sys
        from gochan import agosched, go

        async def leave(code):
            await agosched()
            sys.exit(code)

        for code in (3, "words", None):
            go(leave, code).join()
        print("end of main")
        """)
    assert finished.ok() == "end of main\n"


def test_the_default_report(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    finished = procs.run(
        """
        from gochan import agosched, go, run

        async def deeper(x):
            await agosched()
            return 1 / x

        async def worker(x):
            await deeper(x)

        async def main():
            g = go(worker, 0)
            print(g.id)
            await g.ajoin()

        run(main)
        print("end")
        """,
        file=program,
    )
    assert finished.returncode == 0, finished.describe()
    ident, end = finished.stdout.split()
    assert end == "end"
    header, _, trace = finished.stderr.partition("\n")
    line = program.read_text().splitlines().index("    g = go(worker, 0)") + 1
    assert header == (
        f"Exception in goroutine worker-{ident} (id {ident}), started at {program}:{line} in main:"
    )
    assert trace.startswith("Traceback (most recent call last):\n")
    assert re.findall(r'File "(.*)", line \d+, in (\w+)', trace) == [
        (str(program), "worker"),
        (str(program), "deeper"),
    ]
    assert trace.endswith("ZeroDivisionError: division by zero\n")

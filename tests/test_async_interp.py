"""What the interpreter and its tools see of `async def` goroutines: tracing, stacks, threads."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import procs
from gochan import Chan, agosched, go, run
from parking import wait_until
from scheduler import by_go, by_run, turns, under_a_deadline
from watch import PATIENCE

pytestmark = under_a_deadline

# ---------------------------------------------------------------- hooks of tracers and profilers


async def outer() -> int:
    await agosched()
    value = await inner()
    await agosched()
    return value + leaf()


async def inner() -> int:
    ch: Chan[int] = Chan()
    go(ch.send, 1)
    return await ch.arecv()


def leaf() -> int:
    return 1


async def untraced() -> None:
    await agosched()


class Hook:
    """A trace or profile function that notes what it is called for."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.lines: set[tuple[str, int]] = set()

    def __call__(self, frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_code.co_filename == __file__:
            if event == "call":
                self.names.append(frame.f_code.co_name)
            elif event == "line":
                self.lines.add((frame.f_code.co_name, frame.f_lineno))
        return self


def lines_of(fn: Callable[..., Any]) -> set[tuple[str, int]]:
    code = fn.__code__
    numbers = {line for _, _, line in code.co_lines() if line and line > code.co_firstlineno}
    return {(code.co_name, line) for line in numbers}


@pytest.mark.parametrize("kind", ["settrace", "setprofile"])
def test_hooks_of_the_threading_module_see_goroutines(kind: str) -> None:
    """Coverage and debuggers set them. Runners that are there already take part as well."""
    install = getattr(threading, kind)
    before = threading.gettrace() if kind == "settrace" else threading.getprofile()
    by_go(untraced)  # so that there is a runner by now, without the hook
    hook = Hook()
    install(hook)
    try:
        for _ in range(3):
            assert go(outer).result(PATIENCE) == 2
    finally:
        install(before)
    by_go(untraced)
    # Each resumption is a call of its own, as the interpreter has it for every coroutine.
    assert hook.names.count("leaf") == 3
    assert hook.names.count("inner") >= 3
    assert hook.names.count("outer") >= 3
    assert "untraced" not in hook.names
    if kind == "settrace":
        assert lines_of(outer) | lines_of(inner) | lines_of(leaf) <= hook.lines


@pytest.mark.parametrize("kind", ["settrace", "setprofile"])
def test_hooks_come_and_go_while_a_runner_is_busy(kind: str) -> None:
    """A debugger that is attached to a server finds a runner that has been at it for hours."""
    install = getattr(threading, kind)
    before = threading.gettrace() if kind == "settrace" else threading.getprofile()
    over, turn, runner = False, 0, 0
    seen: set[int] = set()

    def hook(frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_code is leaf.__code__:
            seen.add(threading.get_ident())

    async def busy() -> None:
        nonlocal turn, runner
        while not over:
            runner = threading.get_ident()
            turn += leaf()
            await agosched()

    def is_seen() -> bool:
        seen.clear()
        first = turn
        wait_until(lambda: turn > first + 10, "ten turns")
        return bool(seen)

    def comes_and_goes() -> bool:
        """False: another runner took over, which begins with what is set."""
        wait_until(lambda: not is_seen(), "the runner without the hook")
        there = runner
        install(hook)
        try:
            wait_until(lambda: there in seen or runner != there, "the hook on a busy runner")
        finally:
            install(before)
        found = there in seen
        wait_until(lambda: not is_seen() or runner != there, "the runner without the hook again")
        return found and runner == there

    g = go(busy)
    try:
        wait_until(lambda: turn > 0, "the runner")
        wait_until(comes_and_goes, "one runner that stays at it")
    finally:
        over = True
    g.result(PATIENCE)


@pytest.mark.parametrize("kind", ["settrace", "setprofile"])
def test_a_hook_of_the_calling_thread_sees_main(kind: str) -> None:
    install = getattr(sys, kind)
    before = sys.gettrace() if kind == "settrace" else sys.getprofile()
    hook = Hook()
    install(hook)
    try:
        assert run(outer) == 2
    finally:
        install(before)
    assert hook.names.count("leaf") == 1
    assert {"outer", "inner"} <= set(hook.names)
    if kind == "settrace":
        assert lines_of(outer) | lines_of(inner) <= hook.lines


def test_a_goroutines_own_hook_ends_with_it() -> None:
    """Whoever comes next on that thread has asked for no tracing."""
    hook = Hook()

    async def sets_a_hook() -> int:
        sys.settrace(hook)
        return leaf()

    def plain() -> int:
        return leaf()

    assert go(sets_a_hook).result(PATIENCE) == 1
    assert hook.names == ["leaf"]
    hook.names.clear()
    for _ in range(20):
        go(outer).result(PATIENCE)
        go(plain).result(PATIENCE)
    assert hook.names == []


def test_a_tracer_as_coverage_has_one() -> None:
    """The lines of a whole program: def and async goroutines, main, before and after each wait."""
    finished = procs.run("""
        import sys, threading

        seen = set()

        def tracer(frame, event, arg):
            if frame.f_code.co_filename != "program":
                return None
            if event == "line":
                seen.add(frame.f_lineno)
            return tracer

        source = '''
        import time
        from gochan import Chan, WaitGroup, agosched, go, run
        a, b, c, wg = Chan(), Chan(), Chan(), WaitGroup()
        def plain():
            value = a.recv()
            time.sleep(0.001)
            b.send(value + 1)
            return value
        async def child():
            value = await b.arecv()
            await agosched()
            async with wg:
                await agosched()
            return value
        async def generator():
            try:
                yield await c.arecv()
            finally:
                await agosched()
                wg.done()
        async def main():
            goroutines = [go(plain), go(child)]
            wg.add()
            await a.asend(1)
            go(c.send, 3)
            async for value in generator():
                await agosched()
            got = [await g for g in goroutines]
            await agosched()
            return got
        assert run(main) == [1, 2]
        '''
        import ast, textwrap
        source = textwrap.dedent(source)
        code = compile(source, "program", "exec")
        threading.settrace(tracer)
        sys.settrace(tracer)
        exec(code, {"__name__": "program"})
        sys.settrace(None)
        threading.settrace(None)
        wanted = {node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)}
        wanted -= {node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Try)}
        print(sorted(wanted - seen))
        """)
    assert finished.ok() == "[]\n"


# ---------------------------------------------------------------- stacks and threads


def test_stacks_of_running_goroutines_can_be_seen() -> None:
    """As faulthandler, py-spy and debuggers look at them."""
    leave = threading.Event()

    async def recognisable() -> None:
        leave.wait(PATIENCE)

    def seen() -> bool:
        for frame in sys._current_frames().values():
            walk: FrameType | None = frame
            while walk is not None:
                if walk.f_code.co_name == "recognisable":
                    return True
                walk = walk.f_back
        return False

    g = go(recognisable)
    wait_until(seen, "its frame on a thread")
    leave.set()
    g.result(PATIENCE)


def test_the_frames_of_a_goroutine_end_with_gochans_own() -> None:
    """Nothing of whoever called go(), ran before, or comes next."""

    async def stack() -> list[str]:
        await agosched()
        return [info.filename for info in inspect.stack(0)]

    for _ in range(3):
        mine, *below = go(stack).result(PATIENCE)
        assert mine == __file__
        assert __file__ not in below


@pytest.mark.parametrize("start", [by_go, by_run])
def test_threading_works_in_goroutines(start: Callable[[Any], Any]) -> None:
    async def look() -> tuple[bool, bool]:
        await agosched()
        local = threading.local()
        local.x = 1
        thread = threading.current_thread()
        assert thread.is_alive()
        assert thread.ident == threading.get_ident()
        return thread is threading.main_thread(), hasattr(local, "x")

    async def main() -> tuple[bool, bool]:
        assert (await go(look))[1]
        return await look()

    assert start(main) == (start is by_run, True)


def test_no_dummy_threads_are_left_behind() -> None:
    """What threading.current_thread() leaves of a foreign thread must not pile up."""

    async def look() -> None:
        threading.current_thread()
        await agosched()

    before = threading.active_count()
    for _ in range(50):
        go(look).result(PATIENCE)
        run(look)
    assert threading.active_count() <= before + 5


def test_locals_of_a_suspended_goroutine_are_its_own() -> None:
    async def count(n: int) -> list[int]:
        mine = []
        for i in range(n):
            mine.append(i)
            await turns(i % 3)
        return mine

    async def main() -> None:
        for i, g in enumerate([go(count, i) for i in range(50)]):
            assert await g == list(range(i))

    by_go(main)
    by_run(main)

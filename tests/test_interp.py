"""What the rest of the interpreter sees: tracing, subinterpreters, and what an import costs."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any

import pytest

import procs
from gochan import Chan, go
from parking import wait_waiting
from watch import PATIENCE

# ---------------------------------------------------------------- import


def test_the_import_is_cheap() -> None:
    """Nobody pays for asyncio or typing who does not use them."""
    finished = procs.run("""
        import sys
        before = set(sys.modules)
        import gochan
        print(*set(sys.modules) - before)
        ch = gochan.Chan[int](1)
        ch.send(1)
        ch.recv()
        gochan.go(ch.send, 2)
        ch.recv()
        print(*set(sys.modules) - before)
        """)
    imported, used = (set(line.split()) for line in finished.ok().splitlines())
    assert {name.partition(".")[0] for name in imported} <= {"gochan", "__future__"}
    heavy = {"asyncio", "typing", "contextvars", "threading", "logging", "inspect", "re", "enum"}
    assert not heavy & used


def test_what_rust_fetches_from_python_is_there_before() -> None:
    """A child that is forked while another thread imports it would wait for that for ever."""
    finished = procs.run("""
        import sys
        from gochan import Chan, Once, go, run, with_cancel

        class Foreign:
            def __init__(self):
                self.done, self.err, self.deadline = Chan(), None, None
            def value(self, key):
                return None

        known = set(sys.modules)

        async def once():
            await Once().ado(int)
            await go(int)

        async def values():
            yield 1

        async def left():
            async for _ in values():
                break

        go(int).join()
        run(once)
        run(left)
        parent = Foreign()
        ctx, cancel = with_cancel(parent)
        parent.done.close()
        ctx.wait(timeout=20)
        go(int, "no number").join()
        new = {name for name in set(sys.modules) - known if name.startswith("gochan")}
        assert not new, new
        """)
    assert finished.returncode == 0 and "no number" in finished.stderr, finished.describe()


def test_an_import_that_was_interrupted_can_be_tried_again() -> None:
    finished = procs.run("""
        import os
        real = os.register_at_fork
        def interrupted(**hooks):
            raise KeyboardInterrupt
        os.register_at_fork = interrupted
        try:
            import gochan
        except KeyboardInterrupt:
            os.register_at_fork = real
        from gochan import Chan, go
        ch = Chan[int](1)
        go(ch.send, 1).join(20)
        assert ch.receiver.recv() == 1 and isinstance(ch, Chan)
        """)
    assert finished.ok() == ""


# ---------------------------------------------------------------- subinterpreters


def test_a_subinterpreter_is_refused_with_a_reason() -> None:
    finished = procs.run("""
        import os, sys, textwrap
        import gochan

        if sys.version_info >= (3, 13):
            import _interpreters as interpreters
        else:
            import _xxsubinterpreters as interpreters

        reader, writer = os.pipe()
        program = textwrap.dedent(f'''
            import os, sys
            sys.path[:] = {sys.path!r}
            try:
                import gochan
            except ImportError as error:
                message = f"ImportError: {{error}}"
            else:
                message = "imported"
            os.write({writer}, message.encode())
            ''')
        other = interpreters.create()
        interpreters.run_string(other, program)
        os.close(writer)
        print(os.read(reader, 1000).decode())
        interpreters.destroy(other)
        assert gochan.go(pow, 2, 3).result() == 8  # the first one goes on
        """)
    message = finished.ok()
    assert message.startswith("ImportError: "), message
    assert "subinterpreter" in message, message


# ---------------------------------------------------------------- tracing, debuggers


def traced_names(start: Any, stop: Any) -> list[str]:
    """The functions that a hook set by `start` sees called in goroutines."""
    names: list[str] = []

    def hook(frame: FrameType, event: str, arg: object) -> Any:
        if event == "call":
            names.append(frame.f_code.co_name)
        return hook

    go(untraced).join(PATIENCE)  # there may be an idle thread by now, without the hook
    start(hook)
    try:
        for _ in range(3):
            go(outer).result(PATIENCE)
    finally:
        stop(None)
    go(untraced).join(PATIENCE)
    return names


def untraced() -> None: ...


def outer() -> int:
    return inner() + 1


def inner() -> int:
    return 1


@pytest.mark.parametrize(
    ("start", "stop"),
    [(threading.settrace, threading.settrace), (threading.setprofile, threading.setprofile)],
    ids=["settrace", "setprofile"],
)
def test_hooks_of_the_threading_module_see_goroutines(start: Any, stop: Any) -> None:
    """Coverage and debuggers set them; a goroutine is on a thread like any other."""
    before = threading.gettrace(), threading.getprofile()
    try:
        names = traced_names(start, stop)
    finally:
        threading.settrace(before[0])
        threading.setprofile(before[1])
    assert names.count("outer") == names.count("inner") == 3
    assert "untraced" not in names


def test_a_goroutines_own_hook_ends_with_it() -> None:
    """The next goroutine on that thread has asked for no tracing."""
    seen: list[str] = []

    def hook(frame: FrameType, event: str, arg: object) -> None:
        seen.append(frame.f_code.co_name)

    def sets_a_hook() -> None:
        sys.settrace(hook)
        inner()

    go(sets_a_hook).result(PATIENCE)
    assert "inner" in seen
    seen.clear()
    for _ in range(20):
        go(outer).result(PATIENCE)
    assert seen == []


def test_stacks_of_goroutines_can_be_seen() -> None:
    """As faulthandler, py-spy and debuggers look at them."""
    gate: Chan[int] = Chan()

    def recognisable() -> int:
        return gate.recv()

    g = go(recognisable)
    wait_waiting(g)
    names = set()
    for frame in sys._current_frames().values():
        walk: FrameType | None = frame
        while walk is not None:
            names.add(walk.f_code.co_name)
            walk = walk.f_back
    assert "recognisable" in names
    gate.send(1)
    assert g.result(PATIENCE) == 1


def test_goroutines_know_their_thread() -> None:
    """threading works in them, thread-local data included."""
    local = threading.local()

    def body() -> tuple[bool, bool]:
        local.x = 1
        return threading.current_thread() is threading.main_thread(), hasattr(local, "x")

    assert go(body).result(PATIENCE) == (False, True)
    assert not hasattr(local, "x")

"""At exit suspended goroutines are closed: their finally blocks run, and nothing waits there."""

from __future__ import annotations

import pytest

import procs
from test_exit import leave

SETUP = """
import asyncio, atexit, warnings
from gochan import agosched, aio, goexit, gosched, run

warnings.simplefilter("always")

def over():
    print("main is over", flush=True)
"""


def leave_with(program: str) -> procs.Finished:
    return leave(SETUP + program)


def test_each_runs_once() -> None:
    finished = leave_with("""
async def body(name):
    try:
        async with Chan() as mine:
            await mine.arecv()
    except BaseException as error:
        print(name, type(error).__name__)
        raise
    finally:
        print(name, "finally")
goroutines = [go(body, i) for i in range(5)]
wait_waiting(*goroutines)
over()
""")
    lines = finished.ok().splitlines()
    assert lines[0] == "main is over"
    wanted = [line for i in range(5) for line in (f"{i} GeneratorExit", f"{i} finally")]
    assert sorted(lines[1:]) == sorted(wanted)


def test_the_interpreter_is_whole_while_they_run() -> None:
    """Nothing has been taken apart yet: imports, files, threads."""
    finished = leave_with("""
async def body():
    try:
        await ch.arecv()
    finally:
        import colorsys
        with open(os.devnull) as file:
            print(colorsys.__name__, file.read() == "", threading.current_thread() is not None)
wait_waiting(go(body))
over()
""")
    assert finished.ok() == "main is over\ncolorsys True True\n"


def test_they_see_the_context_of_their_goroutine() -> None:
    finished = leave_with("""
import contextvars
NAME = contextvars.ContextVar("NAME")
async def body(name):
    NAME.set(name)
    try:
        await ch.arecv()
    finally:
        print(name, NAME.get(None))
wait_waiting(go(body, "a"), go(body, "b"))
over()
""")
    assert sorted(finished.ok().splitlines()) == ["a a", "b b", "main is over"]


def test_those_abandoned_by_run_run_theirs_once_too() -> None:
    finished = leave_with("""
async def body(name):
    try:
        await ch.arecv()
        print(name, "went on")
    finally:
        print(name, "finally")
async def main():
    goroutines = [go(body, i) for i in range(3)]
    wait_waiting(*goroutines)
run(main)
try:
    ch.send_nowait(1)  # to nobody
except Exception as error:
    print(type(error).__name__)
over()
""")
    lines = sorted(finished.ok().splitlines())
    assert lines == ["0 finally", "1 finally", "2 finally", "WouldBlock", "main is over"]


def test_nothing_else_of_them_runs() -> None:
    """What one does in its finally block may wake the others: they are not resumed for that."""
    finished = leave_with("""
async def closes(name):
    try:
        await Chan().arecv()
    finally:
        print(name, "finally")
        ch.close()
async def iterates(name):
    try:
        async for _ in ch:
            pass
        await agosched()
        print(name, "went on")
    finally:
        print(name, "finally")
goroutines = [go(iterates, "a"), go(closes, "b"), go(iterates, "c")]
wait_waiting(*goroutines)
over()
""")
    lines = finished.ok().splitlines()
    assert lines[0] == "main is over"
    assert sorted(lines[1:]) == ["a finally", "b finally", "c finally"]


def test_ready_operations_work_there() -> None:
    finished = leave_with("""
box = Chan(2)
async def body():
    try:
        await ch.arecv()
    finally:
        await box.asend(1)
        async with Chan() as passing:
            await box.asend(2)
        print(passing.closed, await box.arecv_many(5), await box.asend(3), len(box))
        async with wg:
            wg.done()  # its counter was one
        await wg
        print("wait group")
wait_waiting(go(body))
over()
""")
    assert finished.ok() == "main is over\nTrue [1, 2] None 1\nwait group\n"


WAITING = {
    "arecv": "await ch.arecv()",
    "asend": "await ch.asend(1)",
    "timeout": "await ch.arecv(timeout=60)",
    "async for": "async for _ in ch: pass",
    "wait group": "await wg",
    "goroutine": "await other",
    "aio": "await aio(asyncio.sleep(60))",
}


@pytest.mark.parametrize("op", WAITING.values(), ids=list(WAITING))
def test_what_would_wait_is_refused(op: str) -> None:
    program = """
other = go(threading.Event().wait)  # which nobody closes
async def body():
    try:
        await ch.arecv()
    finally:
        CLEANUP
wait_waiting(go(body))
over()
"""
    caught = f"""
        try:
            {op}
        except RuntimeError as error:
            print("RuntimeError", str(error) != "")
        print("on it goes")
"""
    finished = leave_with(program.replace("        CLEANUP", caught))
    assert finished.ok() == "main is over\nRuntimeError True\non it goes\n"

    finished = leave_with(program.replace("CLEANUP", op))
    assert finished.stdout == "main is over\n", finished.describe()
    assert finished.stderr.count("RuntimeError") == 1, finished.describe()
    assert "Exception ignored" in finished.stderr, finished.describe()
    assert "never awaited" not in finished.stderr, finished.describe()


@pytest.mark.parametrize(
    "error", ["ValueError('in finally')", "SystemExit(5)", "KeyboardInterrupt", "GeneratorExit"]
)
def test_an_error_there_does_not_keep_the_others_from_theirs(error: str) -> None:
    finished = leave_with(f"""
async def body(name):
    try:
        await ch.arecv()
    finally:
        print(name, "finally")
        raise {error}
goroutines = [go(body, i) for i in range(3)]
wait_waiting(*goroutines)
over()
""")
    lines = finished.stdout.splitlines()
    assert sorted(lines[1:]) == ["0 finally", "1 finally", "2 finally"], finished.describe()
    if error != "GeneratorExit":  # that is what it was asked for
        assert finished.stderr.count("Exception ignored") == 3, finished.describe()
        assert error.partition("(")[0] in finished.stderr, finished.describe()


HOSTILE = {
    "an await that is swallowed for ever": """
        while True:
            try:
                await ch.arecv()
            except BaseException:
                pass
""",
    "agosched for ever": """
        while True:
            await agosched()
""",
    "a blocking recv": "ch.recv()",
    "a blocking send": "ch.send(1)",
    "a blocking wait": "wg.wait()",
    "a blocking result": "other.result()",
    "a blocking join": """
        try:
            go(other_body).join()
        except RuntimeError:
            pass
""",
    "go": """
        try:
            go(other_body)
        except RuntimeError:
            pass
""",
    "run": """
        try:
            run(other_body)
        except RuntimeError:
            pass
""",
    "goexit": "goexit()",
    "gosched": "gosched()",
}


@pytest.mark.parametrize("cleanup", HOSTILE.values(), ids=list(HOSTILE))
def test_nothing_there_holds_up_the_end(cleanup: str) -> None:
    """It may be refused, with words on stderr; the process ends, with the program's own code."""
    leave_with(f"""
async def other_body():
    await ch.arecv()
other = go(other_body)
async def body():
    try:
        await ch.arecv()
    finally:
        {cleanup.strip()}
wait_waiting(go(body), other)
over()
""")


def test_handles_at_the_end() -> None:
    """A closed goroutine is no error of anybody's; its handle may be looked at by what comes."""
    finished = procs.run("""
        import atexit
        atexit.register(lambda: print(g.state, g.done.closed, "done" in repr(g)))
        from gochan import Chan, go
        from parking import wait_waiting

        async def body():
            await Chan().arecv()

        g = go(body)
        wait_waiting(g)
        """)
    assert finished.ok() == "done True True\n"


def test_errors_nobody_looked_at_are_reported_still() -> None:
    finished = leave_with("""
async def fails():
    raise ValueError("the error")
g = go(fails)
g.join()
over()
""")
    assert finished.stderr.count("Exception in goroutine fails-") == 1, finished.describe()
    assert finished.stderr.count("ValueError: the error") == 1, finished.describe()

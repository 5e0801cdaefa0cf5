"""The excepthook for goroutine errors, and the report it makes by default."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import procs
from gochan import Chan, Goroutine, go, set_excepthook
from watch import PATIENCE, label


@pytest.fixture(autouse=True)
def default_hook() -> Iterator[None]:
    """Whatever a test sets, the next one starts with the default."""
    yield
    set_excepthook(None)


def fail(text: str = "expected by this test") -> None:
    raise ValueError(text)


# ---------------------------------------------------------------- the hook


def test_the_hook_gets_handle_and_error() -> None:
    heard: Chan[tuple[Goroutine[Any], BaseException]] = Chan(1)
    set_excepthook(lambda g, error: heard.send((g, error)))
    go(fail, "a")
    g, error = heard.recv(timeout=PATIENCE)
    assert isinstance(g, Goroutine)
    assert g.exception(0) is error
    assert str(error) == "a"
    # The hook has kept the handle and let it go again: that is no second report.
    del g
    gc.collect()
    go(fail, "b")
    assert str(heard.recv(timeout=PATIENCE)[1]) == "b"


def test_the_hook_may_use_gochan() -> None:
    """Even when it is called because a channel lets go of the handle: no lock is held there."""
    ch: Chan[Goroutine[None]] = Chan(1)
    told: Chan[str] = Chan(1)

    def hook(g: Goroutine[Any], error: BaseException) -> None:
        told.send(f"{error} {len(ch)} {go(pow, 2, 2).result(PATIENCE)}")

    set_excepthook(hook)
    ch.send(go(fail, "a"))
    ch.recv().join(PATIENCE)
    assert told.recv(timeout=PATIENCE) == "a 0 4"


@pytest.mark.parametrize("hook", [1, "print", [], object()], ids=label)
def test_no_hook_that_cannot_be_called(hook: Any) -> None:
    heard: Chan[str] = Chan(1)
    set_excepthook(lambda g, error: heard.send(str(error)))
    with pytest.raises(TypeError):
        set_excepthook(hook)
    go(fail, "a")
    assert heard.recv(timeout=PATIENCE) == "a"  # the old one is still there


HOOKS = """
    import sys
    from gochan import go, set_excepthook
    from parking import wait_until

    def fail():
        raise ValueError("the error")

    def fail_and_wait():
        go(fail).done.recv_ok(timeout=20)
"""


def test_a_hook_that_fails_is_heard_of_itself() -> None:
    """And takes no error along: the default report is written as well (RT4)."""
    finished = procs.run(
        HOOKS
        + """
    heard = []
    real = sys.unraisablehook
    def hear(unraisable):
        real(unraisable)
        heard.append(1)
    sys.unraisablehook = hear
    def hook(g, error):
        raise RuntimeError("the hook is broken")

    set_excepthook(hook)
    # Not until the hook was called: until what it raised is printed. Exit ends it in between, and
    # two threads that print at once mix their lines.
    for reports in (1, 2):
        fail_and_wait()
        wait_until(lambda: len(heard) == reports, "the report")
    assert go(pow, 2, 2).result(20) == 4
    """
    )
    assert finished.returncode == 0, finished.describe()
    assert finished.stderr.count("RuntimeError: the hook is broken") == 2, finished.describe()
    assert finished.stderr.count("ValueError: the error") == 2, finished.describe()
    assert finished.stderr.count("Exception in goroutine fail-") == 2, finished.describe()


def test_none_brings_back_the_default(tmp_path: Path) -> None:
    finished = procs.run(
        HOOKS
        + """
    calls = []
    set_excepthook(lambda g, error: calls.append(error))
    fail_and_wait()
    wait_until(lambda: calls, "the report")
    assert str(calls.pop()) == "the error"
    set_excepthook(None)
    g = go(fail)
    g.join(20)
    del g
    assert calls == []
    """
    )
    assert finished.returncode == 0, finished.describe()
    assert finished.stderr.count("ValueError: the error") == 1, finished.describe()


# ---------------------------------------------------------------- the default report


def test_the_default_report(tmp_path: Path) -> None:
    """RT4: who, where it was started, the traceback; but the program goes on."""
    program = tmp_path / "program.py"
    finished = procs.run(
        """
        from gochan import go

        def deeper(x):
            return 1 / x

        def worker(x):
            deeper(x)

        def main():
            g = go(worker, 0)
            print(g.id)
            g.join()

        main()
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


def test_the_default_report_of_a_chain(tmp_path: Path) -> None:
    """RT5: an error that was raised while another one was handled."""
    finished = procs.run(
        """
        from gochan import go

        def worker():
            try:
                {}["key"]
            except KeyError as error:
                raise ExceptionGroup("both", [ValueError("first"), OSError("second")]) from error

        go(worker).join()
        """,
        file=tmp_path / "program.py",
    )
    assert finished.returncode == 0, finished.describe()
    parts = ("in <module>:", "KeyError: 'key'", "direct cause", "both (2 sub-", "ValueError: first")
    for text in parts:
        assert finished.stderr.count(text) == 1, finished.describe()


REPORTS_AT_EXIT = {
    "live handle": ("g = go(fail); g.join()", 1),
    "in a cycle": ("g = [go(fail)]; g.append(g); g[0].join(); del g", 1),
    "in a channel": ("ch = Chan(1); ch.send(go(fail)); ch.recv_nowait().join()", 1),
    "kept in a channel": ("ch = Chan(1); g = go(fail); ch.send(g); g.join(); del g", 1),
    "looked at": ("g = go(fail); g.exception()", 0),
    "still running": ("g = go(Chan().recv)", 0),
    "exit": ("go(sys.exit, 3).join(); g = go(sys.exit, 'words'); g.join()", 0),
}


@pytest.mark.parametrize(("program", "count"), REPORTS_AT_EXIT.values(), ids=list(REPORTS_AT_EXIT))
def test_at_exit(program: str, count: int) -> None:
    """What is not reported by then is reported then; the exit code is the program's."""
    finished = procs.run(f"""
        import sys
        from gochan import Chan, go

        def fail():
            raise ValueError("the error")

        {program}
        """)
    assert finished.returncode == 0, finished.describe()
    assert finished.stderr.count("Exception in goroutine") == count, finished.describe()
    assert finished.stderr.count("ValueError: the error") == count, finished.describe()
    assert count or finished.stderr == ""


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_an_exit_is_told_nobody_until_somebody_looks(kind: str) -> None:
    """As in threads it ends its own goroutine alone; it comes out where the result is looked at."""
    finished = procs.run(f"""
        import sys
        from gochan import go, set_excepthook

        {kind} give_up():
            sys.exit("fatal: bad config")

        set_excepthook(lambda g, error: print("told of", error))
        go(give_up).join()
        print("main goes on", flush=True)
        go(give_up).result()
        print("not reached")
        """)
    assert (finished.returncode, finished.stdout) == (1, "main goes on\n"), finished.describe()
    assert finished.stderr == "fatal: bad config\n"


def test_a_hook_is_called_at_exit_too() -> None:
    finished = procs.run("""
        from gochan import go, set_excepthook

        def fail():
            raise ValueError("the error")

        set_excepthook(lambda g, error: print("heard", error))
        g = go(fail)
        g.join()
        print("end of main")
        """)
    assert finished.ok() == "end of main\nheard the error\n"


def test_reports_go_to_the_stderr_of_the_moment() -> None:
    finished = procs.run("""
        import io, sys
        from gochan import go

        def fail():
            raise ValueError("the error")

        sys.stderr = io.StringIO()
        g = go(fail)
        g.join()
        del g
        assert sys.stderr.getvalue().count("ValueError: the error") == 1, sys.stderr.getvalue()
        sys.stderr = None  # as under pythonw, or in a daemon
        g = go(fail)
        g.join()
        del g
        sys.stderr = sys.__stderr__
        """)
    assert finished.ok() == ""


def test_an_error_that_cannot_be_printed() -> None:
    finished = procs.run("""
        from gochan import go

        class Hostile(Exception):
            def __str__(self):
                raise RuntimeError("no words")
            __repr__ = __str__

        def fail():
            raise Hostile

        g = go(fail)
        g.join()
        del g
        """)
    assert finished.returncode == 0, finished.describe()
    assert "Exception in goroutine fail-" in finished.stderr, finished.describe()
    assert "Hostile" in finished.stderr, finished.describe()

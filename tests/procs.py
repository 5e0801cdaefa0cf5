"""Child programs with a deadline, for what only a whole process can show: signals, exit, fork.

A child that overruns is not killed silently: it runs with faulthandler on and gets SIGABRT
first, so the failure message holds the Python stacks of all its threads.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

TESTS = Path(__file__).resolve().parent
# CPython 3.12 and later warn of every fork() beside threads, if they see a second one just then:
# here it is what is tested, so stderr is the same with it and without.
NO_WORD_OF_FORK = ["-W", "ignore:This process (pid=:DeprecationWarning"]
LIMIT = 90.0  # for a child that should take a fraction of a second: only a hang gets here


@dataclass(frozen=True)
class Finished:
    """How a child ended: its exit status, all it printed, and its lines with arrival times."""

    returncode: int
    stdout: str
    stderr: str
    stamps: tuple[tuple[str, float], ...]
    ended: float

    def ok(self) -> str:
        """Stdout of a child that was to end well and say nothing on stderr."""
        assert (self.returncode, self.stderr) == (0, ""), self.describe()
        return self.stdout

    def stamp(self, line: str) -> float:
        """When (time.monotonic() here) the child printed this line."""
        for text, at in self.stamps:
            if text == line:
                return at
        raise AssertionError(f"the child never printed {line!r}\n{self.describe()}")

    def describe(self) -> str:
        stderr = self.stderr
        if len(stderr) > 8000:  # what went wrong comes first, where it ended comes last
            stderr = f"{stderr[:4000]}\n[...]\n{stderr[-4000:]}"
        return f"exit status {self.returncode}\n--- stdout\n{self.stdout}\n--- stderr\n{stderr}"


class Child:
    """A running child. `line()` waits for its next line of stdout; leaving the block reaps it."""

    def __init__(self, source: str, *args: str, limit: float = LIMIT, file: Path | None = None):
        if file is None:
            program = ["-c", textwrap.dedent(source)]
        else:
            file.write_text(textwrap.dedent(source))
            program = [str(file)]
        env = dict(os.environ)
        # Children share the helpers of this directory.
        # Of another environment that is switched on; IPython would warn of it.
        env.pop("VIRTUAL_ENV", None)
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS), env.get("PYTHONPATH")]))
        env["PYTHONUNBUFFERED"] = "1"
        self._deadline = time.monotonic() + limit
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", *NO_WORD_OF_FORK, *program, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stamps: list[tuple[str, float]] = []
        self._stderr: list[str] = []
        self._ended = 0.0
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        # Read both pipes all the time: a full pipe would block the child.
        self._readers = [
            threading.Thread(target=self._read_out, args=(self._process.stdout,)),
            threading.Thread(target=self._read_err, args=(self._process.stderr,)),
            threading.Thread(target=self._reap),
        ]
        for reader in self._readers:
            reader.start()

    def _read_out(self, pipe: IO[str]) -> None:
        for line in pipe:
            self._stamps.append((line.rstrip("\n"), time.monotonic()))
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_err(self, pipe: IO[str]) -> None:
        self._stderr.append(pipe.read())

    def _reap(self) -> None:
        self._process.wait()
        self._ended = time.monotonic()

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """The child's next line. An AssertionError when it ends or overruns instead."""
        try:
            line = self._lines.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            line = None
        if line is None:
            raise AssertionError("the child printed no further line\n" + self.wait().describe())
        return line

    def expect(self, line: str) -> None:
        got = self.line()
        assert got == line, f"expected {line!r}, the child printed {got!r}"

    def tell(self, text: str) -> None:
        """Write one line to the child's stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def signal(self, number: int = signal.SIGINT) -> None:
        self._process.send_signal(number)

    def wait(self) -> Finished:
        """Wait for the end; a child over its deadline is aborted and fails the test."""
        late = False
        self._readers[2].join(max(0.0, self._deadline - time.monotonic()))
        if self._readers[2].is_alive():
            late = True
            self._process.send_signal(signal.SIGABRT)
            self._readers[2].join(5.0)
            if self._readers[2].is_alive():
                self._process.kill()
        for reader in self._readers:
            reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):  # it ended with unread input
                    pipe.close()
        finished = Finished(
            self._process.returncode,
            "".join(line + "\n" for line, _ in self._stamps),
            "".join(self._stderr),
            tuple(self._stamps),
            self._ended,
        )
        if late:
            raise AssertionError("the child did not end in time\n" + finished.describe())
        return finished

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self._readers[2].is_alive():
            self._process.kill()
        if self._readers[0].is_alive() or self._readers[2].is_alive():
            self.wait()


def run(source: str, *args: str, limit: float = LIMIT, file: Path | None = None) -> Finished:
    """Run a program to its end. `file`: write it there first, for tracebacks with source."""
    return Child(source, *args, limit=limit, file=file).wait()


def median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]

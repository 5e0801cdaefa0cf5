"""A server of examples/ in a process of its own, as a user starts it, and its end by a signal."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import procs

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
_SERVE = """
    import runpy, sys, warnings
    warnings.simplefilter("error")
    sys.argv.pop(0)
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Server:
    def __init__(self, child: procs.Child) -> None:
        self.child = child
        self.url = child.line()  # it prints where it listens when it does

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Ask it to end. What it printed after its address; it must end well and quietly."""
        self.child.signal(number)
        return self.child.wait().ok().removeprefix(f"{self.url}\n")


@contextmanager
def serving(example: str, *args: str) -> Generator[Server]:
    # The limit counts from its start, and a whole file of tests may use it.
    with procs.Child(_SERVE, str(EXAMPLES / example), *args, limit=300) as child:
        try:
            yield Server(child)
        finally:
            child.signal(signal.SIGTERM)  # if a failed test left it running

"""A running event loop is noticed however asyncio came, and no wait minds that it is coming."""

from __future__ import annotations

import procs

# What every program here does in the end: a blocking form in a loop is refused, its twin waits.
NOTICED = """
import asyncio

async def main():
    try:
        ch.recv(timeout=0.1)
    except BlockingError:
        print("noticed")
    try:
        await ch.arecv(timeout=0.01)
    except TimeoutError:
        print("waited")

asyncio.run(main())
"""
BEGIN = """
import sys
from gochan import BlockingError, Chan, go

assert "asyncio" not in sys.modules
ch = Chan()
"""


def test_asyncio_is_imported_and_as_many_modules_go() -> None:
    """As many modules as there were when somebody looked for asyncio need not be the same ones."""
    program = """
try:
    ch.recv(timeout=0.001)
except TimeoutError:
    pass
before = list(sys.modules)
import asyncio
needed = {"asyncio", "asyncio.events", "sys", "builtins", "gochan", "gochan.errors"}
spare = [name for name in sys.modules if name not in needed]
for name in spare[-(len(sys.modules) - len(before)):]:
    del sys.modules[name]
assert len(sys.modules) == len(before)
assert needed <= set(sys.modules)

async def main():
    try:
        ch.recv(timeout=0.1)
    except BlockingError:
        print("noticed")

asyncio.run(main())
"""
    assert procs.run(BEGIN + program).ok() == "noticed\n"


def test_asyncio_without_its_half_in_c() -> None:
    program = """
sys.modules["_asyncio"] = None
import asyncio
"""
    assert procs.run(BEGIN + program + NOTICED).ok() == "noticed\nwaited\n"


def test_asyncio_whose_half_in_c_comes_too_late() -> None:
    """Up to 3.11 the two halves keep their notes of the running loop in different places."""
    program = """
sys.modules["_asyncio"] = None
import asyncio
del sys.modules["_asyncio"]
import _asyncio
"""
    assert procs.run(BEGIN + program + NOTICED).ok() == "noticed\nwaited\n"


def test_waits_while_asyncio_is_imported() -> None:
    """Threads and goroutines that wait at each step of the import."""
    program = """
def block():
    try:
        ch.recv(timeout=0.0001)
    except TimeoutError:
        return True

async def park():
    try:
        await ch.arecv(timeout=0.0001)
    except TimeoutError:
        return True

class Steps:
    steps = []

    def find_spec(self, name, path=None, target=None):
        begun = "asyncio.events" in sys.modules and "asyncio.tasks" not in sys.modules
        if begun and not name.startswith("gochan"):
            self.steps.append(name)
            waits()

def waits():
    assert go(block).result() and go(park).result() and block()

waits()  # which imports what gochan itself imports late
sys.meta_path.insert(0, Steps())
import asyncio
del sys.meta_path[0]
assert "_asyncio" in Steps.steps or "_asyncio" in sys.builtin_module_names, Steps.steps
assert len(Steps.steps) > 3, Steps.steps
"""
    assert procs.run(BEGIN + program + NOTICED).ok() == "noticed\nwaited\n"

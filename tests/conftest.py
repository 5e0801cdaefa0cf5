"""The fixtures of the conformance suite: `host`, `peer`, `capacity`.

A test that takes `host` is run once per host (see hosts.py). One that also takes `peer` is run
once per pair, the body on the first and its partner on the second. `async def` tests are run by
their host, under its deadline.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import sys
from collections.abc import Callable, Iterator

import pytest

from gochan import set_excepthook
from goroutine_hosts import GoroutineHost, RunHost
from hosts import Host, LoopHost, MainHost, ThreadHost, loop_in_thread
from reporting import Reports
from watch import PATIENCE, alarm


def _loop_hosts() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if sys.platform != "win32":  # uvloop does not exist there
        import uvloop

        loops["uvloop"] = uvloop.new_event_loop
    return loops


LOOPS = _loop_hosts()
# "goroutine": the body is a goroutine. "run": it is the main goroutine, on the main thread.
HOSTS = ["thread", "main", *LOOPS, "goroutine", "run"]
# Fewer of them, for a shorter run: GOCHAN_HOSTS=main,asyncio,goroutine
if _wanted := os.environ.get("GOCHAN_HOSTS"):
    HOSTS = _wanted.split(",")
# Every kind of waiter meets every kind of waker. "same" is the body's own host: its own loop, or
# more threads, or more goroutines. "loop", "thread" and "goroutine" are elsewhere in the process.
PAIRS = [(name, "same") for name in HOSTS]
PAIRS += [(name, "thread") for name in (*LOOPS, "goroutine", "run")]
PAIRS += [(name, "goroutine") for name in ("thread", *LOOPS)]
LOOPS_ELSEWHERE = ("thread", "asyncio", "goroutine")
PAIRS += [(name, f"{loop} elsewhere") for name in LOOPS_ELSEWHERE for loop in LOOPS]
if "uvloop" in LOOPS:
    PAIRS += [(name, "uvloop elsewhere") for name in ("main", "uvloop")]
PAIRS = [(name, other) for name, other in PAIRS if name in HOSTS]


def pytest_collection_finish() -> None:
    """Keep what pytest has made so far out of collections, as what holds all that it refers to.

    A collection takes milliseconds then, and not the third of a second that all of pytest takes.
    """
    gc.collect()
    gc.freeze()


def make_host(name: str) -> Host:
    if name == "thread":
        return ThreadHost(name)
    if name == "main":
        return MainHost(name)
    if name == "goroutine":
        return GoroutineHost(name)
    if name == "run":
        return RunHost(name)
    return LoopHost(name, LOOPS[name])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "peer" in metafunc.fixturenames:
        ids = [f"{host}-{peer}".replace(" ", "-") for host, peer in PAIRS]
        metafunc.parametrize(("host", "peer"), PAIRS, indirect=True, ids=ids)
    elif "host" in metafunc.fixturenames:
        metafunc.parametrize("host", HOSTS, indirect=True)


@pytest.fixture
def host(request: pytest.FixtureRequest) -> Host:
    return make_host(request.param)


@pytest.fixture
def peer(request: pytest.FixtureRequest, host: Host) -> Iterator[Host]:
    name: str = request.param
    if name == "same":
        yield host
    elif name == "thread":
        yield ThreadHost("thread elsewhere")
    elif name == "goroutine":
        yield GoroutineHost("goroutine elsewhere")
    else:
        with loop_in_thread(LoopHost(name, LOOPS[name.split()[0]])) as elsewhere:
            yield elsewhere


@pytest.fixture
def reports() -> Iterator[Reports]:
    """What goes to the excepthook during the test."""
    heard = Reports()
    set_excepthook(heard)
    yield heard
    set_excepthook(None)


@pytest.fixture
def deadline() -> Iterator[None]:
    """For a test that blocks the main thread with no limit of its own."""
    with alarm(PATIENCE):
        yield


@pytest.fixture(params=[0, 1, 7], ids=lambda n: f"cap{n}")
def capacity(request: pytest.FixtureRequest) -> int:
    """A rendezvous, one value, and some: the rules are the same, the paths are not."""
    assert isinstance(request.param, int)
    return request.param


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test on its host, and then see all its peers end."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    fixtures = pyfuncitem.funcargs
    assert "host" in fixtures, "an async test is run by its host: take the fixture"
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: fixtures[name] for name in names}
    host = fixtures["host"]
    assert isinstance(host, Host)
    others = [h for h in (fixtures.get("peer"),) if isinstance(h, Host) and h is not host]

    async def main() -> None:
        await test(**arguments)
        await host.settle(*others)

    host.run(main)
    return True

"""fork() called by a goroutine: it goes on in the child, alone, and may do there what it likes."""

from __future__ import annotations

import os

import pytest

import procs
from test_fork_goroutines import SETUP

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() here")


@pytest.mark.parametrize("end", ["return", "sys.exit(0)", "os._exit(0)"])
def test_fork_in_main_under_run(end: str) -> None:
    """Main goes on in the child, alone; the goroutines it had started are the parent's."""
    finished = procs.run(
        SETUP
        + f"""
ch, log = Chan(), []
async def parked():
    log.append(await ch.arecv())

async def main():
    g = go(parked)
    other = go(echo, Chan(), Chan())
    wait_waiting(g, other)
    pid = os.fork()
    if pid == 0:
        limited()
        assert num_goroutine() == 1, num_goroutine()
        try:
            ch.send_nowait(1)
        except WouldBlock:
            assert await all_of_it() == "all"
            assert await go(all_of_it) == "all"
            wait_until(lambda: num_goroutine() == 1, "the end of all")
            {end}
        os._exit(5)
    assert os.waitpid(pid, 0)[1] == 0
    assert num_goroutine() == 3
    await ch.asend(2)
    await g
    assert await all_of_it() == "all"
    return "parent"

if run(main) == "parent":
    assert log == [2], log
    print("parent")
works()
"""
    )
    assert finished.ok() == "parent\n"


@pytest.mark.parametrize("start", ["go(forks).result(60)", "run(forks)", "run(goes)"])
def test_an_async_goroutine_that_forks(start: str) -> None:
    """The child's only thread is the one that ran it; it can do all that any other can."""
    finished = procs.run(
        SETUP
        + f"""
async def forks():
    await agosched()
    pid = os.fork()
    if pid == 0:
        limited()
        try:
            ch = Chan()
            g = go(ch.send, 1)
            assert ch.recv(timeout=20) == 1
            assert go(double, 2).result(20) == 4
            assert go(pow, 2, 3).result(20) == 8
            assert await all_of_it() == "all"
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(4)
    return os.waitpid(pid, 0)[1]

async def goes():
    return await go(forks)

print({start})
print({start})
"""
    )
    assert finished.ok() == "0\n0\n"


def test_a_def_goroutine_that_forks() -> None:
    finished = procs.run(
        SETUP
        + """
def forks():
    pid = os.fork()
    if pid == 0:
        limited()
        try:
            assert go(all_of_it).result(20) == "all"
            assert go(pow, 2, 3).result(20) == 8
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(4)
    return os.waitpid(pid, 0)[1]

print(go(forks).result(60))
print(run(forks))
"""
    )
    assert finished.ok() == "0\n0\n"


def test_a_child_waits_for_no_closer_of_its_parent() -> None:
    """Who closes an async generator is not in the child, whose run() ends without it."""
    finished = procs.run("""
import os
from gochan import Chan, asleep, run
gate = Chan()
async def lines():
    try:
        yield 1
    finally:
        await gate.arecv_ok()
        print("closed in", "the child" if os.getpid() != parent else "the parent", flush=True)
async def first():
    async for line in lines():
        return line
async def main():
    await first()
    await asleep(0.01)
    global child
    child = os.fork()
    if child:
        gate.close()
parent = os.getpid()
run(main)
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("over", flush=True)
else:
    os._exit(0)
""")
    assert finished.ok().splitlines() == ["closed in the parent", "over"]

"""After fork() the child has no goroutines, and everything it inherited works.

Only the thread that called fork() lives on in the child. Waiters of the others are still in the
queues it inherited, but nobody stands behind them: they have to be passed over.
"""

from __future__ import annotations

import os

import pytest

import procs

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() here")

SETUP = """
import asyncio, logging, os, sys, threading, time, traceback
from gochan import Chan, ChanClosed, WaitGroup, WouldBlock, go, num_goroutine
from parking import settle, wait_parked, wait_until, wait_waiting


def in_child(fn, *args):
    '''Run it in a forked child that ends by the ordinary way out. Its exit status must be 0.'''
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        status = []
        reaper = threading.Thread(target=lambda: status.append(os.waitpid(pid, 0)[1]))
        reaper.start()
        reaper.join(20)
        if not status:
            os.kill(pid, 6)  # faulthandler shows where it hangs
            reaper.join()
        if status != [0]:
            raise SystemExit(f"the child ended with status {status}")
        return
    fn(*args)
    sys.exit(0)
"""


def test_goroutines_start_in_the_child() -> None:
    procs.run(
        SETUP
        + """
for _ in range(3):
    go(int).join()  # idle threads, which the child does not have
gate = Chan()
busy = [go(gate.recv_ok) for _ in range(3)]
wait_parked(gate, receivers=3)

def child():
    assert num_goroutine() == 1, num_goroutine()  # main
    assert go(pow, 2, 3).result(20) == 8
    ch = Chan()
    sender = go(ch.send, 1)
    assert ch.recv(timeout=20) == 1
    sender.join(20)
    wg = WaitGroup()
    for _ in range(20):
        wg.go(int)
    wg.wait(timeout=20)
    ids = {go(int).id for _ in range(5)}
    assert len(ids) == 5
    assert not ids & {g.id for g in busy}

in_child(child)
in_child(child)
assert num_goroutine() == 1 + 3
gate.close()
for g in busy:
    g.join(20)
assert go(pow, 2, 3).result(20) == 8
"""
    ).ok()


def test_waiters_of_the_parents_threads_are_passed_over() -> None:
    procs.run(
        SETUP
        + """
empty, full, wg = Chan(), Chan(2), WaitGroup()
full.send(1)
full.send(2)
wg.add(2)
parked = [go(empty.recv)]
wait_waiting(*parked)
parked += [go(empty.recv_many, 5), go(full.send, 3), go(wg.wait)]
wait_waiting(*parked)

def child():
    # No receiver stands at `empty`, whatever its queue held; no sender behind `full`.
    try:
        empty.send_nowait(9)
    except WouldBlock:
        pass
    else:
        raise AssertionError("it went to a thread that is not there")
    echo = go(empty.recv)
    empty.send(9, timeout=20)
    assert echo.result(20) == 9
    assert full.recv(timeout=20) == 1
    assert full.recv(timeout=20) == 2
    try:
        full.recv_nowait()
    except WouldBlock:
        pass
    else:
        raise AssertionError("a value of a sender that is not there")
    full.send(4)
    assert full.recv() == 4
    wg.done()
    mine = go(wg.wait)
    wait_waiting(mine)
    wg.done()
    mine.result(20)
    empty.close()
    try:
        empty.recv()
    except ChanClosed:
        pass

in_child(child)
# The parent has seen nothing of it.
empty.send(10, timeout=20)
empty.send(11, timeout=20)
got = [parked[0].result(20), parked[1].result(20)]
assert got == [10, [11]], got
assert [full.recv(timeout=20) for _ in range(3)] == [1, 2, 3]
wg.add(-2)
parked[3].result(20)
assert not empty.closed
"""
    ).ok()


def test_fork_in_the_middle_of_traffic() -> None:
    """No lock may be held by a thread that does not exist in the child."""
    procs.run(
        SETUP
        + """
ch, small, wg = Chan(4), Chan(), WaitGroup()

def traffic(channel):
    for i in range(10**9):
        channel.send(i)

def drain(channel):
    for _ in channel:
        wg.add()
        wg.done()

for channel in (ch, small):
    go(traffic, channel)
    go(drain, channel)
    go(drain, channel)

def child():
    for channel in (ch, small):
        for i in range(len(channel)):
            channel.recv_nowait()
        echo = go(channel.recv)
        channel.send(-1, timeout=20)
        assert echo.result(20) == -1
    wg.add()
    wg.add(-wg.count)
    wg.wait(timeout=0)

wait_until(lambda: len(ch) > 0, "traffic")
for _ in range(10):
    in_child(child)
""",
        limit=90,
    ).ok()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_event_loops_in_the_child(loop: str) -> None:
    """A loop is woken through a descriptor that both processes have: it must be the child's own."""
    finished = procs.run(
        SETUP
        + f"""
import {loop}
new_loop = {loop}.new_event_loop

async def served(ch, n):
    task = asyncio.create_task(ch.arecv_ok())
    await settle()
    sender = go(ch.send, n)
    got = await task
    await sender
    return got

ch = Chan()
loop = new_loop()
assert loop.run_until_complete(served(ch, 1)) == (1, True)  # the loop stays open

def child():
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(served(ch, 2)) == (2, True)
        assert runner.run(served(Chan(), 3)) == (3, True)

in_child(child)
assert loop.run_until_complete(served(ch, 4)) == (4, True)

# A task parked in the parent is not there in the child either.
parked = loop.create_task(ch.arecv())
loop.run_until_complete(settle())

def child():
    logging.disable()  # asyncio tells of the task that the child leaves unfinished
    try:
        ch.send_nowait(5)
    except WouldBlock:
        return
    # It may be handed to the loop the child has inherited, but then it must come out there.
    assert loop.run_until_complete(parked) == 5

in_child(child)
ch.send(6)
assert loop.run_until_complete(parked) == 6
loop.close()
"""
    )
    assert finished.ok() == ""


def test_errors_of_the_parents_goroutines_are_the_parents() -> None:
    """The child has inherited the handles, but reports are made once in the world."""
    finished = procs.run(
        SETUP
        + """
def fail():
    raise ValueError("the error")

g = go(fail)
g.join()
in_child(lambda: None)
assert "the error" in str(g.exception())
"""
    )
    assert finished.ok() == ""


@pytest.mark.parametrize("blocked", ["recv", "result"])
def test_a_goroutine_that_forks(blocked: str) -> None:
    """The child's only thread is the one that was a goroutine; it can do all that main can."""
    finished = procs.run(
        SETUP
        + f"""
def forks():
    pid = os.fork()
    if pid == 0:
        try:
            ch = Chan()
            g = go(ch.send, 1) if {blocked!r} == "recv" else go(pow, 2, 0)
            got = ch.recv(timeout=20) if {blocked!r} == "recv" else g.result(20)
            os._exit(0 if got == 1 else 5)
        except BaseException:
            traceback.print_exc()
            os._exit(4)
    return os.waitpid(pid, 0)[1]

print(go(forks).result(20))
"""
    )
    assert finished.ok() == "0\n"


def test_multiprocessing_by_fork() -> None:
    finished = procs.run(
        SETUP
        + """
import multiprocessing

go(int).join()
context = multiprocessing.get_context("fork")

def square(x):
    ch = Chan()
    go(ch.send, x * x)
    return ch.recv(timeout=20)

def body(queue):
    queue.put(square(7))

queue = context.SimpleQueue()
process = context.Process(target=body, args=(queue,))
process.start()
process.join(20)
assert process.exitcode == 0, process.exitcode
assert queue.get() == 49
with context.Pool(2) as pool:
    assert pool.map(square, range(10)) == [x * x for x in range(10)]
"""
    )
    assert finished.ok() == ""

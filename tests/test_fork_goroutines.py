"""After fork() the child has no goroutines, and a scheduler that works."""

from __future__ import annotations

import os

import pytest

import procs
from test_fork import SETUP as FORK

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() here")

SETUP = (
    FORK
    + """
import faulthandler
from gochan import agosched, aio, gosched, run

def limited():
    '''For a child that nobody waits for with a limit: it shows where it hangs, and ends.'''
    faulthandler.dump_traceback_later(15, exit=True)

async def double(x):
    await agosched()
    return x + x

async def echo(ch, back):
    async for value in ch:
        await back.asend(value)

async def all_of_it():
    '''Everything that waits, once; as a goroutine, or as main under run().'''
    ch, back = Chan(), Chan()
    go(echo, ch, back)
    for i in range(50):
        await ch.asend(i)
        assert await back.arecv() == i
    ch.close()
    assert await go(double, 2) == 4
    assert await go(pow, 2, 3) == 8
    assert go(double, 3).result(20) == 6  # blocks this thread: another one goes on
    wg = WaitGroup()
    for _ in range(20):
        wg.go(double, 1)
        wg.go(int)
    await wg
    try:
        await back.arecv(timeout=0.01)
    except TimeoutError:
        pass
    assert await aio(asyncio.sleep(0.001, "slept")) == "slept"
    return "all"

def works():
    assert num_goroutine() == 1, num_goroutine()
    assert go(all_of_it).result(20) == "all"
    assert run(all_of_it) == "all"
    assert go(all_of_it).result(20) == "all"
    wait_until(lambda: num_goroutine() == 1, "the end of all")
"""
)

DOING = {
    "ended": "go(double, 1).join(20)",
    "parked": """
for op in (ch.arecv, ch.arecv_ok):
    async def wait(op=op):
        await op()
    wait_waiting(go(wait))
""",
    "parked with a timeout": """
async def wait():
    await ch.arecv(timeout=60)
wait_waiting(go(wait))
""",
    "in aio": """
async def wait():
    await aio(asyncio.sleep(60))
wait_waiting(go(wait))
""",
    "just started": """
async def wait():
    await ch.arecv()
for _ in range(1000):
    go(wait)
""",
    "computing": """
gate = Chan()
async def spin():
    gate.send(1)
    while True:
        pass
go(spin)
gate.recv()
""",
    "blocked": """
gate = Chan()
async def block():
    gate.send(1)
    time.sleep(60)
go(block)
gate.recv()
""",
    "def goroutines that wait for a thread": "for _ in range(50): go(time.sleep, 60)",
    "ping-pong": """
to, back, rounds = Chan(), Chan(), [0]
async def ping():
    while True:
        await to.asend(1)
        await back.arecv()
        rounds[0] += 1
go(ping), go(echo, to, back)
wait_until(lambda: rounds[0] > 100, "some rounds")
""",
    "run() in a thread": """
inside = Chan()
async def other_main():
    await inside.asend(1)
    while True:
        await agosched()
threading.Thread(target=run, args=(other_main,), daemon=True).start()
inside.recv()
""",
}


@pytest.mark.parametrize("doing", DOING.values(), ids=list(DOING))
def test_goroutines_start_in_the_child(doing: str) -> None:
    finished = procs.run(
        SETUP
        + "ch = Chan()\n"
        + doing
        + """
for _ in range(3):
    in_child(works)
assert go(all_of_it).result(20) == "all"
assert run(all_of_it) == "all"
"""
    )
    assert finished.ok() == ""


def test_waiters_of_the_parents_goroutines_are_passed_over() -> None:
    finished = procs.run(
        SETUP
        + """
empty, full, wg = Chan(), Chan(1), WaitGroup()
full.send(1)
wg.add()
got = []
async def receive():
    got.append(await empty.arecv())
async def send():
    await full.asend(2)
async def wait():
    await wg
    got.append("wg")
async def after(g):
    await g
    got.append("joined")
parked = [go(receive), go(send), go(wait)]
parked.append(go(after, parked[2]))
wait_waiting(*parked)

def child():
    try:
        empty.send_nowait(9)
    except WouldBlock:
        pass
    else:
        raise AssertionError("it went to a goroutine that is not there")
    assert full.recv(timeout=20) == 1
    try:
        full.recv_nowait()
    except WouldBlock:
        pass
    else:
        raise AssertionError("a value of a sender that is not there")
    wg.done()
    assert go(double, 1).result(20) == 2
    mine = go(receive)
    empty.send(10, timeout=20)
    mine.result(20)
    assert got == [10], got

in_child(child)
# The parent has seen nothing of it.
assert got == []
empty.send(11, timeout=20)
assert full.recv(timeout=20) == 1
assert full.recv(timeout=20) == 2
wg.done()
for g in parked:
    g.result(20)
assert sorted(map(str, got)) == ["11", "joined", "wg"], got
"""
    )
    assert finished.ok() == ""


def test_fork_in_the_middle_of_traffic() -> None:
    """No lock of the scheduler may be held by a thread that does not exist in the child."""
    finished = procs.run(
        SETUP
        + """
ch, small, beat = Chan(4), Chan(), [0]

async def traffic(channel):
    while True:
        await channel.asend(1)

async def drain(channel):
    async for _ in channel:
        beat[0] += 1

async def spawn():
    while True:
        await go(double, 1)

def blocking():
    while True:
        go(int).join()

async def short():
    while True:
        try:
            await Chan().arecv(timeout=0.0005)
        except TimeoutError:
            pass

for channel in (ch, small):
    go(traffic, channel)
    go(drain, channel)
go(spawn), go(blocking), go(short)

for _ in range(15):
    seen = beat[0]
    wait_until(lambda: beat[0] > seen + 10, "traffic")
    in_child(works)
""",
        limit=120,
    )
    assert finished.ok() == ""


def test_a_child_that_exits_with_goroutines_of_its_own() -> None:
    finished = procs.run(
        SETUP
        + """
ch = Chan()
async def wait():
    try:
        await ch.arecv()
    finally:
        print("finally", flush=True)
def block():
    ch.recv()
go(block)
wait_parked(ch, receivers=1)

def child():
    mine = go(wait)
    wait_waiting(mine)
    go(block), go(double, 1)
    print("child", flush=True)

in_child(child)
print("parent", flush=True)
"""
    )
    assert finished.ok() == "child\nfinally\nparent\n"


def test_multiprocessing_by_fork() -> None:
    finished = procs.run(
        SETUP
        + """
import multiprocessing

context = multiprocessing.get_context("fork")
ch = Chan()
go(echo, ch, Chan())

def square(x):
    return run(double, x) + go(double, x).result(20)

def body(queue):
    queue.put(square(7))

queue = context.SimpleQueue()
process = context.Process(target=body, args=(queue,))
process.start()
process.join(20)
assert process.exitcode == 0, process.exitcode
assert queue.get() == 28
with context.Pool(2) as pool:
    assert pool.map(square, range(10)) == [4 * x for x in range(10)]
assert run(double, 1) == 2
"""
    )
    assert finished.ok() == ""


# What each goroutine of the parent that could run next does: it says in which process it does so.
CROWD = """
import os, signal
from gochan import Chan, agosched, asleep, go, num_goroutine

parent = os.getpid()

async def crowd():
    await agosched()
    os.write(1, b"went on in %s\\n" % (b"the parent" if os.getpid() == parent else b"A CHILD"))
"""


@pytest.mark.parametrize("turns", [0, 1, 5])
def test_an_async_goroutine_forks_alone(turns: int) -> None:
    """It goes on in the child, where it may wait; those that stood in the queue do not."""
    finished = procs.run(
        CROWD
        + f"""
async def fork():
    crowded = [go(crowd) for _ in range(10)]
    for _ in range({turns}):
        await agosched()
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)  # nobody waits for it with a limit
        assert num_goroutine() <= 1, num_goroutine()
        await asleep(0.05)
        to = Chan()
        go(to.asend, 1)
        assert await to.arecv() == 1
        for _ in range(20):
            await agosched()
        os._exit(7)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for g in crowded:
        await g
    return status

assert go(fork).result(20) == 7
"""
    )
    assert finished.ok() == "went on in the parent\n" * 10


ENDS = {
    "async def": "",
    "async def that waited": "await asleep(0.01)",
    "async def that started another": "await go(crowd)",
    "def": None,
}


@pytest.mark.parametrize("does", ENDS.values(), ids=list(ENDS))
def test_a_child_ends_with_the_goroutine_that_forked(does: str | None) -> None:
    """It has no main that could return. What gochan has started there for itself ends too."""
    kind = "def" if does is None else "async def"
    finished = procs.run(
        CROWD
        + f"""
{kind} fork():
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        {does or "pass"}
    return pid

pid = go(fork).result(20)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""
    )
    assert "parent" not in finished.ok()


def test_a_fork_in_the_middle_of_the_first_aio() -> None:
    """What the library behind it makes once is not half made in the child."""
    finished = procs.run(
        SETUP
        + """
import types
import gochan._aio

middle = threading.Event()

class Slow(types.ModuleType):
    '''asyncio, which takes its time to say where a function is.'''
    def __getattr__(self, name):
        if name == "ensure_future":
            middle.set()
            time.sleep(0.3)
        return getattr(asyncio, name)

async def work():
    return await aio(asyncio.sleep(0, "done"))

sys.modules["asyncio"] = Slow("asyncio")
g = go(work)
assert middle.wait(20)
in_child(lambda: print(go(work).result(15), flush=True))
print(g.result(20))
"""
    )
    assert finished.ok() == "done\ndone\n"

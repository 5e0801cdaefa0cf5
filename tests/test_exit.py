"""Leaving: whatever goroutines are doing, the program ends at once, quietly, with its own code."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

import procs
from watch import slowness

REPEATS = 5  # what goes wrong at exit goes wrong now and then

SETUP = """
import os, socket, sys, threading, time
from gochan import Chan, WaitGroup, go, num_goroutine
from parking import wait_blocked, wait_parked, wait_until, wait_waiting

ch, wg = Chan(), WaitGroup()
wg.add()

def blocked(fn, *args):
    '''Start it as a goroutine, and wait until its thread is blocked in there.'''
    thread = Chan(1)
    def body():
        thread.send(threading.current_thread())
        fn(*args)
    go(body)
    wait_blocked(thread.recv())
"""

# What goroutines may be doing when main returns.
DOING = {
    "nothing any more": "go(int).join()",
    "send": "blocked(ch.send, 1)",
    "recv": "blocked(ch.recv)",
    "recv, timeout": "blocked(lambda: ch.recv(timeout=60))",
    "recv_many": "blocked(ch.recv_many, 3)",
    "iteration": "blocked(list, ch)",
    "WaitGroup.wait": "blocked(wg.wait)",
    "join": "blocked(go(ch.recv).join)",
    "time.sleep": "blocked(time.sleep, 60)",
    "socket.recv": "pair = socket.socketpair(); blocked(pair[0].recv, 1)",
    "a lock": "lock = threading.Lock(); lock.acquire(); blocked(lock.acquire)",
    "another process": "import subprocess; child = subprocess.Popen(['sleep', '5'],"
    " stdout=-3, stderr=-3); blocked(child.wait)",
    "ping-pong": """
back, rounds = Chan(), [0]
def ping():
    while True:
        ch.send(1)
        back.recv()
        rounds[0] += 1
def pong():
    for value in ch:
        back.send(value)
go(ping), go(pong)
wait_until(lambda: rounds[0] > 100, "some rounds")
""",
    "an event loop": """
import asyncio
back, rounds = Chan(), [0]
async def pong():
    async for value in ch:
        await back.asend(value)
def ping():
    while True:
        ch.send(1)
        back.recv()
        rounds[0] += 1
threading.Thread(target=lambda: asyncio.run(pong()), daemon=True).start()
go(ping)
wait_until(lambda: rounds[0] > 100, "some rounds")
""",
    "two tasks of an event loop": """
import asyncio
back, rounds = Chan(), [0]
async def pong():
    async for value in ch:
        await back.asend(value)
async def ping():
    while True:
        await ch.asend(1)
        await back.arecv()
        rounds[0] += 1
        await asyncio.sleep(0)
async def main():
    await asyncio.gather(ping(), pong())
threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
wait_until(lambda: rounds[0] > 100, "some rounds")
""",
    "a busy loop": """
gate = Chan()
def spin():
    gate.send(1)
    while True:
        pass
go(spin)
gate.recv()
""",
    "busy with a channel": """
full = Chan(8)
def push():
    while True:
        full.send(1)
def pull():
    while True:
        full.recv()
for _ in range(3):
    go(push)
    go(pull)
wait_until(lambda: len(full) > 0, "traffic")
""",
    "starting goroutines": """
def spawn():
    while True:
        go(int).join()
go(spawn)
""",
    "printing": """
def say():
    while True:
        sys.stdout.write("x\\n")
go(say)
blocked(ch.recv)
""",
}


# One write for the line and its end, as goroutines may be printing too.
MAIN_IS_OVER = """
sys.stdout.write("main is over\\n")
sys.stdout.flush()
"""


def leave(
    program: str, code: int = 0, *, within: float = 1.0, limit: float = procs.LIMIT
) -> procs.Finished:
    """Run it; the time from the end of main to the end of the process is under a second.

    That is a promise about gochan, not about a machine with other work: one of three runs has to
    show it, and where computing takes twice as long because others compute, so may the end.
    """
    for _ in range(3):
        finished = procs.run(SETUP + program, limit=limit)
        assert finished.returncode == code, finished.describe()
        if finished.ended - finished.stamp("main is over") < within * slowness():
            return finished
    raise AssertionError(f"{within} s and more, three times: {finished.describe()}")


@pytest.mark.parametrize("doing", DOING.values(), ids=list(DOING))
def test_main_returns(doing: str) -> None:
    for _ in range(REPEATS):
        finished = leave(doing + MAIN_IS_OVER)
        assert finished.stderr == "", finished.describe()


def test_main_returns_while_all_of_it_goes_on() -> None:
    # Each in a function of its own, with a channel of its own; the busy ones last.
    everything = "".join(
        f"def doing():\n    ch = Chan()\n{textwrap.indent(doing, '    ')}\ndoing()\n"
        for name, doing in DOING.items()
        if name != "printing"
    )
    for _ in range(REPEATS):
        finished = leave(everything + MAIN_IS_OVER)
        assert finished.stderr == "", finished.describe()


@pytest.mark.parametrize("doing", ["recv", "a busy loop", "ping-pong", "an event loop"])
def test_exit_codes(doing: str) -> None:
    """The program's own, with nothing on stderr but what the program itself caused."""
    finished = leave(DOING[doing] + MAIN_IS_OVER + "sys.exit(3)\n", code=3)
    assert finished.stderr == "", finished.describe()
    finished = leave(DOING[doing] + MAIN_IS_OVER + "1 / 0\n", code=1)
    assert finished.stderr.startswith("Traceback"), finished.describe()
    assert finished.stderr.endswith("ZeroDivisionError: division by zero\n"), finished.describe()
    assert finished.stderr.count("Traceback") == 1, finished.describe()


def test_nothing_of_an_abandoned_goroutine_runs_any_more() -> None:
    """As in Go: no finally, no __exit__, and no error about it."""
    finished = leave(
        """
def body():
    try:
        with ch:
            ch.recv()
    finally:
        print("finally", flush=True)
wait_waiting(go(body))
print("main is over", flush=True)
"""
    )
    assert finished.ok() == "main is over\n"


# ---------------------------------------------------------------- what may still be used


def test_atexit_functions_may_use_channels() -> None:
    """The other goroutines are alive until the interpreter ends for good."""
    finished = procs.run(
        SETUP
        + """
import atexit
back = Chan()
def echo():
    for value in ch:
        back.send(value)
go(echo)
def last():
    ch.send(1)
    print("echo", back.recv())
atexit.register(last)
"""
    )
    assert finished.ok() == "echo 1\n"


def test_threads_that_outlive_main_may_use_goroutines() -> None:
    """Python waits for threads that are no daemons; for them the program is not over."""
    finished = procs.run(
        SETUP
        + """
back = Chan()
def echo():
    for value in ch:
        back.send(value)
go(echo)
def outlive():
    threading.main_thread().join()
    for i in range(100):
        ch.send(i)
        assert back.recv() == i
    print("served")
threading.Thread(target=outlive).start()
"""
    )
    assert finished.ok() == "served\n"


def test_values_with_finalizers_are_left_behind() -> None:
    """The interpreter takes the modules apart in some order; what is left calls back into us."""
    finished = procs.run(
        SETUP
        + """
class Hostile:
    def __init__(self, *channels):
        self.channels = channels
    def __del__(self):
        for channel in self.channels:
            try:
                channel.send_nowait(1)
                channel.recv_nowait()
            except Exception:
                pass

kept = Chan(3)
for _ in range(3):
    kept.send(Hostile(kept, ch))
cycle = Chan(2)
cycle.send(Hostile(cycle, kept))
cycle.send(cycle)
g = go(lambda: Hostile(kept))
g.join()
blocked(kept.send, Hostile(ch))
"""
    )
    assert finished.ok() == ""


def test_a_channel_with_parked_tasks_is_left_behind() -> None:
    finished = procs.run(
        """
        import asyncio, logging
        from gochan import Chan

        logging.disable()  # asyncio tells of tasks that are destroyed while they wait
        loop = asyncio.new_event_loop()
        ch = Chan()
        tasks = [loop.create_task(op) for op in (ch.arecv(), ch.arecv_many(2))]
        loop.run_until_complete(asyncio.sleep(0))
        ch.send(1)
        """
    )
    assert finished.ok() == ""


# ---------------------------------------------------------------- before the first go()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
def test_nothing_runs_before_the_first_goroutine() -> None:
    finished = procs.run("""
        import os, threading
        import gochan

        def alone():
            assert threading.active_count() == 1
            assert os.listdir("/proc/self/task") == [str(os.getpid())]

        alone()
        ch = gochan.Chan(1)
        ch.send(1)
        ch.recv(timeout=5)
        wg = gochan.WaitGroup()
        wg.wait()
        try:
            ch.recv(timeout=0.01)
        except TimeoutError:
            alone()
        """)
    assert finished.ok() == ""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM to be ended by")
def test_sigterm_ends_it_like_any_other_program() -> None:
    import signal

    for doing in ("recv", "a busy loop", "ping-pong"):
        with procs.Child(SETUP + DOING[doing] + "\nprint('up', flush=True)\nch.recv()\n") as child:
            child.expect("up")
            child.signal(signal.SIGTERM)
            finished = child.wait()
        assert finished.returncode == -signal.SIGTERM, finished.describe()
        assert finished.stderr == "", finished.describe()

"""How a program with a pool ends: Ctrl-C at once, otherwise when the work is done. And forks."""

from __future__ import annotations

import os
import sys
import time

import pytest

import procs

SLOW = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from gochan import Chan, Pool

def say(text):
    sys.stdout.write(text + "\\n")  # one write, for lines of several threads

def forever(text="running"):
    say(text)
    time.sleep(60)
"""

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent")

BLOCKED = {
    "result": "pool.submit(forever).result()",
    "submit": "pool.submit(forever); pool.submit(say, 'never'); pool.submit(say, 'never')",
    "map": "list(pool.map(forever, ['running', 'never', 'never']))",
    "the end of the block": "pool.submit(forever); pool.submit(say, 'never')",
    "shutdown": "pool.submit(forever); pool.submit(say, 'never'); pool.shutdown()",
}


@needs_signals
@pytest.mark.parametrize("place", BLOCKED)
def test_ctrl_c_ends_it_at_once(place: str) -> None:
    """One is enough, and the job that sleeps is not waited for; what was queued is not begun."""
    with procs.Child(
        SLOW
        + f"""
try:
    with Pool(1, queue=1) as pool:
        {BLOCKED[place]}
except KeyboardInterrupt:
    say("interrupted")
"""
    ) as child:
        child.expect("running")
        time.sleep(0.1)  # more likely in the wait than before it; both must work
        sent = time.monotonic()
        child.signal()
        child.expect("interrupted")
        finished = child.wait()
    assert finished.ok() == "running\ninterrupted\n"
    assert finished.ended - sent < 10


@needs_signals
def test_ctrl_c_that_nobody_catches() -> None:
    """Without a `with` block too."""
    with procs.Child(SLOW + "pool = Pool(1)\npool.submit(forever).result()\n") as child:
        child.expect("running")
        sent = time.monotonic()
        child.signal()
        finished = child.wait()
    assert "KeyboardInterrupt" in finished.stderr
    assert finished.returncode != 0 and finished.ended - sent < 10


def test_the_end_of_the_program_waits_for_jobs() -> None:
    """As for the standard library's executors: what was submitted is done."""
    child = procs.run(
        SLOW
        + """
over, over_too = threading.Event(), Chan()

def nap(text):
    over.wait()
    say(text)

async def nap_async(text):
    await over_too.arecv_ok()
    say(text)

pool = Pool(1, queue=5)
for n in range(2):
    pool.submit(nap, f"apple {n}")
pool.submit(nap_async, "pear")
other = Pool(1)
other.submit(nap, "plum")
other.shutdown(wait=False)
del other
idle = Pool(3)
idle.submit(int).result()
say("main is over")
over_too.close()
over.set()
"""
    )
    lines = child.ok().splitlines()
    assert lines[0] == "main is over"
    assert sorted(lines[1:]) == ["apple 0", "apple 1", "pear", "plum"]


def test_an_error_that_ends_the_program_ends_its_pools() -> None:
    child = procs.run(
        SLOW
        + """
pool = Pool(1, queue=5)
pool.submit(forever)
pool.submit(say, "never")
while pool._workers.counts()[0] == 0: time.sleep(0.001)
raise LookupError("main failed")
""",
        limit=10,
    )
    assert child.returncode == 1 and "LookupError: main failed" in child.stderr
    assert "never" not in child.stdout


def test_a_thread_that_is_held_back_does_not_hold_up_the_end() -> None:
    child = procs.run(
        SLOW
        + """
pool = Pool(1, queue=0)
pool.submit(time.sleep, 0.2)
def late():
    try:
        pool.submit(say, "never")
    except RuntimeError:
        pass
threading.Thread(target=late, daemon=True).start()
time.sleep(0.05)
say("main is over")
""",
        limit=10,
    )
    assert child.ok() == "main is over\n"


@needs_signals
def test_interrupts_at_any_moment_lose_no_slot() -> None:
    """Ctrl-C comes in the middle of submit, result and map, again and again; the pool works on."""
    child = procs.run(
        SLOW
        + """
import signal
pool = Pool(2, queue=2)
list(pool.map(abs, [pool.submit(int).result()]))  # everything is imported
inside = False
def ring(*_):
    global inside
    if inside:
        inside = False  # nowhere else but in the loop
        raise KeyboardInterrupt
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0007)
hits, end = 0, time.monotonic() + 0.5
while time.monotonic() < end:
    try:
        while time.monotonic() < end:
            inside = True
            pool.submit(int).result()
            for _ in pool.map(abs, range(10)): pass
        inside = False
    except KeyboardInterrupt:
        hits += 1
inside = False
signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
say(f"{hits > 5}")
limit = time.monotonic() + 10
while pool._workers.counts()[:2] != (0, 0):
    time.sleep(0.001)
    assert time.monotonic() < limit, pool
say(repr(sorted(pool.map(abs, range(50))) == list(range(50))))
gate = threading.Event()
for _ in range(2): pool.submit(gate.wait)
while pool._workers.counts() != (2, 0, False):
    time.sleep(0.001)
    assert time.monotonic() < limit, pool
gate.set()
pool.shutdown()
"""
    )
    assert child.ok() == "True\nTrue\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_has_the_pool_without_its_jobs() -> None:
    child = procs.run(
        SLOW
        + """
import os
gate = threading.Event()
pool = Pool(1, queue=1)
pool.submit(gate.wait)
pool.submit(say, "once")
pid = os.fork()
if pid == 0:
    say(str(pool.submit(pow, 2, 5).result()))
    say(str(list(pool.map(abs, [-1, -2]))))
    os._exit(0)
os.waitpid(pid, 0)
gate.set()
pool.shutdown()
"""
    )
    assert child.ok() == "32\n[1, 2]\nonce\n"

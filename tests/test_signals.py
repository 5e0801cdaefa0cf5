"""Ctrl-C and other signals, while the main thread is blocked in an operation of gochan."""

from __future__ import annotations

import os
import signal
import time

import pytest

import procs
from signalling import SETUP

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals to a process")

# One of each, such that every operation waits until it is interrupted.
OPERATIONS = {
    "send": "ch.send(-1)",
    "send, full": "full.send(-1)",
    "send, timeout": "ch.send(-1, timeout=60)",
    "recv": "ch.recv()",
    "recv, timeout": "ch.recv(timeout=60)",
    "recv_ok": "ch.recv_ok()",
    "recv_many": "ch.recv_many(3)",
    "iteration": "next(iter(ch))",
    "for": "[value for value in ch]",
    "WaitGroup.wait": "wg.wait()",
    "with WaitGroup": "wg.__exit__(None, None, None)",
    "join": "g.join()",
    "join, timeout": "g.join(60)",
    "result": "g.result()",
    "exception": "g.exception()",
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_sigint(operation: str) -> None:
    """KeyboardInterrupt within 50 ms, and the operation has had no effect. Five times over."""
    rounds = 5
    with procs.Child(
        SETUP
        + f"""
ch, full, wg = Chan(), Chan(1), WaitGroup()
full.send(0)
wg.add()
gate = Chan()
g = go(gate.recv)
wait_parked(gate, receivers=1)
for _ in range({rounds}):
    thread = say_when_blocked()
    try:
        {operation}
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
    thread.join()

# Nobody is left in a queue, nothing was sent, nothing counted.
for waiting in (lambda: ch.send_nowait(1), ch.recv_nowait, lambda: full.send_nowait(1)):
    try:
        waiting()
    except WouldBlock:
        continue
    raise SystemExit("a peer was still there")
assert full.recv() == 0
assert wg.count == 1
assert g.state == "waiting"
# And all of it still works: what is sent now is received by the next one.
go(ch.send, 1)
assert ch.recv() == 1
go(ch.recv)
ch.send(2)
go(wg.done)
wg.wait()
gate.send(3)
assert g.result() == 3
"""
    ) as child:
        latencies = []
        for _ in range(rounds):
            child.expect("blocked")
            sent = time.monotonic()
            child.signal(signal.SIGINT)
            # The clock is the system's, so the two stamps compare.
            latencies.append(float(child.line()) - sent)
        finished = child.wait()
        finished.ok()
    # What is asked of Ctrl-C is to be prompt. The median leaves out a stolen time slice.
    assert procs.median(latencies) < 0.05, latencies


def test_sigint_that_nobody_catches() -> None:
    with procs.Child(
        SETUP
        + """
for _ in range(3):
    go(Chan().recv)
say_when_blocked()
Chan().recv()
"""
    ) as child:
        child.expect("blocked")
        child.signal(signal.SIGINT)
        finished = child.wait()
    assert finished.returncode == -signal.SIGINT, finished.describe()
    assert finished.stderr.rstrip().endswith("KeyboardInterrupt"), finished.describe()
    assert "Exception in goroutine" not in finished.stderr, finished.describe()


def test_a_handler_runs_and_the_operation_goes_on() -> None:
    """Only a handler that raises ends it."""
    with procs.Child(
        SETUP
        + """
ch = Chan()
seen = []
signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))

def feed():
    print("blocked", flush=True)
    sys.stdin.readline()
    wait_until(lambda: len(seen) == 1, "the handler")
    wait_blocked(MAIN)
    ch.send(5)

when_blocked(feed)
assert ch.recv() == 5
assert seen == [signal.SIGUSR1]
print("end")
"""
    ) as child:
        child.expect("blocked")
        child.signal(signal.SIGUSR1)
        child.tell("sent")
        assert child.wait().ok() == "blocked\nend\n"


def test_a_handler_that_raises_ends_it_with_its_error() -> None:
    finished = procs.run(
        SETUP
        + """
class Stop(Exception):
    pass

def stop(number, frame):
    raise Stop

signal.signal(signal.SIGUSR1, stop)
ch, wg = Chan(), WaitGroup()
wg.add()
for operation in (ch.recv, lambda: ch.send(1), wg.wait, lambda: list(ch)):
    thread = when_blocked(lambda: signal.raise_signal(signal.SIGUSR1))
    try:
        operation()
    except Stop:
        pass
    else:
        raise SystemExit("it went on")
    thread.join()
print(ch, wg.count)
"""
    )
    assert " receivers=0 senders=0 open> 1\n" in finished.ok()


def test_a_handler_may_use_the_channel_that_main_waits_on() -> None:
    """It runs in the main thread, in the middle of the wait: no lock may be held there."""
    finished = procs.run(
        SETUP
        + """
ch, wg = Chan(), WaitGroup()
wg.add()
acts = []
signal.signal(signal.SIGUSR1, lambda number, frame: acts.pop()())

def kick(act):
    acts.append(act)
    when_blocked(lambda: signal.raise_signal(signal.SIGUSR1))

kick(lambda: ch.send_nowait(1))
assert ch.recv() == 1
kick(lambda: ch.recv_nowait())
ch.send(2)
kick(wg.done)
wg.wait()

# A receive inside a receive: main was there first.
nested = []
def receive():
    go(lambda: (wait_parked(ch, receivers=2), ch.send("first"), ch.send("second")))
    nested.append(ch.recv())
kick(receive)
assert (ch.recv(), nested) == ("first", ["second"])

kick(ch.close)
assert ch.recv_ok() == (None, False)
"""
    )
    assert finished.ok() == ""


def test_signals_do_not_prolong_a_timeout() -> None:
    """They come faster than the timeout: one that starts anew each time would never end."""
    finished = procs.run(
        SETUP
        + """
ch = Chan()
count = 0
def tick(number, frame):
    global count
    count += 1
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
for operation in (ch.recv, lambda timeout: ch.send(1, timeout=timeout), WaitGroup.wait):
    wg = WaitGroup()
    wg.add()
    try:
        operation(wg, timeout=0.1) if operation is WaitGroup.wait else operation(timeout=0.1)
    except TimeoutError:
        continue
    raise SystemExit("no timeout")
signal.setitimer(signal.ITIMER_REAL, 0)
assert count > 10, count
"""
    )
    assert finished.ok() == ""


def test_interrupted_twice() -> None:
    """A second Ctrl-C while the first one's `finally` waits on a channel is served as well."""
    with procs.Child(
        SETUP
        + """
ch = Chan()
say_when_blocked()
try:
    try:
        ch.recv()
    finally:
        say_when_blocked()
        ch.recv()
except KeyboardInterrupt as error:
    assert isinstance(error.__context__, KeyboardInterrupt)
    print("twice")
"""
    ) as child:
        for _ in range(2):
            child.expect("blocked")
            child.signal(signal.SIGINT)
        child.expect("twice")
        child.wait().ok()

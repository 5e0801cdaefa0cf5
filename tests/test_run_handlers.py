"""Whose handler of SIGINT is in force: run() borrows Python's own, and leaves any other alone."""

from __future__ import annotations

import os
import signal

import pytest

import procs
from signalling import SETUP_RUN

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals to a process")


def test_pythons_own_is_there_again_afterwards() -> None:
    finished = procs.run(
        SETUP_RUN
        + """
async def main(how):
    await agosched()
    if how:
        raise how
    try:
        run(int)
    except RuntimeError:
        return
    raise SystemExit("nested")

for how in (None, ValueError(), KeyboardInterrupt(), SystemExit(0)):
    try:
        run(main, how)
    except BaseException as error:
        assert error is how
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, how
for wrong in (None, main(None), 1):
    try:
        run(wrong)
    except TypeError:
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    else:
        raise SystemExit("no TypeError")
    if wrong not in (None, 1):
        wrong.close()
# A run in another thread may not and need not touch it.
thread = threading.Thread(target=run, args=(main, None))
thread.start()
thread.join()
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    )
    assert finished.ok() == ""


def test_the_users_own_is_left_alone() -> None:
    """It is called, and as it does not raise, main goes on waiting."""
    with procs.Child(
        SETUP_RUN
        + """
ch = Chan()
seen = []

def mine(number, frame):
    seen.append(number)

def feed():
    say("parked")
    sys.stdin.readline()
    wait_until(lambda: len(seen) == 1, "the handler")
    wait_parked(ch, receivers=1)
    ch.send(5)

async def main():
    assert signal.getsignal(signal.SIGINT) is mine
    thread = when(lambda: parked(ch) == (1, 0), feed)
    got = await ch.arecv()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is mine
    return got

signal.signal(signal.SIGINT, mine)
assert run(main) == 5
assert signal.getsignal(signal.SIGINT) is mine
assert seen == [signal.SIGINT]
"""
    ) as child:
        child.expect("parked")
        child.signal()
        child.tell("sent")
        child.wait().ok()


def test_ignored_stays_ignored() -> None:
    with procs.Child(
        SETUP_RUN
        + """
ch = Chan()

def feed():
    say("parked")
    sys.stdin.readline()
    ch.send(5)

async def main():
    when(lambda: parked(ch) == (1, 0), feed)
    return await ch.arecv()

signal.signal(signal.SIGINT, signal.SIG_IGN)
assert run(main) == 5
assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
"""
    ) as child:
        child.expect("parked")
        child.signal()
        child.tell("sent")
        child.wait().ok()


def test_one_that_main_sets_stays() -> None:
    finished = procs.run(
        SETUP_RUN
        + """
def mine(number, frame):
    pass

async def main():
    signal.signal(signal.SIGINT, mine)
    await agosched()

run(main)
assert signal.getsignal(signal.SIGINT) is mine
"""
    )
    assert finished.ok() == ""


@pytest.mark.parametrize("number", ["SIGINT", "SIGUSR1"])
def test_one_that_raises_raises_in_main(number: str) -> None:
    """Where main waits, so that it can catch it and go on, as with a blocking form."""
    finished = procs.run(
        SETUP_RUN
        + f"""
class Stop(Exception):
    pass

def stop(number, frame):
    raise Stop

signal.signal(signal.{number}, stop)
ch, wg = Chan(), WaitGroup()
wg.add()

async def for_all():
    async for _ in ch:
        pass

async def wait():
    await wg

async def main():
    for operation in (ch.arecv, lambda: ch.asend(1), wait, for_all):
        thread = when_blocked(lambda: signal.raise_signal(signal.{number}))
        try:
            await operation()
        except Stop:
            pass
        else:
            raise SystemExit("it went on")
        thread.join()
    await agosched()
    return 5

assert run(main) == 5
print(ch, wg.count)
"""
    )
    assert " receivers=0 senders=0 open> 1\n" in finished.ok()


@pytest.mark.parametrize("waits", ["await Chan().arecv()", "while True: await agosched()"])
def test_sigterm_that_is_made_an_exit(waits: str) -> None:
    """What servers do to be stopped in good order: main's finally blocks run."""
    with procs.Child(
        SETUP_RUN
        + f"""
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(3))

async def child():
    {waits}

async def main():
    go(child)
    try:
        say("ready")
        {waits}
    finally:
        await agosched()
        say("cleaned")

run(main)
"""
    ) as child:
        child.expect("ready")
        child.signal(signal.SIGTERM)
        child.expect("cleaned")
        finished = child.wait()
    assert (finished.returncode, finished.stderr) == (3, ""), finished.describe()


def test_one_may_use_the_channel_that_main_waits_on() -> None:
    """It runs in the middle of the wait, and what it does wakes main."""
    finished = procs.run(
        SETUP_RUN
        + """
ch, wg = Chan(), WaitGroup()
wg.add()
acts = []
signal.signal(signal.SIGUSR1, lambda number, frame: acts.pop()())

def kick(act):
    acts.append(act)
    when_blocked(lambda: signal.raise_signal(signal.SIGUSR1))

async def reply():
    await ch.asend(3)

async def main():
    kick(lambda: ch.send_nowait(1))
    assert await ch.arecv() == 1
    kick(ch.recv_nowait)
    await ch.asend(2)
    kick(wg.done)
    await wg
    kick(lambda: go(reply))
    assert await ch.arecv() == 3
    kick(ch.close)
    assert await ch.arecv_ok() == (None, False)

run(main)
"""
    )
    assert finished.ok() == ""


def test_signals_do_not_prolong_a_timeout() -> None:
    """They come faster than the timeout: one that starts anew each time would never end."""
    finished = procs.run(
        SETUP_RUN
        + """
count = 0
def tick(number, frame):
    global count
    count += 1

async def main():
    ch = Chan()
    for operation in (ch.arecv, lambda timeout: ch.asend(1, timeout=timeout)):
        try:
            await operation(timeout=0.1)
        except TimeoutError:
            continue
        raise SystemExit("no timeout")

signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
run(main)
signal.setitimer(signal.ITIMER_REAL, 0)
assert count > 5, count
"""
    )
    assert finished.ok() == ""


def test_a_run_in_another_thread_is_not_interrupted() -> None:
    """Python's signals are the main thread's."""
    with procs.Child(
        SETUP_RUN
        + """
ch = Chan()

async def main():
    try:
        return await ch.arecv()
    except BaseException as error:
        say(f"struck: {error!r}")
        raise

results = []
thread = threading.Thread(target=lambda: results.append(run(main)))
thread.start()
wait_parked(ch, receivers=1)
say_when_blocked()
try:
    Chan().recv()
except KeyboardInterrupt:
    say("caught")
ch.send(5)
thread.join()
assert results == [5]
"""
    ) as child:
        child.expect("blocked")
        child.signal(signal.SIGINT)
        child.expect("caught")
        assert child.wait().ok() == "blocked\ncaught\n"

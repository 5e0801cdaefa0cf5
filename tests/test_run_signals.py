"""Ctrl-C and other signals under run(): they are main's, whatever it and the others are doing."""

from __future__ import annotations

import os
import signal
import time

import pytest

import procs
from signalling import SETUP_RUN

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals to a process")

# One of each, such that every operation waits until it is interrupted.
OPERATIONS = {
    "asend": "await ch.asend(-1)",
    "asend, full": "await full.asend(-1)",
    "asend, timeout": "await ch.asend(-1, timeout=60)",
    "arecv": "await ch.arecv()",
    "arecv, timeout": "await ch.arecv(timeout=60)",
    "arecv_ok": "await ch.arecv_ok()",
    "arecv_many": "await ch.arecv_many(3)",
    "async for": "[value async for value in ch]",
    "WaitGroup": "await wg",
    "async with WaitGroup": "await wg.__aexit__(None, None, None)",
    "ajoin": "await g.ajoin()",
    "ajoin, timeout": "await g.ajoin(60)",
    "await goroutine": "await g",
    "aio": "await aio(asyncio.sleep(60))",
    "recv": "ch.recv()",
    "send, timeout": "ch.send(-1, timeout=60)",
    "wait": "wg.wait()",
    "result": "g.result()",
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_main_is_parked(operation: str) -> None:
    """KeyboardInterrupt at the operation, which has had no effect; main goes on. Five times."""
    rounds = 5
    with procs.Child(
        SETUP_RUN
        + f"""
ch, full, wg, gate = Chan(), Chan(1), WaitGroup(), Chan()
full.send(0)
wg.add()

async def child():
    return await gate.arecv()

async def main():
    g = go(child)
    while g.state != "waiting":
        await agosched()
    for _ in range({rounds}):
        thread = say_when_blocked()
        try:
            {operation}
        except KeyboardInterrupt:
            say(time.monotonic())
        thread.join()

    # Nobody is left in a queue, nothing was sent, nothing counted.
    for waiting in (lambda: ch.send_nowait(1), ch.recv_nowait, lambda: full.send_nowait(1)):
        try:
            waiting()
        except WouldBlock:
            continue
        raise SystemExit("a peer was still there")
    assert await full.arecv() == 0
    assert wg.count == 1
    assert g.state == "waiting"
    # And all of it still works: what is sent now is received by the next one.
    go(ch.send, 1)
    assert await ch.arecv() == 1
    go(ch.recv)
    await ch.asend(2)
    go(wg.done)
    await wg
    await gate.asend(3)
    assert await g == 3
    return "end"

assert run(main) == "end"
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    ) as child:
        latencies = []
        for _ in range(rounds):
            child.expect("blocked")
            sent = time.monotonic()
            child.signal(signal.SIGINT)
            # The clock is the system's, so the two stamps compare.
            latencies.append(float(child.line()) - sent)
        child.wait().ok()
    # What is asked of Ctrl-C is to be prompt. The median leaves out a stolen time slice.
    assert procs.median(latencies) < 0.05, latencies


@pytest.mark.parametrize("doing", ["while True: pass", "while True: await agosched()"])
def test_main_is_busy(doing: str) -> None:
    with procs.Child(
        SETUP_RUN
        + f"""
async def main():
    for _ in range(3):
        try:
            say("busy")
            {doing}
        except KeyboardInterrupt:
            say("caught")
    await agosched()
    return 5

assert run(main) == 5
"""
    ) as child:
        for _ in range(3):
            child.expect("busy")
            child.signal()
            child.expect("caught")
        child.wait().ok()


@pytest.mark.parametrize("others", ["spins", "computes", "sleeps", "plain_computes"])
@pytest.mark.parametrize("waits", ["await ch.arecv()", "while True: await agosched()"])
def test_the_others_are_busy(others: str, waits: str) -> None:
    """Main gets it, whoever has the interpreter at the moment; and its end is the end."""
    with procs.Child(
        SETUP_RUN
        + f"""
ch = Chan()

async def main():
    for _ in range(3):
        go({others})
    for _ in range(3):
        await agosched()
    for _ in range(3):
        try:
            say("ready")
            {waits}
        except KeyboardInterrupt:
            say("caught")
    return 5

assert run(main) == 5
"""
    ) as child:
        for _ in range(3):
            child.expect("ready")
            child.signal()
            child.expect("caught")
        child.wait().ok()


def test_no_other_goroutine_is_ever_struck() -> None:
    with procs.Child(
        SETUP_RUN
        + """
struck = []
count = 0

async def other(ch, i):
    global count
    while True:
        try:
            await agosched()
            count += sum(range(100))
            await (ch.asend(1) if i % 2 else ch.arecv())
        except BaseException as error:
            struck.append(error)
            raise

async def main():
    ch = Chan()
    for i in range(6):
        go(other, ch, i)
    for _ in range(30):
        seen = count
        while count < seen + 10_000:
            await agosched()
        try:
            say("ready")
            await Chan().arecv()
        except KeyboardInterrupt:
            say("caught")
    assert struck == [], struck

run(main)
"""
    ) as child:
        for _ in range(30):
            child.expect("ready")
            child.signal()
            child.expect("caught")
        child.wait().ok()


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_nobody_catches_it(kind: str) -> None:
    """It ends the program, past all the finally blocks of main."""
    main = """
async def deeper():
    try:
        await ch.arecv()
    finally:
        say("inner")

async def main():
    for _ in range(3):
        go(child)
    say_when_blocked()
    try:
        await deeper()
    finally:
        say("outer")
"""
    plain = """
def main():
    for _ in range(3):
        go(child)
    say_when_blocked()
    try:
        try:
            ch.recv()
        finally:
            say("inner")
    finally:
        say("outer")
"""
    with procs.Child(
        SETUP_RUN
        + """
ch = Chan()
async def child():
    await Chan().arecv()
"""
        + (main if kind == "async" else plain)
        + """
run(main)
"""
    ) as child:
        child.expect("blocked")
        child.signal()
        finished = child.wait()
    assert finished.returncode == -signal.SIGINT, finished.describe()
    assert finished.stdout == "blocked\ninner\nouter\n"
    assert finished.stderr.rstrip().endswith("KeyboardInterrupt"), finished.describe()
    assert "goroutine" not in finished.stderr, finished.describe()
    assert "Warning" not in finished.stderr, finished.describe()


def test_a_second_one_while_main_cleans_up() -> None:
    with procs.Child(
        SETUP_RUN
        + """
ch = Chan()

async def main():
    say_when_blocked()
    try:
        try:
            await ch.arecv()
        finally:
            say_when_blocked()
            await ch.arecv()
    except KeyboardInterrupt as error:
        assert isinstance(error.__context__, KeyboardInterrupt)
        say("twice")

run(main)
"""
    ) as child:
        for _ in range(2):
            child.expect("blocked")
            child.signal()
        child.expect("twice")
        child.wait().ok()


def test_main_may_clean_up_by_talking_to_the_others() -> None:
    """The usual end of a server: tell everybody, and wait for them."""
    with procs.Child(
        SETUP_RUN
        + """
async def worker(stop, i):
    async for _ in stop:
        pass
    await agosched()
    return i

async def main():
    stop = Chan()
    workers = [go(worker, stop, i) for i in range(10)]
    say_when_blocked()
    try:
        await Chan().arecv()
    finally:
        stop.close()
        print([await w for w in workers])

try:
    run(main)
except KeyboardInterrupt:
    say("interrupted")
"""
    ) as child:
        child.expect("blocked")
        child.signal()
        assert child.wait().ok().splitlines()[1:] == [str(list(range(10))), "interrupted"]


def test_main_is_gone_and_run_waits_for_the_others() -> None:
    """After goexit() there is no main to raise it in: run() itself does."""
    with procs.Child(
        SETUP_RUN
        + """
from gochan import goexit

async def child(ch):
    await ch.arecv()

async def main():
    go(child, ch)
    go(child, ch)
    goexit()

ch = Chan()
say_when_blocked()
try:
    run(main)
except KeyboardInterrupt:
    say("interrupted")
assert run(int) == 0
"""
    ) as child:
        child.expect("blocked")
        child.signal()
        child.expect("interrupted")
        child.wait().ok()

"""`gochan.signal.notify`: which signals arrive on which channels (G1-G3, G6)."""

from __future__ import annotations

import os
import signal as system
import sys
from pathlib import Path

import pytest

import procs
from gochan import Chan, signal
from parking import wait_until
from signalling import SETUP_NOTIFY

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals to a process")


def ok(source: str, limit: float = procs.LIMIT) -> str:
    return procs.run(SETUP_NOTIFY + source, limit=limit).ok()


def test_from_outside() -> None:
    """As a service manager sends it. What comes is a member of signal.Signals."""
    with procs.Child(
        SETUP_NOTIFY
        + """
ch = Chan[int](1)
notify(ch, SIGTERM)
print("ready", flush=True)
got = ch.recv()
assert got is signal.Signals.SIGTERM, got
print("asked to end")
"""
    ) as child:
        child.expect("ready")
        child.signal(system.SIGTERM)
        child.expect("asked to end")
        child.wait().ok()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_stopped_and_continued() -> None:
    """Go's TestSIGCONT: it arrives besides doing what it does."""
    with procs.Child(
        SETUP_NOTIFY
        + """
ch = Chan(1)
notify(ch, signal.SIGCONT)
kill(signal.SIGCONT)
assert ch.recv(timeout=20) == signal.SIGCONT
print("ready", flush=True)
assert ch.recv(timeout=20) == signal.SIGCONT
print("continued")
"""
    ) as child:
        child.expect("ready")
        child.signal(system.SIGSTOP)
        stat = Path(f"/proc/{child.pid}/stat")
        wait_until(lambda: stat.read_text().rpartition(") ")[2][0] == "T", "it is stopped")
        child.signal(system.SIGCONT)
        child.expect("continued")
        child.wait().ok()


def test_calls_for_one_channel_add_up() -> None:
    """G1. A view is its channel."""
    ok(
        """
ch = Chan(10)
notify(ch, SIGUSR1)
notify(ch.sender, SIGUSR2, SIGUSR1)
notify(ch, SIGUSR2)
for number in (SIGUSR1, SIGUSR2):
    raise_signal(number)
    deliver()
assert taken(ch) == [SIGUSR1, SIGUSR2]
stop(ch)
"""
    )


def test_several_channels_get_a_copy_each() -> None:
    """G1: only of what they asked for."""
    ok(
        """
both, one, other = Chan(10), Chan(10), Chan(10)
notify(both, SIGUSR1, SIGUSR2)
notify(one, SIGUSR1)
notify(other, SIGUSR2)
for number in (SIGUSR1, SIGUSR2, SIGUSR1):
    raise_signal(number)
    deliver()
assert taken(both) == [SIGUSR1, SIGUSR2, SIGUSR1]
assert taken(one) == [SIGUSR1, SIGUSR1]
assert taken(other) == [SIGUSR2]
"""
    )


def test_a_full_channel_is_passed_over() -> None:
    """G2: for that channel the signal is dropped; nobody waits for room."""
    ok(
        """
small, large, nobody = Chan(1), Chan(10), Chan()
for ch in (small, nobody, large):
    notify(ch, SIGUSR1)
for _ in range(3):
    raise_signal(SIGUSR1)
    deliver()
assert taken(small) == [SIGUSR1]
assert taken(large) == [SIGUSR1] * 3
raise_signal(SIGUSR1)
deliver()
assert taken(small) == [SIGUSR1]  # there was room again

# Without a buffer: a receiver that waits gets it.
g = go(nobody.recv)
wait_parked(nobody, receivers=1)
raise_signal(SIGUSR1)
assert g.result(20) == SIGUSR1
"""
    )


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_comes_before_it_is_fetched_comes_once_and_in_numeric_order() -> None:
    """G3: pending signals are a set."""
    ok(
        """
ch = Chan(1000)
notify(ch)
with Frozen():
    for _ in range(500):
        for number in (SIGTERM, SIGUSR2, SIGUSR1, SIGHUP, signal.SIGRTMIN + 3):
            signal.pthread_kill(threading.get_ident(), number)  # it keeps the GIL
deliver()
assert taken(ch) == [SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, signal.SIGRTMIN + 3]
"""
    )


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_all_signals() -> None:
    """None named: all but what can not be caught, or is Python's own (G1, G6)."""
    ok(
        """
go(int).join()  # with its first thread the C library takes signals of its own
import faulthandler
faulthandler.disable()  # it catches SIGABRT
before = dispositions()
ch = Chan(100)
notify(ch)
spared = [signal.SIGKILL, signal.SIGSTOP, signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS]
spared += [signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS, signal.SIGSTKFLT]
others = sorted(signal.valid_signals() - set(spared))
for number in others:
    raise_signal(number)
    deliver()
assert taken(ch) == others, others
caught = int(dispositions()[0].split()[1], 16)
for number in (signal.SIGTRAP, signal.SIGSYS, signal.SIGABRT):
    assert not caught >> (number - 1) & 1
stop(ch)
assert dispositions() == before
ignore()
assert ignored(SIGTERM) and not ignored(signal.SIGABRT)
"""
    )


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_can_not_be_caught_is_accepted() -> None:
    """G6: silently, as in Go."""
    ok(
        """
go(int).join()  # with its first thread the C library takes signals of its own
before = dispositions()
ch = Chan(10)
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV):
    notify(ch, number)
    ignore(number)
    reset(number)
assert dispositions() == before
notify(ch, signal.SIGKILL, SIGUSR1)
raise_signal(SIGUSR1)
assert ch.recv(timeout=20) == SIGUSR1
import faulthandler
faulthandler.disable()  # it would be called besides, and end the program
notify(ch, signal.SIGABRT)  # not among all, but by name
raise_signal(signal.SIGABRT)
assert ch.recv(timeout=20) == signal.SIGABRT
"""
    )


PLACES = {
    "thread": """
def body():
    notify(ch, SIGUSR1)
    kill(SIGUSR1)
    return ch.recv(timeout=20)
got = []
thread = threading.Thread(target=lambda: got.append(body()))
thread.start()
thread.join()
assert got == [SIGUSR1]
""",
    "def goroutine": """
def body():
    notify(ch, SIGUSR1)
    kill(SIGUSR1)
    return ch.recv(timeout=20)
assert go(body).result(20) == SIGUSR1
""",
    "async goroutine": """
async def body():
    notify(ch, SIGUSR1)
    kill(SIGUSR1)
    return await ch.arecv(timeout=20)
assert go(body).result(20) == SIGUSR1
""",
    "run": """
from gochan import run
async def body():
    notify(ch, SIGUSR1, SIGINT)
    kill(SIGUSR1)
    got = await ch.arecv(timeout=20)
    kill(SIGINT)
    return [got, await ch.arecv(timeout=20)]
assert run(body) == [SIGUSR1, SIGINT]
""",
    "asyncio": """
import asyncio
async def body():
    notify(ch, SIGUSR1, SIGINT)
    kill(SIGUSR1)
    got = await ch.arecv(timeout=20)
    kill(SIGINT)
    return [got, await ch.arecv(timeout=20)]
assert asyncio.run(body()) == [SIGUSR1, SIGINT]
""",
    "uvloop": """
import asyncio, uvloop
async def body():
    notify(ch, SIGUSR1, SIGINT)
    kill(SIGUSR1)
    got = await ch.arecv(timeout=20)
    kill(SIGINT)
    return [got, await ch.arecv(timeout=20)]
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    assert runner.run(body()) == [SIGUSR1, SIGINT]
""",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
def test_from_anywhere(place: str) -> None:
    """Python's own signal.signal works in the main thread only."""
    ok("ch = Chan(10)\n" + place)


BUSY = {
    "recv": "Chan().recv(timeout={t})",
    "wait group": "wg = WaitGroup(); wg.add(); wg.wait(timeout={t})",
    "sleep": "time.sleep({t})",
    "lock": "lock = threading.Lock(); lock.acquire(); lock.acquire(timeout={t})",
    "computes": "\n    while not got: pass",
    "computes in C": "\n    while not got: hashlib.pbkdf2_hmac('sha256', b'x', b'y', 100_000)",
    "reads": "os.read(reading, 1)",
}


@pytest.mark.parametrize("busy", BUSY.values(), ids=list(BUSY))
def test_while_main_is_busy(busy: str) -> None:
    """It is delivered all the same, and Ctrl-C raises nothing: main goes on with what it does."""
    ok(
        f"""
import hashlib
reading, writing = os.pipe()
ch, got = Chan(1), []
notify(ch, SIGINT)

def listen():
    got.append(ch.recv(timeout=20))
    os.write(writing, b"x")

g = go(listen)
wait_parked(ch, receivers=1)
start = time.monotonic()
sender = go(lambda: (time.sleep(0.1), kill(SIGINT), g.join(20)))
try:
    {busy.format(t=0.5)}
except TimeoutError:
    pass
assert got == [SIGINT], got
if {"{t}" in busy}:
    assert time.monotonic() - start > 0.49  # not cut short
sender.result(20)
"""
    )


def test_a_channel_is_kept_alive_until_stop() -> None:
    ok(
        """
import gc, weakref
ch = Chan(1)
known = weakref.ref(ch)
notify(ch, SIGUSR1)
raise_signal(SIGUSR1)
deliver()
del ch
gc.collect()
ch = known()
assert ch is not None and taken(ch) == [SIGUSR1]
stop(ch)
del ch
gc.collect()
assert known() is None
"""
    )


def test_the_import_starts_nothing() -> None:
    said = procs.run(
        """
        import sys, gochan
        assert "gochan.signal" not in sys.modules
        import signal, threading
        import gochan.signal
        from gochan import signal as ours
        assert ours is gochan.signal is not signal
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        import os
        if sys.platform == "linux":
            print(len(os.listdir("/proc/self/task")))
        """
    ).ok()
    assert said in ("1\n", "")


def test_what_is_exported() -> None:
    names = {"SignalError", "ignore", "ignored", "notify", "notify_context", "reset", "stop"}
    assert set(signal.__all__) == names
    for name in names:
        value = getattr(signal, name)
        assert value.__module__ == "gochan.signal"
        assert value.__doc__


# ------------------------------------------------------------------ arguments, in this process
CALLS = {"notify": signal.notify, "stop": signal.stop}


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
@pytest.mark.parametrize("wrong", [None, 1, "ch", Chan, Chan[int]().receiver])
def test_what_is_no_channel(call: object, wrong: object) -> None:
    """A nil channel is one of them (G1): no signal could ever arrive there."""
    with pytest.raises(TypeError, match=r"signal\.\w+\(\) needs a channel that can be sent to"):
        call(wrong)  # type: ignore[operator]


@pytest.mark.parametrize("number", [0, -1, 65, 1000, 2**70, 32])
def test_what_is_no_signal(number: int) -> None:
    ch = Chan[int](1)
    before = system.getsignal(system.SIGUSR1)
    for call in (
        lambda: signal.notify(ch, system.SIGUSR1, number),
        lambda: signal.reset(number),
        lambda: signal.ignore(system.SIGUSR1, number),
        lambda: signal.ignored(number),
    ):
        with pytest.raises(ValueError, match=f"there is no signal {number}"):
            call()
    assert system.getsignal(system.SIGUSR1) is before
    assert not signal.ignored(system.SIGUSR1)


@pytest.mark.parametrize("wrong", ["SIGINT", 2.0, None, Chan()])
def test_what_is_no_number(wrong: object) -> None:
    ch = Chan[int](1)
    for call in (
        lambda: signal.notify(ch, wrong),  # type: ignore[arg-type]
        lambda: signal.reset(wrong),  # type: ignore[arg-type]
        lambda: signal.ignore(wrong),  # type: ignore[arg-type]
        lambda: signal.ignored(wrong),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match=r"needs signals, such as signal\.SIGTERM, not"):
            call()

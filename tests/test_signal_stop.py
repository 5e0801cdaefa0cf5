"""`gochan.signal.stop`, `reset`, `ignore`: what a signal does then; none is lost (G4-G6)."""

from __future__ import annotations

import os
import signal as system
import sys

import pytest

import procs
from signalling import SETUP_NOTIFY

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals to a process")


def run(source: str, limit: float = procs.LIMIT) -> procs.Finished:
    return procs.run(SETUP_NOTIFY + source, limit=limit)


# ------------------------------------------------------------------ back to what it was
def test_the_last_stop_gives_the_signal_back() -> None:
    """G4: with the last channel the default comes back, which here is the end."""
    finished = run(
        """
one, other = Chan(10), Chan(10)
notify(one, SIGTERM, SIGUSR1)
notify(other, SIGTERM)
stop(one)
raise_signal(SIGTERM)
assert other.recv(timeout=20) == SIGTERM
assert taken(one) == []
stop(Chan())   # never registered: nothing happens
stop(one)      # no more
raise_signal(SIGTERM)
assert other.recv(timeout=20) == SIGTERM
print("still here", flush=True)
stop(other.sender)
raise_signal(SIGTERM)
print("too far")
"""
    )
    assert (finished.returncode, finished.stdout) == (-system.SIGTERM, "still here\n")


@pytest.mark.parametrize(
    "stopper", ["stop(ch)", "reset(SIGINT)", "reset()", "go(stop, ch).result()"]
)
def test_ctrl_c_is_keyboard_interrupt_again(stopper: str) -> None:
    """From wherever it is stopped. Main is blocked in a channel each time."""
    with procs.Child(
        SETUP_NOTIFY
        + f"""
import gochan.signal
ch = Chan(10)
for _ in range(2):
    notify(ch, SIGINT)
    say_when_blocked()
    assert ch.recv() == SIGINT
    {stopper}
    say_when_blocked()
    try:
        Chan().recv()
    except KeyboardInterrupt:
        assert taken(ch) == []
    else:
        raise SystemExit("no KeyboardInterrupt")
assert signal.getsignal(SIGINT) in (signal.default_int_handler, gochan.signal._interrupt)
stop(ch)
assert signal.getsignal(SIGINT) is signal.default_int_handler
print("end")
"""
    ) as child:
        for _ in range(4):
            child.expect("blocked")
            child.signal(system.SIGINT)
        child.expect("end")
        child.wait().ok()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("how", ["stop(ch)", "reset()", "reset(*ALL)"])
def test_dispositions_are_restored_exactly(how: str) -> None:
    """Default, ignored, Python's own, another library's: whatever it was."""
    run(
        f"""
import ctypes, faulthandler
go(int).join()  # with its first thread the C library takes signals of its own
signal.signal(SIGHUP, SIG_IGN)
signal.signal(SIGTERM, lambda *_: None)
faulthandler.register(SIGUSR2)

class Action(ctypes.Structure):  # of glibc and musl, where the mask is longer than 64 bits
    _fields_ = [("function", ctypes.c_void_p), ("mask", ctypes.c_uint64 * 16),
                ("flags", ctypes.c_int), ("restorer", ctypes.c_void_p)]
RESTORER = 0x4000000  # set by the C library, whatever the caller says

def actions():
    found = {{}}
    for number in range(1, 65):
        action = Action()
        if ctypes.CDLL(None).sigaction(number, None, ctypes.byref(action)) == 0:
            found[number] = (action.function, action.mask[0], action.flags & ~RESTORER)
    return found

ALL = [number for number in signal.valid_signals()]
before = actions()
ch = Chan(10)
for signals in ((), (SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2)):
    notify(ch, *signals)
    assert actions() != before
    {how}
    now = actions()
    assert now == before, [number for number in now if now[number] != before[number]]
"""
    ).ok()


# ------------------------------------------------------------------ reset, ignore
def test_reset_takes_a_signal_from_all_channels() -> None:
    """G5: that one only."""
    finished = run(
        """
channels = [Chan(10) for _ in range(3)]
for ch in channels:
    notify(ch, SIGUSR1, SIGUSR2)
raise_signal(SIGUSR1)
reset(SIGUSR1)  # what had come before is delivered
for ch in channels:
    assert taken(ch) == [SIGUSR1]
raise_signal(SIGUSR2)
for ch in channels:
    assert ch.recv(timeout=20) == SIGUSR2
print("here", flush=True)
raise_signal(SIGUSR1)
"""
    )
    assert (finished.returncode, finished.stdout) == (-system.SIGUSR1, "here\n")


def test_ignore() -> None:
    """G5: reset does not end it, notify does, and the last stop brings it back (G6)."""
    run(
        """
ch = Chan(10)
notify(ch, SIGUSR1, SIGINT)
assert not ignored(SIGUSR1)
ignore(SIGUSR1, SIGINT)
assert ignored(SIGUSR1) and ignored(SIGINT) and not ignored(SIGUSR2)
raise_signal(SIGUSR1)
raise_signal(SIGINT)
reset(SIGUSR1)
reset()
stop(ch)
assert ignored(SIGUSR1)
raise_signal(SIGUSR1)
deliver()
assert taken(ch) == []
assert signal.getsignal(SIGINT) == SIG_IGN  # Python knows of it

notify(ch, SIGUSR1)
assert not ignored(SIGUSR1)
raise_signal(SIGUSR1)
assert ch.recv(timeout=20) == SIGUSR1
stop(ch)
assert ignored(SIGUSR1)
raise_signal(SIGUSR1)

go(ignore, SIGUSR2).result()  # from another thread too
assert ignored(SIGUSR2)
raise_signal(SIGUSR2)
"""
    ).ok()


def test_what_is_ignored_from_the_start_stays_so() -> None:
    """G6: as nohup does it. And Python itself ignores SIGPIPE."""
    child = """
ch = Chan(10)
for number in (SIGHUP, signal.SIGPIPE):
    assert ignored(number)
    notify(ch, number)
    assert not ignored(number)
    raise_signal(number)
    assert ch.recv(timeout=20) == number
    stop(ch)
    assert ignored(number)
    raise_signal(number)
    deliver()
    assert taken(ch) == []
"""
    run(
        f"""
import subprocess
signal.signal(SIGHUP, SIG_IGN)
subprocess.run([sys.executable, "-c", {SETUP_NOTIFY + child!r}], check=True)
"""
    ).ok()


# ------------------------------------------------------------------ nothing is lost
@pytest.mark.parametrize("sender", ["kill(SIGINT)", "raise_signal(SIGINT)"])
def test_a_signal_beside_stop_is_caught_or_kills(sender: str) -> None:
    """G4, Go's TestAtomicStop: never neither. SIGINT has its default here, as C has it."""
    finished = run(
        f"""
signal.signal(SIGINT, SIG_DFL)

def attempt(rounds):
    '''In a child: True if each signal was caught. One that is not ends the child.'''
    import random
    ch = Chan(1)
    for _ in range(rounds):
        notify(ch, SIGINT)
        pause = random.random() * 3e-4
        def strike():
            end = time.perf_counter() + pause
            while time.perf_counter() < end:
                pass
            {sender}
        striker = threading.Thread(target=strike)
        striker.start()
        end = time.perf_counter() + random.random() * 3e-4
        while time.perf_counter() < end:
            pass
        stop(ch)
        striker.join()
        if not taken(ch):
            time.sleep(3)  # then it must be on its way to end us
            return False
    return True

sys.setswitchinterval(1e-5)
caught = killed = 0
for _ in range(60):
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if attempt(20) else 3)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(4)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == SIGINT, status
        killed += 1
    else:
        assert os.WEXITSTATUS(status) == 0, os.WEXITSTATUS(status)
        caught += 1
print(caught, killed)
assert killed
""",
        limit=150,
    )
    finished.ok()


def test_channels_come_and_go_under_fire() -> None:
    """Go's TestStress: each is closed right after its stop, and no send comes after that (G4)."""
    run(
        """
sys.setswitchinterval(1e-4)
broken = []
sys.unraisablehook = broken.append  # where a send on a closed channel would be told
steady = Chan(100_000)
notify(steady, SIGUSR1)
over = threading.Event()
counts = [0, 0]

def fire():
    while not over.is_set():
        kill(SIGUSR1)
        counts[0] += 1
        over.wait(1e-5)

def come_and_go():
    while not over.is_set():
        ch = Chan(1)
        notify(ch, SIGUSR1)
        ch.recv(timeout=20)
        stop(ch)
        ch.close()
        counts[1] += 1

working = [go(fire)] + [go(come_and_go) for _ in range(4)]
time.sleep(2)
over.set()
for g in working[1:]:
    while g.state != "done":
        kill(SIGUSR1)  # it may wait for one more
        g.join(1)
    g.result()
working[0].result()
assert not broken, broken
assert counts[1] > 20, counts
assert len(steady) > 20
stop(steady)
assert set(taken(steady)) == {SIGUSR1}
""",
        limit=60,
    ).ok()


def test_several_stop_at_once() -> None:
    """Each may close the channel when its own call is back, whoever did the work."""
    run(
        """
sys.setswitchinterval(1e-4)
broken = []
sys.unraisablehook = broken.append
steady = Chan()
notify(steady, SIGUSR1)  # not to be ended by what comes in between
for _ in range(100):
    ch, gate = Chan(1), threading.Barrier(4)
    notify(ch, SIGUSR1)
    def end(first):
        gate.wait()
        stop(ch)
        if first:
            ch.close()
    working = [go(end, n == 0) for n in range(3)]
    gate.wait()
    for _ in range(3):
        kill(SIGUSR1)
    for g in working:
        g.result(20)
assert not broken, broken
"""
    ).ok()


def test_a_closed_channel_is_told_of_once_and_forgotten() -> None:
    """Go's program ends with a panic then. The next signal finds its default again."""
    finished = run(
        """
told = []
sys.unraisablehook = lambda broken: told.append(str(broken.exc_value))
ch = Chan(1)
notify(ch, SIGTERM, SIGUSR1)
ch.close()
raise_signal(SIGUSR1)
wait_until(lambda: told, "the report")
assert len(told) == 1 and "signal 10 could not be sent on <gochan.Chan" in told[0], told
assert "gochan.signal.stop(ch) before ch.close()" in told[0]
print("told", flush=True)
raise_signal(SIGTERM)
"""
    )
    assert (finished.returncode, finished.stdout) == (-system.SIGTERM, "told\n"), (
        finished.describe()
    )

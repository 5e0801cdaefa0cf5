"""`gochan.signal` beside other handlers: Python's own, asyncio's, a C library's."""

from __future__ import annotations

import os
import signal as system
import sys

import pytest

import procs
from signalling import SETUP_NOTIFY

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals to a process")


def ok(source: str) -> str:
    return procs.run(SETUP_NOTIFY + source).ok()


def test_a_python_handler_is_called_besides() -> None:
    """As before: in the main thread, at once, also while that is blocked."""
    ok(
        """
import faulthandler
calls = []
def handler(number, frame):
    calls.append((number, threading.current_thread() is MAIN))
signal.signal(SIGUSR1, handler)
ch = Chan(10)
notify(ch, SIGUSR1)
assert signal.getsignal(SIGUSR1) is handler
raise_signal(SIGUSR1)
assert calls == [(SIGUSR1, True)]
assert ch.recv(timeout=20) == SIGUSR1

# Main sleeps, and is woken for the handler, not only at the end.
def strike():
    kill(SIGUSR1)
    wait_until(lambda: len(calls) == 2, "the handler")
    release.send(None)
for wait in (lambda: release.recv(timeout=20), lambda: time.sleep(0.3)):
    release = Chan(1)
    del calls[1:]
    striker = when_blocked(strike)
    wait()
    striker.join()
    assert len(calls) == 2

stop(ch)
raise_signal(SIGUSR1)
assert len(calls) == 3
assert set(taken(ch)) == {SIGUSR1}
"""
    )


def test_a_python_handler_that_raises_ends_the_wait() -> None:
    ok(
        """
class Stop(Exception):
    pass
def handler(number, frame):
    raise Stop
signal.signal(SIGTERM, handler)
ch = Chan(10)
notify(ch, SIGTERM)
when_blocked(lambda: kill(SIGTERM))
try:
    Chan().recv()
except Stop:
    pass
assert ch.recv(timeout=20) == SIGTERM
"""
    )


def test_a_handler_of_later_stands_alone() -> None:
    """signal.signal() takes the signal over, and stop() leaves it so.

    notify() takes it back, with the handler besides.
    """
    ok(
        """
calls = []
def handler(number, frame):
    calls.append(number)
ch, other = Chan(10), Chan(10)
notify(ch, SIGUSR1)
notify(other, SIGUSR1)
signal.signal(SIGUSR1, handler)
raise_signal(SIGUSR1)
assert calls == [SIGUSR1]
stop(other)
raise_signal(SIGUSR1)
deliver()
assert len(calls) == 2 and taken(ch) == taken(other) == []

notify(other, SIGUSR1)
raise_signal(SIGUSR1)
deliver()
assert len(calls) == 3 and taken(ch) == taken(other) == [SIGUSR1]
reset()
raise_signal(SIGUSR1)
assert len(calls) == 4 and signal.getsignal(SIGUSR1) is handler

# The last one, while what was there before was the default.
notify(ch, SIGUSR2)
signal.signal(SIGUSR2, handler)
stop(ch)
raise_signal(SIGUSR2)
assert calls[4:] == [SIGUSR2]
"""
    )


def test_sigint_set_aside_for_a_while() -> None:
    """What signal.signal() returned and is given back later still is our registration."""
    ok(
        """
ch = Chan(10)
notify(ch, SIGINT)
calls = []
before = signal.signal(SIGINT, lambda *_: calls.append(1))
raise_signal(SIGINT)
assert calls == [1]
signal.signal(SIGINT, before)
raise_signal(SIGINT)
assert ch.recv(timeout=20) == SIGINT
stop(ch)
try:
    raise_signal(SIGINT)
except KeyboardInterrupt:
    pass
else:
    raise SystemExit("no KeyboardInterrupt")
assert signal.getsignal(SIGINT) is signal.default_int_handler
"""
    )


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_beside_add_signal_handler(loop: str) -> None:
    """A loop's handler is chained like any other; both get the signal."""
    ok(
        f"""
import asyncio, {loop}
ch = Chan(10)

async def main():
    loop = asyncio.get_running_loop()
    came = asyncio.Queue()
    loop.add_signal_handler(SIGUSR1, came.put_nowait, "loop")
    notify(ch, SIGUSR1)
    for _ in range(3):
        kill(SIGUSR1)
        assert await asyncio.wait_for(came.get(), 20) == "loop"
        assert await ch.arecv(timeout=20) == SIGUSR1
    stop(ch)
    kill(SIGUSR1)
    assert await asyncio.wait_for(came.get(), 20) == "loop"
    assert loop.remove_signal_handler(SIGUSR1)
    assert came.empty() and len(ch) == 0

with asyncio.Runner(loop_factory={loop}.new_event_loop) as runner:
    runner.run(main())
"""
    )


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_sigint_notified_before_a_loop_runs(loop: str) -> None:
    """asyncio.run() takes SIGINT over from Python's default, but not from us."""
    ok(
        f"""
import asyncio, {loop}
ch = Chan(10)
notify(ch, SIGINT)

async def main():
    kill(SIGINT)
    return await ch.arecv(timeout=20)

for _ in range(2):
    with asyncio.Runner(loop_factory={loop}.new_event_loop) as runner:
        assert runner.run(main()) == SIGINT
kill(SIGINT)
assert ch.recv(timeout=20) == SIGINT
stop(ch)
assert signal.getsignal(SIGINT) is signal.default_int_handler

# And now that it is not notified any more, it works as ever.
async def main():
    kill(SIGINT)
    try:
        await asyncio.sleep(20)
    except asyncio.CancelledError:
        print("cancelled")
        raise
try:
    with asyncio.Runner(loop_factory={loop}.new_event_loop) as runner:
        runner.run(main())
except KeyboardInterrupt:
    print("interrupted")
"""
    )


def test_sigint_notified_inside_of_asyncio_run() -> None:
    """asyncio's own handler there stands for the default: not chained, and back after stop."""
    ok(
        """
import asyncio
ch = Chan(10)

async def main():
    notify(ch, SIGINT)
    for _ in range(3):
        kill(SIGINT)
        assert await ch.arecv(timeout=20) == SIGINT
    stop(ch)
    kill(SIGINT)
    await asyncio.sleep(20)

try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
else:
    raise SystemExit("not interrupted")
assert signal.getsignal(SIGINT) is signal.default_int_handler
"""
    )


def test_a_c_handler_is_called_besides() -> None:
    """faulthandler's, which Python's own table of handlers knows nothing of."""
    finished = procs.run(
        SETUP_NOTIFY
        + """
import faulthandler
faulthandler.register(SIGUSR2)
ch = Chan(10)
notify(ch)
assert signal.getsignal(SIGUSR2) == SIG_DFL
raise_signal(SIGUSR2)
assert ch.recv(timeout=20) == SIGUSR2
stop(ch)
raise_signal(SIGUSR2)
assert len(ch) == 0
"""
    )
    assert finished.returncode == 0, finished.describe()
    assert finished.stderr.count("Current thread") == 2, finished.describe()


def test_put_back_by_another_library_after_stop() -> None:
    """It had saved our handler as what was there before.

    With nobody registered the signal does what it did before us, and not for ever nothing.
    """
    finished = procs.run(
        SETUP_NOTIFY
        + """
import faulthandler
ch = Chan(10)
notify(ch, SIGUSR2, SIGUSR1)
faulthandler.register(SIGUSR2)  # saves ours
stop(ch)
faulthandler.unregister(SIGUSR2)  # and sets it again
print("here", flush=True)
raise_signal(SIGUSR2)
"""
    )
    assert (finished.returncode, finished.stdout) == (-system.SIGUSR2, "here\n"), (
        finished.describe()
    )
    assert finished.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the flags as Linux has them")
def test_errno_survives_and_system_calls_go_on() -> None:
    """Nobody else is to notice: a call in C that waits is not cut short, errno stays."""
    ok(
        """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
reading, writing = os.pipe()
ch = Chan(10)
notify(ch, SIGUSR1)
got = []

def read_in_c():
    buffer = ctypes.create_string_buffer(1)
    got.append((libc.read(reading, buffer, 1), ctypes.get_errno(), buffer.raw))

thread = threading.Thread(target=read_in_c)
thread.start()
wait_blocked(thread)
signal.pthread_kill(thread.ident, SIGUSR1)
assert ch.recv(timeout=20) == SIGUSR1
os.write(writing, b"x")
thread.join(20)
assert got == [(1, 0, b"x")], got
"""
    )

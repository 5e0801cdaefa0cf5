"""`gochan.signal` where processes begin and end: fork, exec, exit."""

from __future__ import annotations

import os
import signal as system
import sys

import pytest

import procs
from signalling import SETUP_NOTIFY

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals to a process")

SETUP_FORK = (
    SETUP_NOTIFY
    + """

def status_of(fn):
    '''How a forked child ends that runs `fn`: its exit status, or minus the signal.'''
    pid = os.fork()
    if pid == 0:
        try:
            fn()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(4)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
)


def ok(source: str) -> str:
    return procs.run(SETUP_FORK + source).ok()


# ------------------------------------------------------------------ fork
def test_a_child_has_none_of_the_registrations() -> None:
    """Its signals do what they did before: so it can be ended, as multiprocessing ends its own."""
    ok(
        """
go(int).join()  # with its first thread the C library takes signals of its own
before = dispositions() if sys.platform == "linux" else None
ch = Chan(10)
notify(ch, SIGTERM, SIGINT)

def child():
    assert sys.platform != "linux" or dispositions() == before
assert status_of(child) == 0
assert status_of(lambda: raise_signal(SIGTERM)) == -SIGTERM

def child():
    try:
        raise_signal(SIGINT)
    except KeyboardInterrupt:
        deliver()
        assert taken(ch) == []
        stop(ch)  # nothing to do
        return
    raise SystemExit("no KeyboardInterrupt")
assert status_of(child) == 0

# The parent has noticed nothing of it.
deliver()
assert taken(ch) == []
raise_signal(SIGTERM)
assert ch.recv(timeout=20) == SIGTERM
"""
    )


def test_a_child_registers_anew() -> None:
    ok(
        """
ch = Chan(10)
notify(ch, SIGTERM, SIGUSR1)
raise_signal(SIGUSR1)
assert ch.recv(timeout=20) == SIGUSR1

def child():
    mine = Chan(10)
    for number in (SIGTERM, SIGUSR2):
        notify(mine, number)
        kill(number)
        assert mine.recv(timeout=20) == number
    assert taken(ch) == []
    # And a child of its own.
    assert status_of(lambda: raise_signal(SIGTERM)) == -SIGTERM
    stop(mine)
    raise_signal(SIGTERM)

for _ in range(3):
    assert status_of(child) == -SIGTERM
kill(SIGTERM)
assert ch.recv(timeout=20) == SIGTERM
"""
    )


def test_the_defaults_end_a_program() -> None:
    """G7: what they do to a program that has asked for them, got them, and asked no more."""
    ok(
        """
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # which SIGQUIT would leave
def child():
    ch = Chan(1)
    notify(ch, number)
    kill(number)
    assert ch.recv(timeout=20) == number
    stop(ch)
    raise_signal(number)

for number in (SIGHUP, SIGTERM, SIGUSR1, signal.SIGQUIT, signal.SIGALRM):
    assert status_of(child) == -number
"""
    )


def test_fork_under_fire() -> None:
    """Whatever the watcher and the handlers of the parent are in the middle of."""
    ok(
        """
sys.setswitchinterval(1e-4)
ch, over = Chan(1), threading.Event()
notify(ch, SIGUSR1, SIGUSR2)
def fire():
    while not over.is_set():
        kill(SIGUSR1)
        kill(SIGUSR2)
        over.wait(1e-4)
def come_and_go():
    while not over.is_set():
        mine = Chan(1)
        notify(mine, SIGUSR1)
        mine.recv(timeout=20)
        stop(mine)
working = [go(fire), go(come_and_go)]

def child():
    mine = Chan(10)
    notify(mine, SIGTERM)
    kill(SIGTERM)
    assert mine.recv(timeout=20) == SIGTERM
    stop(mine)

for _ in range(40):
    assert status_of(child) == 0
over.set()
working[0].result(20)
while working[1].state != "done":
    kill(SIGUSR1)  # it may wait for one more
    working[1].join(1)
working[1].result()
"""
    )


def test_multiprocessing_terminate() -> None:
    ok(
        """
import multiprocessing
context = multiprocessing.get_context("fork")
ch = Chan(10)
notify(ch, SIGTERM)
ready = context.Event()
def body():
    ready.set()
    time.sleep(60)
process = context.Process(target=body)
process.start()
assert ready.wait(20)
process.terminate()
process.join(20)
assert process.exitcode == -SIGTERM
"""
    )


def test_a_daemon_that_closes_all_files() -> None:
    """Nothing of the delivery lives in a file descriptor of the process."""
    if sys.platform != "linux":
        pytest.skip("elsewhere it is a pipe")
    ok(
        """
ch = Chan(10)
notify(ch, SIGUSR1)
os.closerange(3, 256)
kept = [os.open(os.devnull, os.O_RDWR) for _ in range(10)]
for _ in range(3):
    raise_signal(SIGUSR1)
    assert ch.recv(timeout=20) == SIGUSR1
"""
    )


def test_subprocesses() -> None:
    """A program that is started has no handlers; SIGCHLD may be notified beside subprocess."""
    ok(
        """
import subprocess
ch = Chan(10)
notify(ch)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
child.terminate()
assert child.wait(20) == -SIGTERM
assert ch.recv(timeout=20) == signal.SIGCHLD
"""
    )


# ------------------------------------------------------------------ exit
@pytest.mark.parametrize("end", ["pass", "sys.exit(0)", "raise_signal(SIGTERM)", "stop(ch)"])
def test_a_registration_does_not_keep_the_program(end: str) -> None:
    for _ in range(5):
        finished = procs.run(
            SETUP_NOTIFY
            + f"""
ch = Chan(10)
notify(ch, SIGTERM)
raise_signal(SIGTERM)
{end}
"""
        )
        assert (finished.returncode, finished.stderr) == (0, ""), finished.describe()


def test_exit_under_fire() -> None:
    """The exit code is the program's, and nothing is said."""
    for _ in range(10):
        finished = procs.run(
            SETUP_NOTIFY
            + """
ch = Chan(1)
notify(ch, SIGUSR1)
signal.signal(SIGUSR1, SIG_IGN)  # what the signal meets after us
notify(ch, SIGUSR1)
def fire():
    while True:
        kill(SIGUSR1)
threading.Thread(target=fire, daemon=True).start()
go(lambda: [_ for _ in ch])
time.sleep(0.02)
sys.exit(7)
"""
        )
        assert (finished.returncode, finished.stderr) == (7, ""), finished.describe()


def test_exit_functions_still_get_signals_and_the_end_does_not() -> None:
    """As with Python's own handlers, it is over when the exit functions have run."""
    finished = procs.run(
        SETUP_NOTIFY
        + """
import atexit
ch = Chan(10)
notify(ch, SIGTERM)
def late():
    raise_signal(SIGTERM)
    assert ch.recv(timeout=20) == SIGTERM
    print("got it", flush=True)
atexit.register(late)

class Last:
    def __del__(self, raise_signal=raise_signal, number=SIGTERM, write=os.write):
        write(1, b"last\\n")
        raise_signal(number)
sys.last = Last()  # lives until the interpreter is taken down
"""
    )
    assert finished.stdout == "got it\nlast\n", finished.describe()
    assert finished.returncode == -system.SIGTERM, finished.describe()


def test_too_late_to_register() -> None:
    """In an exit function that runs after ours, because it was registered before."""
    finished = procs.run(
        """
import atexit
@atexit.register
def last():
    try:
        notify(ch, SIGTERM)
    except RuntimeError as error:
        print(error)
    stop(ch)
"""
        + SETUP_NOTIFY
        + """
ch = Chan(10)
notify(ch, SIGTERM)
"""
    )
    assert finished.ok() == (
        "gochan.signal: the interpreter is exiting, and no signals are delivered any more\n"
    ), finished.describe()

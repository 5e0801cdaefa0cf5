"""`gochan.signal.notify_context`: a context that a signal ends (G8, G9, G11)."""

from __future__ import annotations

import os
import pickle
import signal as system

import pytest

import procs
from gochan import Canceled, background, signal, with_cancel
from signalling import SETUP_NOTIFY

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals to a process")

SETUP_CONTEXT = (
    SETUP_NOTIFY
    + """
from gochan import Canceled, CancelContext, aselect, background, context_after_func, run, select
from gochan import with_cancel, with_timeout, with_value
from gochan.signal import SignalError, notify_context

def ended_by(ctx, number):
    ctx.wait(20)
    assert type(ctx.err) is Canceled, ctx.err
    assert type(ctx.cause) is SignalError and ctx.cause.signal is number, ctx.cause
    return True
"""
)


def run(source: str, limit: float = procs.LIMIT) -> procs.Finished:
    return procs.run(SETUP_CONTEXT + source, limit=limit)


# ------------------------------------------------------------------ what ends it
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_first_signal_ends_it(number: str) -> None:
    """Err says Canceled, the cause which signal it was, and counts as Canceled too (G8)."""
    run(
        f"""
with notify_context(background(), SIGHUP, SIGINT, SIGTERM) as ctx:
    assert type(ctx) is CancelContext
    assert ctx.err is None and ctx.cause is None
    below = with_value(with_cancel(ctx), "key", 1)
    kill({number})
    assert ended_by(ctx, {number})
    assert isinstance(ctx.cause, Canceled)
    names = {{SIGINT: "interrupt", SIGTERM: "terminated", SIGHUP: "hangup"}}
    assert str(ctx.cause) == names[{number}] + " signal received"
    assert ended_by(below, {number})
    try:
        ctx.check()
    except Canceled as error:
        assert error.__cause__ is ctx.cause
    raise_signal(SIGTERM)  # swallowed: it is over, but not cancelled
    raise_signal(SIGHUP)
    deliver()
    assert ended_by(ctx, {number})
"""
    ).ok()


def test_from_outside_while_main_waits() -> None:
    with procs.Child(
        SETUP_CONTEXT
        + """
with notify_context(background(), SIGINT) as ctx:
    say_when_blocked()
    try:
        Chan().recv(ctx=ctx)
    except Canceled as error:
        print(error.__cause__)
"""
    ) as child:
        child.expect("blocked")
        child.signal(system.SIGINT)
        child.expect("interrupt signal received")
        child.wait().ok()


@pytest.mark.parametrize("end", ["cancel()", "ctx.cancel()", "ctx.__exit__(None, None, None)"])
def test_after_cancel_the_signal_is_free(end: str) -> None:
    """G8: whether a signal had come before or not, the next one finds its default."""
    for before in ("", "kill(SIGTERM); ctx.wait(20); raise_signal(SIGTERM)"):
        finished = run(
            f"""
ctx, cancel = notify_context(background(), SIGTERM)
{before}
{end}
{end}
assert type(ctx.err) is Canceled
assert (ctx.cause is ctx.err) is (not {before!r})
print("here", flush=True)
raise_signal(SIGTERM)
"""
        )
        assert (finished.returncode, finished.stdout) == (-system.SIGTERM, "here\n"), (
            finished.describe()
        )


def test_leaving_with_restores_ctrl_c() -> None:
    """At once, also if an exception leaves; a cause of one's own is kept."""
    run(
        """
for leave in (False, True):
    try:
        with notify_context(background(), SIGINT) as ctx:
            raise_signal(SIGINT)
            if leave:
                ctx.cancel(ValueError("mine"))
                raise LookupError
            ended_by(ctx, SIGINT)
    except LookupError:
        pass
    assert signal.getsignal(SIGINT) is signal.default_int_handler
    try:
        raise_signal(SIGINT)
    except KeyboardInterrupt:
        continue
    raise SystemExit("no KeyboardInterrupt")

ctx, cancel = notify_context(background(), SIGINT)
cancel(ValueError("mine"))
assert str(ctx.cause) == "mine"
"""
    ).ok()


def test_its_parent_ends_it_and_the_registration_stays() -> None:
    """Until its own cancel: until then signals are swallowed."""
    finished = run(
        """
parent = with_cancel(background())
ctx = notify_context(parent, SIGTERM)
parent.cancel(ValueError("no longer wanted"))
assert type(ctx.err) is Canceled and str(ctx.cause) == "no longer wanted"
raise_signal(SIGTERM)
deliver()
assert str(ctx.cause) == "no longer wanted"

# G9: one that is done from the start.
late = notify_context(parent, SIGUSR1)
assert late.err is not None
raise_signal(SIGUSR1)
raise_signal(SIGUSR1)
late.cancel()
print("here", flush=True)
raise_signal(SIGTERM)
raise_signal(SIGUSR1)
"""
    )
    assert (finished.returncode, finished.stdout) == (-system.SIGUSR1, "here\n"), (
        finished.describe()
    )


def test_a_parent_that_is_not_ours() -> None:
    run(
        """
class Foreign:
    def __init__(self):
        self.ch, self.err = Chan(), None
    @property
    def done(self):
        return self.ch.receiver
    def value(self, key, default=None):
        return default
    def end(self):
        self.err = KeyError("theirs")
        self.ch.close()

foreign = Foreign()
ctx, other = notify_context(foreign, SIGTERM), notify_context(foreign, SIGUSR1)
raise_signal(SIGTERM)
assert ended_by(ctx, SIGTERM) and other.err is None
foreign.end()
other.wait(20)
assert str(other.cause) == "'theirs'"
ctx.cancel(), other.cancel()
"""
    ).ok()


# ------------------------------------------------------------------ hosts
PLACES = {
    "goroutine": """
async def main():
    with notify_context(background(), SIGUSR1) as ctx:
        kill(SIGUSR1)
        await ctx
        return ended_by(ctx, SIGUSR1)
assert go(main).result(20)
""",
    "run": """
async def main():
    with notify_context(background(), SIGINT) as ctx:
        kill(SIGINT)
        try:
            await Chan().arecv(ctx=ctx)
        except Canceled:
            return ended_by(ctx, SIGINT)
assert run(main)
""",
    "asyncio": """
import asyncio
async def main():
    with notify_context(background(), SIGINT) as ctx:
        kill(SIGINT)
        assert (await aselect(Chan(), ctx.done))[0] == 1
        return ended_by(ctx, SIGINT)
assert asyncio.run(main())
""",
    "asyncio, made before": """
import asyncio
async def main(ctx):
    kill(SIGINT)
    await ctx
    return ended_by(ctx, SIGINT)
with notify_context(background(), SIGINT) as ctx:
    assert asyncio.run(main(ctx))
""",
    "select in a thread": """
with notify_context(background(), SIGUSR1) as ctx:
    g = go(select, Chan(), ctx.done)
    wait_parked(ctx.done, receivers=1)
    kill(SIGUSR1)
    assert g.result(20) == (1, None, False)
""",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
def test_waited_for_everywhere(place: str) -> None:
    run(place).ok()


def test_functions_that_run_at_its_end() -> None:
    """One may cancel the context itself: then a second Ctrl-C ends the program at once."""
    finished = run(
        """
came = Chan(1)
ctx, cancel = notify_context(background(), SIGTERM)
context_after_func(ctx, lambda: (cancel(), came.send(str(ctx.cause))))
raise_signal(SIGTERM)
print(came.recv(timeout=20), flush=True)
raise_signal(SIGTERM)
"""
    )
    assert (finished.returncode, finished.stdout) == (
        -system.SIGTERM,
        "terminated signal received\n",
    ), finished.describe()


# ------------------------------------------------------------------ several at once
def test_cancelled_from_everywhere_at_once() -> None:
    """Go's TestNotifyContextSimultaneousStop, with signals in between."""
    run(
        """
sys.setswitchinterval(1e-4)
steady = Chan()
notify(steady, SIGUSR1)  # so that none ends us
for _ in range(50):
    ctx = notify_context(background(), SIGUSR1)
    wg = WaitGroup()
    for _ in range(10):
        wg.go(ctx.cancel)
    wg.go(kill, SIGUSR1)
    wg.wait(timeout=20)
    assert type(ctx.err) is Canceled
"""
    ).ok()


def test_stop_waits_for_a_delivery_that_has_begun() -> None:
    """G4. It can last: the end of a context may call what a foreign parent gave to unregister."""
    run(
        """
entered, go_on = threading.Event(), threading.Event()
class Foreign:
    done, err = Chan().receiver, None
    def value(self, key, default=None):
        return default
    def after_func(self, fn):
        return lambda: (entered.set(), go_on.wait(20))
ctx = notify_context(Foreign(), SIGUSR1)  # first in line
ch, other = Chan(10), Chan(10)
for one in (ch, other):
    notify(one, SIGUSR1)
raise_signal(SIGUSR1)
assert entered.wait(20)
stopping = [threading.Thread(target=stop, args=(one,)) for one in (ch, other)]
for thread in stopping:
    thread.start()
    wait_blocked(thread)
assert taken(ch) == taken(other) == []
go_on.set()
for thread in stopping:
    thread.join(20)
assert taken(ch) == taken(other) == [SIGUSR1]
ctx.cancel()
"""
    ).ok()


def test_many_contexts_and_channels_for_one_signal() -> None:
    run(
        """
contexts = [notify_context(background(), SIGUSR1) for _ in range(20)]
other = notify_context(background(), SIGUSR2)
ch = Chan(10)
notify(ch, SIGUSR1)
raise_signal(SIGUSR1)
for ctx in contexts:
    assert ended_by(ctx, SIGUSR1)
assert ch.recv(timeout=20) == SIGUSR1 and other.err is None
for ctx in contexts:
    ctx.cancel()
raise_signal(SIGUSR1)
assert ch.recv(timeout=20) == SIGUSR1
reset(SIGUSR2)  # takes it from contexts too
other.cancel()
"""
    ).ok()


def test_nobody_holds_it() -> None:
    """The registration is kept: what hangs on the context still runs."""
    run(
        """
import gc
came = Chan(1)
context_after_func(notify_context(background(), SIGTERM), lambda: came.send("ran"))
gc.collect()
raise_signal(SIGTERM)
assert came.recv(timeout=20) == "ran"
raise_signal(SIGTERM)
"""
    ).ok()


def test_a_forked_child_has_it_no_more() -> None:
    run(
        """
with notify_context(background(), SIGTERM) as ctx:
    pid = os.fork()
    if pid == 0:
        raise_signal(SIGTERM)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -SIGTERM
    assert ctx.err is None
    raise_signal(SIGTERM)
    assert ended_by(ctx, SIGTERM)
"""
    ).ok()


# ------------------------------------------------------------------ names, arguments
def test_how_it_is_called() -> None:
    """G11, and Go's words for the signals."""
    run(
        """
def named(*signals):
    with notify_context(with_cancel(background()), *signals) as ctx:
        return str(ctx)
start = "signal.NotifyContext(context.Background.WithCancel"
assert named(SIGHUP, SIGINT, SIGTERM) == start + ", [hangup interrupt terminated])"
assert named(SIGUSR1) == start + ", [user defined signal 1])"
assert named() == start + ")"
if sys.platform == "linux":
    known = ", [I/O possible CPU time limit exceeded])"
    assert named(signal.SIGIO, signal.SIGXCPU) == start + known
with notify_context(background(), SIGUSR1) as outer, notify_context(outer, SIGUSR2) as inner:
    assert repr(with_cancel(inner)) == (
        "signal.NotifyContext(signal.NotifyContext(context.Background, [user defined signal 1]), "
        "[user defined signal 2]).WithCancel"
    )
"""
    ).ok()


def test_the_cause_by_itself() -> None:
    error = signal.SignalError(system.SIGINT)
    assert str(error) == "interrupt signal received"
    assert repr(error) == "SignalError(<Signals.SIGINT: 2>)"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.signal) == (signal.SignalError, system.SIGINT)
    assert isinstance(error, Canceled)


@pytest.mark.parametrize("parent", [None, 1, signal])
def test_what_is_no_parent(parent: object) -> None:
    with pytest.raises(TypeError, match=r"signal\.notify_context\(\)"):
        signal.notify_context(parent, system.SIGINT)  # type: ignore[arg-type]
    # Nothing has happened.
    assert system.getsignal(system.SIGINT) is system.default_int_handler


def test_what_is_no_signal() -> None:
    parent = with_cancel(background())
    with pytest.raises(ValueError, match="there is no signal 0"):
        signal.notify_context(parent, system.SIGINT, 0)
    with pytest.raises(TypeError, match="needs signals"):
        signal.notify_context(parent, "SIGINT")  # type: ignore[arg-type]
    assert system.getsignal(system.SIGINT) is system.default_int_handler

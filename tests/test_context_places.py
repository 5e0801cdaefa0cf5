"""Cancelling where it is least expected: a signal handler, a finalizer, at exit, after a fork."""

from __future__ import annotations

import sys

import pytest

import procs

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX")


@POSIX
def test_in_a_signal_handler() -> None:
    """It interrupts anything, also another cancel, a thousand times."""
    child = procs.run(
        """
        import signal
        from gochan import *
        top, count = with_cancel(background()), 0
        def handler(*_):
            global top, count
            old, top, count = top, with_cancel(background()), count + 1
            old.cancel()
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        while count < 500:
            ctx = with_timeout(top, 1000)
            below = with_cancel(with_value(ctx, "a", 1))
            stop = context_after_func(below, int)
            below.done, ctx.err, below.deadline
            below.cancel()
            stop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        print("done")
        """
    )
    assert child.ok() == "done\n"


@POSIX
def test_a_signal_handler_ends_the_wait_of_the_main_thread() -> None:
    child = procs.run(
        """
        import os, signal
        from gochan import *
        ctx = with_cancel(background())
        signal.signal(signal.SIGUSR1, lambda *_: ctx.cancel(ValueError("signal")))
        go(os.kill, os.getpid(), signal.SIGUSR1)
        ctx.wait()
        print(repr(ctx.cause))
        """
    )
    assert child.ok() == "ValueError('signal')\n"


def test_in_a_finalizer() -> None:
    """Of what the cancel itself drops, too."""
    child = procs.run(
        """
        import gc
        from gochan import *
        ended = []
        class Last:
            def __init__(self, ctx): self.ctx = ctx
            def __call__(self): pass
            def __del__(self): self.ctx.cancel(); ended.append(repr(self.ctx.err))
        for _ in range(100):
            top = with_cancel(background())
            other = with_cancel(top)
            context_after_func(with_timeout(top, 1000), Last(other))
            context_after_func(other, Last(top))()
            top.cancel()
            del top, other
            gc.collect()
        go(int).join()
        print(len(ended) >= 100, set(ended))
        """
    )
    assert child.ok() == "True {\"Canceled('context canceled')\"}\n"


def test_at_exit() -> None:
    """What is cancelled then ends, and starts nothing; deadlines that are left do no harm."""
    child = procs.run(
        """
        from gochan import *
        top = with_cancel(background())
        keep = [with_timeout(top, n / 1000) for n in range(1, 200)]
        context_after_func(top, lambda: print("must not run"))
        class Last:
            def __init__(self, top, keep): self.top, self.keep = top, keep
            def __del__(self):
                self.top.cancel()
                print(repr(self.top.err), all(ctx.err for ctx in self.keep))
        go(int).join()
        last = Last(top, keep)  # goes with the module, after all exit functions
        """
    )
    assert child.ok() == "Canceled('context canceled') True\n"


@POSIX
def test_after_a_fork() -> None:
    """A deadline comes in the child too; what the parent's goroutines wait for does no harm."""
    child = procs.run(
        """
        import os, time
        from gochan import *
        top = with_timeout(background(), 0.3, cause=ValueError("top"))
        ctx, other = with_cancel(with_value(top, "a", 1)), with_cancel(background())
        async def wait(ctx):
            await ctx
        waits = [go(wait, ctx), go(wait, other)]
        stop = context_after_func(other, lambda: None)
        time.sleep(0.05)
        pid = os.fork()
        ctx.wait(20)
        assert repr(ctx.cause) == "ValueError('top')", ctx.cause
        fresh = with_timeout(other, 0.01)
        fresh.wait(20)
        other.cancel()
        assert with_cancel(other).err is not None and stop() is False
        if pid == 0:
            os._exit(7)
        for g in waits:
            g.join(20)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """
    )
    assert child.ok() == "7\n"


def test_in_a_run_that_ends() -> None:
    """What a `run()` abandons does not come back when its context ends."""
    child = procs.run(
        """
        from gochan import *
        ctx = with_cancel(background())
        async def wait():
            await ctx
            print("must not go on")
        async def main():
            go(wait)
            await agosched()
        run(main)
        ctx.cancel()
        go(int).join()
        print("done")
        """
    )
    assert child.ok() == "done\n"

"""The bottom of every thread of gochan that runs Python.

It is Python on purpose: an interpreter that exits while a goroutine runs ends such a thread in a
way that a Rust frame below the user's function would turn into an abort of the process.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from contextvars import Context
    from typing import Any, Protocol

    class _Job(Protocol):
        """One call, made in Rust by `go()`."""

        def finish(self, value: Any, /) -> None: ...
        def fail(self, error: BaseException, /) -> None: ...


def enter_runner() -> object:
    """Before this thread resumes goroutines. Returns what `leave_runner` needs."""
    from gochan._gochan import _close_asyncgen  # pyright: ignore[reportPrivateUsage]

    _trace_as_threading_would()
    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=None, finalizer=_close_asyncgen)
    return before


def leave_runner(before: Any) -> None:
    sys.set_asyncgen_hooks(*before)
    _untrace()


def refresh_hooks() -> None:
    """A runner may be one for hours: debuggers come and go, goroutines set hooks of their own."""
    _untrace()
    _trace_as_threading_would()


def _untrace() -> None:
    if sys.gettrace() is not None:
        sys.settrace(None)
    if sys.getprofile() is not None:
        sys.setprofile(None)


def close_now(generator: AsyncGenerator[Any, Any]) -> None:
    """Closes an async generator when the program ends: its `finally` blocks can not wait."""
    closing = generator.aclose()
    try:
        closing.send(None)
    except StopIteration:
        return
    # It waits for something that is not gochan's, and nobody is left who would wake it. Not by
    # `close`, which up to 3.12 does nothing to one that has begun. (Contextlib is no small import.)
    try:  # noqa: SIM105
        closing.throw(GeneratorExit)
    except (GeneratorExit, StopIteration, StopAsyncIteration):
        pass


def serve(
    jobs: Iterator[tuple[_Job, Context, Callable[..., Any], tuple[Any, ...], dict[str, Any]]],
) -> None:
    """Runs one job after the other, until none has come for a while."""
    gettrace, getprofile = sys.gettrace, sys.getprofile
    hooks = None
    for job, context, function, args, kwargs in jobs:
        # What there is to do for each job is written out: it may be most of what the job costs.
        if hooks is None:
            hooks = _hooks_of_threading()
        if hooks is not None and (hooks[0]() is not None or hooks[1]() is not None):
            _trace_as_threading_would()
        try:
            if kwargs:
                value = context.run(function, *args, **kwargs)
            elif args:
                value = context.run(function, *args)
            else:
                value = context.run(function)
        except BaseException as error:
            job.fail(error)
        else:
            job.finish(value)
            del value
        # A hook that the function set ends with it; the next one has asked for no tracing.
        if gettrace() is not None or getprofile() is not None:
            _untrace()
        del job, context, function, args, kwargs  # not to be kept alive by an idle thread
    _forget_dummy_thread()


def deliver_signals() -> None:
    """The thread that sends signals on channels, for `gochan.signal`. It never ends by itself."""
    from gochan._gochan import _signal_watch  # pyright: ignore[reportPrivateUsage]

    while True:
        _signal_watch()


def _hooks_of_threading() -> tuple[Callable[[], Any], Callable[[], Any]] | None:
    threading = sys.modules.get("threading")
    # Another thread may be in the middle of importing it; then nobody has set a hook yet.
    if threading is None or not hasattr(threading, "getprofile"):
        return None
    return threading.gettrace, threading.getprofile


def _trace_as_threading_would() -> None:
    """Debuggers and coverage set their hook with `threading.settrace`: so it is set here too."""
    hooks = _hooks_of_threading()
    if hooks is None:
        return
    trace, profile = hooks[0](), hooks[1]()
    if trace is not None:
        sys.settrace(trace)
    if profile is not None:
        sys.setprofile(profile)


def _forget_dummy_thread() -> None:
    """Takes back what `threading.current_thread()` left of this thread for ever, up to 3.12."""
    threading = sys.modules.get("threading")
    if sys.version_info >= (3, 13) or threading is None or not hasattr(threading, "_DummyThread"):
        return
    with threading._active_limbo_lock:
        threading._active.pop(threading.get_ident(), None)

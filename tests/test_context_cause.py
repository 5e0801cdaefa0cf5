"""Go's TestCause: how a context ended, and why, for every order of ends (X6 to X9, X12, X16)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gochan import (
    CancelContext,
    Canceled,
    Chan,
    Context,
    DeadlineExceeded,
    background,
    todo,
    with_cancel,
    with_deadline,
    with_timeout,
    with_value,
    without_cancel,
)

FOREVER = 1e6
PARENT_CAUSE = ValueError("parent cause")
CHILD_CAUSE = ValueError("child cause")
TOO_SLOW = ValueError("too slow")
FINISHED_EARLY = ValueError("finished early")

ROWS: dict[str, tuple[Callable[[], Context], type | None, object]] = {}
Row = Callable[[], Context]


def row(name: str, err: type | None, cause: object) -> Callable[[Row], Row]:
    def add(make: Row) -> Row:
        assert name not in ROWS
        ROWS[name] = (make, err, cause)
        return make

    return add


def two() -> tuple[CancelContext, CancelContext]:
    parent = with_cancel(background())
    return parent, with_cancel(parent)


class Custom(Context):
    """A context of the user's own: what it is cancelled with stays with it."""

    def __init__(self, parent: Context) -> None:
        self.parent = parent
        self.end = Chan[None]()
        self.error: Canceled | None = None

    @property
    def done(self) -> Any:
        return self.end.receiver

    @property
    def err(self) -> Canceled | None:
        return self.error

    def value(self, key: object, default: Any = None, /) -> Any:
        return self.parent.value(key, default)

    def cancel(self) -> None:
        self.error = Canceled("context canceled")
        self.end.close()


row("Background", None, None)(background)
row("TODO", None, None)(todo)


@row("WithCancel", Canceled, Canceled)
def _() -> Context:
    ctx = with_cancel(background())
    ctx.cancel()
    return ctx


@row("WithCancelCause", Canceled, PARENT_CAUSE)
def _() -> Context:
    ctx = with_cancel(background())
    ctx.cancel(PARENT_CAUSE)
    return ctx


@row("WithCancelCause nil", Canceled, Canceled)
def _() -> Context:
    ctx = with_cancel(background())
    ctx.cancel(None)
    return ctx


@row("WithCancelCause: parent cause before child", Canceled, PARENT_CAUSE)
def _() -> Context:
    parent, ctx = two()
    parent.cancel(PARENT_CAUSE)
    ctx.cancel(CHILD_CAUSE)
    return ctx


@row("WithCancelCause: parent cause after child", Canceled, CHILD_CAUSE)
def _() -> Context:
    parent, ctx = two()
    ctx.cancel(CHILD_CAUSE)
    parent.cancel(PARENT_CAUSE)
    return ctx


@row("WithCancelCause: parent cause before nil", Canceled, PARENT_CAUSE)
def _() -> Context:
    parent, ctx = two()
    parent.cancel(PARENT_CAUSE)
    ctx.cancel()
    return ctx


@row("WithCancelCause: parent cause after nil", Canceled, Canceled)
def _() -> Context:
    parent, ctx = two()
    ctx.cancel()
    parent.cancel(PARENT_CAUSE)
    return ctx


@row("WithCancelCause: child cause after nil", Canceled, Canceled)
def _() -> Context:
    parent, ctx = two()
    parent.cancel()
    ctx.cancel(CHILD_CAUSE)
    return ctx


@row("WithCancelCause: child cause before nil", Canceled, CHILD_CAUSE)
def _() -> Context:
    parent, ctx = two()
    ctx.cancel(CHILD_CAUSE)
    parent.cancel()
    return ctx


@row("WithTimeout", DeadlineExceeded, DeadlineExceeded)
def _() -> Context:
    ctx = with_timeout(background(), 0)
    ctx.cancel()
    return ctx


@row("WithTimeout canceled", Canceled, Canceled)
def _() -> Context:
    ctx = with_timeout(background(), FOREVER)
    ctx.cancel()
    return ctx


@row("WithTimeoutCause", DeadlineExceeded, TOO_SLOW)
def _() -> Context:
    ctx = with_timeout(background(), 0, cause=TOO_SLOW)
    ctx.cancel()
    return ctx


@row("WithTimeoutCause canceled", Canceled, Canceled)
def _() -> Context:
    """X9: the cause is for the deadline alone."""
    ctx = with_timeout(background(), FOREVER, cause=TOO_SLOW)
    ctx.cancel()
    return ctx


@row("WithTimeoutCause stacked", DeadlineExceeded, TOO_SLOW)
def _() -> Context:
    parent = with_cancel(background())
    ctx = with_timeout(parent, 0, cause=TOO_SLOW)
    parent.cancel(FINISHED_EARLY)
    return ctx


@row("WithTimeoutCause stacked canceled", Canceled, FINISHED_EARLY)
def _() -> Context:
    parent = with_cancel(background())
    ctx = with_timeout(parent, FOREVER, cause=TOO_SLOW)
    parent.cancel(FINISHED_EARLY)
    return ctx


@row("WithoutCancel", None, None)
def _() -> Context:
    return without_cancel(background())


@row("WithoutCancel canceled", None, None)
def _() -> Context:
    parent = with_cancel(background())
    ctx = without_cancel(parent)
    parent.cancel(FINISHED_EARLY)
    return ctx


@row("WithoutCancel timeout", None, None)
def _() -> Context:
    parent = with_timeout(background(), 0, cause=TOO_SLOW)
    return without_cancel(parent)


@row("custom context", Canceled, Canceled)
def _() -> Context:
    ctx = Custom(with_cancel(background()))
    ctx.cancel()
    return ctx


@row("custom context below one that is canceled before", Canceled, Canceled)
def _() -> Context:
    """X16: it says itself why it ended."""
    parent = with_cancel(background())
    ctx = Custom(parent)
    parent.cancel(PARENT_CAUSE)
    ctx.cancel()
    return ctx


@row("child of a custom context that is canceled", Canceled, Canceled)
def _() -> Context:
    custom = Custom(background())
    ctx = with_cancel(custom)
    custom.cancel()
    ctx.wait(10)
    return ctx


@row("child of a custom context, canceled before it", Canceled, CHILD_CAUSE)
def _() -> Context:
    custom = Custom(background())
    ctx = with_cancel(custom)
    ctx.cancel(CHILD_CAUSE)
    custom.cancel()
    return ctx


# Beyond Go's table: what the checklist has seen Go do.
@row("X7: a deadline behind the parent's drops its cause", DeadlineExceeded, DeadlineExceeded)
def _() -> Context:
    parent = with_timeout(background(), 0)
    return with_timeout(parent, FOREVER, cause=TOO_SLOW)


@row("X8: parent canceled before a deadline that is past", Canceled, PARENT_CAUSE)
def _() -> Context:
    parent = with_cancel(background())
    parent.cancel(PARENT_CAUSE)
    return with_timeout(parent, -1, cause=TOO_SLOW)


@row("X8: a past deadline, then cancel with a cause", DeadlineExceeded, TOO_SLOW)
def _() -> Context:
    ctx = with_deadline(background(), 0, cause=TOO_SLOW)
    ctx.cancel(CHILD_CAUSE)
    return ctx


@row("a value between parent and child", Canceled, PARENT_CAUSE)
def _() -> Context:
    parent = with_cancel(background())
    ctx = with_value(with_cancel(with_value(parent, "a", 1)), "b", 2)
    parent.cancel(PARENT_CAUSE)
    return ctx


@pytest.mark.parametrize("name", ROWS)
def test_cause(name: str) -> None:
    make, err, cause = ROWS[name]
    ctx = make()
    assert type(ctx.err) is (err or type(None))
    if cause is None:
        assert ctx.cause is None
    elif isinstance(cause, type):
        assert ctx.cause is ctx.err and type(ctx.err) is cause
    else:
        assert ctx.cause is cause

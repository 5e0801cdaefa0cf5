"""Contexts that are not gochan's: classes derived from Context, and objects that behave like one.

X15 and X16 of the checklist, after Go's tests of custom contexts: how a child learns of the end of
such a parent, and that nothing is started for it where that is not needed.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from collecting import unraisable
from gochan import (
    Canceled,
    Chan,
    Context,
    DeadlineExceeded,
    Goroutine,
    RecvChan,
    background,
    context_after_func,
    with_cancel,
    with_timeout,
    with_value,
    without_cancel,
)
from hosts import Host
from parking import wait_until
from watch import PATIENCE


class Plain:
    """Derives from nothing."""

    def __init__(self) -> None:
        self.end = Chan[None]()
        self.err: BaseException | None = None

    @property
    def done(self) -> RecvChan[None] | None:
        return self.end.receiver

    def value(self, key: object) -> Any:
        return "plain" if key == "who" else None

    def finish(self, err: BaseException) -> None:
        self.err = err
        self.end.close()


class Derived(Context):
    """Derives from Context."""

    def __init__(self) -> None:
        self.end = Chan[None]()
        self.error: Any = None

    @property
    def done(self) -> RecvChan[None] | None:
        return self.end.receiver

    @property
    def err(self) -> Any:
        return self.error

    def value(self, key: object, default: Any = None, /) -> Any:
        return "plain" if key == "who" else default

    def finish(self, err: BaseException) -> None:
        self.error = err
        self.end.close()


class Calling(Plain):
    """Has a method `after_func`."""

    def __init__(self) -> None:
        super().__init__()
        self.registered: list[Callable[[], object]] = []

    def after_func(self, fn: Callable[[], object]) -> Callable[[], bool]:
        self.registered.append(fn)

        def stop() -> bool:
            if fn not in self.registered:
                return False
            self.registered.remove(fn)
            return True

        return stop

    def finish(self, err: BaseException) -> None:
        super().finish(err)
        while self.registered:
            self.registered.pop()()


class Wrapper:
    """Only passes on what a context of gochan says."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    @property
    def done(self) -> RecvChan[None] | None:
        return self.ctx.done

    @property
    def err(self) -> BaseException | None:
        return self.ctx.err

    def value(self, key: object) -> Any:
        return self.ctx.value(key)


KINDS = [Plain, Derived, Calling]


def watchers() -> int:
    """How many goroutines watch foreign contexts."""
    ours = [g for g in gc.get_objects() if type(g) is Goroutine and g.name.startswith("watch-")]
    return sum(g.state != "done" for g in ours)


def settled(n: int = 0) -> None:
    wait_until(lambda: watchers() == n, f"{n} watchers")


@pytest.fixture(autouse=True)
def _nobody_else_watches() -> None:
    settled()


async def done(host: Host, ctx: Context) -> None:
    if host.blocking:
        ctx.wait(PATIENCE)
    else:
        await ctx


@pytest.mark.parametrize("kind", KINDS)
async def test_a_child_ends_with_a_foreign_parent(host: Host, kind: type[Any]) -> None:
    parent = kind()
    ctx = with_cancel(with_value(parent, "a", 1))
    below = with_cancel(ctx)
    assert ctx.err is None
    parent.finish(Canceled("context canceled"))
    await done(host, below)
    assert type(ctx.err) is type(below.err) is Canceled
    assert ctx.cause is ctx.err


@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_error_is_the_cause(kind: type[Any]) -> None:
    """`err` of ours is one of two classes; what the parent said is not lost."""
    for error, expected in [
        (ValueError("mine"), Canceled),
        (TimeoutError("mine"), DeadlineExceeded),
    ]:
        parent = kind()
        ctx = with_cancel(parent)
        parent.finish(error)
        ctx.wait(PATIENCE)
        assert type(ctx.err) is expected
        assert ctx.cause is error
        assert type(with_cancel(parent).err) is expected, "one that comes later"


def test_a_foreign_cause_is_kept() -> None:
    parent = Plain()
    why = ValueError("why")
    parent.cause = why  # type: ignore[attr-defined]
    ctx = with_cancel(parent)
    parent.finish(Canceled("context canceled"))
    ctx.wait(PATIENCE)
    assert ctx.cause is why


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_a_foreign_context(kind: type[Any]) -> None:
    """Also one whose `value` knows no default."""
    ctx = with_cancel(with_value(kind(), "a", 1))
    assert (ctx.value("a"), ctx.value("who"), ctx.value("b")) == (1, "plain", None)
    assert ctx.value("b", "default") == "default"
    assert without_cancel(ctx).value("who") == "plain"


def test_an_error_inside_of_a_foreign_value_is_not_taken_for_a_missing_default() -> None:
    class Broken(Plain):
        def value(self, key: object, default: object = None) -> Any:
            raise TypeError("inside")

    with pytest.raises(TypeError, match="inside"):
        with_cancel(Broken()).value("a", "default")


# ------------------------------------------------------------------ goroutines
def test_a_goroutine_watches_only_where_it_must() -> None:
    """Go's TestCustomContextGoroutines."""
    ours = with_cancel(background())
    keep: list[Context] = [with_cancel(ours), with_cancel(with_value(ours, "a", 1))]
    keep += [with_cancel(Wrapper(ours)), with_cancel(Wrapper(background()))]
    keep += [with_cancel(Calling()), with_value(Plain(), "a", 1), without_cancel(Plain())]
    over = Plain()
    over.finish(Canceled())
    keep.append(with_cancel(over))
    assert keep[-1].err is not None, "at once"
    assert watchers() == 0
    watched = Plain(), Derived()
    children = [with_cancel(parent) for parent in watched]
    assert watchers() == 2
    keep += [with_cancel(child) for child in children]
    assert watchers() == 2
    children[0].cancel()
    settled(1)
    watched[1].finish(Canceled())
    settled()


def test_the_watcher_ends_with_a_child_that_is_dropped() -> None:
    parent = Plain()
    ctx: Context | None = with_cancel(parent)
    assert watchers() == 1
    assert ctx is not None
    ctx = None
    settled()


def test_the_watcher_ends_at_the_deadline_of_its_child() -> None:
    ctx = with_timeout(Plain(), 0.01)
    ctx.wait(PATIENCE)
    assert isinstance(ctx.err, DeadlineExceeded)
    settled()


def test_a_wrapper_is_seen_through() -> None:
    """Attached to the tree itself: done when `cancel` returns, with the cause."""
    ours = with_cancel(background())
    ctx = with_cancel(Wrapper(ours))
    why = ValueError()
    ours.cancel(why)
    assert ctx.cause is why


# ------------------------------------------------------------------ after_func of the parent
@pytest.mark.parametrize("end", ["cancel", "timeout", "drop"])
def test_after_func_of_the_parent_is_unregistered(end: str) -> None:
    """Go's TestCustomContextAfterFuncUnregister..."""
    parent = Calling()
    ctx: Any = with_timeout(parent, 0.01 if end == "timeout" else 1000)
    assert len(parent.registered) == 1
    if end == "cancel":
        ctx.cancel()
    elif end == "timeout":
        ctx.wait(PATIENCE)
    ctx = None
    wait_until(lambda: not parent.registered, "unregistered")


def test_a_function_on_a_foreign_context() -> None:
    for kind in (Plain, Derived, Calling):
        parent, ran = kind(), Chan[str](3)
        stop = context_after_func(parent, lambda ran=ran: ran.send("a"))  # type: ignore[misc]
        other = context_after_func(parent, lambda ran=ran: ran.send("b"))  # type: ignore[misc]
        assert (stop(), stop()) == (True, False)
        parent.finish(Canceled())
        assert ran.recv(timeout=PATIENCE) == "b"
        assert other() is False
        settled()
        assert len(ran) == 0
        assert getattr(parent, "registered", []) == []


def test_all_stopped_nothing_watches() -> None:
    parents = [Plain(), Calling()]
    stops = [context_after_func(parent, print) for parent in parents]
    assert all(stop() for stop in stops)
    settled()
    assert parents[1].registered == []  # type: ignore[attr-defined]


# ------------------------------------------------------------------ derived classes
async def test_what_is_inherited_works_on_what_is_defined(host: Host) -> None:
    ctx = Derived()
    ctx.check()
    assert ctx.deadline is None and ctx.cause is None
    error = ValueError("mine")
    ctx.finish(error)
    await done(host, ctx)
    assert ctx.cause is error
    with pytest.raises(ValueError, match="mine") as caught:
        ctx.check()
    assert caught.value is error


def test_a_class_that_defines_nothing_is_never_done() -> None:
    class Nothing(Context): ...

    ctx = Nothing()
    assert ctx.done is None and ctx.err is None and ctx.value("a", 3) == 3
    assert with_cancel(ctx).value("a", 3) == 3
    assert repr(with_cancel(ctx)) == "Nothing.WithCancel"
    assert "Nothing at 0x" in repr(ctx)
    with pytest.raises(TimeoutError):
        ctx.wait(0.001)


async def as_async(call: Callable[..., Any], **kwargs: Any) -> Any:
    return call(**kwargs)


async def test_an_operation_under_a_foreign_context(host: Host) -> None:
    kinds: list[type[Any]] = [Plain, Derived, Calling]
    for kind in kinds:
        ctx = kind()
        ctx.finish(ValueError("mine"))
        ch = Chan[int](1)
        ch.send(1)
        with pytest.raises(ValueError, match="mine"):
            await (as_async(ch.recv, ctx=ctx) if host.blocking else ch.arecv(ctx=ctx))
        assert len(ch) == 1


# ------------------------------------------------------------------ what misbehaves
def test_a_done_that_is_no_channel() -> None:
    class Wrong(Plain):
        @property
        def done(self) -> Any:
            return 3

    for call in (with_cancel, lambda ctx: context_after_func(ctx, print)):
        with pytest.raises(TypeError, match=r"the `done` of Wrong must be a RecvChan or None"):
            call(Wrong())


def test_an_after_func_that_returns_no_stop() -> None:
    class Wrong(Plain):
        def after_func(self, fn: object) -> None: ...

    with pytest.raises(TypeError, match=r"Wrong\.after_func\(\) must return a function"):
        with_cancel(Wrong())


def test_a_parent_that_raises() -> None:
    class Broken(Plain):
        @property
        def done(self) -> Any:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        with_cancel(Broken())


def test_an_err_that_raises_ends_the_child_all_the_same() -> None:
    class Broken(Calling):
        @property
        def err(self) -> Any:
            if self.end.closed:
                raise ZeroDivisionError

        @err.setter
        def err(self, err: object) -> None: ...

    with unraisable() as heard:
        parent = Broken()
        ctx = with_cancel(parent)
        parent.finish(Canceled())
        assert type(ctx.err) is Canceled
    assert [type(error) for error in heard] == [ZeroDivisionError]

"""Contexts by themselves: roots, values, names, what `with`, `check` and iteration do, bad input.

X1, X2, X5, X12, X13, X17 of the checklist.
"""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

import gochan
from gochan import (
    CancelContext,
    Canceled,
    Chan,
    Context,
    DeadlineExceeded,
    background,
    context_after_func,
    todo,
    with_cancel,
    with_deadline,
    with_timeout,
    with_value,
    without_cancel,
)

MAKERS: dict[str, Callable[[Any], Context]] = {
    "with_cancel": with_cancel,
    "with_timeout": lambda parent: with_timeout(parent, 60),
    "with_deadline": lambda parent: with_deadline(parent, 1e9),
    "with_value": lambda parent: with_value(parent, "key", "value"),
    "without_cancel": without_cancel,
}


# ------------------------------------------------------------------ the roots
@pytest.mark.parametrize("root", [background, todo])
def test_a_root_is_never_done(root: Callable[[], Context]) -> None:
    """X1."""
    ctx = root()
    assert ctx is root()
    assert ctx.done is None and ctx.err is None and ctx.cause is None and ctx.deadline is None
    assert ctx.value("anything") is None
    ctx.check()
    with pytest.raises(TimeoutError, match=r"Context\.wait\(\) timed out after 0\.001 s"):
        ctx.wait(0.001)


def test_the_roots_are_two() -> None:
    assert background() is not todo()
    assert background() != todo()


# ------------------------------------------------------------------ names
def test_names() -> None:
    """X17: as Go shows them; of keys and values that are no texts the type alone."""

    class Key: ...

    assert repr(background()) == str(background()) == "context.Background"
    assert repr(todo()) == "context.TODO"
    ctx = with_cancel(background())
    assert repr(ctx) == "context.Background.WithCancel"
    named = with_value(with_value(ctx, Key(), "text"), "key", None)
    assert repr(named) == f"{ctx!r}.WithValue(Key, text).WithValue(key, None)"
    assert repr(without_cancel(named)) == f"{named!r}.WithoutCancel"


def test_the_name_of_a_deadline_says_how_long_it_is_off() -> None:
    ctx = with_deadline(todo(), 1e9)
    head, _, left = repr(ctx).partition(" [")
    assert head == "context.TODO.WithDeadline(1000000000.000"
    assert left.endswith(" s])") and float(left[:-4]) > 1e6


def test_a_secret_value_is_not_shown() -> None:
    class Password:
        def __repr__(self) -> str:
            raise AssertionError("shown")

    assert repr(with_value(background(), "p", Password())).endswith(".WithValue(p, Password)")


# ------------------------------------------------------------------ values
def test_the_innermost_value_is_found() -> None:
    """X13."""
    outer = with_value(background(), "a", 1)
    inner = with_value(with_cancel(with_value(outer, "b", 2)), "a", 3)
    assert (outer.value("a"), inner.value("a"), inner.value("b")) == (1, 3, 2)
    assert outer.value("b") is None
    assert outer.value("b", "default") == "default"


def test_none_shadows_and_is_found() -> None:
    """X13: bound to None is not the same as not bound."""
    ctx = with_value(with_value(background(), "a", 1), "a", None)
    assert ctx.value("a", "default") is None


def test_keys_match_by_type_and_equality() -> None:
    """PY11: what compares equal but is of another type is another key."""
    keys: list[object] = [1, 1.0, True, Decimal(1), Fraction(1)]
    ctx = background()
    for key in keys:
        ctx = with_value(ctx, key, type(key))
    assert [ctx.value(key) for key in keys] == [type(key) for key in keys]

    class Text(str): ...

    assert with_value(background(), "a", 1).value(Text("a")) is None
    assert with_value(background(), Text("a"), 1).value("a") is None
    assert with_value(background(), ("a", 1), 1).value(("a", 1)) == 1


def test_a_key_may_run_anything_when_it_is_compared() -> None:
    """No lock is held over it."""

    class Curious:
        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            ctx.cancel()
            return ctx.err is not None and with_cancel(ctx).err is not None

    ctx = with_cancel(background())
    assert with_value(with_cancel(ctx), Curious(), "found").value(Curious()) == "found"


def test_an_error_in_a_comparison_comes_out() -> None:
    class Broken:
        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        with_value(background(), Broken(), 1).value(Broken())


@pytest.mark.parametrize("call", ["with_value", "value"])
@pytest.mark.parametrize(
    ("key", "says"), [(None, "must not be None"), ([], "must be hashable, which this list is not")]
)
def test_what_is_no_key(call: str, key: object, says: str) -> None:
    """X2."""
    ask: Callable[[object], object] = (
        background().value if call == "value" else lambda key: with_value(background(), key, 1)
    )
    with pytest.raises(TypeError, match=says):
        ask(key)


# ------------------------------------------------------------------ without_cancel
def test_without_cancel_keeps_values_and_nothing_else() -> None:
    """X12, for what derives from it too."""
    parent = with_value(with_timeout(background(), 60), "a", 1)
    ctx = without_cancel(parent)
    below = with_cancel(ctx)
    assert ctx.value("a") == below.value("a") == 1
    top = with_cancel(background())
    ctx, below = without_cancel(top), with_cancel(without_cancel(top))
    top.cancel(ValueError())
    for each in (ctx, below):
        assert each.err is None and each.cause is None and each.deadline is None
    assert ctx.done is None
    assert below.done is not None and not below.done.closed


# ------------------------------------------------------------------ done and err
def test_done_is_one_channel() -> None:
    """X5."""
    ctx = with_cancel(background())
    before = ctx.done
    assert before is not None and not before.closed
    assert before == ctx.done and hash(before) == hash(ctx.done)
    assert with_value(ctx, "a", 1).done == before
    assert with_cancel(ctx).done != before
    ctx.cancel()
    assert before == ctx.done and before.closed
    assert before.recv_ok() == (None, False)
    assert not hasattr(before, "close") and not hasattr(before, "send")


def test_err_is_one_object() -> None:
    """X4, and X10: Go's Timeout() is that it is a TimeoutError."""
    ctx = with_cancel(background())
    ctx.cancel()
    assert isinstance(ctx.err, Canceled) and str(ctx.err) == "context canceled"
    assert ctx.err is ctx.err is with_value(ctx, "a", 1).err
    assert ctx.cause is ctx.err
    late = with_timeout(background(), 0)
    assert isinstance(late.err, DeadlineExceeded) and isinstance(late.err, TimeoutError)
    assert str(late.err) == "context deadline exceeded"


def test_check_raises_a_new_exception_each_time() -> None:
    """Else tracebacks would pile up on the one that `err` shows."""
    ctx = with_cancel(background())
    ctx.check()
    cause = ValueError("why")
    ctx.cancel(cause)
    raised = []
    for _ in range(3):
        with pytest.raises(Canceled, match=r"^context canceled$") as caught:
            ctx.check()
        raised.append(caught.value)
        assert caught.value.__cause__ is cause
    assert len({id(error) for error in raised}) == 3
    assert ctx.err is not None and ctx.err.__traceback__ is None


def test_check_without_a_cause_has_none() -> None:
    late = with_timeout(background(), 0)
    with pytest.raises(DeadlineExceeded) as caught:
        late.check()
    assert caught.value.__cause__ is None


# ------------------------------------------------------------------ with, iteration
def test_leaving_with_cancels() -> None:
    with with_cancel(background()) as ctx:
        assert isinstance(ctx, CancelContext) and ctx.err is None
    assert isinstance(ctx.err, Canceled) and ctx.cause is ctx.err


def test_leaving_with_an_error_cancels_and_lets_it_pass() -> None:
    ctx = with_cancel(background())
    with pytest.raises(ZeroDivisionError), ctx:
        _ = 1 / 0
    assert isinstance(ctx.err, Canceled)


def test_it_unpacks_as_in_go() -> None:
    ctx, cancel = with_cancel(background())
    assert ctx.err is None
    cancel(ValueError("enough"))
    assert isinstance(ctx.cause, ValueError)


# ------------------------------------------------------------------ bad input
@pytest.mark.parametrize("name", [*MAKERS, "context_after_func"])
def test_what_is_no_parent(name: str) -> None:
    """X2."""
    make = MAKERS.get(name, lambda parent: context_after_func(parent, print))
    with pytest.raises(TypeError, match=rf"^{name}\(\): cannot create a context from None"):
        make(None)
    for wrong in (3, "ctx", Chan[int]()):
        kind = type(wrong).__name__
        with pytest.raises(TypeError, match=rf"^{name}\(\): the context must be .*, not {kind}$"):
            make(wrong)


@pytest.mark.parametrize("cause", [ValueError, "why", 3])
def test_what_is_no_cause(cause: Any) -> None:
    ctx = with_cancel(background())
    with pytest.raises(TypeError, match=r"cancel\(\): the cause must be an exception"):
        ctx.cancel(cause)
    assert ctx.err is None
    with pytest.raises(TypeError, match=r"with_timeout\(\): the cause must be an exception"):
        with_timeout(ctx, 1, cause=cause)
    with pytest.raises(TypeError, match=r"with_deadline\(\): the cause must be an exception"):
        with_deadline(ctx, 1, cause=cause)


def test_what_is_no_time() -> None:
    for wrong in ("1", None, object()):
        with pytest.raises(TypeError, match=r"with_timeout\(\): timeout must be seconds"):
            with_timeout(background(), wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"with_deadline\(\): deadline must be seconds"):
            with_deadline(background(), wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NaN"):
        with_timeout(background(), math.nan)
    with pytest.raises(ValueError, match="NaN"):
        with_deadline(background(), math.nan)


def test_contexts_are_not_constructed() -> None:
    with pytest.raises(TypeError, match=r"begin with background\(\)"):
        Context()
    with pytest.raises(TypeError, match=r"with_cancel\(\), with_timeout\(\)"):
        CancelContext()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        type("Mine", (CancelContext,), {})


@pytest.mark.parametrize("make", [*MAKERS.values(), lambda parent: parent])
def test_no_copy_no_pickle_never_false(make: Callable[[Context], Context]) -> None:
    ctx = make(background())
    for copier in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot copy or pickle"):
            copier(ctx)
    assert ctx
    assert ctx == ctx and ctx != make(with_cancel(background()))
    assert len({ctx, ctx}) == 1


def test_the_errors_live_in_the_package() -> None:
    assert Canceled.__module__ == DeadlineExceeded.__module__ == "gochan"
    assert gochan.errors.Canceled is Canceled
    assert not issubclass(Canceled, TimeoutError)

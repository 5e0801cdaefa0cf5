"""The tree: a cancellation reaches all below it before `cancel` returns, whatever comes meanwhile.

X3, X4, X6, X11, X18 of the checklist, after Go's x_test.go.
"""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from gochan import (
    CancelContext,
    Canceled,
    Chan,
    Context,
    DeadlineExceeded,
    background,
    go,
    with_cancel,
    with_timeout,
    with_value,
)
from watch import PATIENCE

FOREVER = 1e6


def line(parent: Context, length: int) -> list[CancelContext]:
    made = [with_cancel(parent)]
    for _ in range(length - 1):
        made.append(with_cancel(made[-1]))
    return made


def assert_done(ctx: Context, err: type[BaseException] = Canceled) -> None:
    assert type(ctx.err) is err
    assert ctx.done is not None and ctx.done.closed


def assert_alive(ctx: Context) -> None:
    assert ctx.err is None
    assert ctx.done is not None and not ctx.done.closed


def test_the_parent_ends_its_children() -> None:
    """X3, also through contexts with values, and where nobody had asked for `done` before."""
    top = with_cancel(background())
    child, value = with_cancel(top), with_value(top, "a", 1)
    below, timed = with_cancel(value), with_timeout(value, FOREVER)
    other = with_cancel(background())
    assert_alive(below)
    top.cancel()
    for ctx in (top, child, value, below, timed):
        assert_done(ctx)
    assert_alive(other)


def test_a_child_ends_itself_only() -> None:
    top, child, below = line(background(), 3)
    sibling = with_cancel(top)
    child.cancel()
    assert_done(child)
    assert_done(below)
    assert_alive(top)
    assert_alive(sibling)


def test_a_child_of_a_done_parent_is_done_from_the_start() -> None:
    top = with_cancel(background())
    cause = ValueError("before")
    top.cancel(cause)
    child = with_timeout(with_value(top, "a", 1), FOREVER)
    assert_done(child)
    assert child.cause is cause


def test_cancel_from_one_that_watches_done() -> None:
    """Go's TestInterlockedCancels: whoever is woken by the parent's end cancels the child."""
    parent = with_cancel(background())
    child = with_cancel(parent)

    def interlock() -> None:
        parent.wait()
        child.cancel()

    g = go(interlock)
    parent.cancel()
    child.wait(PATIENCE)
    g.join(PATIENCE)
    assert_done(child)


def test_cancels_that_come_together() -> None:
    """Go's TestSimultaneousCancels: a tree of 100, cancelled in any order by many threads."""
    top = with_cancel(background())
    tree, queue = {top: top.cancel}, [top]
    while len(tree) < 100:
        parent = queue.pop(0)
        for _ in range(2):
            child = with_cancel(parent)
            tree[child] = child.cancel
            queue.append(child)
    cancels = list(tree.values())
    random.shuffle(cancels)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda cancel: cancel(), cancels))
    for ctx in tree:
        ctx.wait(PATIENCE)
        assert_done(ctx)


def test_everybody_who_cancelled_finds_all_below_done() -> None:
    """X3, for who comes second too."""
    for _ in range(30):
        made = line(background(), 40)
        gate = threading.Barrier(4)

        def cancel(
            at: int, made: list[CancelContext] = made, gate: threading.Barrier = gate
        ) -> int:
            gate.wait(PATIENCE)
            made[at].cancel()
            return sum(ctx.err is None for ctx in made[at:])

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(cancel, [0, 0, 10, 39])) == [0] * 4


def test_one_cause_wins_for_all() -> None:
    """X6: the same for err and cause, and for all below."""
    for _ in range(50):
        made = line(background(), 3)
        causes = [ValueError(n) for n in range(4)]
        gate = threading.Barrier(4)

        def cancel(
            cause: ValueError, top: CancelContext = made[0], gate: threading.Barrier = gate
        ) -> None:
            gate.wait(PATIENCE)
            top.cancel(cause)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(cancel, causes))
        assert made[0].cause in causes
        assert {ctx.cause for ctx in made} == {made[0].cause}


def test_err_means_that_done_is_closed() -> None:
    """X4, Go's TestContextErrDoneRace: whoever sees the error finds the channel closed."""
    for _ in range(200):
        ctx = with_cancel(background())
        go(ctx.cancel)
        while ctx.err is None:
            pass
        assert ctx.done is not None and ctx.done.closed


def test_done_means_that_there_is_an_err() -> None:
    """X4, the other way round, and X18: what was written before the cancel is seen."""
    for _ in range(200):
        ctx = with_cancel(background())
        before: list[int] = []

        def cancel(ctx: CancelContext = ctx, before: list[int] = before) -> None:
            before.append(1)
            ctx.cancel()

        go(cancel)
        done = ctx.done
        assert done is not None
        assert done.recv_ok(timeout=PATIENCE) == (None, False)
        assert before and isinstance(ctx.err, Canceled)


def test_children_that_come_while_the_parent_is_cancelled() -> None:
    """Go's TestWithCancelSimultaneouslyCanceledParent: none is left behind alive."""
    for _ in range(50):
        parent, cause = with_cancel(background()), ValueError()
        children = Chan[CancelContext](1000)
        gate = threading.Barrier(3)

        def bear(
            parent: CancelContext = parent,
            children: Chan[CancelContext] = children,
            gate: threading.Barrier = gate,
        ) -> None:
            gate.wait(PATIENCE)
            for _ in range(20):
                children.send(with_cancel(with_value(parent, "a", 1)))

        threads = [threading.Thread(target=bear) for _ in range(2)]
        for thread in threads:
            thread.start()
        gate.wait(PATIENCE)
        parent.cancel(cause)
        for thread in threads:
            thread.join(PATIENCE)
        children.close()
        for child in children:
            assert_done(child)
            assert child.cause is cause


def test_many_layers_keep_values_and_end_together() -> None:
    """Go's TestLayersCancel and TestLayersTimeout."""
    draw = random.Random(7)
    for ends_by_timeout in (False, True):
        ctx: Context = background()
        values: dict[str, int] = {}
        cancels: list[CancelContext] = []
        layers: list[Context] = []
        for n in range(200):
            match draw.randrange(3):
                case 0:
                    ctx = with_value(ctx, f"key {n}", n)
                    values[f"key {n}"] = n
                case 1:
                    ctx = with_cancel(ctx)
                    cancels.append(ctx)
                case _:
                    ctx = with_timeout(ctx, FOREVER)
                    cancels.append(ctx)
            layers.append(ctx)
        if ends_by_timeout:
            ctx = with_timeout(ctx, 0.001)
            ctx.wait(PATIENCE)
            assert_done(ctx, DeadlineExceeded)
        else:
            draw.choice(cancels[:5]).cancel()
            assert_done(layers[-1])
        assert all(ctx.value(key) == value for key, value in values.items())
        # Done from some layer on, and alive above it.
        alive = [layer.err is None for layer in layers]
        assert alive == sorted(alive, reverse=True)
        for upper, lower in pairwise(cancels):
            assert (upper.err is None) or (lower.err is not None)


def test_a_line_longer_than_any_stack() -> None:
    made = line(background(), 20_000)
    made[0].cancel()
    assert_done(made[-1])
    last = made[-1]
    del made
    assert last.value("no such key") is None
    del last


def test_cancel_again_changes_nothing() -> None:
    ctx = with_cancel(background())
    first = ValueError("first")
    ctx.cancel(first)
    err = ctx.err
    for _ in range(3):
        ctx.cancel(ValueError("later"))
    assert ctx.err is err and ctx.cause is first

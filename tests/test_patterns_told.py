"""gochan.patterns: a group whose own context is cancelled ends its stages without an error and
without a report; whatever else has ended them is told to who waits for the group (PY4).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from gochan import (
    Canceled,
    Chan,
    DeadlineExceeded,
    Group,
    asleep,
    background,
    patterns,
    sleep,
    with_cancel,
    with_timeout,
)
from gochan.patterns import generate, pipe, take, where
from grouping import wait, within
from hosts import Host, recv_all
from parking import wait_parked
from procs import run
from reporting import Expected, Reports
from watch import PATIENCE


async def test_a_cancelled_group_ends_in_silence(host: Host, reports: Reports) -> None:
    group = Group()
    ch = generate(count(), group=group)
    ch = where(pipe(ch, abs, workers=2, group=group), bool, group=group)
    assert await recv_all(host, take(ch, 3)) == [1, 2, 3]
    group.ctx.cancel()
    await wait(host, group)
    assert group.errors == ()
    assert reports.settled() == []


def test_the_documented_way_to_stop_early_says_nothing() -> None:
    """The program of the module's docstring."""
    assert patterns.__doc__ is not None
    (block,) = re.findall(r"(?m)^    with Group\(\).*\n(?: {8}.*\n)+", patterns.__doc__)
    program = f"""\
import itertools
from gochan import Group
from gochan.patterns import *

log, follow, interesting = 2, itertools.count, lambda n: n % 2
{textwrap.dedent(block)}
print(first)
"""
    assert run(program).ok() == "[3, 5, 7, 9, 11, 13, 15, 17, 19, 21]\n"


def under(ctx: Any) -> Callable[[int], None]:
    """A function as it should be that is to end with its group."""
    return lambda n: sleep(PATIENCE, ctx=ctx)


def async_under(ctx: Any) -> Callable[[int], Any]:
    async def wait(n: int) -> None:
        await asleep(PATIENCE, ctx=ctx)

    return wait


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("make", [under, async_under])
def test_a_function_that_ends_with_the_group_has_no_error(
    make: Callable[[Any], Any], workers: int, reports: Reports
) -> None:
    """Nor have the calls that were under way beside it."""
    group, begun = Group(), Chan[int](9)
    fn = make(group.ctx)

    def begin(n: int) -> Any:
        begun.send_nowait(n)
        return fn(n)

    ch = pipe(generate(range(9), group=group), begin, workers=workers, group=group)
    for _ in range(workers):
        begun.recv(timeout=PATIENCE)
    group.ctx.cancel()
    assert list(ch) == []
    group.wait(timeout=PATIENCE)
    assert group.errors == ()
    assert reports.settled() == []


def test_an_iterator_that_ends_with_the_group_has_no_error(reports: Reports) -> None:
    group, gate = Group(), Chan[int]()

    def items() -> Iterator[int]:
        while True:
            yield gate.recv(ctx=group.ctx)

    ch = generate(items(), group=group)
    wait_parked(gate, receivers=1)
    group.ctx.cancel()
    assert list(ch) == []
    group.wait(timeout=PATIENCE)
    assert reports.settled() == []


def test_an_error_of_another_kind_stays_one() -> None:
    """Also where the group was cancelled before, and its stages ended first."""
    group, called = Group(), Chan[None]()

    def fail(n: int) -> None:
        called.close()
        with pytest.raises(Canceled):
            sleep(PATIENCE, ctx=group.ctx)
        raise Expected("while it cleaned up")

    ch = pipe(generate(count(), group=group), fail, group=group)
    called.recv_ok(timeout=PATIENCE)
    group.ctx.cancel()
    with pytest.raises(Expected, match="while it cleaned up"):
        group.wait(timeout=PATIENCE)
    assert [type(error) for error in group.errors] == [Expected]
    assert list(ch) == []


def test_the_first_error_of_a_stage_is_the_only_one() -> None:
    group = Group()

    def fail(n: int) -> None:
        raise Expected(f"at {n}")

    generated = generate(count(), group=group)
    ch = where(pipe(generated, fail, group=group), bool, group=group)
    assert list(ch) == []
    with pytest.raises(Expected, match="at 0"):
        group.wait(timeout=PATIENCE)
    assert [str(error) for error in group.errors] == ["at 0"]


@pytest.mark.parametrize(
    ("above", "raised"),
    [
        (lambda: with_cancel(background()), Canceled),
        (lambda: with_timeout(background(), 0.01), DeadlineExceeded),
    ],
)
def test_who_waits_hears_that_a_context_above_ended_it(
    above: Callable[[], Any], raised: type[Exception]
) -> None:
    """Else what came out in time could be taken for all there is."""
    ctx = above()
    group = Group(ctx)
    ch = pipe(generate(count(), group=group), abs, group=group)
    if raised is Canceled:
        assert ch.recv() == 0
        ctx.cancel()
    list(ch)
    group.ctx.cancel()  # too late
    with pytest.raises(raised):
        group.wait(timeout=PATIENCE)


async def test_who_begins_with_a_group_that_is_over_hears_of_it(host: Host) -> None:
    """As after its wait(): nothing would come out, and no error."""
    group = Group()
    await wait(host, group)
    assert await recv_all(host, generate([1], group=group)) == []
    with pytest.raises(Canceled):
        await wait(host, group)


async def test_a_group_with_a_limit_has_a_place_for_each_stage_or_none(host: Host) -> None:
    """A stage that waited for the place of the one before it would wait for ever (E5)."""
    group = Group(limit=2)
    values = pipe(generate(range(3), group=group), abs, workers=3, group=group)
    with pytest.raises(RuntimeError, match=r"^where\(bool\) needs a place in .* limit=2 "):
        where(values, bool, group=group)
    assert await recv_all(host, values) == [0, 1, 2]
    await wait(host, group)


async def test_the_error_of_a_full_group_comes_out_of_its_block(host: Host) -> None:
    group = Group(limit=1)
    with pytest.raises(RuntimeError, match="needs a place"):
        async with within(host, group):
            pipe(generate(count(), group=group), abs, group=group)

"""gochan.patterns: what is told of a stage, in reports and warnings, names the function that was
given to it and the line of the user's program that made it.
"""

from __future__ import annotations

import gc
import inspect
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

import pytest

from collecting import collect_until, listening
from gochan import Chan, Goroutine, Group, WaitGroup, num_goroutine, set_excepthook
from gochan.patterns import batch, broadcast, fan_out, generate, merge, pipe, take, where
from reporting import Expected
from staging import Crew
from watch import PATIENCE


def next_line() -> str:
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    back = frame.f_back
    return f"started at {__file__}:{back.f_lineno + 1} in {back.f_code.co_name}"


def failing(n: int) -> int:
    raise Expected("in failing")


async def async_failing(n: int) -> int:
    raise Expected("in async_failing")


def local() -> Callable[[int], int]:
    def inner(n: int) -> int:
        raise Expected("in inner")

    return inner


class Failing:
    def __call__(self, n: int) -> int:
        raise Expected("in Failing")

    async def method(self, n: int) -> int:
        raise Expected("in method")


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (failing, "failing"),
        (async_failing, "async_failing"),
        (partial(failing), "failing"),
        (Failing(), "Failing"),
        (Failing().method, "Failing.method"),
        (lambda n: failing(n), "<lambda>"),
        (local(), "inner"),
    ],
)
def test_a_stage_is_named_after_its_function(fn: Any, name: str, workers: int) -> None:
    crew = Crew()
    assert list(pipe(generate([1]), fn, workers=workers, group=crew)) == []
    (stage,) = crew.goroutines
    assert stage.name == f"pipe({name})-{stage.id}"
    assert isinstance(stage.exception(PATIENCE), Expected)


@pytest.mark.parametrize("stage", [pipe, where])
def test_the_goroutine_of_a_call_is_named_after_its_function(stage: Any) -> None:
    names: list[str] = []

    def told(n: int) -> int:
        known = [thing for thing in gc.get_objects() if isinstance(thing, Goroutine)]
        names.extend(g.name.rpartition("-")[0] for g in known)
        return n

    assert list(stage(generate([1]), told)) == [1]
    assert "told" in [name.rpartition(".")[2] for name in names]


def some() -> Iterator[int]:
    yield from count()


@pytest.mark.parametrize("make_group", [lambda: None, Group, WaitGroup])
def test_a_report_names_the_function_and_the_place(make_group: Callable[[], Any]) -> None:
    told: list[str] = []
    set_excepthook(lambda g, error: told.append(repr(g)))
    try:
        place = next_line()
        where(generate([1]), failing, group=make_group())
        wanted = r"<gochan.Goroutine where\(failing\)-\d+ done, .*" + re.escape(place)
        collect_until(lambda: any(re.match(wanted, text) for text in told), place)
    finally:
        set_excepthook(None)


def test_a_warning_names_what_was_made_where() -> None:
    with listening() as said:
        before = num_goroutine()
        places = [next_line()]
        ch = generate(some())
        places.append(next_line())
        ch = pipe(ch, abs)
        assert ch.recv() == 0
        del ch
        collect_until(lambda: num_goroutine() <= before, "the end of all stages")
        warnings = said()
    for name, place in zip(("generate(some)", "pipe(abs)"), places, strict=True):
        assert [place in said for said in warnings if f"goroutine {name}-" in said] == [True]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda ch: batch(ch, 2), "batch"),
        (lambda ch: take(ch, 2), "take"),
        (lambda ch: merge(ch), "merge"),
        (lambda ch: fan_out(ch, 2), "fan_out"),
        (lambda ch: broadcast(ch, 2), "broadcast"),
    ],
)
def test_the_other_stages_are_named_as_they_are_called(
    make: Callable[[Any], Any], name: str
) -> None:
    with listening() as said:
        before, ch = num_goroutine(), Chan[int]()
        out = make(ch)
        del ch, out
        collect_until(lambda: num_goroutine() <= before, "the end of the stage")
        (warning,) = said()
    assert f"goroutine {name}-" in warning and f"started at {__file__}:" in warning


def test_calls_under_way_have_the_name_of_the_function_and_the_place_of_the_stage() -> None:
    """They are started by the stage, a goroutine of gochan's own."""
    gate, begun = Chan[None](), Chan[None](2)
    told: list[str] = []

    async def call(n: int) -> None:
        if n:
            begun.send(None)
            await gate.arecv_ok()
        raise Expected(f"call {n}")

    set_excepthook(lambda g, error: told.append(f"{error}: {g}"))
    try:
        place = next_line()
        ch = pipe(generate([1, 0]), call, workers=2, ordered=False)
        begun.recv(timeout=PATIENCE)
        assert list(ch) == []
        gate.close()
        wanted = r"call 1: <gochan.Goroutine call-\d+ done, .*"
        collect_until(lambda: any(re.match(wanted, text) for text in told), "the report")
    finally:
        set_excepthook(None)
    assert any(text.endswith(f"{place}>") for text in told if text.startswith("call 1"))

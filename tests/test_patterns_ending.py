"""gochan.patterns: how stages end before their input does: by an error, by the context of their
group, and by the collector when nobody can receive from them any more (PY4, PY9).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from collecting import collect_until, listening
from gochan import Canceled, Chan, WaitGroup, background, go, goexit, num_goroutine, with_cancel
from gochan.patterns import batch, broadcast, fan_out, generate, merge, pipe, take, where
from hosts import Host, recv_all
from parking import wait_parked, wait_until
from reporting import Expected, Reports
from staging import Crew
from watch import PATIENCE

HERE = f"started at {__file__}:"


class Fails:
    """Works, up to a value."""

    def __init__(self, at: int) -> None:
        self.at = at

    def plain(self, n: int) -> int:
        if n == self.at:
            raise Expected(f"at {n}")
        return n

    async def waits(self, n: int) -> int:
        return self.plain(n)

    def items(self) -> Iterator[int]:
        n = 0
        while True:
            yield self.plain(n)
            n += 1

    async def aitems(self) -> AsyncIterator[int]:
        for item in self.items():
            yield item


STAGES: list[Callable[[Any, Fails, Crew | None], Any]] = [
    lambda ch, f, crew: pipe(ch, f.plain, group=crew),
    lambda ch, f, crew: pipe(ch, f.waits, group=crew),
    lambda ch, f, crew: pipe(ch, f.plain, workers=3, group=crew),
    lambda ch, f, crew: pipe(ch, f.waits, workers=3, group=crew),
    lambda ch, f, crew: pipe(ch, f.waits, workers=3, ordered=False, group=crew),
    lambda ch, f, crew: where(ch, lambda n: f.plain(n) >= 0, group=crew),
    lambda ch, f, crew: generate(f.items(), group=crew),
    lambda ch, f, crew: generate(f.aitems(), group=crew),
]


# ------------------------------------------------------------------ errors
@pytest.mark.parametrize("stage", STAGES)
async def test_an_error_ends_the_stage(host: Host, stage: Callable[..., Any]) -> None:
    """What came before it is sent, the output is closed, and the group has the error."""
    crew = Crew()
    source = Chan[int](8)
    for n in range(4):
        source.send_nowait(n)
    ch = stage(source, Fails(at=3), crew)
    got = await recv_all(host, ch)
    # Out of order, results may overtake each other, and the error those that were not yet taken.
    assert sorted(got) == [0, 1, 2] or set(got) < {0, 1, 2}
    assert ch.closed
    (error,) = await crew.ended(host)
    assert repr(error) == repr(Expected("at 3"))


def test_results_before_the_error_are_all_sent_in_order() -> None:
    """However long they take: theirs is the turn before that of the error."""
    gate = Chan[None]()

    async def call(n: int) -> int:
        if n == 2:
            raise Expected("at 2")
        await gate.arecv_ok()
        return n

    crew = Crew()
    ch = pipe(generate([0, 1, 2]), call, workers=3, group=crew)
    wait_parked(gate, receivers=2)
    gate.close()
    assert list(ch) == [0, 1]
    assert [str(error) for error in crew.errors()] == ["at 2"]


def test_without_a_group_the_error_is_reported(reports: Reports) -> None:
    assert list(pipe(generate([0]), Fails(at=0).waits)) == []
    reports.wait("at 0")
    assert reports.names[0].startswith("pipe(Fails.waits)-")


def test_other_calls_run_to_their_end(reports: Reports) -> None:
    """Their results have no effect, and their errors are reported."""
    gate, ended = Chan[None](), Chan[int](9)

    async def call(n: int) -> int:
        if n == 0:
            raise Expected("first")
        await gate.arecv_ok()
        ended.send_nowait(n)
        raise Expected(f"call {n}")

    crew = Crew()
    source = Chan[int](3)
    for n in (1, 2, 0):
        source.send_nowait(n)
    ch = pipe(source, call, workers=3, ordered=False, group=crew)
    assert list(ch) == []
    assert len(ended) == 0
    gate.close()
    wait_until(lambda: len(ended) == 2, "the other two")
    assert [str(error) for error in crew.errors()] == ["first"]
    reports.wait("call 1", "call 2")


def test_a_wait_group_is_a_group() -> None:
    group = WaitGroup()
    ch = pipe(generate(range(3), group=group), abs, group=group)
    assert group.count == 2
    assert list(ch) == [0, 1, 2]
    group.wait(timeout=PATIENCE)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("plain", [True, False])
def test_goexit_in_a_function_ends_the_stage(workers: int, plain: bool) -> None:
    """Its goroutine ends, and nothing is sent in place of a result."""

    async def leave(n: int) -> int:
        return goexit()

    crew = Crew()
    fn: Callable[[int], Any] = (lambda n: goexit()) if plain else leave
    assert list(pipe(generate([1]), fn, workers=workers, group=crew)) == []
    assert crew.errors() == [None]


# ------------------------------------------------------------------ a context above the group's
def blocked_items(gate: Chan[int]) -> Iterator[int]:
    yield from gate


@pytest.mark.parametrize(
    "stage",
    [
        lambda ch, crew: pipe(ch, abs, group=crew),
        lambda ch, crew: pipe(ch, abs, workers=3, group=crew),
        lambda ch, crew: pipe(ch, abs, workers=3, ordered=False, group=crew),
        lambda ch, crew: where(ch, lambda n: True, group=crew),
        lambda ch, crew: generate(ch, group=crew),
        lambda ch, crew: generate(blocked_items(ch), group=crew),
    ],
)
async def test_a_context_ends_stages_that_receive(host: Host, stage: Callable[..., Any]) -> None:
    source = Chan[int](1)
    with with_cancel(background()) as ctx:
        crew = Crew(with_cancel(ctx))
        ch = stage(source, crew)
        await host.send(source, 1)
        assert await host.recv(ch) == 1
    assert await recv_all(host, ch) == []
    assert [type(error) for error in await crew.ended(host)] == [Canceled]
    source.close()


def chan_of(n: int) -> Chan[int]:
    ch = Chan[int](n)
    for value in range(1, n):
        ch.send(value)
    return ch


@pytest.mark.parametrize(
    "values", [lambda: range(1, 99), lambda: iter(range(1, 99)), lambda: chan_of(99)]
)
async def test_a_context_ends_stages_that_send(host: Host, values: Callable[[], Any]) -> None:
    with with_cancel(background()) as ctx:
        crew = Crew(with_cancel(ctx))
        ch = generate(values(), group=crew)
        ch = where(pipe(ch, abs, workers=2, group=crew), bool, group=crew)
        await host.parked(ch, senders=1)
    assert [type(error) for error in await crew.ended(host)] == [Canceled] * 3
    assert ch.closed


def test_a_context_that_is_done_lets_nothing_begin() -> None:
    ctx = with_cancel(background())
    ctx.cancel()
    crew, called = Crew(ctx), Chan[int](9)
    source = Chan[int](1)
    source.send(1)
    assert list(pipe(source, called.send, group=crew)) == []
    assert len(source) == 1 and len(called) == 0
    assert [type(error) for error in crew.errors()] == [Canceled]


# ------------------------------------------------------------------ nobody receives any more
async def count() -> AsyncIterator[int]:
    n = 0
    while True:
        yield n
        n += 1


def count_in_thread() -> Iterator[int]:
    n = 0
    while True:
        yield n
        n += 1


async def same(n: int) -> int:
    return n


@pytest.mark.parametrize("source", [count, count_in_thread, lambda: range(10**9)])
@pytest.mark.parametrize(
    "build",
    [
        lambda ch: ch,
        lambda ch: pipe(ch, same),
        lambda ch: pipe(ch, abs),
        lambda ch: pipe(ch, same, workers=3),
        lambda ch: pipe(ch, abs, workers=3, ordered=False),
        lambda ch: where(ch, same),
        lambda ch: batch(ch, 3),
        lambda ch: merge(ch, generate(range(10**9))),
        lambda ch: fan_out(ch, 3)[1],
        lambda ch: pipe(where(batch(ch, 2), len), len, workers=2),
    ],
)
def test_a_pipeline_nobody_holds_is_collected(
    source: Callable[[], Any], build: Callable[[Any], Any]
) -> None:
    """All of its goroutines end, those on threads too, and each stage is named once (PY9)."""
    with listening() as said:
        before = num_goroutine()
        ch = build(generate(source()))
        for _ in range(3):
            ch.recv(timeout=PATIENCE)
        assert num_goroutine() > before
        del ch
        collect_until(lambda: num_goroutine() <= before, "the end of all stages")
        names = said()
    assert names
    stages = r"goroutine (generate|pipe|where|batch|merge|fan_out)\b"
    assert all(re.match(stages, name) and HERE in name for name in names)
    assert len(set(names)) == len(names)


def test_take_leaves_the_rest_to_the_collector() -> None:
    with listening() as said:
        before = num_goroutine()
        assert list(take(pipe(generate(range(10**9)), same), 3)) == [0, 1, 2]
        collect_until(lambda: num_goroutine() <= before, "the end of all stages")
        assert len(said()) == 2


def test_one_receiver_less_of_a_broadcast_is_no_end() -> None:
    """As long as another one may come by: it waits for all."""
    left, right = broadcast(generate(range(3)), 2)
    assert left.recv() == 0
    with listening() as said:
        collect_until(lambda: True, "a collection")
        assert said() == []
    assert list(merge(left, right)).count(2) == 2


def test_the_iterator_is_let_go() -> None:
    """A generator that was suspended in its thread runs its finally block."""
    closed = Chan[str](1)

    def items() -> Iterator[int]:
        try:
            yield from count_in_thread()
        finally:
            closed.send_nowait("closed")

    with listening():
        ch = generate(items())
        assert ch.recv() == 0
        del ch
        collect_until(lambda: len(closed) == 1, "the finally block of the generator")


def test_a_pipeline_somebody_holds_is_left_alone() -> None:
    ch = pipe(generate(iter(range(5))), same)
    assert ch.recv() == 0
    with listening() as said:
        collect_until(lambda: True, "a collection")
        assert said() == []
    g = go(list, ch)
    assert g.result(PATIENCE) == [1, 2, 3, 4]

"""gochan's awaitables in goroutines: built upon, awaited twice, by hand, or by somebody else."""

from __future__ import annotations

import asyncio
import re
import types
import warnings
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, TypeAlias

import pytest

from gochan import Chan, ChanClosed, Goroutine, WouldBlock, agosched, aio, go
from hosts import drain
from parking import wait_parked
from scheduler import Start, by_go, in_thread, on_each_start, turns, until, wait
from scheduler import parked as is_parked
from watch import PATIENCE, parked

Op: TypeAlias = Coroutine[Any, Any, Any]


def filled(*values: int) -> Chan[int]:
    ch: Chan[int] = Chan(4)
    for value in values:
        ch.send_nowait(value)
    return ch


# ---------------------------------------------------------------- awaitables built upon gochan's


class Delegates:
    """What a user's class that can be awaited looks like."""

    def __init__(self, ch: Chan[int]) -> None:
        self.ch = ch

    def __await__(self) -> Generator[Any, Any, int]:
        first = yield from self.ch.arecv().__await__()
        yield from agosched().__await__()
        second = yield from self.ch.arecv(timeout=PATIENCE).__await__()
        return first + second


class Returns:
    """One that hands out somebody else's iterator."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __await__(self) -> Generator[Any, Any, Any]:
        made: Generator[Any, Any, Any] = self.make().__await__()
        return made


class ByHand:
    """One that drives an operation step by step, and passes on all that comes and goes."""

    def __init__(self, op: Op) -> None:
        self.op = op
        self.steps = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        sent: Any = None
        while True:
            try:
                asked = self.op.send(sent)
            except StopIteration as end:
                return end.value
            self.steps += 1
            try:
                sent = yield asked
            except BaseException as error:
                asked = self.op.throw(error)


@types.coroutine
def generator_based(ch: Chan[int]) -> Generator[Any, Any, int]:
    value = yield from ch.arecv().__await__()
    return value


@on_each_start
def test_awaitables_that_delegate(start: Start) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()

        async def feed() -> None:
            for i in range(1, 6):
                await ch.asend(i)

        feeder = go(feed)
        assert await Delegates(ch) == 3
        assert await Returns(ch.arecv) == 3
        assert await generator_based(ch) == 4
        by_hand = ByHand(ch.arecv())
        assert await by_hand == 5
        await feeder
        late = ByHand(ch.arecv())

        async def feed_late() -> None:
            await is_parked(ch, receivers=1)
            await ch.asend(6)

        go(feed_late)
        assert await late == 6
        assert late.steps == 1, "it waited once, and was resumed once"

    start(main)


BUILT: list[Callable[[Chan[int]], Any]] = [
    Delegates,
    lambda ch: Returns(ch.arecv),
    lambda ch: ByHand(ch.arecv()),
    generator_based,
]


@pytest.mark.parametrize("make", BUILT, ids=["delegates", "returns", "by hand", "generator"])
@on_each_start
def test_an_error_of_an_operation_passes_through_them(
    start: Start, make: Callable[[Chan[int]], Any]
) -> None:
    async def close(ch: Chan[int]) -> None:
        await is_parked(ch, receivers=1)
        ch.close()

    async def main() -> None:
        ch: Chan[int] = Chan()
        closer = go(close, ch)
        with pytest.raises(ChanClosed):
            await make(ch)
        await closer

    start(main)


# ---------------------------------------------------------------- once only


OPS: list[tuple[str, Callable[[Chan[int]], Op]]] = [
    ("asend", lambda ch: ch.asend(1)),
    ("arecv", lambda ch: ch.arecv()),
    ("arecv_ok", lambda ch: ch.arecv_ok()),
    ("arecv_many", lambda ch: ch.arecv_many(3)),
    ("agosched", lambda ch: agosched()),
    ("ajoin", lambda ch: go(int).ajoin()),
    ("aio", lambda ch: aio(asyncio.sleep(0))),
]
on_each_op = pytest.mark.parametrize(("name", "make"), OPS, ids=[name for name, _ in OPS])


@on_each_op
@on_each_start
def test_awaited_twice(start: Start, name: str, make: Callable[[Chan[int]], Op]) -> None:
    async def main() -> None:
        ch = filled(9)
        op = make(ch)
        await op
        before = len(ch)
        for _ in range(2):
            with pytest.raises(RuntimeError):
                await op
        assert len(ch) == before

    start(main)


def forget(make: Callable[[], object]) -> None:
    make()


@on_each_op
def test_never_awaited_warns_and_does_nothing(name: str, make: Callable[[Chan[int]], Op]) -> None:
    ch = filled(9)

    async def main() -> list[str]:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            forget(lambda: make(ch))
        return [str(warning.message) for warning in seen]

    seen = by_go(main)
    # aio() may say besides that the coroutine it was given was never awaited either.
    said = re.compile(rf"\b{name}\(\) was never awaited")
    assert any(said.search(text) for text in seen), seen
    assert len(seen) == 1 or name == "aio", seen
    assert drain(ch) == [9]


def test_awaited_by_a_second_goroutine_while_parked() -> None:
    ch: Chan[int] = Chan()
    op = ch.arecv()

    async def main() -> None:
        first = go(wait, op)
        await is_parked(ch, receivers=1)
        with pytest.raises(RuntimeError):
            await op
        second = go(wait, op)
        await second.ajoin()
        assert isinstance(second.exception(), RuntimeError)
        assert parked(ch) == (1, 0)
        ch.send_nowait(4)
        assert await first == 4

    by_go(main)


def test_a_task_cannot_take_it_from_a_goroutine_nor_the_other_way_round() -> None:
    ch: Chan[int] = Chan()
    in_goroutine, in_task = ch.arecv(), ch.arecv()

    async def main() -> None:
        g = go(wait, in_goroutine)
        await asyncio.to_thread(wait_parked, ch, receivers=1)
        with pytest.raises(RuntimeError):
            await in_goroutine
        task = asyncio.create_task(wait(in_task))
        await asyncio.to_thread(wait_parked, ch, receivers=2)
        thief = go(wait, in_task)
        await thief.ajoin()
        assert isinstance(thief.exception(), RuntimeError)
        await ch.asend(1)
        await ch.asend(2)
        assert (await g, await task) == (1, 2)

    asyncio.run(main())


# ---------------------------------------------------------------- made here, awaited there


def test_made_in_one_place_and_awaited_in_another() -> None:
    """An awaitable belongs to nobody before its first step."""

    async def receives(op: Op) -> int:
        got: int = await op
        return got

    async def makes(ch: Chan[int]) -> Op:
        return ch.arecv()

    def check(op: Op, ch: Chan[int], runs: Callable[[Op], int]) -> None:
        g = go(runs, op)
        ch.send(5, timeout=PATIENCE)
        assert g.result(PATIENCE) == 5

    def in_goroutine(op: Op) -> int:
        return go(receives, op).result(PATIENCE)

    def in_loop(op: Op) -> int:
        return asyncio.run(receives(op))

    for runs in (in_goroutine, in_loop):
        for ch in (Chan[int](), Chan[int](1)):
            check(ch.arecv(), ch, runs)
            check(in_thread(ch.arecv), ch, runs)
            check(go(makes, ch).result(PATIENCE), ch, runs)
            check(asyncio.run(makes(ch)), ch, runs)


def test_passed_on_through_a_channel() -> None:
    ops: Chan[Op] = Chan()
    ch: Chan[int] = Chan()

    async def serve() -> list[int]:
        return [await op async for op in ops]

    async def main() -> list[int]:
        server = go(serve)
        for i in range(20):
            await ops.asend(ch.arecv())
            await ch.asend(i)
        ops.close()
        return await server

    assert by_go(main) == list(range(20))


# ---------------------------------------------------------------- closed and thrown into


def test_a_coroutine_that_is_closed_half_way_leaves_the_queue() -> None:
    """Stepped by hand inside a goroutine, then dropped: nothing is waited for any more."""

    async def main() -> None:
        makes: list[Callable[[Chan[int]], Op]] = [
            *(lambda ch: ch.arecv(), lambda ch: ch.asend(1), lambda ch: ch.arecv_many(2))
        ]
        for make in makes:
            ch: Chan[int] = Chan()
            outer = wait(make(ch))
            outer.send(None)
            assert sum(parked(ch)) == 1
            outer.close()
            assert parked(ch) == (0, 0)
            await turns(3)
            with pytest.raises(WouldBlock):
                ch.recv_nowait()
            with pytest.raises(WouldBlock):
                ch.send_nowait(1)
        # The goroutine itself can wait as before.
        go(ch.send, 5)
        assert await ch.arecv() == 5

    by_go(main)


def test_an_error_thrown_in_half_way_gives_back_what_was_handed_over() -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        outer = wait(ch.arecv())
        outer.send(None)
        ch.send_nowait(1)
        with pytest.raises(ZeroDivisionError):
            outer.throw(ZeroDivisionError("expected by this test"))
        assert await ch.arecv() == 1

    by_go(main)


# ---------------------------------------------------------------- two at once


def test_one_that_waits_beside_an_operation_stepped_by_hand() -> None:
    """What it waits for counts, whatever becomes of the other one meanwhile."""

    async def both(by_hand: Op, waited: Op) -> object:
        by_hand.send(None)
        return await waited

    async def main() -> None:
        first, second = Chan[int](), Chan[int]()
        by_hand = first.arecv()
        g = go(both, by_hand, second.arecv())
        await until(lambda: parked(second) == (1, 0), g)
        first.send_nowait(1)  # `g` stands in the queue,
        by_hand.close()  # and finds nothing
        await turns(3)
        assert first.recv_nowait() == 1
        assert g.state == "waiting" and "arecv()" in repr(g)
        second.send_nowait(2)
        assert await g == 2

    by_go(main)


class Race:
    """Steps two operations by hand in one goroutine. The first that ends wins."""

    def __init__(self, *ops: Op) -> None:
        self.ops = list(ops)
        self.refused = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        while True:
            asked: Any = None
            for op in list(self.ops):
                try:
                    asked = op.send(None)
                except StopIteration as end:
                    self.close()
                    return end.value
                except RuntimeError:
                    self.refused += 1
                    self.ops.remove(op)
            yield asked

    def close(self) -> None:
        for op in self.ops:
            op.close()


def test_two_operations_stepped_at_once_by_one_goroutine() -> None:
    """Nothing promises that this works. It must be refused, or work: no value is ever lost."""
    first: Chan[int] = Chan(1)
    second: Chan[int] = Chan(1)

    async def main() -> None:
        for ch in (first, second) * 10:
            race = Race(first.arecv(), second.arecv())
            g: Goroutine[object] = go(wait, race)
            await until(lambda g=g: g.state in {"waiting", "done"}, g)  # type: ignore[misc]
            ch.send_nowait(7)
            sent = 1
            with suppress(TimeoutError):
                await g.ajoin(0.005)
            if g.state != "done":  # refused the second one, it waits for the first alone
                (second if ch is first else first).send_nowait(7)
                sent = 2
            await g.ajoin()
            race.close()
            got = [] if g.exception() is not None else [g.result()]
            assert [*got, *drain(first), *drain(second)] == [7] * sent
            assert parked(first) == parked(second) == (0, 0)
            await turns(3)  # and nobody is woken for nothing later

    by_go(main)

"""gochan.patterns: what each stage sends, and that it closes what it returned, for receivers on
every host.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import chain
from typing import Any, cast

import pytest

from gochan import Chan, ChanClosed, RecvChan, background, go, sleep, with_cancel
from gochan.patterns import batch, broadcast, fan_out, generate, merge, pipe, take, where
from hosts import Host, recv_all, send_all
from staging import DOUBLING, Crew, slow_double
from watch import PATIENCE


# ------------------------------------------------------------------ generate
async def some_async() -> AsyncIterator[int]:
    for n in range(5):
        yield n


def some() -> Iterator[int]:
    yield from range(5)


class ByItems:
    """Iterable by its items alone."""

    def __getitem__(self, index: int) -> int:
        return range(5)[index]


ITERABLES: list[Callable[[], Any]] = [
    lambda: [0, 1, 2, 3, 4],
    lambda: range(5),
    lambda: dict.fromkeys(range(5)),
    some,
    some_async,
    lambda: map(int, "01234"),
    ByItems,
    lambda: generate(range(5)),
]


@pytest.mark.parametrize("capacity", [0, 3])
@pytest.mark.parametrize("values", ITERABLES)
async def test_generate(host: Host, values: Callable[[], Any], capacity: int) -> None:
    ch = generate(values(), capacity=capacity)
    assert ch.capacity == capacity
    assert await recv_all(host, ch) == [0, 1, 2, 3, 4]
    assert ch.closed


async def test_generate_takes_hardly_anything_ahead(host: Host) -> None:
    """One item waits in the thread and one in the stage, so the iterator may be endless."""
    taken: list[int] = []

    def endless() -> Iterator[int]:
        n = 0
        while True:
            taken.append(n)
            yield n
            n += 1

    with with_cancel(background()) as ctx:
        crew = Crew(ctx)
        ch = generate(endless(), group=crew)
        for n in range(10):
            assert await host.recv(ch) == n
        await host.parked(ch, senders=1)
        assert len(taken) <= 12
    assert await crew.ended(host) == [None]


async def test_generate_from_what_blocks(host: Host) -> None:
    """It has a thread, so others go on."""

    def slow() -> Iterator[int]:
        for n in range(3):
            sleep(0.001)
            yield n

    chans = [generate(slow()) for _ in range(5)]
    assert sorted(await recv_all(host, merge(*chans))) == sorted([0, 1, 2] * 5)


# ------------------------------------------------------------------ pipe
@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("kind", DOUBLING)
async def test_pipe(host: Host, kind: str, workers: int) -> None:
    ch = pipe(generate(range(20)), DOUBLING[kind], workers=workers)
    assert await recv_all(host, ch) == [2 * n for n in range(20)]
    assert ch.closed


@pytest.mark.parametrize("kind", ["async def that waits", "def that blocks"])
async def test_pipe_out_of_order(host: Host, kind: str) -> None:
    ch = pipe(generate(range(20)), DOUBLING[kind], workers=4, ordered=False)
    assert sorted(await recv_all(host, ch)) == [2 * n for n in range(20)]


async def test_the_order_is_free_where_it_is_given_up(host: Host) -> None:
    """A value whose call takes long is overtaken, unless the order is to be kept."""
    gates = [Chan[None]() for _ in range(3)]

    async def wait(n: int) -> int:
        await gates[n].arecv_ok()
        return n

    free = pipe(generate(range(3)), wait, workers=3, ordered=False)
    for n in (2, 0, 1):
        gates[n].close()
        assert await host.recv(free) == n

    gates = [Chan[None]() for _ in range(3)]
    kept = pipe(generate(range(3)), wait, workers=3)
    for gate in reversed(gates):
        gate.close()
    assert await recv_all(host, kept) == [0, 1, 2]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("blocking", [True, False])
async def test_so_many_calls_at_a_time(host: Host, ordered: bool, blocking: bool) -> None:
    """As many as there are workers, no more, whoever waits for the results."""
    gate = Chan[None]()
    begun = Chan[int](100)

    def call(n: int) -> int:
        begun.send_nowait(n)
        gate.recv_ok(timeout=PATIENCE)
        return n

    async def acall(n: int) -> int:
        begun.send_nowait(n)
        await gate.arecv_ok(timeout=PATIENCE)
        return n

    fn: Callable[[int], Any] = call if blocking else acall
    ch = pipe(generate(range(8)), fn, workers=3, ordered=ordered)
    await host.parked(gate, receivers=3)
    assert len(begun) == 3
    gate.close()
    # Nobody receives yet, so what has ended counts until it is taken.
    await host.parked(ch, senders=1)
    assert len(begun) == 3
    assert sorted(await recv_all(host, ch)) == list(range(8))


async def test_pipe_has_a_buffer(host: Host) -> None:
    ch = pipe(generate(range(5)), slow_double, capacity=3)
    await host.until(lambda: len(ch) == 3, ch)
    assert ch.capacity == 3
    assert await recv_all(host, ch) == [0, 2, 4, 6, 8]


async def test_chan_closed_in_a_function_is_an_error(host: Host) -> None:
    """Not the end of the input."""
    other = Chan[int]()
    other.close()

    async def ask(n: int) -> int:
        return await other.arecv()

    crew = Crew()
    assert await recv_all(host, pipe(generate([1]), ask, group=crew)) == []
    assert [type(error) for error in await crew.ended(host)] == [ChanClosed]


# ------------------------------------------------------------------ where, take, batch
async def odd(n: int) -> bool:
    return n % 2 == 1


@pytest.mark.parametrize("pred", [odd, lambda n: n % 2, lambda n: odd(n)])
async def test_where(host: Host, pred: Callable[[int], Any]) -> None:
    assert await recv_all(host, where(generate(range(7)), pred)) == [1, 3, 5]


@pytest.mark.parametrize("n", [0, 1, 3])
async def test_take(host: Host, n: int) -> None:
    """Exactly so many are received; the rest stays where it was."""
    ch = Chan[int](5)
    await send_all(host, ch, range(5))
    assert await recv_all(host, take(ch, n)) == list(range(n))
    assert len(ch) == 5 - n
    ch.close()
    assert await recv_all(host, take(ch, 9)) == list(range(n, 5))


@pytest.mark.parametrize(
    ("size", "lists"),
    [(1, [[0], [1], [2], [3], [4]]), (2, [[0, 1], [2, 3], [4]]), (5, [[0, 1, 2, 3, 4]])],
)
@pytest.mark.parametrize("timeout", [None, 100, timedelta(minutes=1)])
async def test_batch(host: Host, size: int, lists: list[list[int]], timeout: Any) -> None:
    assert await recv_all(host, batch(generate(range(5)), size, timeout=timeout)) == lists
    assert await recv_all(host, batch(generate(()), size, timeout=timeout)) == []


async def test_batch_sends_what_it_has_when_time_is_up(host: Host) -> None:
    ch = Chan[int]()
    lists = batch(ch, 3, timeout=0.01)
    await host.send(ch, 1)
    await host.send(ch, 2)
    first = await host.recv(lists)
    rest = [] if first == [1, 2] else await host.recv(lists)  # on a very slow machine
    assert first + rest == [1, 2]
    with suppress(TimeoutError):
        raise AssertionError(f"an empty list? {await host.recv(lists, timeout=0.03)}")
    await send_all(host, ch, [3])
    ch.close()
    assert await recv_all(host, lists) == [[3]]


async def test_batch_without_waiting(host: Host) -> None:
    """With 0 it takes what is there."""
    ch = Chan[int](5)
    await send_all(host, ch, range(3))
    lists = batch(ch, 5, timeout=0)
    assert await host.recv(lists) == [0, 1, 2]
    await host.send(ch, 3)
    assert await host.recv(lists) == [3]
    ch.close()


# ------------------------------------------------------------------ many inputs, many outputs
async def test_merge(host: Host) -> None:
    chans: list[RecvChan[int]] = [generate(range(n, 30, 3)) for n in range(3)]
    ch = merge(*chans)
    assert sorted(await recv_all(host, ch)) == list(range(30))
    assert ch.closed
    assert await recv_all(host, merge(generate("a"))) == ["a"]
    assert await recv_all(host, merge()) == []


async def test_merge_goes_on_without_those_that_ended(host: Host) -> None:
    first, second = Chan[int](), Chan[int]()
    ch = merge(first, second)
    first.close()
    peer = host.spawn(send_all, second, [1, 2])
    assert [await host.recv(ch), await host.recv(ch)] == [1, 2]
    await host.join(peer)
    assert not ch.closed
    second.close()
    assert await recv_all(host, ch) == []


async def test_fan_out(host: Host, peer: Host) -> None:
    outs = fan_out(generate(range(30)), 3)
    receivers = [(peer if n % 2 else host).spawn(recv_all, out) for n, out in enumerate(outs)]
    got = await host.gather(receivers)
    assert sorted(chain.from_iterable(got)) == list(range(30))
    for values in got:
        assert values == sorted(values)


async def test_fan_out_passes_by_who_does_not_receive(host: Host) -> None:
    _, out, _ = fan_out(generate(range(9)), 3)
    assert await recv_all(host, out) == list(range(9))


async def test_broadcast(host: Host, peer: Host) -> None:
    outs = broadcast(generate(range(30)), 3)
    receivers = [(peer if n % 2 else host).spawn(recv_all, out) for n, out in enumerate(outs)]
    assert await host.gather(receivers) == [list(range(30))] * 3


async def test_broadcast_does_not_mind_who_receives_first(host: Host) -> None:
    """One receiver may take the value from one channel after the other, in any order."""
    outs = broadcast(generate(range(3)), 3)
    for n in range(3):
        for out in (outs[2], outs[0], outs[1]):
            assert await host.recv(out, timeout=PATIENCE) == n


async def test_stages_in_a_row(host: Host) -> None:
    with with_cancel(background()) as ctx:
        crew = Crew(ctx)
        numbers = generate(iter(range(100)), group=crew)
        thirds = where(numbers, lambda n: n % 3 == 0, group=crew)
        doubled = pipe(thirds, slow_double, workers=3, group=crew)
        pairs = batch(take(doubled, 7), 2)
        assert await recv_all(host, pairs) == [[0, 6], [12, 18], [24, 30], [36]]
    assert await crew.ended(host) == [None] * 3


# ------------------------------------------------------------------ wrong arguments
def test_wrong_arguments() -> None:
    ch, other = Chan[Any](), cast(Any, object())
    for wrong in (
        lambda: generate(other),
        lambda: generate([], capacity=other),
        lambda: pipe(other, str),
        lambda: pipe(cast(Any, ch.sender), str),
        lambda: pipe(ch, other),
        lambda: pipe(ch, str, workers=other),
        lambda: where(ch, other),
        lambda: where(other, str),
        lambda: merge(ch, other),
        lambda: fan_out(ch, other),
        lambda: broadcast(other, 2),
        lambda: batch(ch, other),
        lambda: batch(ch, 1, timeout=other),
        lambda: take(ch, other),
        lambda: take(other, 1),
    ):
        with pytest.raises(TypeError):
            wrong()
    for wrong in (
        lambda: generate([], capacity=-1),
        lambda: pipe(ch, str, workers=0),
        lambda: pipe(ch, str, capacity=-1),
        lambda: fan_out(ch, 0),
        lambda: broadcast(ch, 0),
        lambda: batch(ch, 0),
        lambda: batch(ch, 1, timeout=float("nan")),
        lambda: take(ch, -1),
    ):
        with pytest.raises(ValueError):
            wrong()
    go(ch.send, 1)
    assert ch.recv() == 1, "none of them has begun to receive"

"""Iteration (C15): receive until closed and drained; leaving early closes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from gochan import Chan, ChanClosed
from hosts import Host, recv_all, send_all, state


async def test_ends_when_closed_and_drained(host: Host, peer: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)

    async def producer(h: Host) -> None:
        await send_all(h, ch, range(50))
        ch.close()

    peer.spawn(producer)
    assert await recv_all(host, ch) == list(range(50))
    assert await recv_all(host, ch) == []


async def test_waits_for_the_next_value(host: Host, peer: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    party = peer.spawn(recv_all, ch)
    for i in range(3):
        await host.parked(ch, receivers=1)
        assert not party.done
        ch.send_nowait(i)
    await host.parked(ch, receivers=1)
    ch.close()
    assert await host.join(party) == [0, 1, 2]


async def test_leaving_early_closes_nothing_and_takes_no_more(host: Host) -> None:
    ch: Chan[int] = Chan(7)
    await send_all(host, ch, range(5))
    async for value in host.iterate(ch):
        if value == 1:
            break
    assert state(ch) == (3, 7, 0, 0, False)
    await host.send(ch, 5)
    ch.close()
    assert await recv_all(host, ch) == [2, 3, 4, 5]


async def test_error_in_the_body_keeps_the_rest(host: Host) -> None:
    ch: Chan[int] = Chan(7)
    await send_all(host, ch, range(3))

    async def failing() -> None:
        async for value in host.iterate(ch):
            value // 0

    with pytest.raises(ZeroDivisionError):
        await failing()
    assert await host.recv_many(ch, 9) == [1, 2]


async def test_none_does_not_end_it(host: Host) -> None:
    ch: Chan[None] = Chan(3)
    await send_all(host, ch, [None, None, None])
    ch.close()
    assert await recv_all(host, ch) == [None, None, None]


async def test_loops_share_the_values(host: Host, peer: Host, capacity: int) -> None:
    """Several loops over one channel split its values between them, as workers do."""
    ch: Chan[int] = Chan(capacity)
    workers = [(peer, host)[i % 2].spawn(recv_all, ch) for i in range(4)]
    await host.parked(ch, receivers=4)
    await send_all(host, ch, range(200))
    ch.close()
    lists = await host.gather(workers)
    assert sorted(value for values in lists for value in values) == list(range(200))
    for values in lists:
        assert values == sorted(values)


def test_iterator_is_an_object_of_its_own() -> None:
    ch: Chan[int] = Chan(4)
    for i in range(4):
        ch.send_nowait(i)
    one, two = iter(ch), iter(ch)
    assert isinstance(one, Iterator)
    assert iter(one) is one
    assert one is not two
    assert not hasattr(ch, "__next__")
    assert [next(one), next(two), next(one), next(two)] == [0, 1, 2, 3]


def test_iterator_stays_at_its_end() -> None:
    ch: Chan[int] = Chan(1)
    ch.send_nowait(1)
    ch.close()
    values = iter(ch)
    assert next(values) == 1
    for _ in range(3):
        with pytest.raises(StopIteration):
            next(values)
        assert next(values, "over") == "over"


def test_iterator_is_what_the_builtins_take() -> None:
    ch: Chan[int] = Chan(9)
    for i in range(9):
        ch.send_nowait(i)
    ch.close()
    values = iter(ch)
    assert [next(values), next(values)] == [0, 1]
    assert list(zip(values, "ab", strict=False)) == [(2, "a"), (3, "b")]
    # zip has taken a value more than it could use.
    first, *rest = values
    assert first == 5
    assert sum(rest) == 6 + 7 + 8
    assert list(ch) == []
    assert tuple(ch) == ()


def test_iterator_keeps_the_channel() -> None:
    def stream() -> Iterator[int]:
        ch: Chan[int] = Chan(3)
        for i in range(3):
            ch.send_nowait(i)
        ch.close()
        return iter(ch)

    assert list(stream()) == [0, 1, 2]


def test_async_iterator_is_an_object_of_its_own() -> None:
    async def main() -> None:
        ch: Chan[int] = Chan(4)
        for i in range(4):
            ch.send_nowait(i)
        one, two = aiter(ch), aiter(ch)
        assert isinstance(one, AsyncIterator)
        assert aiter(one) is one
        assert one is not two
        assert not hasattr(ch, "__anext__")
        got = [await anext(one), await anext(two), await anext(one), await anext(two)]
        assert got == [0, 1, 2, 3]
        ch.close()
        for _ in range(3):
            with pytest.raises(StopAsyncIteration):
                await anext(one)
            assert await anext(one, "over") == "over"

    asyncio.run(main())


def test_async_comprehension_and_early_end() -> None:
    async def main() -> None:
        ch: Chan[int] = Chan(6)
        for i in range(6):
            ch.send_nowait(i)
        async for value in ch:
            if value == 2:
                break
        assert len(ch) == 3
        ch.close()
        assert [2 * value async for value in ch] == [6, 8, 10]

    asyncio.run(main())


async def test_receive_view_iterates_send_view_does_not(host: Host) -> None:
    ch: Chan[int] = Chan(2)
    await send_all(host, ch, [1, 2])
    ch.close()
    assert await recv_all(host, ch.receiver) == [1, 2]
    with pytest.raises(TypeError):
        iter(ch.sender)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        aiter(ch.sender)  # type: ignore[arg-type]


async def test_body_may_use_the_channel(host: Host, capacity: int) -> None:
    """A loop holds nothing between its steps: the body sends to the channel and closes it."""
    ch: Chan[int] = Chan(capacity + 1)
    await host.send(ch, 3)
    seen = []
    async for value in host.iterate(ch):
        seen.append(value)
        if value:
            await host.send(ch, value - 1)
        else:
            ch.close()
    assert seen == [3, 2, 1, 0]
    with pytest.raises(ChanClosed):
        ch.send_nowait(1)

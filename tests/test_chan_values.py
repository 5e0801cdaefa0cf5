"""Any object is a value, and comes out as itself: never called, compared, unpacked or tested."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gochan import Chan, ChanClosed, WouldBlock
from hosts import Host, recv_all


class Untouchable:
    """Whoever looks into a value in transit trips over it."""

    def _hands_off(self, *args: object) -> Any:
        raise AssertionError("a channel has no business inside its values")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _hands_off
    __hash__ = __bool__ = __len__ = __iter__ = __next__ = __await__ = __call__ = _hands_off
    __index__ = __int__ = __float__ = __getitem__ = __contains__ = __copy__ = _hands_off
    __enter__ = __exit__ = __get__ = __getattr__ = _hands_off


class Oddity(BaseException):
    pass


def awkward() -> list[Any]:
    """Values that a careless result path would drop, unpack, raise or take for an end."""
    return [
        *(None, False, 0, "", (), [], {}),
        *(NotImplemented, Ellipsis, type, object, Untouchable()),
        # A result that travels as StopIteration(value) loses or unpacks these when set raw.
        *((1,), (1, 2), (None,), ((),), (StopIteration, 1), (ValueError, ValueError("x"), None)),
        # Exceptions are values like others, also those that end things.
        *(StopIteration(), StopIteration(7), StopAsyncIteration(), GeneratorExit()),
        *(KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError(), TimeoutError()),
        *(ChanClosed("not really"), WouldBlock(), ValueError("x"), Oddity()),
        *(StopIteration, ValueError, ChanClosed, BaseException),
        *(lambda: 1 / 0, print, Chan[int](), Chan[int]().sender, iter([])),
    ]


VALUES = range(len(awkward()))


@pytest.fixture(params=VALUES, ids=[type(value).__name__ for value in awkward()])
def value(request: pytest.FixtureRequest) -> Any:
    return awkward()[request.param]


async def test_through_the_buffer(host: Host, value: Any) -> None:
    """Ready operations: the result comes back in the first step."""
    ch: Chan[Any] = Chan(4)
    for _ in range(4):
        await host.send(ch, value)
    assert await host.recv(ch) is value
    got, ok = await host.recv_ok(ch)
    assert got is value
    assert ok is True
    (got,) = await host.recv_many(ch, 1)
    assert got is value
    assert ch.recv_nowait() is value


async def test_into_parked_receivers(host: Host, value: Any) -> None:
    """Handed over: the result comes back through the wake-up."""
    ch: Chan[Any] = Chan()

    async def plain(h: Host) -> list[Any]:
        return [await h.recv(ch)]

    async def with_ok(h: Host) -> list[Any]:
        got, ok = await h.recv_ok(ch)
        assert ok is True
        return [got]

    async def many(h: Host) -> list[Any]:
        return await h.recv_many(ch, 1)

    async def loop(h: Host) -> list[Any]:
        async for got in h.iterate(ch):
            return [got]
        return ["the loop ended"]

    for form in (plain, with_ok, many, loop):
        party = host.spawn(form)
        await host.parked(ch, receivers=1)
        ch.send_nowait(value)
        (got,) = await host.join(party)
        assert got is value


async def test_from_parked_senders(host: Host, value: Any) -> None:
    for capacity in (0, 1):
        ch: Chan[Any] = Chan(capacity)
        if capacity:
            ch.send_nowait("first")

        async def sender(h: Host, ch: Chan[Any] = ch) -> None:
            await h.send(ch, value)

        party = host.spawn(sender)
        await host.parked(ch, senders=1)
        if capacity:
            assert await host.recv(ch) == "first"
        assert await host.recv(ch) is value
        await host.join(party)


async def test_through_a_loop(host: Host) -> None:
    ch: Chan[Any] = Chan(len(VALUES))
    values = awkward()
    for value in values:
        await host.send(ch, value)
    ch.close()
    got = await recv_all(host, ch)
    assert len(got) == len(values)
    assert all(a is b for a, b in zip(got, values, strict=True))


async def test_in_one_batch(host: Host) -> None:
    ch: Chan[Any] = Chan(len(VALUES))
    values = awkward()
    for value in values:
        ch.send_nowait(value)
    got = await host.recv_many(ch, len(values))
    assert len(got) == len(values)
    assert all(a is b for a, b in zip(got, values, strict=True))


def test_as_the_result_of_a_task(value: Any) -> None:
    """asyncio takes the awaitable itself as a task's coroutine: nothing of ours in between."""

    async def main() -> None:
        ch: Chan[Any] = Chan(1)
        ch.send_nowait(value)
        assert await asyncio.create_task(ch.arecv()) is value  # ready
        task = asyncio.create_task(ch.arecv())
        await asyncio.sleep(0)
        ch.send_nowait(value)  # parked
        assert await task is value

    asyncio.run(main())


async def test_the_same_object_many_times(host: Host, capacity: int) -> None:
    ch: Chan[list[int]] = Chan(capacity + 3)
    box = [1]
    for _ in range(3):
        await host.send(ch, box)
    box.append(2)  # C21: a reference travels, not a copy
    got = await host.recv_many(ch, 3)
    assert [value is box for value in got] == [True] * 3


async def test_channel_of_channels(host: Host, peer: Host, capacity: int) -> None:
    """C17: the request carries the channel for its reply."""
    requests: Chan[tuple[int, Chan[int]]] = Chan(capacity)

    async def server(h: Host) -> None:
        async for number, reply in h.iterate(requests):
            await h.send(reply, number * number)

    async def client(h: Host, numbers: range) -> list[int]:
        reply: Chan[int] = Chan(capacity)
        squares = []
        for number in numbers:
            await h.send(requests, (number, reply))
            squares.append(await h.recv(reply))
        return squares

    for h in (host, peer):
        h.spawn(server)
    clients = [(peer, host)[i % 2].spawn(client, range(i, i + 20)) for i in range(4)]
    for i, squares in enumerate(await host.gather(clients)):
        assert squares == [number * number for number in range(i, i + 20)]
    requests.close()


async def test_receive_and_send_in_one_expression(host: Host) -> None:
    """A channel is received from a channel, then sent to."""
    channels: Chan[Chan[int]] = Chan(1)
    ch: Chan[int] = Chan(1)
    await host.send(channels, ch)
    await host.send(await host.recv(channels), 2)
    assert await host.recv(ch) == 2


async def test_channel_through_itself(host: Host) -> None:
    ch: Chan[Any] = Chan(2)
    await host.send(ch, ch)
    await host.send(ch, ch.sender)
    assert await host.recv(ch) is ch
    assert await host.recv(ch) == ch


async def test_writes_before_a_send_are_seen_after_its_receive(
    host: Host, peer: Host, capacity: int
) -> None:
    """C20, the shape of Go's barrier tests: what the value refers to is complete."""
    ch: Chan[dict[str, object]] = Chan(capacity)

    async def producer(h: Host) -> None:
        for i in range(300):
            item: dict[str, object] = {"number": i}
            item["self"] = item
            item["list"] = [str(i)] * 5
            await h.send(ch, item)
        ch.close()

    peer.spawn(producer)
    count = 0
    async for item in host.iterate(ch):
        assert item["number"] == count
        assert item["self"] is item
        assert item["list"] == [str(count)] * 5
        count += 1
    assert count == 300

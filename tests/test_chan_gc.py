"""References: each is counted once, and all are seen by the cycle collector (K11)."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from gochan import Chan, ChanClosed, WouldBlock
from hosts import Host, drain, recv_one, state


class Node:
    """A value that can be seen to die, and that can refer to a channel."""

    ch: object = None


async def send_one(h: Host, ch: Chan[Any], value: object) -> None:
    await h.send(ch, value)


def counts(value: object, work: Callable[[object], None]) -> tuple[int, int]:
    """The reference count of `value` before and after the work."""
    before = sys.getrefcount(value)
    work(value)
    return before, sys.getrefcount(value)


# ---------------------------------------------------------------- plain reference counting


def test_idle_channel_dies_without_the_collector(capacity: int) -> None:
    gc.disable()
    try:
        ch: Chan[int] = Chan(capacity)
        for i in range(capacity):
            ch.send_nowait(i)
        views = [ch.sender, ch.receiver, iter(ch), aiter(ch)]
        seen = weakref.ref(ch)
        del views, ch
        assert seen() is None
    finally:
        gc.enable()


def test_buffered_values_die_with_the_channel() -> None:
    ch: Chan[Node] = Chan(3)
    nodes = [Node(), Node(), Node()]
    seen = [weakref.ref(node) for node in nodes]
    for node in nodes:
        ch.send_nowait(node)
    del node
    nodes.clear()
    assert all(ref() is not None for ref in seen)
    rx = ch.receiver
    del ch
    assert all(ref() is not None for ref in seen)  # a view is enough to hold them
    del rx
    gc.collect()
    assert all(ref() is None for ref in seen)


def test_received_value_belongs_to_the_receiver_alone() -> None:
    ch: Chan[Node] = Chan(1)
    node = Node()
    seen = weakref.ref(node)
    ch.send_nowait(node)
    del node
    got = ch.recv()
    assert seen() is got
    del got
    assert seen() is None


@pytest.mark.parametrize("capacity", [1, 7])
def test_ready_operations_leak_no_reference(capacity: int) -> None:
    ch: Chan[object] = Chan(capacity)

    def work(value: object) -> None:
        for _ in range(100):
            ch.send(value)
            ch.recv()
            ch.send_nowait(value)
            ch.recv_nowait()
            ch.send(value, timeout=1)
            ch.recv_ok(timeout=1)
            ch.send(value)
            ch.recv_many(5)
            ch.send(value)
            next(iter(ch))

    before, after = counts(Node(), work)
    assert after == before


def test_failed_operations_leak_no_reference() -> None:
    full: Chan[object] = Chan(1)
    full.send_nowait(None)
    closed: Chan[object] = Chan(1)
    closed.close()
    bad: Any = "soon"

    def work(value: object) -> None:
        for _ in range(100):
            with pytest.raises(WouldBlock):
                full.send_nowait(value)
            with pytest.raises(TimeoutError):
                full.send(value, timeout=0)
            with pytest.raises(TimeoutError):
                full.send(value, timeout=0.0001)
            with pytest.raises(TypeError):
                full.send(value, timeout=bad)
            with pytest.raises(ChanClosed):
                closed.send(value)
            with pytest.raises(ChanClosed):
                closed.send_nowait(value)

    before, after = counts(Node(), work)
    gc.collect()
    assert after == before


async def test_parked_operations_leak_no_reference(host: Host, peer: Host, capacity: int) -> None:
    ch: Chan[object] = Chan(capacity)
    value = Node()

    def now() -> int:
        gc.collect()
        return sys.getrefcount(value)

    before = now()
    for _ in range(10):
        receiver = peer.spawn(recv_one, ch)
        await host.parked(ch, receivers=1)
        await host.send(ch, value)
        assert await host.join(receiver) is value
        for _ in range(capacity):
            await host.send(ch, value)
        sender = peer.spawn(send_one, ch, value)
        await host.parked(ch, senders=1)
        for _ in range(capacity + 1):
            assert await host.recv(ch) is value
        await host.join(sender)
        # The harness keeps results and arguments until the peers are let go of.
        del receiver, sender
        peer.peers.clear()
    await host.until(lambda: now() == before, "the references are back")


async def test_close_drops_the_values_of_parked_senders(
    host: Host, peer: Host, capacity: int
) -> None:
    """C10: nobody will ever see them, so nothing may keep them."""
    ch: Chan[object] = Chan(capacity)
    kept = Node()
    for _ in range(capacity):
        ch.send_nowait(kept)
    seen = []
    parties = []
    for i in range(3):
        node = Node()
        seen.append(weakref.ref(node))
        parties.append(peer.spawn(send_one, ch, node))
        del node
        await host.parked(ch, senders=i + 1)
    ch.close()
    for party in parties:
        with pytest.raises(ChanClosed):
            await host.join(party)
    # The tracebacks of the errors hold the frames that hold the values.
    del party
    parties.clear()
    peer.peers.clear()
    await host.until(lambda: _all_dead(seen), seen)
    assert len(drain(ch)) == capacity


def _all_dead(seen: list[weakref.ref[Node]]) -> bool:
    gc.collect()
    return all(ref() is None for ref in seen)


def test_cancelled_and_dropped_awaitables_leak_nothing() -> None:
    """Every way an awaitable can end, many times: the number of live blocks stays where it is."""

    async def rounds(count: int, ch: Chan[object], node: Node) -> None:
        for _ in range(count):
            receiver = asyncio.create_task(ch.arecv())
            await asyncio.sleep(0)
            receiver.cancel()
            await asyncio.wait([receiver])
            del receiver
            ch.send_nowait(node)
            sender = asyncio.create_task(ch.asend(node))
            await asyncio.sleep(0)
            sender.cancel()
            await asyncio.wait([sender])
            del sender
            assert await ch.arecv() is node
            ch.arecv().close()
            ch.asend(node).close()

    async def main() -> None:
        ch: Chan[object] = Chan(1)
        node = Node()
        references, grown = sys.getrefcount(node), []
        for _ in range(4):
            gc.collect()
            blocks = sys.getallocatedblocks()
            await rounds(200, ch, node)
            gc.collect()
            assert sys.getrefcount(node) == references
            grown.append(sys.getallocatedblocks() - blocks)
        # The interpreter fills caches of its own now and then, but a leak is there in every pass.
        assert min(grown) < 20
        assert state(ch) == (0, 1, 0, 0, False)

    asyncio.run(main())


# ---------------------------------------------------------------- cycles


def test_cycle_through_the_buffer_is_collected() -> None:
    def build() -> list[weakref.ref[Any]]:
        ch: Chan[object] = Chan(4)
        node = Node()
        node.ch = ch
        ch.send_nowait(ch)
        ch.send_nowait(ch.sender)
        ch.send_nowait(node)
        ch.send_nowait(iter(ch))
        return [weakref.ref(ch), weakref.ref(node)]

    seen = build()
    gc.collect()
    assert [ref() for ref in seen] == [None, None]


def test_cycle_through_two_channels_is_collected() -> None:
    def build() -> list[weakref.ref[Any]]:
        a: Chan[object] = Chan(1)
        b: Chan[object] = Chan(1)
        a.send_nowait(b.receiver)
        b.send_nowait([a])
        b.close()
        return [weakref.ref(a), weakref.ref(b)]

    seen = build()
    gc.collect()
    assert [ref() for ref in seen] == [None, None]


def test_cycle_through_a_subclass_is_collected() -> None:
    class Jobs(Chan[object]):
        pass

    jobs: Any = Jobs(1)
    jobs.me = jobs
    jobs.send_nowait(jobs)
    seen = weakref.ref(jobs)
    del jobs
    gc.collect()
    assert seen() is None


def test_reachable_channel_is_left_alone() -> None:
    """The counterpart: a collector that is told of too many references frees what is in use."""
    ch: Chan[object] = Chan(5)
    node = Node()
    node.ch = ch
    for value in (ch, ch.sender, node, [node]):
        ch.send_nowait(value)
    for _ in range(5):
        gc.collect()
    assert ch.recv() is ch
    assert ch.recv() == ch.sender
    assert ch.recv() is node
    assert ch.recv() == [node]


def test_cycle_through_an_awaitable_is_collected() -> None:
    """Used up ones first, so that it may be one of those again."""

    async def main() -> None:
        ch: Chan[Node] = Chan(1)
        for _ in range(300):
            await ch.asend(Node())
            await ch.arecv()
        node = Node()
        node.ch = ch.asend(node)
        seen = weakref.ref(node)
        del node
        with pytest.warns(RuntimeWarning, match="asend.*never awaited"):
            gc.collect()
        assert seen() is None

    asyncio.run(main())


@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_cycle_through_a_parked_task_is_collected(side: str) -> None:
    """A task that only its own channel knows can never be woken: it goes, as asyncio's would."""
    reports: list[str] = []

    async def warm_up(ch: Chan[object]) -> None:
        """Let objects be used again, as in a long run: those too have to be known to the GC."""
        for _ in range(50):
            task = asyncio.create_task(ch.arecv())
            await asyncio.sleep(0)
            ch.send_nowait(None)
            await task

    async def wait(ch: Chan[object], node: Node) -> None:
        if side == "sender":
            await ch.asend(node)
        else:
            await ch.arecv()

    async def start() -> list[weakref.ref[Any]]:
        ch: Chan[object] = Chan()
        node = Node()
        node.ch = ch
        task = asyncio.create_task(wait(ch, node))
        await asyncio.sleep(0)
        assert state(ch)[2:4] == ((0, 1) if side == "sender" else (1, 0))
        return [weakref.ref(ch), weakref.ref(node), weakref.ref(task)]

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: reports.append(context["message"])
        )
        await warm_up(Chan())
        seen = await start()
        for _ in range(3):  # the task's own end may take a turn of the loop
            gc.collect()
            await asyncio.sleep(0)
        assert [ref() for ref in seen] == [None, None, None]

    asyncio.run(main())
    assert reports == ["Task was destroyed but it is pending!"]


def test_parked_task_that_can_be_reached_is_kept() -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        box: list[int] = []

        async def wait() -> None:
            box.append(await ch.arecv())

        seen = weakref.ref(asyncio.create_task(wait()))
        await asyncio.sleep(0)
        for _ in range(3):
            gc.collect()
        assert seen() is not None
        ch.send_nowait(5)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert box == [5]

    asyncio.run(main())


def test_collecting_while_threads_use_the_channels() -> None:
    """The collector runs in the middle of everything; nothing crashes and nothing is lost."""
    ch: Chan[Node] = Chan(3)
    stop = threading.Event()

    def collect() -> None:
        while not stop.is_set():
            gc.collect(0)

    def produce() -> None:
        for _ in range(2000):
            node = Node()
            node.ch = ch  # every buffered value is part of a cycle
            ch.send(node)
        ch.close()

    threads = [threading.Thread(target=fn, daemon=True) for fn in (collect, produce)]
    for thread in threads:
        thread.start()
    try:
        assert [node.ch is ch for node in ch] == [True] * 2000
    finally:
        stop.set()
    for thread in threads:
        thread.join()

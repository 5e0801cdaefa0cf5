"""A parked goroutine that something can still wake is never collected, whoever holds that."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import TypeAlias

import pytest

from collecting import collecting, listening
from gochan import Chan, WaitGroup, agosched, aio, go
from parking import wait_parked, wait_until, wait_waiting

Wake: TypeAlias = Callable[[], object]
Hold: TypeAlias = Callable[[Chan[int]], Wake]
HOLDERS: list[Hold] = []


def holder(hold: Hold) -> Hold:
    HOLDERS.append(hold)
    return hold


# ---------------------------------------------------------------- held by


@holder
def a_view(ch: Chan[int]) -> Wake:
    return partial(ch.sender.send_nowait, 7)


@holder
def a_method(ch: Chan[int]) -> Wake:
    return partial(ch.send_nowait, 7)


def only_watched(ch: Chan[int], holder: object) -> Wake:
    """For holders through which nothing can be sent."""
    seen = weakref.ref(ch)

    def wake(holder: object = holder) -> None:
        found = seen()
        assert found is not None
        found.send_nowait(7)

    return wake


@holder
def an_iterator(ch: Chan[int]) -> Wake:
    return only_watched(ch, (iter(ch), aiter(ch)))


@holder
def an_operation_not_begun(ch: Chan[int]) -> Wake:
    op = ch.asend(7)
    return lambda: asyncio.run(op)


@holder
def the_buffer_of_another_channel(ch: Chan[int]) -> Wake:
    outer = Chan[Chan[int]](1)
    outer.send_nowait(ch)
    return lambda: outer.recv_nowait().send_nowait(7)


@holder
def a_parked_sender(ch: Chan[int]) -> Wake:
    """An `async def` one: the channel is the value that it sends."""
    outer = Chan[Chan[int]]()

    async def send(ch: Chan[int]) -> None:
        await outer.asend(ch)

    go(send, ch)
    wait_parked(outer, senders=1)
    return lambda: outer.recv_nowait().send_nowait(7)


@holder
def another_parked_goroutine(ch: Chan[int]) -> Wake:
    gate = Chan[None]()

    async def wait(ch: Chan[int]) -> None:
        await gate.arecv()
        await ch.asend(7)

    wait_waiting(go(wait, ch))
    return partial(gate.send_nowait, None)


@holder
def a_chain_of_parked_goroutines(ch: Chan[int]) -> Wake:
    async def hand_on(left: Chan[int], right: Chan[int]) -> None:
        await right.asend(await left.arecv())

    first = left = Chan[int]()
    for _ in range(20):
        right = Chan[int]()
        wait_waiting(go(hand_on, left, right))
        left = right
    wait_waiting(go(hand_on, left, ch))
    return partial(first.send_nowait, 7)


@holder
def the_context_of_a_parked_goroutine(ch: Chan[int]) -> Wake:
    gate = Chan[None]()
    held: ContextVar[Chan[int]] = ContextVar("held")

    async def wait(box: list[Chan[int]]) -> None:
        held.set(box.pop())
        await gate.arecv()
        await held.get().asend(7)

    wait_waiting(go(wait, [ch]))
    return partial(gate.send_nowait, None)


@holder
def a_blocked_thread(ch: Chan[int]) -> Wake:
    gate = Chan[None]()

    def wait(ch: Chan[int]) -> None:
        gate.recv()
        ch.send(7)

    threading.Thread(target=wait, args=(ch,), daemon=True).start()
    wait_parked(gate, receivers=1)
    return partial(gate.send_nowait, None)


@holder
def a_blocked_goroutine(ch: Chan[int]) -> Wake:
    """Threads are never touched: one that waits for itself alone stays, with all its frames."""
    seen: list[weakref.ref[Chan[int]]] = []

    async def wait(ch: Chan[int]) -> None:
        own = Chan[int]()
        seen.append(weakref.ref(own))
        ch.send(own.recv())

    wait_waiting(go(wait, ch))

    def wake() -> None:
        own = seen[0]()
        assert own is not None
        own.send_nowait(7)

    return wake


@holder
def a_goroutine_on_a_timeout(ch: Chan[int]) -> Wake:
    stop: list[int] = []

    async def wait(ch: Chan[int]) -> None:
        while not stop:
            with pytest.raises(TimeoutError):
                await Chan[int]().arecv(timeout=0.01)
        await ch.asend(7)

    wait_waiting(go(wait, ch))
    return partial(stop.append, 1)


@holder
def a_goroutine_in_aio(ch: Chan[int]) -> Wake:
    stop: list[int] = []

    async def sleep() -> int:
        while not stop:
            await asyncio.sleep(0.001)
        return 7

    async def wait(ch: Chan[int]) -> None:
        await ch.asend(await aio(sleep()))

    go(wait, ch)
    return partial(stop.append, 1)


@holder
def a_coroutine_in_aio(ch: Chan[int]) -> Wake:
    stop: list[int] = []

    async def wait(ch: Chan[int]) -> None:
        while not stop:
            await asyncio.sleep(0.001)
        await ch.asend(7)

    async def body(box: list[Chan[int]]) -> None:
        await aio(wait(box.pop()))

    go(body, [ch])
    return partial(stop.append, 1)


@holder
def a_computing_goroutine(ch: Chan[int]) -> Wake:
    stop: list[int] = []

    async def compute(ch: Chan[int]) -> None:
        while not stop:
            pass
        await ch.asend(7)

    go(compute, ch)
    return partial(stop.append, 1)


@holder
def goroutines_that_take_turns(ch: Chan[int]) -> Wake:
    """Runnable, so in a queue at almost any moment."""
    stop: list[int] = []

    async def turn(ch: Chan[int]) -> None:
        if stop:
            await ch.asend(7)
        else:
            go(turn, ch)
            await agosched()

    go(turn, ch)
    return partial(stop.append, 1)


@holder
def a_task_of_a_loop(ch: Chan[int]) -> Wake:
    gate = Chan[None]()

    async def wait(ch: Chan[int]) -> None:
        await gate.arecv()
        await ch.asend(7)

    def serve(box: list[Chan[int]]) -> None:
        asyncio.run(wait(box.pop()))

    threading.Thread(target=serve, args=([ch],), daemon=True).start()
    wait_parked(gate, receivers=1)
    return partial(gate.send_nowait, None)


@holder
def a_wait_group_with_a_goroutine_behind_it(ch: Chan[int]) -> Wake:
    wg = WaitGroup()
    wg.add()

    async def wait(ch: Chan[int]) -> None:
        await wg
        await ch.asend(7)

    wait_waiting(go(wait, ch))
    return wg.done


@holder
def a_goroutine_that_joins_one_on_a_timeout(ch: Chan[int]) -> Wake:
    stop: list[int] = []

    async def wait() -> None:
        while not stop:
            with pytest.raises(TimeoutError):
                await Chan[int]().arecv(timeout=0.01)

    async def join(ch: Chan[int]) -> None:
        await go(wait)
        await ch.asend(7)

    wait_waiting(go(join, ch))
    return partial(stop.append, 1)


async def receive(ch: Chan[int], log: list[object]) -> None:
    try:
        log.append(await ch.arecv())
    except BaseException as error:
        log.append(repr(error))
        raise
    finally:
        log.append("over")


@pytest.mark.parametrize("hold", HOLDERS)
def test_it_is_kept(hold: Hold) -> None:
    log: list[object] = []

    def scene() -> Wake:
        ch = Chan[int]()
        go(receive, ch, log)
        wait_parked(ch, receivers=1)
        return hold(ch)

    with listening() as said, collecting() as collector:
        wake = scene()
        collector.rounds(5)
        assert log == []
        wake()
        wait_until(lambda: "over" in log, f"woken: {log}")
        collector.rounds(1)
        assert said() == []
    assert log == [7, "over"]

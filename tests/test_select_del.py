"""Values and channels that die while a wait with several arms begins or ends (S7, K4, K12).

A `__del__` finds the wait in no queue, and a collector takes nothing from it.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import procs
from gochan import Chan, Goroutine, agosched, aselect, go, run, select, sending
from parking import wait_parked, wait_until
from scheduler import one_by_one
from watch import parked


class Tell:
    """Runs something when it dies."""

    def __init__(self, say: Callable[[], object]) -> None:
        self.say = say

    def __del__(self) -> None:
        self.say()


class Scene:
    """Arms that send two values: each notes when it dies who still stands in the channels."""

    def __init__(self) -> None:
        self.a: Chan[object] = Chan()
        self.b: Chan[object] = Chan()
        self.c: Chan[object] = Chan()
        self.seen: list[list[tuple[int, int]]] = []

    def arms(self) -> list[Any]:
        def look() -> None:
            self.seen.append([parked(ch) for ch in (self.a, self.b, self.c)])

        return [sending(self.a, Tell(look)), self.c, sending(self.b, Tell(look))]

    def wait_parked(self) -> None:
        wait_parked(self.a, senders=1)
        wait_parked(self.b, senders=1)
        wait_parked(self.c, receivers=1)

    def check(self) -> None:
        gc.collect()
        assert self.seen == [[(0, 0)] * 3] * 2


def end_by_peer(scene: Scene) -> None:
    scene.c.send_nowait(7)


def end_by_close(scene: Scene) -> None:
    scene.c.close()


ENDS = [end_by_peer, end_by_close]


def ok(result: tuple[int, object, bool] | None) -> bool:
    assert result is not None
    assert result[0] == 1
    return True


@pytest.mark.parametrize("end", ENDS)
def test_a_thread_has_left_when_values_die(end: Callable[[Scene], None]) -> None:
    scene = Scene()
    g = go(lambda: ok(select(*scene.arms())))
    scene.wait_parked()
    end(scene)
    assert g.result()
    scene.check()


@pytest.mark.parametrize("end", ENDS)
def test_a_goroutine_has_left_when_values_die(end: Callable[[Scene], None]) -> None:
    scene = Scene()

    async def body() -> bool:
        return ok(await aselect(*scene.arms()))

    g = go(body)
    scene.wait_parked()
    end(scene)
    assert g.result()
    scene.check()


@pytest.mark.parametrize("end", ENDS)
def test_a_task_has_left_when_values_die(end: Callable[[Scene], None]) -> None:
    scene = Scene()

    async def main() -> bool:
        task = asyncio.create_task(aselect(*scene.arms()))
        await asyncio.sleep(0)
        scene.wait_parked()
        end(scene)
        return ok(await task)

    assert asyncio.run(main())
    scene.check()


def test_all_hosts_have_left_when_values_die_at_a_timeout() -> None:
    threaded, stepped, tasked = Scene(), Scene(), Scene()
    with pytest.raises(TimeoutError):
        select(*threaded.arms(), timeout=0.01)
    threaded.check()

    async def body(scene: Scene) -> None:
        with pytest.raises(TimeoutError):
            await aselect(*scene.arms(), timeout=0.01)

    go(body, stepped).result()
    stepped.check()
    asyncio.run(body(tasked))
    tasked.check()


def test_a_cancelled_task_has_left_when_values_die() -> None:
    scene = Scene()

    async def main() -> None:
        task = asyncio.create_task(aselect(*scene.arms()))
        await asyncio.sleep(0)
        scene.wait_parked()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    scene.check()


class Ctx:
    """A context of the user's own: it may make a new `done` each time, and keep none."""

    def __init__(self, make: Callable[[], Chan[Any]]) -> None:
        self.make = make
        self.err = None

    @property
    def done(self) -> Chan[Any]:
        return self.make()

    def value(self, key: object, default: object = None) -> object:
        return default


def test_a_value_dies_when_its_send_has_left_the_context_too() -> None:
    ch: Any = Chan()
    done: Chan[None] = Chan()
    seen: list[object] = []
    ctx = Ctx(lambda: done)

    async def send() -> None:
        value = Tell(lambda: seen.append((parked(ch), parked(done))))
        operation = ch.asend(value, timeout=0.01, ctx=ctx)
        del value
        with pytest.raises(TimeoutError):
            await operation

    go(send).result()
    gc.collect()
    assert seen == [((0, 0), (0, 0))]


@pytest.fixture
def no_automatic_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Ring(Chan[Any]):
    """A channel that only the collector frees."""

    me: object

    def __init__(self) -> None:
        super().__init__()
        self.me = self


@pytest.mark.usefixtures("no_automatic_collection")
@pytest.mark.parametrize("stepped", [False, True])
def test_a_done_channel_that_nobody_keeps_takes_no_wait_along(stepped: bool) -> None:
    """The collector would empty it, and cancel who waits there: so the wait keeps it."""
    ch: Any = Chan()
    ctx = Ctx(Ring)

    async def receive() -> object:
        return await ch.arecv(ctx=ctx)

    g: Goroutine[Any] = go(receive) if stepped else go(ch.recv, ctx=ctx)
    wait_parked(ch, receivers=1)
    gc.collect()
    ch.send_nowait(5)
    assert g.result() == 5


@one_by_one
def test_an_operation_stepped_in_a_del_while_another_one_parks() -> None:
    """
    The place of a select that was served elsewhere is dead. Who comes to its channel takes it out
    while it parks there itself, and the value dies in the middle of that. A second operation that
    the same goroutine steps by hand then needs a waiter of its own, or each gets what the other
    one is sent.
    """
    here: Chan[object] = Chan()
    other: Chan[object] = Chan()
    elsewhere: Chan[object] = Chan()
    by_hand: list[Any] = []

    def step_by_hand() -> None:
        by_hand.append(other.arecv())
        assert by_hand[0].send(None) is not None

    async def selecting() -> None:
        await aselect(sending(elsewhere, 1), sending(here, Tell(step_by_hand)))

    async def main() -> None:
        g = go(selecting)
        while parked(here) != (0, 1):
            await agosched()

        async def feed() -> None:
            while parked(here) != (1, 0) or parked(other) != (1, 0):
                await agosched()
            other.send_nowait("for the other one")
            here.send_nowait("for this one")

        feeding = go(feed)
        # It is served, and resumed at the earliest when this goroutine parks.
        assert elsewhere.recv_nowait() == 1
        assert await here.arecv() == "for this one"
        with pytest.raises(StopIteration) as end:
            by_hand[0].send(None)
        assert end.value.value == "for the other one"
        await g
        await feeding

    run(main)


def test_who_steps_an_operation_that_is_under_way_is_refused_each_time() -> None:
    """In a `__del__` of one of its values: there it is half taken apart.

    The collector looks too, and more than once.
    """
    finished = procs.run(
        """
import gc
from gochan import Chan, aselect, sending

class Tell:
    def __del__(self):
        for _ in range(3):
            gc.collect()
            try:
                operation.send(None)
            except RuntimeError as error:
                print(error)

ready = Chan(1)
operation = aselect(sending(Chan(), Tell()), sending(ready, 1))
try:
    operation.send(None)
except StopIteration as end:
    print(end.value)
"""
    )
    refused = "this operation is being awaited by another task already"
    assert finished.ok().splitlines() == [refused] * 3 + ["(1, None, True)"]


def test_a_lost_select_leaves_all_its_queues() -> None:
    """K4: a goroutine that only its channels reach is closed by the collector, values and all."""
    keep: Chan[object] = Chan(1)
    died = threading.Event()

    async def selecting(a: Chan[object], b: Chan[object]) -> None:
        try:
            await aselect(sending(a, Tell(died.set)), b, sending(b, 1))
        finally:
            keep.send_nowait("closed")

    def lose() -> None:
        a: Chan[object] = Chan()
        b: Chan[object] = Chan()
        go(selecting, a, b)
        wait_parked(a, senders=1)

    lose()
    with pytest.warns(ResourceWarning, match="can never be woken"):
        wait_until(lambda: bool(gc.collect() + 1) and died.is_set(), "the value died")
    assert keep.recv(timeout=20) == "closed"


def test_children_of_one_parent_choose_each_in_its_own_way() -> None:
    procs.run(
        """
import os
from gochan import Chan, select
closed = Chan()
closed.close()

def choices():
    return bytes(select(closed, closed)[0] for _ in range(128))

choices()
found = []
for _ in range(2):
    out, into = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(into, choices())
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    found.append(os.read(out, 128))
found.append(choices())
assert all(len(one) == 128 for one in found), found
assert len(set(found)) == 3, found
"""
    ).ok()

"""What a goroutine says of itself while it parks and wakes, and what the saying may not do."""

from __future__ import annotations

import gc
import re
import weakref
from contextlib import suppress
from typing import Any

from collecting import collect_until, listening
from gochan import Chan, Goroutine, agosched, go, num_goroutine
from parking import wait_until, wait_waiting
from records import RECORD, identity, record
from watch import PATIENCE

# ---------------------------------------------------------------- states


def test_runnable_and_running() -> None:
    own, told = Chan[Goroutine[None]](1), Chan[tuple[str, str]](1)
    turn = [True]

    async def look() -> None:
        me = await own.arecv()
        await told.asend((me.state, repr(me)))
        while turn:
            await agosched()

    g = go(look)
    own.send(g)
    state, text = told.recv(timeout=PATIENCE)
    assert state == "running"
    assert text.startswith(f"<gochan.Goroutine {g.name} running, started at {__file__}:")
    # Whoever takes turns is running or in the queue, but does not wait for anything.
    for _ in range(200):
        assert g.state in {"runnable", "running"}
        assert " waiting " not in repr(g)
    turn.clear()
    g.join(PATIENCE)
    assert g.state == "done"


def test_one_that_has_not_begun_is_runnable() -> None:
    """The goroutine that starts it keeps the turn, and looks before it gives it away."""
    seen: list[tuple[str, str]] = []

    async def child() -> None: ...

    async def parent() -> None:
        g = go(child)
        seen.append((g.state, repr(g)))
        await g

    go(parent).result(PATIENCE)
    ((state, text),) = seen
    # With more permits than one, and with a turn that took too long, it may be further.
    assert state in {"runnable", "running", "done"}
    assert re.match(r"<gochan\.Goroutine child-\d+ (runnable|running|done), started at ", text)


# ---------------------------------------------------------------- what a record may not do


def test_goroutines_that_wait_for_themselves_and_each_other() -> None:
    """A repr within a repr ends somewhere."""

    async def join(box: Chan[Goroutine[Any]]) -> None:
        await (await box.arecv()).ajoin()

    def lost() -> None:
        boxes = [Chan[Goroutine[Any]](1) for _ in range(3)]
        one, two, selfish = goroutines = [go(join, box) for box in boxes]
        for box, other in zip(boxes, (two, one, selfish), strict=True):
            box.send(other)
        for g in goroutines:
            wait_until(lambda g=g: "Goroutine.ajoin()" in repr(g), repr(g))  # type: ignore[misc]
            assert len(repr(g)) < 2000, len(repr(g))

    before = num_goroutine()
    with listening():  # nobody can wake them
        lost()
        collect_until(lambda: num_goroutine() <= before, "collected")


def test_a_long_chain_of_goroutines_that_wait_for_each_other() -> None:
    gate = Chan[int]()

    async def join(other: Goroutine[Any]) -> None:
        await other

    g: Goroutine[Any] = go(gate.recv_ok)
    for _ in range(3000):
        g = go(join, g)
    wait_waiting(g)
    assert len(repr(g)) < 2000, len(repr(g))
    gate.close()
    g.join(PATIENCE)


def test_looking_while_it_parks_and_wakes() -> None:
    """At any moment there is something true to tell."""
    there, back = Chan[int](), Chan[int]()

    async def ping() -> None:
        for i in range(20_000):
            await there.asend(i)
            await back.arecv()
        there.close()

    async def pong() -> None:
        async for value in there:
            await back.asend(value)

    goroutines = [go(ping), go(pong)]
    forms = re.compile(r"<gochan\.Goroutine \S+ (runnable|running|done|waiting in .*), started .*>")
    seen = set()
    while not all(g.done.closed for g in goroutines):
        for g in goroutines:
            found = forms.fullmatch(repr(g))
            assert found, repr(g)
            if found[1].startswith("waiting"):
                assert RECORD.fullmatch(found[0]), found[0]
            seen.add(found[1].split()[0])
    assert len(seen) > 1
    for g in goroutines:
        g.result(PATIENCE)


def test_a_record_keeps_nothing_alive() -> None:
    """What a goroutine has waited for is not its business any more."""
    first, second = Chan[Chan[int]](), Chan[int]()
    watched = weakref.ref(first)

    async def body(box: list[Chan[Chan[int]]]) -> None:
        following = await box.pop().arecv()
        await following.arecv()

    g = go(body, [first])
    wait_waiting(g)
    first.send(second, timeout=PATIENCE)
    wait_waiting(g)
    del first

    def gone() -> bool:
        gc.collect()
        return watched() is None

    wait_until(gone, "the first channel freed")
    assert identity(second) in record(g).on
    second.send(1, timeout=PATIENCE)
    g.result(PATIENCE)


def test_the_record_of_a_timeout_is_taken_back() -> None:
    ch, gate = Chan[int](), Chan[int]()

    async def body() -> None:
        with suppress(TimeoutError):
            await ch.arecv(timeout=0.001)
        await gate.arecv()

    g = go(body)
    wait_until(lambda: g.state == "waiting" and identity(gate) in repr(g), "the second wait")
    assert identity(ch) not in repr(g)
    gate.send(1, timeout=PATIENCE)
    g.result(PATIENCE)

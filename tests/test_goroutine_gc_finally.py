"""Finally blocks that the collector runs: what works there, and what they bring back to life."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

import procs
from collecting import collect_until, listening, unraisable
from gochan import Chan, Goroutine, WouldBlock, agosched, go, num_goroutine, run
from parking import wait_parked, wait_until, wait_waiting
from reporting import Reports
from watch import PATIENCE

# ---------------------------------------------------------------- who collects


def on_a_thread(collect: Callable[[], None]) -> None:
    thread = threading.Thread(target=collect)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def on_a_goroutine(collect: Callable[[], None]) -> None:
    async def body() -> None:
        collect()

    go(body).result(PATIENCE)


def on_a_loop(collect: Callable[[], None]) -> None:
    async def body() -> None:
        collect()

    asyncio.run(body())


def under_run(collect: Callable[[], None]) -> None:
    run(collect)


def right_here(collect: Callable[[], None]) -> None:
    collect()


def on_a_def_goroutine(collect: Callable[[], None]) -> None:
    go(collect).result(PATIENCE)


on_each_thread = pytest.mark.parametrize(
    "on", [right_here, on_a_thread, on_a_goroutine, on_a_def_goroutine, on_a_loop, under_run]
)


@on_each_thread
def test_ready_operations_work_in_its_finally_block(on: Any) -> None:
    """Whoever else runs on the thread that collects."""
    out = Chan[object](2)
    gone = Chan[None]()

    async def cleans_up() -> None:
        try:
            await Chan[int]().arecv()
        finally:
            await out.asend("cleaned up")
            async with gone:
                await out.asend(await go_on())

    async def go_on() -> object:
        return await out.arecv()

    def scene() -> None:
        g = go(cleans_up)
        wait_waiting(g)

    with listening() as said, unraisable() as heard:
        scene()
        on(lambda: collect_until(lambda: gone.closed, "cleaned up"))
        assert len(said()) == 1
        assert heard == []
    assert out.recv_nowait() == "cleaned up"
    assert len(out) == 0


@on_each_thread
@pytest.mark.parametrize("caught", [True, False])
def test_nothing_waits_in_its_finally_block(on: Any, caught: bool) -> None:
    log: list[str] = []
    never = Chan[int]()

    async def waits_again() -> None:
        try:
            await Chan[int]().arecv()
        finally:
            if caught:
                try:
                    await never.arecv()
                except RuntimeError as error:
                    log.append(str(error))
            else:
                log.append("uncaught")
                await never.arecv()

    def scene() -> weakref.ref[Any]:
        g = go(waits_again)
        wait_waiting(g)
        return weakref.ref(g)

    with listening() as said, unraisable() as heard:
        seen = scene()
        on(lambda: collect_until(lambda: seen() is None, "collected"))
        assert len(said()) == 1
        assert [type(error) for error in heard] == ([] if caught else [RuntimeError])
    assert len(log) == 1 and log[0]
    with pytest.raises(WouldBlock):
        never.send_nowait(1)  # nobody is parked there


@on_each_thread
def test_one_that_iterates_over_an_async_generator(on: Any) -> None:
    """The generator, which the goroutine is suspended in, awaits in its own finally block."""
    log: list[str] = []

    async def values(ch: Chan[int]) -> AsyncGenerator[int, None]:
        try:
            while True:
                yield await ch.arecv()
        finally:
            log.append("values")
            await agosched()
            log.append("values, after agosched")

    async def consumes() -> None:
        try:
            async for _ in values(Chan()):
                pass
        finally:
            await agosched()
            log.append("consumes")

    def scene() -> weakref.ref[Any]:
        g = go(consumes)
        wait_waiting(g)
        return weakref.ref(g)

    with listening() as said, unraisable() as heard:
        seen = scene()
        on(lambda: collect_until(lambda: seen() is None, "collected"))
        [text] = said()
        assert "it waits in Chan.arecv()" in text
        assert heard == []
    assert log == ["values", "values, after agosched", "consumes"]


def test_a_finally_block_may_start_goroutines() -> None:
    told = Chan[str](1)

    async def tell() -> None:
        await told.asend("told")

    async def starts() -> None:
        try:
            await Chan[int]().arecv()
        finally:
            go(tell)

    with listening():
        wait_waiting(go(starts))
        collect_until(lambda: len(told) == 1, "told")


def test_a_loop_that_swallows_everything_does_not_hang_the_collector() -> None:
    finished = procs.run("""
        import gc, sys, warnings
        from gochan import Chan, go
        from parking import wait_until, wait_waiting

        warnings.simplefilter("ignore")
        sys.unraisablehook = lambda args: None
        begun = []

        async def stubborn(ch):
            while True:
                begun.append(1)
                try:
                    await ch.arecv()
                except BaseException:
                    pass

        wait_waiting(go(stubborn, Chan()))
        for _ in range(3):
            gc.collect()
        assert len(begun) > 1
        print("collected")
        """)
    assert finished.ok() == "collected\n"


# ---------------------------------------------------------------- resurrection


def test_a_handle_that_is_revived() -> None:
    kept: list[Goroutine[None]] = []
    own = Chan[Goroutine[None]](1)

    async def revives(own: Chan[Goroutine[None]]) -> None:
        me = await own.arecv()
        try:
            await Chan[int]().arecv()
        finally:
            kept.append(me)

    def scene() -> str:
        g = go(revives, own)
        own.send(g)
        wait_waiting(g)
        return g.name

    with listening() as said:
        name = scene()
        collect_until(lambda: kept != [], "revived")
        g = kept.pop()
        assert (g.name, g.state, g.done.closed) == (name, "done", True)
        g.join(0)
        seen = weakref.ref(g)
        del g
        collect_until(lambda: seen() is None, "freed")
        assert len(said()) == 1


def test_a_channel_that_is_revived() -> None:
    """Nobody is parked there any more: a value sent there is not lost."""
    kept: list[Chan[int]] = []

    async def revives(ch: Chan[int]) -> None:
        try:
            await ch.arecv()
        finally:
            kept.append(ch)

    with listening():
        wait_waiting(go(revives, Chan()))
        collect_until(lambda: kept != [], "revived")
    wait_parked(kept[0])
    with pytest.raises(WouldBlock):
        kept[0].send_nowait(1)
    g = go(kept[0].recv)
    kept[0].send(2, timeout=PATIENCE)
    assert g.result(PATIENCE) == 2


@pytest.mark.parametrize("first", ["sender", "receiver"])
def test_one_that_wakes_another_one_on_its_way_out(first: str, reports: Reports) -> None:
    """Both are lost, and the collector closes them in some order.

    The receiver may be closed before the value comes, or with it in its hands, since Python's
    collector does not ask again; or it is woken and goes on. It ends once, and without an error.
    """
    log: list[str] = []

    async def receiver(ch: Chan[str]) -> None:
        try:
            log.append(await ch.arecv())
        finally:
            log.append("receiver over")

    async def sender(ch: Chan[str]) -> None:
        try:
            await Chan[int]().arecv()
        finally:
            try:
                ch.send_nowait("value")
            except WouldBlock:
                log.append("refused")
            else:
                log.append("sent")

    def scene() -> None:
        ch = Chan[str]()
        order = [sender, receiver] if first == "sender" else [receiver, sender]
        wait_waiting(*[go(body, ch) for body in order])

    before = num_goroutine()
    with listening() as said, unraisable() as heard:
        for _ in range(10):
            scene()
            collect_until(lambda: num_goroutine() <= before, "both over")
            wait_until(lambda: bool({"sent", "refused"} & set(log)), "both over")
            assert "sent" in log or "value" not in log, log
            assert log.count("receiver over") == 1
            log.clear()
        assert 10 <= len(said()) <= 20
        assert heard == []
    assert reports.settled() == []

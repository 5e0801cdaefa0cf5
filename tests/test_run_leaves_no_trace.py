"""Leaving goroutines behind is what run() promises: no warning, no report, and nothing kept."""

from __future__ import annotations

import gc
import weakref

import procs
from gochan import Chan, agosched, go, run
from scheduler import under_a_deadline

pytestmark = under_a_deadline


def test_nobody_warns_of_them() -> None:
    """Whatever they were doing."""
    finished = procs.run("""
        import asyncio, gc, warnings
        from gochan import Chan, WaitGroup, agosched, aio, go, run

        warnings.simplefilter("always")
        ch = Chan()

        async def never_began():
            pass

        async def spins():
            while True:
                await agosched()

        async def receives(ch, **limit):
            await ch.arecv(**limit)

        async def in_loop():
            await aio(asyncio.sleep(3600))

        async def waits(wg):
            await wg

        async def main():
            # Main can reach all that they wait for, so there is nothing to warn of before its end.
            own = [Chan() for _ in range(3)]
            wg = WaitGroup()
            wg.add()
            for i in range(3):
                go(spins)
                go(receives, own[i])
                go(receives, ch)
                go(receives, ch, timeout=3600)
                go(in_loop)
                go(waits, wg)
            for _ in range(100):
                await agosched()
            for _ in range(3):
                go(never_began)
                go(receives, ch)

        for _ in range(3):
            run(main)
            for _ in range(3):
                gc.collect()
        print("end")
        """)
    assert finished.ok() == "end\n"


def test_what_they_hold_is_freed() -> None:
    class Thing:
        pass

    refs: list[weakref.ref[Thing]] = []

    async def child(thing: Thing, ch: Chan[int]) -> None:
        await ch.arecv()
        del thing

    async def main() -> None:
        chans = [Chan[int]() for _ in range(3)]
        for ch in chans:
            thing = Thing()
            refs.append(weakref.ref(thing))
            g = go(child, thing, ch)
            del thing
            while g.state != "waiting":
                await agosched()
            del g

    run(main)
    gc.collect()
    assert [ref() for ref in refs] == [None] * 3

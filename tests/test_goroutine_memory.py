"""Goroutines that have ended leave nothing behind, however they ended."""

from __future__ import annotations

from pathlib import Path

import pytest

import procs

PROGRAM = """
import gc, os, sys, warnings
from gochan import Chan, WaitGroup, agosched, aio, go, goexit, num_goroutine, run
from parking import wait_parked, wait_until

warnings.simplefilter("ignore")

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

{life}

def live(goroutines):
    for _ in range(goroutines // 1000):
        thousand()
    # Joining them says nothing of what they have left behind: goroutines that finish an async
    # generator end when they get to it, and who waits for nobody is found once it is parked.
    wait_until(lambda: gc.collect() >= 0 and num_goroutine() == 1, "all have ended")

many = {count}
live(many // 4)  # caches, free lists and heaps take what they need
before = resident(), sys.getallocatedblocks()
live(many)
after = resident(), sys.getallocatedblocks()
bytes_each = (after[0] - before[0]) / many
blocks_each = (after[1] - before[1]) / many
print(f"{{bytes_each:.1f}} bytes and {{blocks_each:.3f}} blocks each")
# What could be left of each is a block at least.
assert bytes_each < {bytes_each} + 32 and blocks_each < 0.1, (before, after)
"""

JOINED = """
def thousand():
    goroutines = [go(body) for _ in range(1000)]
    for g in goroutines:
        g.join(60)
"""

# How they live and end, a thousand at a time, and how many thousands.
LIVES = {
    "joined": ("async def body():\n    return object()\n" + JOINED, 100),
    "never joined": (
        """
async def body(wg):
    await agosched()
    wg.done()
def thousand():
    wg = WaitGroup()
    wg.add(1000)
    for _ in range(1000):
        go(body, wg)
    wg.wait(timeout=60)
""",
        100,
    ),
    "parked": (
        """
gate = Chan()
async def body():
    await gate.arecv_ok()
def thousand():
    global gate
    gate = Chan()
    goroutines = [go(body) for _ in range(1000)]
    wait_parked(gate, receivers=1000)
    gate.close()
    for g in goroutines:
        g.join(60)
""",
        100,
    ),
    "parked on a timeout that does not come": (
        """
async def body(ch):
    await ch.arecv(timeout=3600)
def thousand():
    ch = Chan()
    goroutines = [go(body, ch) for _ in range(1000)]
    wait_parked(ch, receivers=1000)
    for g in goroutines:
        ch.send(1)
    for g in goroutines:
        g.join(60)
""",
        100,
    ),
    "timed out": (
        """
async def body():
    try:
        await Chan().arecv(timeout=0.001)
    except TimeoutError:
        pass
"""
        + JOINED,
        50,
    ),
    "failed": (
        """
async def fails():
    raise ValueError
async def body():
    g = go(fails)
    await g.ajoin()
    assert isinstance(g.exception(), ValueError)
    try:
        await go(fails)
    except ValueError:
        pass
"""
        + JOINED,
        10,
    ),
    "waited for by another": (
        """
async def child():
    return object()
async def body():
    await go(child)
    await go(child).ajoin()
    await go(child).done.arecv_ok()
"""
        + JOINED,
        30,
    ),
    "left by goexit": ("async def body():\n    goexit()\n" + JOINED, 50),
    "def": ("body = object\n" + JOINED, 100),
    "collected": (
        """
async def lost():
    await Chan().arecv()
async def body():
    go(lost)
def thousand():
    for g in [go(body) for _ in range(1000)]:
        g.join(60)
    gc.collect()
""",
        20,
    ),
    "main of run": (
        """
async def main():
    await agosched()
def thousand():
    for _ in range(1000):
        run(main)
""",
        5,  # on a machine with other work its turns wait for that, milliseconds each
    ),
    "in aio": (
        """
async def coroutine():
    return object()
async def body():
    await aio(coroutine())
"""
        + JOINED,
        20,
    ),
    "an async generator left in the middle": (
        """
async def values():
    try:
        while True:
            yield 1
    finally:
        await agosched()
async def body():
    async for _ in values():
        break
"""
        + JOINED,
        20,
    ),
}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc/self/statm")
@pytest.mark.parametrize("life", LIVES)
def test_memory_does_not_grow(life: str) -> None:
    program, thousands = LIVES[life]
    count = thousands * 1000
    # What pages and threads' arenas move by themselves, spread over so many.
    allowed = 8 + 4_000_000 / count
    finished = procs.run(
        PROGRAM.format(life=program, count=count, bytes_each=allowed),
        limit=120,
    )
    print(life, finished.ok())

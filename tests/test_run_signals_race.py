"""SIGINT at any moment of an `await` of main: nothing is lost, nothing comes twice."""

from __future__ import annotations

import os

import pytest

import procs
from signalling import HAMMER_RUN

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals to a process")


PARTNERS = ("thread", "goroutine")


@pytest.mark.parametrize("capacity", [0, 1, 16])
@pytest.mark.parametrize("partner", PARTNERS)
def test_interrupted_receives_lose_nothing(capacity: int, partner: str) -> None:
    finished = procs.run(
        HAMMER_RUN
        + f"""
ch = Chan({capacity})
def values():
    for value in itertools.count():
        if hits == ENOUGH:
            return
        yield value
        global sent
        sent = value + 1
def feed():
    with ch:
        for value in values():
            ch.send(value)
            if value % 50 == 0:
                over.wait(1e-4)  # let the receiver park
async def afeed():
    async with ch:
        for value in values():
            await ch.asend(value)
            if value % 50 == 0:
                await agosched()
got = []
async def receive():
    # From the value's arrival to the list there is no place where a signal could strike.
    async for value in ch:
        got.append(value)
async def main():
    feeder = go(feed if {partner!r} == "thread" else afeed)
    await hammered(receive)
    await feeder
gochan.run(main)
assert got == list(range(sent)), (sent, len(got), [v for i, v in enumerate(got) if i != v][:5])
"""
    )
    assert finished.ok().startswith("seed ")


@pytest.mark.parametrize("capacity", [0, 1, 16])
@pytest.mark.parametrize("partner", PARTNERS)
def test_interrupted_sends_are_sent_or_not(capacity: int, partner: str) -> None:
    """One that returned was sent. One that was interrupted as its receiver came may stay sent."""
    finished = procs.run(
        HAMMER_RUN
        + f"""
ch = Chan({capacity})
got = []
def take():
    for value in ch:
        got.append(value)
        if value % 50 == 0:
            over.wait(1e-4)  # let the sender park
async def atake():
    async for value in ch:
        got.append(value)
        if value % 50 == 0:
            await agosched()
returned = 0
values = itertools.count()
async def send():
    global returned
    while hits < ENOUGH:
        await ch.asend(next(values))
        returned += 1
async def main():
    taker = go(take if {partner!r} == "thread" else atake)
    await hammered(send)
    ch.close()
    await taker
gochan.run(main)
assert returned <= len(got) <= returned + hits, (returned, len(got), hits)
assert got == sorted(set(got)), "one came twice, or out of order"
"""
    )
    assert finished.ok().startswith("seed ")

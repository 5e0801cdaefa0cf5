"""SIGINT at any moment of an operation of the main thread: nothing is lost, nothing comes twice."""

from __future__ import annotations

import os

import pytest

import procs
from signalling import HAMMER

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals to a process")


@pytest.mark.parametrize("capacity", [0, 1, 16])
def test_interrupted_receives_lose_nothing(capacity: int) -> None:
    finished = procs.run(
        HAMMER
        + f"""
ch = Chan({capacity})
def feed():
    with ch:
        for value in range(COUNT):
            ch.send(value)
            if value % 50 == 0:
                over.wait(1e-4)  # let the receiver park
feeder = go(feed)
got = []
striker.start()
run(lambda: got.extend(ch))
over.set()
striker.join()
feeder.result(20)
assert got == list(range(COUNT)), (len(got), [v for i, v in enumerate(got) if i != v][:5])
assert hits > 20, hits
"""
    )
    assert finished.ok().startswith("seed ")


@pytest.mark.parametrize("capacity", [0, 1, 16])
def test_interrupted_sends_are_sent_or_not(capacity: int) -> None:
    """One that returned was sent. One that was interrupted as its receiver came may stay sent."""
    finished = procs.run(
        HAMMER
        + f"""
ch = Chan({capacity})
got = []
def take():
    for value in ch:
        got.append(value)
        if value % 50 == 0:
            over.wait(1e-4)  # let the sender park
taker = go(take)
returned = []
values = iter(range(COUNT))
striker.start()
run(lambda: returned.extend(map(ch.send, values)))
over.set()
striker.join()
ch.close()
taker.result(20)
assert len(returned) <= len(got) <= len(returned) + hits, (len(got), len(returned), hits)
assert got == sorted(set(got)), "one came twice, or out of order"
assert hits > 20, hits
"""
    )
    assert finished.ok().startswith("seed ")


def test_an_interrupted_recv_many_keeps_its_values() -> None:
    finished = procs.run(
        HAMMER
        + """
from functools import partial
ch = Chan(4)
def feed():
    with ch:
        for value in range(COUNT):
            ch.send(value)
            if value % 50 == 0:
                over.wait(1e-4)
feeder = go(feed)
got = []
striker.start()
# iter() with a stop value calls it again and again, from C.
run(lambda: got.extend(iter(partial(ch.recv_many, 3), [])))
over.set()
striker.join()
feeder.result(20)
flat = [value for many in got for value in many]
assert flat == list(range(COUNT)), len(flat)
assert hits > 20, hits
"""
    )
    assert finished.ok().startswith("seed ")

"""gochan.rate.Sometimes: a function that runs at some calls only (R9), with the numbers of Go's
examples.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from gochan import BlockingError, Chan, go, rate
from gochan.rate import Sometimes
from hosts import Host
from reporting import Expected
from watch import PATIENCE


async def runs(host: Host, sometimes: Sometimes, calls: int) -> list[int]:
    """Which calls run, in Go's count from 1."""
    ran: list[int] = []
    for n in range(1, calls + 1):
        run = partial(ran.append, n)
        does = sometimes.do(run) if host.blocking else await sometimes.ado(run)
        assert does is (ran[-1:] == [n])
    return ran


@pytest.mark.parametrize(
    ("rules", "ran"),
    [
        ({}, [1]),
        ({"first": 2}, [1, 2]),
        ({"every": 2}, [1, 3, 5]),
        ({"first": 2, "every": 3}, [1, 2, 4]),
        ({"every": 1}, [1, 2, 3, 4, 5, 6]),
        ({"interval": 0}, [1]),
        ({"interval": -1}, [1]),
        ({"interval": 2**63}, [1]),
        ({"interval": math.inf}, [1]),
        ({"interval": 1e-9}, [1, 2, 3, 4, 5, 6]),
        ({"interval": timedelta(days=1), "first": 3}, [1, 2, 3]),
    ],
)
async def test_rules(host: Host, rules: dict[str, Any], ran: list[int]) -> None:
    """Any of them is enough, and the first call always runs."""
    assert await runs(host, Sometimes(**rules), 6) == ran


async def test_an_interval_counts_from_the_end_of_a_run(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example with all three rules: first 2, every 2, interval 2 s."""
    now = 100.0
    monkeypatch.setattr(rate, "time", SimpleNamespace(monotonic=lambda: now))
    sometimes = Sometimes(first=2, every=2, interval=2)

    def late() -> None:
        nonlocal now
        now += 5

    async def does(fn: Callable[[], None] = lambda: None) -> bool:
        return sometimes.do(fn) if host.blocking else await sometimes.ado(fn)

    assert [await does() for _ in range(3)] == [True, True, True]
    now += 2
    assert await does(late)
    assert [await does() for _ in range(2)] == [True, False]


async def test_a_call_that_fails_does_not_count(host: Host) -> None:
    sometimes = Sometimes()

    def fail() -> None:
        raise Expected

    async def afail() -> None:
        raise Expected

    for _ in range(2):
        with pytest.raises(Expected):
            sometimes.do(fail) if host.blocking else await sometimes.ado(afail)
    assert await runs(host, sometimes, 3) == [1]


def test_calls_follow_one_another() -> None:
    """None runs beside another one, and all are counted, whoever makes them."""
    sometimes, inside, most = Sometimes(every=2), [0], [0]

    def busy() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        go(lambda: None).result(PATIENCE)  # others come by
        inside[0] -= 1

    async def abusy() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        await go(lambda: None)
        inside[0] -= 1

    async def asome() -> int:
        return sum([await sometimes.ado(abusy) for _ in range(20)])

    def some() -> int:
        return sum(sometimes.do(busy) for _ in range(20))

    workers = [go(some), go(some), go(asome), go(asome)]
    assert sum(g.result(PATIENCE) for g in workers) == 40
    assert most == [1]


def test_who_calls_itself_is_told() -> None:
    """In Go it waits for ever."""
    sometimes = Sometimes()
    with pytest.raises(RuntimeError, match="called by the function that it runs"):
        sometimes.do(lambda: sometimes.do(lambda: None))
    assert sometimes.do(lambda: None)


def test_an_event_loop_is_not_stopped() -> None:
    sometimes, gate, begun = Sometimes(every=1), Chan[None](), Chan[None]()

    def run() -> None:
        begun.close()
        gate.recv_ok()

    async def main() -> None:
        with pytest.raises(BlockingError, match=r"await sometimes\.ado\(fn\)"):
            sometimes.do(lambda: None)
        later = asyncio.ensure_future(sometimes.ado(lambda: None))
        gate.close()
        assert await later

    g = go(sometimes.do, run)
    begun.recv_ok(timeout=PATIENCE)
    asyncio.run(main())
    assert g.result(PATIENCE)

    def blocks() -> None:
        raise BlockingError("of the function")

    with pytest.raises(BlockingError, match="of the function"):
        sometimes.do(blocks)


async def nothing() -> None: ...


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: Sometimes(first=-1), ValueError, "first"),
        (lambda: Sometimes(every=1.0), TypeError, "every"),  # type: ignore[arg-type]
        (lambda: Sometimes(interval=math.nan), ValueError, "interval"),
        (lambda: Sometimes().do(3), TypeError, "function to call, not int"),  # type: ignore[arg-type]
        (lambda: Sometimes().ado(3), TypeError, "function to call, not int"),  # type: ignore[arg-type]
        (lambda: Sometimes().do(nothing), TypeError, "await sometimes.ado"),
    ],
)
def test_bad_input(call: Callable[[], Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def test_what_it_shows() -> None:
    sometimes = Sometimes(first=2, interval=0.5)
    sometimes.do(lambda: None)
    assert repr(sometimes).endswith(" first=2 every=0 interval=0.5 calls=1>")

"""Select of what is ready at once: each arm as likely as any other, and only what is ready."""

from __future__ import annotations

import ctypes
import sys
from collections import Counter
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import procs
from gochan import Chan, ChanClosed, select, sending
from hosts import Host
from selecting import select as select_in

# What an arm is, and what it does: None where it is not ready.
STATES: dict[str, Any] = {
    "nil": None,
    "recv of a value": (7, True),
    "recv on empty": None,
    "recv on closed": (None, False),
    "recv of the last": (7, True),
    "send into room": (None, True),
    "send on full": None,
    "send on closed": ChanClosed,
}


def arm(state: str) -> Any:
    if state == "nil":
        return None
    ch = Chan[int](1)
    if state in ("recv of a value", "recv of the last", "send on full"):
        ch.send(7)
    if state in ("recv on closed", "recv of the last", "send on closed"):
        ch.close()
    return sending(ch, 5) if state.startswith("send") else ch


def fire(states: list[str], **options: Any) -> Any:
    try:
        return select(*map(arm, states), **options)
    except ChanClosed:
        return ChanClosed


def expected(states: list[str]) -> set[Any]:
    outcomes = set()
    for i, state in enumerate(states):
        does = STATES[state]
        if does is not None:
            outcomes.add(does if does is ChanClosed else (i, *does))
    return outcomes


@pytest.mark.parametrize("states", list(product(STATES, repeat=2)), ids=" + ".join)
def test_truth_table(states: tuple[str, ...]) -> None:
    """S9, S11, S12, S13 for each pair: only what is ready, and all of it, sooner or later."""
    wanted = expected(list(states))
    if not wanted:
        assert fire(list(states), default=True) is None
        with pytest.raises(TimeoutError):
            fire(list(states), timeout=0)
        return
    seen = set()
    for _ in range(200):  # one of two is missed 200 times in a row once in 10^60
        seen.add(fire(list(states)))
        seen.add(fire(list(states), default=True))
        if seen == wanted:
            break
    assert seen == wanted


@given(st.lists(st.sampled_from(list(STATES)), max_size=8))
@settings(deadline=None)
def test_oracle(states: list[str]) -> None:
    """K5: what fires was ready, and with `priority` it is the first that was."""
    wanted = expected(states)
    if not wanted:
        assert fire(states, default=True) is None
        return
    assert fire(states) in wanted
    assert fire(states, default=True) in wanted
    first = next(state for state in states if STATES[state] is not None)
    does = STATES[first]
    number = states.index(first)
    assert fire(states, priority=True) == (does if does is ChanClosed else (number, *does))


async def test_every_host_takes_what_is_ready(host: Host) -> None:
    for states in (["recv of a value", "recv on empty"], ["nil", "send into room"]):
        (wanted,) = expected(states)
        assert await select_in(host, *map(arm, states)) == wanted
        assert await select_in(host, *map(arm, states), default=True) == wanted
        assert await select_in(host, *map(arm, states), priority=True, timeout=1) == wanted
    with pytest.raises(ChanClosed, match="send on closed channel"):
        await select_in(host, arm("send on closed"))


def chi_square(counts: Counter[int], chances: dict[int, float], rounds: int) -> float:
    assert set(counts) <= set(chances)
    return sum((counts[i] - rounds * p) ** 2 / (rounds * p) for i, p in chances.items())


@pytest.mark.parametrize("count", range(2, 9))
@pytest.mark.parametrize("mixed", [False, True], ids=["receives", "mixed"])
def test_each_ready_arm_is_as_likely_as_any_other(count: int, mixed: bool) -> None:
    """S2, S14, K6. With seven degrees of freedom 70 is passed by chance once in 10^12."""
    rounds = 4_000
    counts = Counter[int]()
    for _ in range(rounds):
        arms = [
            arm("send into room" if mixed and i % 2 else "recv of a value") for i in range(count)
        ]
        # And arms that are not ready in between, which change nothing.
        arms.insert(1, arm("recv on empty"))
        counts[select(*arms)[0]] += 1
    ready = [0, *range(2, count + 1)]
    assert chi_square(counts, dict.fromkeys(ready, 1 / count), rounds) < 70


def test_arms_count_not_channels() -> None:
    """S2: a channel that stands in two arms is taken twice as often."""
    rounds = 6_000
    counts = Counter[int]()
    for _ in range(rounds):
        a, b = arm("recv of a value"), arm("recv of a value")
        counts[select(a, a, b)[0]] += 1
    assert chi_square(counts, dict.fromkeys(range(3), 1 / 3), rounds) < 60


def test_draws_do_not_depend_on_each_other() -> None:
    """S15, K6: after any arm the next draw is as open as before."""
    rounds = 8_000
    a, b = Chan[int](1), Chan[int](1)
    a.close()
    b.close()
    draws = [select(a, b)[0] for _ in range(rounds)]
    pairs = Counter(2 * x + y for x, y in pairwise(draws))
    assert chi_square(pairs, dict.fromkeys(range(4), 1 / 4), rounds) < 60


def test_both_values_of_two_send_arms_occur() -> None:
    """S8: TestPseudoRandomSend in Go."""
    ch = Chan[int](1)
    seen = Counter[int]()
    for _ in range(2_000):
        select(sending(ch, 0), sending(ch, 1))
        seen[ch.recv()] += 1
    assert seen[0] > 600 and seen[1] > 600  # 18 sigma


def test_a_send_case_may_be_used_again() -> None:
    ch = Chan[str](3)
    case = sending(ch, "again")
    for _ in range(3):
        assert select(case) == (0, None, True)
    assert select(case, default=True) is None
    assert [ch.recv() for _ in range(3)] == ["again"] * 3


def test_a_select_of_very_many_arms_leaves_no_memory_behind() -> None:
    """A thread keeps what its next select needs, and that has a few arms."""
    if sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("asks glibc")
    program = """
import ctypes
from gochan import Chan, aselect

class Info(ctypes.Structure):
    _fields_ = [(f"_{at}", ctypes.c_size_t) for at in range(10)]

info = ctypes.CDLL(None).mallinfo2
info.restype = Info

def used():
    return info()._7 + info()._4  # in use: in the heap, and mapped by itself

def choose(arms):
    ch = Chan(1)
    ch.send(1)
    try:
        aselect(*[ch] * arms).send(None)
    except StopIteration as chosen:
        assert chosen.value[1:] == (1, True)

choose(2)
before = used()
choose(65536)
print(used() - before < 65536)
"""
    assert procs.run(program).ok() == "True\n"

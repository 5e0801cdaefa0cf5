"""gochan.rate: a limiter's arithmetic at given moments (R1, R2, R6, R7), with Go's own tables.

Times are multiples of 0.1 s, counted from an odd moment; the numbers are those of Go's tests.
"""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from gochan import go
from gochan.rate import INF, Limiter, every

START = 12345.678  # nothing is special about it
STEP = 0.1


def at(steps: float) -> float:
    return START + steps * STEP


# Of one step of a table: when, how many tokens there are then, how many are asked for, and whether
# they are granted.
Step = tuple[float, float, int, bool]


def play(limiter: Limiter, *steps: Step) -> None:
    for number, (when, tokens, n, granted) in enumerate(steps):
        assert limiter.tokens(at=at(when)) == tokens, f"step {number}"
        assert limiter.allow(n, at=at(when)) is granted, f"step {number}"


# ------------------------------------------------------------------ Go's tables
def test_a_burst_of_one() -> None:
    play(
        Limiter(10, 1),
        (0, 1, 1, True),
        (0, 0, 1, False),
        (0, 0, 1, False),
        (1, 1, 1, True),
        (1, 0, 1, False),
        (1, 0, 1, False),
        (2, 1, 2, False),  # more than the burst: never
        (2, 1, 1, True),
        (2, 0, 1, False),
    )


def test_a_burst_of_three() -> None:
    play(
        Limiter(10, 3),
        (0, 3, 2, True),
        (0, 1, 2, False),
        (0, 1, 1, True),
        (0, 0, 1, False),
        (1, 1, 4, False),
        (2, 2, 1, True),
        (3, 2, 1, True),
        (4, 2, 1, True),
        (4, 1, 1, True),
        (4, 0, 1, False),
        (4, 0, 1, False),
        (9, 3, 3, True),  # no more than the burst, however long it took
        (9, 0, 0, True),
    )


def test_time_that_goes_backwards() -> None:
    """No time has passed then, and it goes on from there (R6)."""
    play(
        Limiter(10, 3),
        (1, 3, 1, True),
        (0, 2, 1, True),
        (0, 1, 1, True),
        (0, 0, 1, False),
        (0, 0, 1, False),
        (1, 1, 1, True),
        (1, 0, 1, False),
        (1, 0, 1, False),
        (2, 1, 1, True),
        (2, 0, 1, False),
        (2, 0, 1, False),
    )


@pytest.mark.parametrize(
    ("period", "rate"),
    [
        (0, INF),
        (-1, INF),
        (1e-9, 1e9),
        (1e-6, 1e6),
        (1e-3, 1e3),
        (0.01, 100),
        (0.1, 10),
        (1, 1),
        (2, 0.5),
        (2.5, 0.4),
        (4, 0.25),
        (10, 0.1),
        (9223372036.854775807, 1e9 / 9223372036854775807),
        (timedelta(milliseconds=20), 50),
        (timedelta(0), INF),
        (math.inf, 0),
        (5e-324, INF),
    ],
)
def test_every(period: float | timedelta, rate: float) -> None:
    assert every(period) == pytest.approx(rate, rel=1e-9)


def test_the_first_event_of_a_crooked_rate() -> None:
    """A full bucket is full, whatever the rate is rounded to (golang.org/issue/34861)."""
    assert Limiter(0.7692307692307693, 1).allow()


def test_a_rate_of_zero_refills_nothing() -> None:
    limiter = Limiter(0, 1)
    play(limiter, (0, 1, 1, True), (0, 0, 1, False), (1e9, 0, 1, False))


def test_a_tiny_rate_is_not_too_fast() -> None:
    """The time until the next token is longer than any duration; that must not overflow (R7)."""
    for rate in (1e-10, 5e-324):
        limiter = Limiter(rate, 1)
        assert limiter.allow()
        assert not limiter.allow()


def test_requests_at_the_same_time() -> None:
    """Just the burst of them passes."""
    limiter = Limiter(0.001, 5)
    asked = [go(limiter.allow) for _ in range(15)]
    assert sum(g.result() for g in asked) == 5


def test_a_long_run() -> None:
    """100 per second, asked 500 times a second for 5 seconds: no more than that, hardly less."""
    limiter = Limiter(100, 100)
    granted = sum(limiter.allow(at=START + k * 0.002) for k in range(2500))
    ideal = 100 + 100 * 5
    assert int(0.999 * ideal) <= granted <= ideal + 1


# ------------------------------------------------------------------ the edges
def test_inf_passes_all_and_takes_nothing() -> None:
    """Even with a burst of 0 (R1)."""
    limiter = Limiter(INF, 0)
    assert limiter.allow(10**30, at=at(0))
    assert Limiter(INF, 7).tokens(at=at(0)) == 7


def test_inf_for_a_while() -> None:
    """Until the rate is set back, nothing was taken."""
    limiter = Limiter(10, 3)
    assert limiter.allow(3, at=at(0))
    limiter.set_rate(INF, at=at(1))
    assert limiter.allow(100, at=at(1))
    limiter.set_rate(10, at=at(1))
    assert limiter.tokens(at=at(1)) == 1  # from the time before


def test_a_limiter_of_nothing() -> None:
    """Go's zero value: no event, but no events are always fine (R1)."""
    limiter = Limiter(0, 0)
    assert not limiter.allow(1, at=at(0))
    assert limiter.allow(0, at=at(0))


def test_a_refusal_has_no_effect() -> None:
    limiter = Limiter(10, 3)
    assert limiter.allow(2, at=at(0))
    for n in (2, 3, 4):
        assert not limiter.allow(n, at=at(0.5))
    assert limiter.tokens(at=at(0)) == 1


def test_set_rate_counts_the_time_before_at_the_old_rate() -> None:
    limiter = Limiter(10, 10)
    assert limiter.allow(10, at=at(0))
    limiter.set_rate(20, at=at(3))
    assert limiter.rate == 20
    assert limiter.tokens(at=at(3)) == 3
    assert limiter.tokens(at=at(4)) == 5


def test_set_burst_fills_up_at_the_rate() -> None:
    limiter = Limiter(10, 1)
    limiter.set_burst(3, at=at(0))
    assert limiter.burst == 3
    assert limiter.tokens(at=at(0)) == 1
    assert limiter.tokens(at=at(1)) == 2
    assert limiter.tokens(at=at(9)) == 3
    limiter.set_burst(0, at=at(9))
    assert limiter.tokens(at=at(9)) == 0


def test_now_is_the_monotonic_clock() -> None:
    limiter = Limiter(1e-6, 1)
    assert limiter.allow()
    assert not limiter.allow()
    assert 0 <= limiter.tokens() < 0.1
    assert limiter.reserve().ok


# ------------------------------------------------------------------ wrong arguments
def test_wrong_values() -> None:
    limiter = Limiter(1, 1)
    nan = float("nan")
    for wrong in (
        lambda: Limiter(-1, 1),
        lambda: Limiter(nan, 1),
        lambda: Limiter(1, -1),
        lambda: Limiter(1, 2**63),
        lambda: limiter.allow(-1),
        lambda: limiter.reserve(-1),
        lambda: limiter.wait(-1),
        lambda: limiter.await_n(-1),
        lambda: limiter.wait(timeout=nan),
        lambda: limiter.allow(at=nan),
        lambda: limiter.tokens(at=math.inf),
        lambda: limiter.set_rate(-1),
        lambda: limiter.set_burst(-1),
        lambda: every(nan),
    ):
        with pytest.raises(ValueError):
            wrong()
    assert limiter.tokens() == 1


def test_wrong_types() -> None:
    limiter = Limiter(1, 1)
    for wrong in (
        lambda: Limiter("1", 1),  # type: ignore[arg-type]
        lambda: Limiter(1, 1.0),  # type: ignore[arg-type]
        lambda: limiter.allow(1.0),  # type: ignore[arg-type]
        lambda: limiter.wait("1"),  # type: ignore[arg-type]
        lambda: limiter.wait(timeout="1"),  # type: ignore[arg-type]
        lambda: limiter.wait(ctx=1),  # type: ignore[arg-type]
        lambda: limiter.reserve(at="now"),  # type: ignore[arg-type]
        lambda: limiter.set_burst(None),  # type: ignore[arg-type]
        lambda: every("1"),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            wrong()
    assert limiter.tokens() == 1

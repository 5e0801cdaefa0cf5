"""gochan.rate: reservations, their delays and what cancelling gives back (R3, R4, R6).

Times are multiples of 0.1 s; the numbers are those of Go's tests.
"""

from __future__ import annotations

import copy
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gochan.rate import INF, Limiter, Reservation
from test_rate import at, play


def reserve(limiter: Limiter, when: float, n: int, act: float | None) -> Reservation:
    """Reserves, and sees the time to act; None: it can not be."""
    reservation = limiter.reserve(n, at=at(when))
    assert reservation.ok is (act is not None)
    if act is None:
        assert reservation.delay(at=at(when)) == math.inf
    else:
        assert reservation.delay(at=at(0)) == pytest.approx(act * 0.1)
        assert reservation.delay(at=at(act + 1)) == 0
    return reservation


# ------------------------------------------------------------------ Go's tables
def test_tokens_are_booked_ahead() -> None:
    limiter = Limiter(10, 2)
    reserve(limiter, 0, 2, 0)
    reserve(limiter, 0, 2, 2)
    reserve(limiter, 3, 2, 4)


def test_reservations_among_others() -> None:
    limiter = Limiter(10, 2)
    reserve(limiter, 0, 3, None)  # more than the burst
    reserve(limiter, 0, 2, 0)
    play(limiter, (1, 1, 2, False))
    reserve(limiter, 1, 2, 2)
    play(limiter, (1, -1, 1, False))  # booked ahead: less than none
    play(limiter, (3, 1, 1, True))


def test_cancelling_what_could_not_be() -> None:
    limiter = Limiter(10, 2)
    reserve(limiter, 0, 2, 0)
    reserve(limiter, 0, 3, None).cancel(at=at(0))
    reserve(limiter, 0, 2, 2)


def test_cancelling_the_last_gives_all_back() -> None:
    limiter = Limiter(10, 2)
    reserve(limiter, 0, 2, 0)
    reserve(limiter, 0, 2, 2).cancel(at=at(1))
    reserve(limiter, 1, 2, 2)


def test_cancelling_too_late() -> None:
    limiter = Limiter(10, 2)
    reserve(limiter, 0, 2, 0)
    reserve(limiter, 0, 2, 2).cancel(at=at(3))
    reserve(limiter, 3, 2, 4)


def test_later_reservations_keep_the_tokens() -> None:
    limiter = Limiter(10, 2)
    reserve(limiter, 0, 2, 0)
    middle = reserve(limiter, 0, 1, 1)
    reserve(limiter, 0, 1, 2)
    middle.cancel(at=at(0))  # its token is that of the next one
    reserve(limiter, 0, 1, 3)


def test_later_reservations_keep_some_of_the_tokens() -> None:
    limiter = Limiter(10, 2)
    reserve(limiter, 0, 2, 0)
    middle = reserve(limiter, 0, 2, 2)
    reserve(limiter, 0, 1, 3)
    middle.cancel(at=at(2))  # one of two
    reserve(limiter, 2, 2, 4)


def test_cancelling_several() -> None:
    limiter = Limiter(10, 4)
    reserve(limiter, 0, 4, 0)
    first = reserve(limiter, 0, 3, 3)
    reserve(limiter, 0, 1, 4)
    last = reserve(limiter, 0, 1, 5)
    last.cancel(at=at(1))  # one back
    first.cancel(at=at(1))  # two back, as if the last one had never been
    reserve(limiter, 1, 3, 5)


def test_reserving_backwards_in_time() -> None:
    limiter = Limiter(10, 2)
    reserve(limiter, 1, 2, 1)
    reserve(limiter, 0, 1, 1)  # more than the limiter would let pass
    reserve(limiter, 2, 2, 3)
    reserve(limiter, 0, 3, None)  # changes nothing
    reserve(limiter, 2, 1, 4)
    assert not limiter.allow(2, at=at(0))  # nor does this
    reserve(limiter, 2, 1, 5)


def test_cancelling_backwards_in_time() -> None:
    limiter = Limiter(10, 2)
    reserve(limiter, 1, 2, 1)
    middle = reserve(limiter, 1, 2, 3)
    reserve(limiter, 1, 1, 4)
    middle.cancel(at=at(0))  # one back
    reserve(limiter, 1, 2, 4)


def test_a_new_rate_leaves_reservations_alone() -> None:
    limiter = Limiter(5, 2)
    reserve(limiter, 0, 2, 0)
    reserve(limiter, 0, 2, 4)
    limiter.set_rate(10, at=at(2))
    reserve(limiter, 2, 1, 4)


def test_a_new_burst_leaves_reservations_alone() -> None:
    limiter = Limiter(5, 2)
    reserve(limiter, 0, 2, 0)
    reserve(limiter, 0, 2, 4)
    limiter.set_burst(4, at=at(3))
    reserve(limiter, 0, 4, 9)


def test_cancelling_after_a_new_rate() -> None:
    limiter = Limiter(5, 2)
    reserve(limiter, 0, 2, 0)
    second = reserve(limiter, 0, 2, 4)
    limiter.set_rate(10, at=at(2))
    second.cancel(at=at(2))  # two back
    reserve(limiter, 2, 2, 3)


# ------------------------------------------------------------------ the edges
def test_at_a_rate_of_zero() -> None:
    """It is booked, for the end of all time (R3)."""
    limiter = Limiter(0, 1)
    reserve(limiter, 0, 1, 0)
    late = limiter.reserve(at=at(0))
    assert late.ok
    assert late.delay(at=at(0)) == (2**63 - 1) / 1e9
    limiter.set_rate(10, at=at(1))
    assert late.delay(at=at(1)) > 9e9  # it keeps its time
    assert limiter.tokens(at=at(1)) == -1
    late.cancel(at=at(1))
    assert limiter.tokens(at=at(1)) == 0


def test_cancelling_twice_gives_back_once() -> None:
    limiter = Limiter(10, 5)
    assert limiter.allow(5, at=at(0))
    reservation = limiter.reserve(2, at=at(0))
    for _ in range(2):
        reservation.cancel(at=at(0))
        assert limiter.tokens(at=at(0)) == 0
    assert reservation.ok


def test_cancelling_gives_back_no_more_than_the_burst() -> None:
    limiter = Limiter(10, 2)
    reservation = limiter.reserve(2, at=at(9))
    limiter.set_burst(1, at=at(9))
    reservation.cancel(at=at(9))
    assert limiter.tokens(at=at(9)) == 1


def test_a_reservation_at_inf_has_nothing_to_give_back() -> None:
    """Neither while the rate is INF nor after (R4)."""
    limiter = Limiter(INF, 2)
    reservation = limiter.reserve(7, at=at(0))
    assert reservation.ok
    assert reservation.delay(at=at(0)) == 0
    limiter.set_rate(10, at=at(0))
    assert limiter.allow(2, at=at(0))
    reservation.cancel(at=at(0))
    assert limiter.tokens(at=at(0)) == 0


def test_cancelling_does_nothing_while_the_rate_is_inf() -> None:
    limiter = Limiter(10, 2)
    reservation = limiter.reserve(2, at=at(0))
    limiter.set_rate(INF, at=at(0))
    reservation.cancel(at=at(0))
    limiter.set_rate(10, at=at(0))
    assert limiter.tokens(at=at(0)) == 0


# ------------------------------------------------------------------ laws
@given(
    rate=st.sampled_from([0.0, 0.5, 1.0, 10.0, 1e3]),
    burst=st.integers(0, 8),
    asked=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 8), st.booleans()), max_size=40),
)
def test_never_more_than_the_bucket_and_what_flows_in(
    rate: float, burst: int, asked: list[tuple[int, int, bool]]
) -> None:
    """Of what is granted, at its time, since the beginning, whoever cancels meanwhile."""
    limiter = Limiter(rate, burst)
    now = 0.0
    events: list[tuple[float, int]] = []
    for pause, n, give_up in asked:
        now += pause * 0.05
        reservation = limiter.reserve(n, at=now)
        assert reservation.ok is (n <= burst)
        if reservation.ok and give_up:
            reservation.cancel(at=now)
        elif reservation.ok:
            events.append((now + reservation.delay(at=now), n))
    events.sort()
    passed = 0
    for when, n in events:
        passed += n
        if when < 9e9:  # at a rate of 0 the others never are
            assert passed <= burst + rate * when + 1e-6


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20))
def test_cancelling_all_from_the_last_on_undoes_it(sizes: list[int]) -> None:
    limiter = Limiter(10, 5)
    assert limiter.allow(5, at=at(0))
    for reservation in reversed([limiter.reserve(n, at=at(0)) for n in sizes]):
        reservation.cancel(at=at(0))
    assert limiter.tokens(at=at(0)) == pytest.approx(0, abs=1e-6)


# ------------------------------------------------------------------ objects
def test_they_are_objects_of_their_own() -> None:
    limiter = Limiter(10, 3)
    reservation = limiter.reserve()
    for thing in (limiter, reservation):
        assert thing
        assert thing == thing and hash(thing) == hash(thing)
        for copying in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot copy or pickle"):
                copying(thing)
        with pytest.raises(AttributeError):
            thing.other = 1  # type: ignore[union-attr]
    assert Limiter(10, 3) != limiter
    assert " 10/s burst=3 tokens=" in repr(limiter)
    assert "n=1 in 0 s" in repr(reservation)
    assert "not ok" in repr(limiter.reserve(4))

"""The scenarios of what stands in front of a call: a rate limiter, a flight."""

from contest import SUBJECT, Contestant, Scenario


def _gochan(name: str, function: str) -> Contestant:
    return Contestant(name, f"gochan_calls:{function}", ("gochan",))


def _std(name: str, function: str) -> Contestant:
    return Contestant(name, f"std_calls:{function}")


_PLAIN = _std("the call alone (floor)", "call")
_LOCKED = _std("the call in a threading.Lock", "locked_call")

CALLS: tuple[Scenario, ...] = (
    Scenario(
        "rate-allow",
        "a call that a rate limit lets pass, one thread",
        "a call",
        (
            _gochan(SUBJECT, "allowed"),
            _gochan("wait() instead of allow()", "waited"),
            Contestant("limits, fixed window", "limits_rate:allowed", ("limits",)),
            _LOCKED,
            _PLAIN,
        ),
    ),
    Scenario(
        "singleflight",
        "a call that nobody else makes at the time, one thread",
        "a call",
        (_gochan(SUBJECT, "flown"), _LOCKED, _PLAIN),
    ),
)

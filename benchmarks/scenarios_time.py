"""The scenarios of timers and contexts that are taken back, and of sleep."""

from contest import SUBJECT, Contestant, Reach, Scenario, on
from drive_time import SLEEPERS, TURN

GO = "Go, one P"


def _gochan(function: str) -> Contestant:
    return Contestant(SUBJECT, f"gochan_time:{function}", ("gochan",))


def _asyncio(name: str, function: str) -> Contestant:
    return on("asyncio", Contestant(name, f"std_time:{function}"))[0]


def _go(function: str) -> Contestant:
    return Contestant(GO, f"golang:{function}", ("go",))


def _sleepers(name: str, how: str, function: str, *, quick: bool = True) -> Scenario:
    return Scenario(
        name,
        f"CPU time of {SLEEPERS:,} goroutines that sleep {how}",
        "the whole",
        (_gochan(function), _asyncio("asyncio.sleep", function), _go(function)),
        (Reach(SUBJECT, 1e9, kind="own"),),
        step=1,
        once=True,
        heavy=True,
        quick=quick,
    )


TIMES: tuple[Scenario, ...] = (
    Scenario(
        "with-timeout",
        "a context with a timeout, cancelled before it is due, goroutine",
        "a context",
        (
            _gochan("with_timeout_cancel"),
            _asyncio("asyncio.timeout", "timeout"),
            _go("with_timeout"),
        ),
        step=TURN,
    ),
    Scenario(
        "timer-stop",
        "a timer with a channel (asyncio: with a callback), stopped before it is due",
        "a timer",
        (
            _gochan("timer_stop"),
            _asyncio("call_later + cancel", "call_later_cancel"),
            _go("timer_stop"),
        ),
        step=TURN,
    ),
    Scenario(
        "after-func-stop",
        "a function that is to be called later, stopped before it is due",
        "a timer",
        (
            _gochan("after_func_stop"),
            _asyncio("call_later + cancel", "call_later_cancel"),
            _go("after_func_stop"),
        ),
        step=TURN,
    ),
    _sleepers("sleepers", "half a second each", "sleepers"),
    _sleepers("sleepers-spread", "half a second to one and a half", "sleepers_spread", quick=False),
    Scenario(
        "lateness",
        "how late a sleep of 3 to 7 ms ends, median; an idle machine",
        "a sleep",
        (
            _gochan("lateness"),
            Contestant("time.sleep (floor)", "std_time:thread_lateness"),
            _asyncio("asyncio.sleep", "lateness"),
            _go("lateness"),
        ),
        (Reach(SUBJECT, 1e6, kind="own"),),
        step=50,
        once=True,
    ),
)

"""The scenarios of `async def` goroutines: asyncio, trio, gevent and Go do the same work."""

from contest import SUBJECT, Contestant, Reach, Scenario, on
from drive_coro import BURST, LARGE_BURST, PRIMES, RING

GO = "Go, one P"
PARKED = 100_000
MILLION = 1_000_000


def _gochan(function: str) -> Contestant:
    return Contestant(SUBJECT, f"gochan_goroutine:{function}", ("gochan",))


def _asyncio(name: str, function: str) -> Contestant:
    return on("asyncio", Contestant(name, f"std_asyncio:{function}"))[0]


def _trio(name: str, function: str) -> Contestant:
    return Contestant(f"trio {name}", f"trio_channel:{function}", ("trio",))


def _gevent(name: str, function: str) -> Contestant:
    return Contestant(f"gevent {name}", f"gevent_queue:{function}", ("gevent",))


def _go(function: str) -> Contestant:
    return Contestant(GO, f"golang:{function}", ("go",))


GOROUTINES: tuple[Scenario, ...] = (
    Scenario(
        "goroutine-ping-pong",
        "unbuffered ping-pong of two goroutines (asyncio: size 1)",
        "a round trip",
        (
            _gochan("ping_pong"),
            _asyncio("asyncio.Queue(1)", "ping_pong"),
            _trio("memory channel(0)", "ping_pong"),
            _gevent("Channel", "ping_pong"),
            _go("ping_pong"),
        ),
        (Reach("asyncio.Queue(1)", 0.05), Reach(GO, 1.3)),
    ),
    Scenario(
        "goroutine-stream",
        "stream between two goroutines, capacity 128",
        "a value",
        (
            _gochan("stream"),
            _asyncio("asyncio.Queue(128)", "stream"),
            _trio("memory channel(128)", "stream"),
            _gevent("Queue(128)", "stream"),
            _go("stream"),
        ),
        (Reach("asyncio.Queue(128)", 0.15), Reach(GO, 4.0)),
    ),
    Scenario(
        "goroutine-ring",
        f"a token round a ring of {RING:,} goroutines and unbuffered channels",
        "a hop",
        (
            _gochan("ring"),
            _asyncio("asyncio.Queue(1)", "ring"),
            _trio("memory channel(0)", "ring"),
            _gevent("Channel", "ring"),
            _go("ring"),
        ),
        (Reach("asyncio.Queue(1)", 0.05), Reach(GO, 1.3)),
        step=RING,
    ),
    Scenario(
        "goroutine-sieve",
        f"concurrent prime sieve, unbuffered, first {PRIMES} primes",
        "a whole sieve",
        (
            _gochan("sieve"),
            _asyncio("asyncio.Queue(1)", "sieve"),
            _trio("memory channel(0)", "sieve"),
            _gevent("Channel", "sieve"),
            _go("sieve"),
        ),
        (Reach("asyncio.Queue(1)", 0.12), Reach(GO, 2.5)),
        step=1,
        heavy=True,
    ),
    Scenario(
        "goroutine-spawn",
        f"start goroutines that do nothing in bursts of {BURST:,} and wait for all",
        "a goroutine",
        (
            _gochan("spawn"),
            _asyncio("asyncio TaskGroup", "spawn"),
            _trio("nursery", "spawn"),
            _gevent("spawn + joinall", "spawn"),
            _go("spawn"),
        ),
        (Reach("asyncio TaskGroup", 0.08), Reach(GO, 0.8)),
        step=BURST,
    ),
    Scenario(
        "goroutine-spawn-20k",
        f"start goroutines that do nothing in bursts of {LARGE_BURST:,} and wait for all",
        "a goroutine",
        (_gochan("spawn_large"), _asyncio("asyncio TaskGroup", "spawn_large"), _go("spawn_large")),
        (Reach("asyncio TaskGroup", 0.08), Reach(GO, 0.8)),
        step=LARGE_BURST,
    ),
    Scenario(
        "goroutine-memory",
        f"resident memory that each of {PARKED:,} waiting goroutines adds",
        "a goroutine",
        (
            _gochan("memory"),
            _asyncio("asyncio.Queue.get", "memory"),
            _trio("memory channel(0)", "memory"),
            _gevent("Queue.get", "memory"),
            _go("memory"),
        ),
        (Reach("asyncio.Queue.get", 0.65), Reach(GO, 0.25)),
        unit="B",
        step=PARKED,
        once=True,
        heavy=True,
    ),
    Scenario(
        "goroutine-million",
        "a million goroutines wait on one channel and are released",
        "a goroutine",
        (_gochan("release"), _asyncio("asyncio.Event", "release"), _go("release")),
        (Reach(GO, 3.0),),
        step=MILLION,
        once=True,
        heavy=True,
        quick=False,
        free_gb=4,
        peak_reaches=(Reach(SUBJECT, 1e9, kind="own"),),
    ),
)

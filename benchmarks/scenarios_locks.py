"""The scenarios of locks: with nobody else about, and with four who want the same one."""

from contest import SUBJECT, Contestant, Scenario, on

GO = "Go, one P"


def _gochan(function: str) -> Contestant:
    return Contestant(SUBJECT, f"gochan_locks:{function}", ("gochan",))


def _std(name: str, function: str) -> Contestant:
    return Contestant(name, f"std_locks:{function}")


def _go(function: str) -> Contestant:
    return Contestant(GO, f"golang:{function}", ("go",))


LOCKS: tuple[Scenario, ...] = (
    Scenario(
        "lock",
        "lock + unlock, one thread",
        "a lock and an unlock",
        (
            _gochan("alone"),
            _std("threading.Lock", "alone"),
            _std("threading.RLock", "alone_reentrant"),
            _go("lock"),
        ),
    ),
    Scenario(
        "lock-4-threads",
        "lock + unlock, four threads and one lock",
        "a lock and an unlock",
        (_gochan("threads"), _std("threading.Lock", "threads"), _go("lock_of_four")),
    ),
    Scenario(
        "lock-asyncio",
        "async with a free lock, one asyncio task",
        "an async with",
        on("asyncio", _gochan("with_it"), _std("asyncio.Lock", "with_it")),
    ),
    Scenario(
        "lock-4-asyncio",
        "async with one lock that four asyncio tasks want, suspended once inside",
        "an async with",
        on("asyncio", _gochan("tasks"), _std("asyncio.Lock", "tasks")),
    ),
    Scenario(
        "lock-4-goroutines",
        "async with one lock that four goroutines want, giving way once inside",
        "an async with",
        (
            _gochan("goroutines"),
            *on("asyncio", _std("asyncio.Lock", "tasks")),
            _go("lock_and_yield"),
        ),
    ),
)

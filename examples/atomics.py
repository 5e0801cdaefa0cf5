"""Atomics: a counter, a flag and a reference that change in one step each, with no lock around."""

import threading
from types import MappingProxyType

from gochan import AtomicBool, AtomicInt, AtomicRef, WaitGroup, go

Config = MappingProxyType[str, int]  # never changed in place, only replaced as a whole


def serve(hits: AtomicInt, requests: int) -> None:
    for _ in range(requests):
        hits.add(1)


def raise_limit(config: AtomicRef[Config]) -> None:
    """Read, make a new one, and put it in its place only if nobody else was faster."""
    while True:
        old = config.load()
        new = Config(dict(old, limit=old["limit"] + 1))
        if config.compare_and_swap(old, new):
            return


def main() -> None:
    hits = AtomicInt()
    with WaitGroup() as workers:
        for _ in range(8):
            workers.go(serve, hits, 1000)
        other = threading.Thread(target=serve, args=(hits, 1000))  # any thread will do
        other.start()
    other.join()
    print("hits:", hits.load())

    config = AtomicRef(Config({"limit": 10}))
    with WaitGroup() as workers:
        for _ in range(8):
            workers.go(raise_limit, config)
    print("limit:", config.load()["limit"])

    # Of all who try, one gets False back, and does it.
    started = AtomicBool()
    attempts = [go(started.swap, True) for _ in range(8)]
    print("first ones:", [attempt.result() for attempt in attempts].count(False))


if __name__ == "__main__":
    main()

# Output:
# hits: 9000
# limit: 18
# first ones: 1

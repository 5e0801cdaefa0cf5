"""Leaks and cleanup: a goroutine that nobody will wake, how it is found, and how to end it."""

import gc
import warnings

from gochan import Canceled, Chan, agosched, background, go, num_goroutine, run, with_cancel

log: list[str] = []


async def search(results: Chan[str], where: str) -> None:
    try:
        await results.asend(f"found in {where}")
    finally:
        log.append(where)  # close files, give connections back


async def first_found(capacity: int) -> str:
    """Three are asked and one answer is taken. Without room for the others they wait for ever."""
    results = Chan[str](capacity)
    for where in ("cache", "disk", "network"):
        go(search, results, where)
    return await results.arecv()


async def until_alone() -> None:
    while num_goroutine() > 1:
        await agosched()
        gc.collect()  # by hand: in so small a program the collector would come late


async def main() -> None:
    # In Go that leak stays. Here the garbage collector finds goroutines that nothing can reach any
    # more: it runs their `finally` blocks, and says what they waited for and where they started.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        print(await first_found(capacity=0))
        await until_alone()
    print(*sorted(str(warning.message).partition(":")[0] for warning in caught), sep="\n")
    print("cleaned up:", *sorted(log))

    # Room for all answers: nobody has to wait, all of them end by themselves.
    print(await first_found(capacity=3))
    await until_alone()

    # What is endless by design takes a context, and ends with it.
    with with_cancel(background()) as ctx:
        watcher = go(Chan[str]().recv, ctx=ctx)
        print("watching:", num_goroutine() - 1)
    try:
        await watcher
    except Canceled as error:
        print("the watcher ended:", error)
    print("goroutines left:", num_goroutine() - 1)


if __name__ == "__main__":
    run(main)

# Output:
# found in cache
# goroutine search-3 can never be woken
# goroutine search-4 can never be woken
# cleaned up: cache disk network
# found in cache
# watching: 1
# the watcher ended: context canceled
# goroutines left: 0

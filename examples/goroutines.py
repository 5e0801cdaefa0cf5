"""Goroutines: `go(f, x)` starts a function beside its caller, a plain one or an `async def`."""

import time

from gochan import asleep, go, num_goroutine, run


def read_disk(name: str) -> str:
    time.sleep(0.05)  # a plain function has a thread: it may block as it likes
    return f"{name} blocked a thread"


async def ask_network(name: str) -> str:
    await asleep(0.05)  # an `async def` shares its thread with all others, so it awaits
    return f"{name} was suspended"


async def main() -> None:
    # go() returns at once. Function and arguments are separate: `go(f, x)`, not `go(f(x))`.
    handles = [go(read_disk, "Ada"), go(ask_network, "Grace"), go(ask_network, "Radia")]
    print("goroutines, main included:", num_goroutine())
    for handle in handles:
        print(await handle)  # all three have waited at the same time

    # The arguments are evaluated by go(), as in Go: each goroutine has a number of its own.
    print([await handle for handle in [go(pow, 2, n) for n in range(8)]])

    # An error stays on the handle. If nobody looks at it, it is reported on stderr.
    try:
        await go(int, "forty-two")
    except ValueError as error:
        print("ValueError:", error)


if __name__ == "__main__":
    run(main)

# Output:
# goroutines, main included: 4
# Ada blocked a thread
# Grace was suspended
# Radia was suspended
# [1, 2, 4, 8, 16, 32, 64, 128]
# ValueError: invalid literal for int() with base 10: 'forty-two'

"""Timeouts: on one operation, on a loop as a whole, on all that a context covers, on idleness."""

import time

from gochan import (
    Chan,
    DeadlineExceeded,
    Timer,
    after,
    after_func,
    aselect,
    asleep,
    background,
    run,
    with_timeout,
)


async def main() -> None:
    # One operation: `timeout=` in seconds.
    answers = Chan[str](1)  # with room for one: who asked need not be there any more
    try:
        await answers.arecv(timeout=0.01)
    except TimeoutError as error:
        print("TimeoutError:", str(error).partition(" on ")[0])
    after_func(0.01, lambda: answers.send("an answer"))
    print("asked again:", await answers.arecv(timeout=60))

    # A loop: a channel made before it. With `timeout=` each turn would have its own time.
    deadline, beats = after(0.02), Chan[int](100)
    for number in range(3):
        beats.send(number)
    while True:
        match await aselect(beats, deadline, priority=True):
            case (0, number, True):
                print("beat", number)
            case _:
                print("the time of the loop is up")
                break

    # Everything that is done for one purpose: a context.
    with with_timeout(background(), 0.01) as ctx:
        try:
            await asleep(60, ctx=ctx)
        except DeadlineExceeded as error:
            print("DeadlineExceeded:", error)

    # Idleness: a timer that is put off as long as something happens.
    idle, began = Timer(0.02), time.monotonic()
    for _ in range(3):
        await asleep(0.01)
        idle.reset(0.02)
    await aselect(idle.c)
    print("idle after 0.05 s or more:", time.monotonic() - began >= 0.05)


if __name__ == "__main__":
    run(main)

# Output:
# TimeoutError: Chan.arecv() timed out after 0.01 s
# asked again: an answer
# beat 0
# beat 1
# beat 2
# the time of the loop is up
# DeadlineExceeded: context deadline exceeded
# idle after 0.05 s or more: True

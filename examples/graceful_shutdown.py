"""Graceful shutdown: SIGTERM or Ctrl-C stops what comes in; what has begun is finished in time."""

import os
import signal

from gochan import Canceled, Chan, Context, RecvChan, WaitGroup, asleep, background, go, run
from gochan.signal import notify_context


async def accept(ctx: Context, jobs: Chan[int]) -> int:
    """Take jobs from the world until the context is done, then close the channel."""
    accepted = 0
    async with jobs:
        try:
            while True:
                await asleep(0.005, ctx=ctx)
                await jobs.asend(accepted, ctx=ctx)
                accepted += 1
        except Canceled:
            return accepted


async def work(jobs: RecvChan[int], done: list[int]) -> None:
    """Not told of the signal: it ends when the channel is closed and drained."""
    async for job in jobs:
        await asleep(0.01)
        done.append(job)


def somebody_stops_us() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def main() -> None:
    jobs, done, workers = Chan[int](10), list[int](), WaitGroup()
    with notify_context(background(), signal.SIGTERM, signal.SIGINT) as ctx:
        acceptor = go(accept, ctx, jobs)
        for _ in range(3):
            workers.go(work, jobs, done)
        await asleep(0.05)
        somebody_stops_us()
        await ctx  # a server waits here all its life
        print("stopping:", ctx.cause)
    # The signals do again what they did before: a second Ctrl-C ends the program at once.
    accepted = await acceptor
    try:
        await with_limit(workers)
    except TimeoutError:
        print("some did not finish in time")
    print("all that was accepted is done:", sorted(done) == list(range(accepted)))


async def with_limit(workers: WaitGroup) -> None:
    await go(workers.wait, timeout=5)


if __name__ == "__main__":
    run(main)

# Output:
# stopping: terminated signal received
# all that was accepted is done: True

"""Rate limiting: a steady pace by a ticker, and a token bucket that lets short bursts pass."""

import time

from gochan import DeadlineExceeded, Ticker, background, run, with_timeout
from gochan.rate import Limiter, every


async def steady(requests: int) -> float:
    """One request per tick, however fast they come."""
    began = time.monotonic()
    with Ticker(0.02) as ticker:
        for _ in range(requests):
            await ticker.c.arecv()
    return time.monotonic() - began


async def bursty(requests: int) -> float:
    """A hundred per second on average, three at once at most: the first three need not wait."""
    began, limiter = time.monotonic(), Limiter(every(0.01), 3)
    for _ in range(requests):
        await limiter  # in a plain function: limiter.wait()
    return time.monotonic() - began


async def main() -> None:
    print("five steady requests took a tenth of a second:", await steady(5) > 0.09)
    print("two of five bursty ones had to wait:", await bursty(5) > 0.018)

    # `reserve` tells how long one would have to wait. (`at` sets the clock, as a test would.)
    limiter, now = Limiter(every(0.1), 3), time.monotonic()
    print("delays:", [round(limiter.reserve(at=now).delay(at=now), 3) for _ in range(6)])

    # `allow` never waits: what is too much is refused.
    limiter = Limiter(2, 5)
    print("at once:", [limiter.allow(at=now) for _ in range(7)].count(True))
    print("a second later:", [limiter.allow(at=now + 1) for _ in range(7)].count(True))
    print("much later:", [limiter.allow(at=now + 60) for _ in range(7)].count(True))

    # A wait that would end after the deadline is refused at once, not at the deadline.
    limiter = Limiter(every(60), 1)
    await limiter
    with with_timeout(background(), 30) as ctx:
        try:
            await limiter.await_n(ctx=ctx)
        except DeadlineExceeded as error:
            print("DeadlineExceeded:", error)


if __name__ == "__main__":
    run(main)

# Output:
# five steady requests took a tenth of a second: True
# two of five bursty ones had to wait: True
# delays: [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]
# at once: 5
# a second later: 2
# much later: 5
# DeadlineExceeded: Limiter.await_n(): n=1 would exceed the context's deadline

"""limits, the rate limiter of many web frameworks, in memory."""

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

import drive
from peers.std_calls import nothing


def allowed(n: int) -> float:
    limiter, item = FixedWindowRateLimiter(MemoryStorage()), RateLimitItemPerSecond(10**9)

    def call() -> None:
        if limiter.hit(item, "key"):
            nothing()

    return drive.called(call, n)

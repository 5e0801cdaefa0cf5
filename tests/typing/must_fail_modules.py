"""What a type checker must refuse of gochan.rate, gochan.singleflight and gochan.patterns."""

from gochan import Chan, RecvChan
from gochan.patterns import batch, broadcast, generate, merge, pipe, take, where
from gochan.rate import Limiter, every
from gochan.singleflight import Flight


async def fetch(url: str) -> bytes:
    return url.encode()


def length(text: str) -> int:
    return len(text)


# ------------------------------------------------------------------ rate
async def limits(limiter: Limiter) -> None:
    Limiter("10", 3)  # E
    Limiter(10)  # E
    Limiter(10, 1.5)  # E
    every("1")  # E
    limiter.allow(1.5)  # E
    limiter.allow(n=1)  # E
    limiter.allow(1, 2.0)  # E
    limiter.reserve(at="now")  # E
    limiter.wait(1, 2.0)  # E
    limiter.wait(timeout="1")  # E
    limiter.wait(ctx=3)  # E
    limiter.await_n(2)  # E
    limiter.rate = 3.0  # E
    number: int = limiter.tokens()  # E
    print(number)


# ------------------------------------------------------------------ singleflight
async def joined(flight: Flight) -> None:
    flight.do("key")  # E
    flight.do("key", 3)  # E
    flight.do([], list)  # E
    flight.ado("key", lambda: fetch("/"))  # E
    text: str = (await flight.ado("key", lambda: fetch("/")))[0]  # E
    print(text)
    flight.do_chan("key", length("key"))  # E
    flight.do_chan("key", lambda: 1).send(2)  # E


# ------------------------------------------------------------------ patterns
def stages(urls: RecvChan[str], numbers: Chan[int]) -> None:
    generate(5)  # E
    generate([], 3)  # E
    generate([], group=3)  # E
    pipe(numbers, fetch)  # E
    pipe(numbers, length)  # E
    pipe(urls)  # E
    pipe(urls, length, workers="2")  # E
    pipe(["a"], length)  # E
    pipe(numbers.sender, str)  # E
    where(numbers, length)  # E
    where(urls, "a")  # E
    batch(urls)  # E
    batch(urls, 2, 1.0)  # E
    take(urls, 1.5)  # E
    merge([urls])  # E
    broadcast(urls, "2")  # E
    take(urls, 1).close()  # E
    wrong: RecvChan[int] = take(urls, 1)  # E
    print(wrong)

"""gochan.rate and gochan.singleflight, with nothing to wait for."""

import drive
from gochan.rate import Limiter
from gochan.singleflight import Flight
from peers.std_calls import nothing

# So fast, and with such a burst, that no call ever has to wait.
RATE, BURST = 1e9, 10**9


def allowed(n: int) -> float:
    limiter = Limiter(RATE, BURST)

    def call() -> None:
        if limiter.allow():
            nothing()

    return drive.called(call, n)


def waited(n: int) -> float:
    limiter = Limiter(RATE, BURST)

    def call() -> None:
        limiter.wait()
        nothing()

    return drive.called(call, n)


def flown(n: int) -> float:
    flight = Flight()
    return drive.called(lambda: flight.do("key", nothing), n)

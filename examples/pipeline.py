"""A pipeline: each stage is a goroutine that receives from the stage before and sends to the next.

Stages that are functions from channel to channel can be put together at will. Here every prime
number that is found adds one more stage, which filters out its multiples.
"""

from gochan import Chan, RecvChan, SendChan, go


def numbers(limit: int) -> RecvChan[int]:
    """The source: 2, 3, 4, ... below `limit`."""

    def stage(out: SendChan[int]) -> None:
        with out:  # leaving the block closes the channel: the next stage's loop ends
            for number in range(2, limit):
                out.send(number)

    out = Chan[int](8)
    go(stage, out)
    return out.receiver


def without_multiples(numbers: RecvChan[int], prime: int) -> RecvChan[int]:
    """A filter: what comes in, but for the multiples of `prime`."""

    def stage(out: SendChan[int]) -> None:
        with out:
            for number in numbers:
                if number % prime != 0:
                    out.send(number)

    out = Chan[int](8)
    go(stage, out)
    return out.receiver


def main() -> None:
    primes: list[int] = []
    rest = numbers(50)
    while True:
        match rest.recv_ok():
            case (prime, True):
                primes.append(prime)
                rest = without_multiples(rest, prime)
            case _:  # closed, and nothing left in it
                break
    print(*primes)


if __name__ == "__main__":
    main()

# Output:
# 2 3 5 7 11 13 17 19 23 29 31 37 41 43 47

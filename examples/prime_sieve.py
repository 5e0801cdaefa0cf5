"""The prime sieve, Go's classic: a chain of goroutines, one for each prime, that sift the numbers.

`pipeline.py` is the same idea with `def` goroutines. With `async def` each stage costs next to
nothing, so the chain may be long; and main need not end the stages, for it ends all of them.
"""

from gochan import Chan, RecvChan, SendChan, go, run


async def count_up(numbers: SendChan[int]) -> None:
    """The source: 2, 3, 4, ... for as long as somebody takes them."""
    number = 2
    while True:
        await numbers.asend(number)
        number += 1


async def sift(numbers: RecvChan[int], rest: SendChan[int], prime: int) -> None:
    """A stage: hands on what `prime` does not divide."""
    async for number in numbers:
        if number % prime != 0:
            await rest.asend(number)


async def main(how_many: int) -> list[int]:
    primes: list[int] = []
    numbers = Chan[int]()
    go(count_up, numbers)
    for _ in range(how_many):
        primes.append(await numbers.arecv())  # what came through all stages is prime
        rest = Chan[int]()
        go(sift, numbers, rest, primes[-1])
        numbers = rest
    return primes  # all goroutines end with main, as in Go


if __name__ == "__main__":
    primes = run(main, 200)
    print(*primes[:15])
    print("the 200th is", primes[-1])

# Output:
# 2 3 5 7 11 13 17 19 23 29 31 37 41 43 47
# the 200th is 1223

"""A worker pool: four goroutines share one channel of jobs, a WaitGroup tells when all are done."""

from math import isqrt
from typing import NamedTuple

from gochan import Chan, RecvChan, SendChan, WaitGroup, go


class Answer(NamedTuple):
    number: int
    divisor: int  # the smallest one above 1: of a prime, the number itself


def smallest_divisor(number: int) -> int:
    return next((d for d in range(2, isqrt(number) + 1) if number % d == 0), number)


def work(jobs: RecvChan[int], answers: SendChan[Answer]) -> None:
    for number in jobs:  # each job goes to exactly one worker
        answers.send(Answer(number, smallest_divisor(number)))


def close_after(workers: WaitGroup, answers: SendChan[Answer]) -> None:
    """Several goroutines send on `answers`, so none of them may close it: another one does."""
    workers.wait()
    answers.close()


def main() -> None:
    jobs = Chan[int](10)
    answers = Chan[Answer](10)
    workers = WaitGroup()
    for _ in range(4):
        workers.go(work, jobs, answers)
    go(close_after, workers, answers)

    with jobs:  # leaving the block closes the channel, which ends the workers' loops
        for number in range(9_991, 10_000, 2):
            jobs.send(number)

    # The order of the answers is anybody's guess.
    for number, divisor in sorted(answers):
        print(number, "is prime" if divisor == number else f"= {divisor} * {number // divisor}")


if __name__ == "__main__":
    main()

# Output:
# 9991 = 97 * 103
# 9993 = 3 * 3331
# 9995 = 5 * 1999
# 9997 = 13 * 769
# 9999 = 3 * 3333

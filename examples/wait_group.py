"""WaitGroups: start any number of goroutines, and wait until the last of them has ended."""

from gochan import WaitGroup, asleep, go, run


async def square(results: list[int], place: int) -> None:
    await asleep(0.01 * (4 - place))  # they end in the opposite order
    results[place] = place * place  # each writes to a place of its own: no lock is needed


async def counted(workers: WaitGroup, results: list[int], place: int) -> None:
    try:
        await square(results, place)
    finally:
        workers.done()


async def reciprocal(number: int) -> float:
    return 1 / number


async def main() -> None:
    # By hand, as in Go: `add` before the start, `done` at the end, whatever happened.
    results, workers = [0] * 4, WaitGroup()
    for place in range(4):
        workers.add()
        go(counted, workers, results, place)
    print("counted:", workers.count)
    await workers  # in a plain function: workers.wait()
    print("squares:", results)

    # `workers.go` does both, and the end of the block waits.
    results = [0] * 4
    async with WaitGroup() as workers:
        for place in range(4):
            workers.go(square, results, place)
    print("squares:", results)

    # It only counts. What a goroutine returned or raised is on its handle.
    handles = [workers.go(reciprocal, number) for number in (4, 2, 0)]
    await workers
    for handle in handles:
        if error := handle.exception():
            print("error:", error)
        else:
            print("result:", handle.result())


if __name__ == "__main__":
    run(main)

# Output:
# counted: 4
# squares: [0, 1, 4, 9]
# squares: [0, 1, 4, 9]
# result: 0.25
# result: 0.5
# error: division by zero

"""100,000 goroutines wait at one gate, all at the same time, and are released by closing it.

An `async def` goroutine that waits is a coroutine and a few words more, held by the channel it
waits on. There is no thread behind it, so having many of them is an ordinary thing to do.
"""

from gochan import Chan, RecvChan, WaitGroup, go, num_goroutine, run

CROWD = 100_000


async def wait_at(gate: RecvChan[None], arrived: WaitGroup, number: int) -> int:
    arrived.done()
    await gate.arecv_ok()  # nothing is ever sent: it ends when the gate is closed
    return number


async def main() -> None:
    gate, arrived = Chan[None](), WaitGroup()
    arrived.add(CROWD)
    crowd = [go(wait_at, gate, arrived, number) for number in range(CROWD)]
    await arrived
    print("goroutines, main included:", num_goroutine())

    gate.close()
    total = 0
    for goroutine in crowd:
        total += await goroutine
    print("sum of what they returned:", total)


if __name__ == "__main__":
    run(main)

# Output:
# goroutines, main included: 100001
# sum of what they returned: 4999950000

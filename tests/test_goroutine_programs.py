"""Go's own show pieces, with `async def` goroutines in Go's numbers.

The size of the largest is set by GOCHAN_MILLION=1: a million goroutines parked on one channel
instead of a hundred thousand.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gochan import Chan, Goroutine, WaitGroup, WouldBlock, agosched, go, num_goroutine, run
from hosts import drain
from parking import wait_until
from scheduler import Start, on_each_start, parked, under_a_deadline
from watch import alarm

pytestmark = under_a_deadline

MANY = 1_000_000 if os.environ.get("GOCHAN_MILLION") == "1" else 100_000
LIMIT = 110.0  # for those that take seconds on a slow machine: only a hang gets here


@pytest.fixture
def deadline() -> Any:
    with alarm(LIMIT):
        yield


def started(body: Callable[[], Any], start: str) -> Any:
    return run(body) if start == "run" else go(body).result(LIMIT)


on_run_and_go = pytest.mark.parametrize("start", ["go", "run"])

# ---------------------------------------------------------------- chains


@on_run_and_go
def test_chain_of_10_000(start: str) -> None:
    """Each starts the next one and waits for it: the depth is in the heap and on no stack."""
    before = num_goroutine()

    async def link(depth: int) -> int:
        return 0 if depth == 0 else 1 + await go(link, depth - 1)

    async def main() -> int:
        return await go(link, 10_000)

    assert started(main, start) == 10_000
    wait_until(lambda: num_goroutine() == before, "the end of them all")


@on_run_and_go
def test_daisy_chain_of_100_000(start: str) -> None:
    """The talk's: everybody whispers to the left neighbour what the right one said, plus one."""

    async def whisper(left: Chan[int], right: Chan[int]) -> None:
        await left.asend(1 + await right.arecv())

    async def main() -> int:
        leftmost: Chan[int] = Chan()
        left = right = leftmost
        for _ in range(100_000):
            right = Chan()
            go(whisper, left, right)
            left = right
        go(right.send, 0)
        return await leftmost.arecv()

    assert started(main, start) == 100_000


@on_run_and_go
def test_ring_of_1000(start: str) -> None:
    """A token goes round and round; everybody counts how often it came by."""
    size, rounds = 1000, 20

    async def member(before: Chan[int], after: Chan[int]) -> int:
        seen = 0
        async for token in before:
            seen += 1
            if token == 0:
                after.close()
                break
            await after.asend(token - 1)
        else:
            after.close()
        return seen

    async def main() -> list[int]:
        ring: list[Chan[int]] = [Chan(1) for _ in range(size)]
        members = [go(member, ring[i], ring[(i + 1) % size]) for i in range(size)]
        await ring[0].asend(size * rounds - 1)
        return [await m for m in members]

    assert started(main, start) == [rounds] * size


# ---------------------------------------------------------------- the sieve


@pytest.mark.parametrize("capacity", [0, 1, 16])
def test_prime_sieve(capacity: int) -> None:
    """Of the Go tour. The filters are left parked, as in Go; main's end is theirs."""

    async def generate(out: Chan[int]) -> None:
        number = 2
        while True:
            await out.asend(number)
            number += 1

    async def sift(source: Chan[int], out: Chan[int], prime: int) -> None:
        while True:
            number = await source.arecv()
            if number % prime:
                await out.asend(number)

    async def main() -> list[int]:
        ch: Chan[int] = Chan(capacity)
        go(generate, ch)
        found = []
        for _ in range(100):
            prime = await ch.arecv()
            found.append(prime)
            following: Chan[int] = Chan(capacity)
            go(sift, ch, following, prime)
            ch = following
        return found

    assert run(main) == [n for n in range(2, 542) if all(n % p for p in range(2, n))]


# ---------------------------------------------------------------- many, parked


@on_run_and_go
def test_many_parked_on_one_channel_and_released(start: str) -> None:
    before = num_goroutine()
    gate: Chan[int] = Chan()
    wg = WaitGroup()

    async def waits() -> None:
        await gate.arecv_ok()
        wg.done()

    async def main() -> None:
        wg.add(MANY)
        for _ in range(MANY):
            go(waits)
        await parked(gate, receivers=MANY)
        assert num_goroutine() >= MANY
        gate.close()
        await wg

    started(main, start)
    assert wg.count == 0
    wait_until(lambda: num_goroutine() == before, "the end of them all")


def test_the_parked_are_served_in_their_order() -> None:
    gate: Chan[int] = Chan()
    count = 1000

    async def waits(place: int) -> bool:
        return await gate.arecv() == place

    async def main() -> bool:
        goroutines: list[Goroutine[bool]] = []
        for i in range(count):
            goroutines.append(go(waits, i))
            await parked(gate, receivers=i + 1)  # for the order in which they start is not given
        for i in range(count):
            await gate.asend(i)
        return all([await g for g in goroutines])

    assert run(main)


def test_many_parked_are_left_behind_by_main() -> None:
    before = num_goroutine()
    gate: Chan[int] = Chan()

    async def waits() -> None:
        await gate.arecv()

    async def main() -> int:
        for _ in range(MANY):
            go(waits)
        await parked(gate, receivers=MANY)
        return num_goroutine()

    assert run(main) == before + MANY
    assert num_goroutine() == before
    with pytest.raises(WouldBlock):
        gate.send_nowait(1)


# ---------------------------------------------------------------- talking


@on_each_start
def test_ping_pong_pairs(start: Start) -> None:
    async def ping(there: Chan[int], back: Chan[int]) -> None:
        for i in range(100):
            await there.asend(i)
            assert await back.arecv() == i + 1
        there.close()

    async def pong(there: Chan[int], back: Chan[int]) -> int:
        count = 0
        async for value in there:
            await back.asend(value + 1)
            count += 1
        return count

    async def main() -> list[int]:
        pongs = []
        for i in range(100):
            pair = Chan[int](i % 2), Chan[int](i % 3)
            go(ping, *pair)
            pongs.append(go(pong, *pair))
        return [await p for p in pongs]

    assert start(main) == [100] * 100


@pytest.mark.parametrize("capacity", [0, 1, 64])
@on_each_start
def test_fan_out_and_in(start: Start, capacity: int) -> None:
    """A producer, many workers, one collector; async and plain ones take turns."""

    async def produce(jobs: Chan[int]) -> None:
        async with jobs:
            for i in range(3000):
                await jobs.asend(i)

    async def work(jobs: Chan[int], results: Chan[tuple[int, int]]) -> None:
        async for job in jobs:
            await results.asend((job, job * job))

    def plain_work(jobs: Chan[int], results: Chan[tuple[int, int]]) -> None:
        for job in jobs:
            results.send((job, job * job))

    async def main() -> Counter[tuple[int, int]]:
        jobs: Chan[int] = Chan(capacity)
        results: Chan[tuple[int, int]] = Chan(capacity)
        wg = WaitGroup()
        for i in range(20):
            if i % 5:
                wg.go(work, jobs, results)
            else:
                wg.go(plain_work, jobs, results)
        go(produce, jobs)

        async def close() -> None:
            await wg
            results.close()

        go(close)
        return Counter([result async for result in results])

    assert start(main) == Counter((i, i * i) for i in range(3000))


@on_each_start
def test_powers_by_a_tree_of_goroutines(start: Start) -> None:
    async def tree(depth: int, out: Chan[int]) -> None:
        if depth == 0:
            await out.asend(1)
            return
        both: Chan[int] = Chan(depth % 2)
        go(tree, depth - 1, both)
        go(tree, depth - 1, both)
        await out.asend(await both.arecv() + await both.arecv())

    async def main() -> int:
        out: Chan[int] = Chan()
        go(tree, 13, out)
        return await out.arecv()

    assert start(main) == 2**13


@on_each_start
def test_a_server_with_a_channel_for_each_reply(start: Start) -> None:
    async def serve(requests: Chan[tuple[int, Chan[int]]]) -> int:
        served = 0
        async for number, reply in requests:
            await reply.asend(number + 1)
            served += 1
        return served

    async def client(requests: Chan[tuple[int, Chan[int]]], number: int) -> bool:
        reply: Chan[int] = Chan()
        await requests.asend((number, reply))
        return await reply.arecv() == number + 1

    async def main() -> int:
        requests: Chan[tuple[int, Chan[int]]] = Chan()
        servers = [go(serve, requests) for _ in range(3)]
        clients = [go(client, requests, i) for i in range(1000)]
        assert all([await c for c in clients])
        requests.close()
        return sum([await s for s in servers])

    assert start(main) == 1000


@on_each_start
def test_a_semaphore_of_a_buffer(start: Start) -> None:
    """C20's idiom: a buffer of n lets at most n in at a time."""
    inside: set[int] = set()
    most: Chan[int] = Chan(1000)

    async def worker(slots: Chan[None], i: int) -> None:
        await slots.asend(None)
        inside.add(i)
        most.send_nowait(len(inside))
        await agosched()
        inside.discard(i)
        await slots.arecv()

    async def main() -> None:
        slots: Chan[None] = Chan(3)
        for g in [go(worker, slots, i) for i in range(1000)]:
            await g

    start(main)
    seen = drain(most)
    assert len(seen) == 1000
    assert max(seen) == 3


# ---------------------------------------------------------------- bursts


def test_a_burst_of_tiny_goroutines_of_both_kinds() -> None:
    async def tiny(wg: WaitGroup) -> None:
        wg.done()

    def main() -> int:
        wg = WaitGroup()
        for _ in range(10_000):
            wg.add(2)
            go(tiny, wg)
            go(wg.done)
        wg.wait()
        return wg.count

    assert run(main) == 0
    assert main() == 0

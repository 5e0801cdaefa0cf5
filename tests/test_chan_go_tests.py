"""What Go's own channel tests check, as far as it needs no select (go-semantics, part 3).

Each test names the Go test or program whose idea it takes. Sizes are smaller where only the
number of repetitions was the point.
"""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from gochan import Chan, ChanClosed, RecvChan, SendChan, WouldBlock
from hosts import Host, Peer, drain, recv_all, recv_one, send_all, state

CAPACITIES = [0, 1, 2, 3, 10, 64, 199]


# ---------------------------------------------------------------- runtime/chan_test.go: TestChan


@pytest.mark.parametrize("cap", CAPACITIES)
async def test_chan_empty_blocks_receives(host: Host, cap: int) -> None:
    ch: Chan[int] = Chan(cap)

    async def with_ok(h: Host) -> tuple[int | None, bool]:
        return await h.recv_ok(ch)

    plain = host.spawn(recv_one, ch)
    await host.parked(ch, receivers=1)
    ok = host.spawn(with_ok)
    await host.parked(ch, receivers=2)
    for _ in range(3):
        with pytest.raises(WouldBlock):
            ch.recv_nowait()
        await host.nap(0)
    assert (plain.done, ok.done) == (False, False)
    await host.send(ch, 1)
    await host.send(ch, 2)
    assert await host.join(plain) == 1
    assert await host.join(ok) == (2, True)


@pytest.mark.parametrize("cap", CAPACITIES)
async def test_chan_full_blocks_sends(host: Host, cap: int) -> None:
    ch: Chan[int] = Chan(cap)
    for i in range(cap):
        ch.send_nowait(i)

    async def sender(h: Host) -> None:
        await h.send(ch, cap)

    party = host.spawn(sender)
    await host.parked(ch, senders=1)
    for _ in range(3):
        with pytest.raises(WouldBlock):
            ch.send_nowait(-1)
        await host.nap(0)
    assert not party.done
    assert await host.recv(ch) == 0
    await host.join(party)
    assert drain(ch) == list(range(1, cap + 1))


@pytest.mark.parametrize("cap", CAPACITIES)
async def test_chan_close_keeps_the_buffer(host: Host, cap: int) -> None:
    ch: Chan[int] = Chan(cap)
    for i in range(cap):
        await host.send(ch, i)
    ch.close()
    for i in range(cap):
        assert await host.recv_ok(ch) == (i, True)
    for _ in range(3):
        assert await host.recv_ok(ch) == (None, False)


@pytest.mark.parametrize("cap", CAPACITIES)
async def test_chan_close_unblocks_a_receiver(host: Host, peer: Host, cap: int) -> None:
    ch: Chan[int] = Chan(cap)

    async def receiver(h: Host) -> tuple[int | None, bool]:
        return await h.recv_ok(ch)

    party = peer.spawn(receiver)
    await host.parked(ch, receivers=1)
    ch.close()
    assert await host.join(party) == (None, False)


@pytest.mark.parametrize("cap", CAPACITIES)
async def test_chan_fifo(host: Host, peer: Host, cap: int) -> None:
    ch: Chan[int] = Chan(cap)
    peer.spawn(send_all, ch, range(100))
    for i in range(100):
        assert await host.recv(ch) == i


@pytest.mark.parametrize("cap", CAPACITIES)
async def test_chan_four_by_four(host: Host, peer: Host, cap: int) -> None:
    """Four producers send 0..L-1 each; four consumers count; each value comes four times."""
    ch: Chan[int] = Chan(cap)
    values = 100
    for h in (host, host, peer, peer):
        h.spawn(send_all, ch, range(values))

    async def consumer(h: Host) -> Counter[int]:
        got = Counter[int]()
        last = [-1] * 4
        for _ in range(values):
            value = await h.recv(ch)
            # A producer's values come in order: with four of them, at most four restarts.
            place = next(i for i, seen in enumerate(last) if value > seen)
            last[place] = value
            last.sort(reverse=True)
            got[value] += 1
        return got

    parties = [h.spawn(consumer) for h in (host, host, peer, peer)]
    total = Counter[int]()
    for got in await host.gather(parties):
        total += got
    assert total == Counter(dict.fromkeys(range(values), 4))
    assert state(ch) == (0, cap, 0, 0, False)


# ---------------------------------------------------------------- the other tests of chan_test.go


def test_nonblock_recv_race() -> None:
    """TestNonblockRecvRace: a channel that is full, and then closed, never looks empty (C18).

    The value may be gone to somebody else, but only after the close.
    """
    rounds: Chan[Chan[int]] = Chan(1)
    verdicts: Chan[bool] = Chan(1)

    def racer() -> None:
        for ch in rounds:
            try:
                ch.recv_nowait()
                verdicts.send(True)
            except ChanClosed:
                verdicts.send(True)
            except WouldBlock:
                verdicts.send(False)

    thread = threading.Thread(target=racer, daemon=True)
    thread.start()
    for _ in range(3000):
        ch: Chan[int] = Chan(1)
        ch.send_nowait(1)
        rounds.send(ch)
        ch.close()
        ch.recv_ok()
        assert verdicts.recv(), "the channel was full or closed, and yet it looked empty"
    rounds.close()
    thread.join()


async def test_multi_consumer(host: Host, peer: Host, capacity: int) -> None:
    """RT70, TestMultiConsumer: many workers between two queues, and the sum is right."""
    primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71]
    workers, items = 12, 1500
    work: Chan[int] = Chan(capacity)
    results: Chan[int] = Chan(capacity)

    async def worker(h: Host, step: int) -> None:
        async for value in h.iterate(work):
            if value % 11 == step % 11:
                await h.nap(0)  # mess with the order
            await h.send(results, value)

    async def closer(h: Host, parties: list[Peer[None]]) -> None:
        for party in parties:
            await h.join(party)
        results.close()

    async def feeder(h: Host) -> int:
        expected = 0
        for i in range(items):
            value = primes[i % len(primes)]
            expected += value
            await h.send(work, value)
        work.close()
        return expected

    parties = [(peer, host)[i % 2].spawn(worker, primes[i]) for i in range(workers)]
    host.spawn(closer, parties)
    feeding = peer.spawn(feeder)
    got = await recv_all(host, results)
    assert len(got) == items
    assert sum(got) == await host.join(feeding)


# ---------------------------------------------------------------- test/chan/*.go


@pytest.mark.parametrize("cap", [0, 1, 10])
async def test_fifo_in_and_out(host: Host, cap: int) -> None:
    """fifo.go: one end runs through all values while the other still works on it."""
    ch: Chan[int] = Chan(cap)
    party = host.spawn(send_all, ch, range(10))
    for i in range(10):
        assert await host.recv(ch) == i
    await host.join(party)


@pytest.mark.parametrize("cap", [0, 1])
async def test_fifo_daisy_chain(host: Host, peer: Host, cap: int) -> None:
    """fifo.go: each link writes its number when its predecessor's signal has come."""
    ch: Chan[int] = Chan(10)
    links = 10

    async def link(h: Host, number: int, before: RecvChan[int], after: SendChan[int]) -> None:
        assert await h.recv(before) == number
        await h.send(ch, number)
        await h.send(after, number + 1)

    ends = [Chan[int](cap) for _ in range(links + 1)]
    # Started from the far end, so that the order of starting cannot pass for the order of links.
    for i in reversed(range(links)):
        (host, peer)[i % 2].spawn(link, i, ends[i], ends[i + 1])
    await host.send(ends[0], 0)
    assert await host.recv(ends[-1]) == links
    assert drain(ch) == list(range(links))


@pytest.mark.parametrize("kind", ["small", "long"])
async def test_goroutines_chain(host: Host, kind: str) -> None:
    """goroutines.go: a long row, each passes on what its neighbour gives, and all end."""
    length = 30 if kind == "small" else 150 if host.blocking else 2000

    async def passer(h: Host, left: SendChan[int], right: RecvChan[int]) -> None:
        await h.send(left, 1 + await h.recv(right))

    leftmost: Chan[int] = Chan()
    left = leftmost
    for _ in range(length):
        right: Chan[int] = Chan()
        host.spawn(passer, left, right)
        left = right
    await host.send(left, 0)
    assert await host.recv(leftmost) == length


@pytest.mark.parametrize("cap", CAPACITIES)
def test_chancap(cap: int) -> None:
    """chancap.go: cap is what it was made with, len what is in it, throughout."""
    ch: Chan[int] = Chan(cap)
    assert (len(ch), ch.capacity) == (0, cap)
    for i in range(cap):
        ch.send_nowait(i)
        assert (len(ch), ch.capacity) == (i + 1, cap)
    for i in range(cap):
        ch.recv_nowait()
        assert (len(ch), ch.capacity) == (cap - i - 1, cap)
    ch.close()
    assert (len(ch), ch.capacity) == (0, cap)


@pytest.mark.parametrize("cap", [0, 1])
async def test_nonblock(host: Host, peer: Host, cap: int) -> None:
    """nonblock.go: immediate forms against a peer that waits, in both directions."""
    ch: Chan[int] = Chan(cap)
    with pytest.raises(WouldBlock):
        ch.recv_nowait()

    async def sender(h: Host) -> None:
        await h.send(ch, 123)

    # A buffered send does not wait for us, an unbuffered one does.
    party = peer.spawn(sender)
    await host.until(lambda: (len(ch), state(ch).senders) in [(1, 0), (0, 1)], ch)
    assert ch.recv_nowait() == 123
    await host.join(party)
    with pytest.raises(WouldBlock):
        ch.recv_nowait()

    receiver = peer.spawn(recv_one, ch)
    await host.parked(ch, receivers=1)
    ch.send_nowait(234)
    assert await host.join(receiver) == 234
    if cap:
        ch.send_nowait(1)
    with pytest.raises(WouldBlock):
        ch.send_nowait(2)


def primes_below(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


async def test_sieve(host: Host, capacity: int) -> None:
    """sieve1.go: one party per prime filters the numbers for the next."""
    count = 15 if host.blocking else 40

    async def generate(h: Host, out: Chan[int]) -> None:
        number = 2
        try:
            while True:
                await h.send(out, number)
                number += 1
        except ChanClosed:
            pass

    async def sift(h: Host, source: Chan[int], out: Chan[int], prime: int) -> None:
        try:
            async for number in h.iterate(source):
                if number % prime:
                    await h.send(out, number)
        except ChanClosed:
            pass  # downstream is over; so, in turn, is what feeds us
        if not source.closed:
            source.close()

    ch: Chan[int] = Chan(capacity)
    host.spawn(generate, ch)
    found = []
    for _ in range(count):
        prime = await host.recv(ch)
        found.append(prime)
        following: Chan[int] = Chan(capacity)
        host.spawn(sift, ch, following, prime)
        ch = following
    # Go leaves the row behind; here everybody ends, by closing from the far end backwards.
    ch.close()
    assert found == primes_below(count)


async def test_ken_chan1(host: Host, peer: Host) -> None:
    """ken/chan1.go: many senders of the same numbers, many receivers, each number as often."""
    ch: Chan[int] = Chan()
    numbers, parties = 60, 6

    async def receiver(h: Host) -> Counter[int]:
        return Counter(await recv_all(h, ch))

    receivers = [(host, peer)[i % 2].spawn(receiver) for i in range(parties)]
    senders = [(host, peer)[i % 2].spawn(send_all, ch, range(numbers)) for i in range(parties)]
    await host.gather(senders)
    ch.close()
    total = Counter[int]()
    for got in await host.gather(receivers):
        total += got
    assert total == Counter(dict.fromkeys(range(numbers), parties))


async def test_zero_size(host: Host) -> None:
    """zerosize.go: a channel of nothing is still a channel of so many nothings (C24)."""
    ch: Chan[None] = Chan(5)
    await send_all(host, ch, [None] * 5)
    assert len(ch) == 5
    with pytest.raises(WouldBlock):
        ch.send_nowait(None)
    assert drain(ch) == [None] * 5


async def test_semaphore(host: Host, peer: Host) -> None:
    """C20's idiom: a buffer of n lets at most n in at a time."""
    slots: Chan[None] = Chan(3)
    inside: set[int] = set()
    most = Chan[int](100)

    async def worker(h: Host, number: int) -> None:
        for _ in range(8):
            await h.send(slots, None)
            inside.add(number)
            most.send_nowait(len(inside))
            await h.nap(0)
            inside.discard(number)
            await h.recv(slots)

    await host.gather([(host, peer)[i % 2].spawn(worker, i) for i in range(8)])
    seen = drain(most)
    assert len(seen) == 64
    assert max(seen) <= 3
    assert len(slots) == 0

"""What Go's own tests and programs of select check (go-semantics, part 3), beyond test_select*.py.

Each test names the Go test or program whose idea it takes.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from fractions import Fraction
from functools import partial
from heapq import heappop, heappush
from itertools import product
from typing import Any

import pytest

from gochan import Chan, ChanClosed, RecvChan, agosched, aselect, go, num_goroutine, run, sending
from gochan import select as select_now
from hosts import Host, parked, recv_one, send_all
from selecting import select

# ---------------------------------------------------------------- runtime/chan_test.go


@pytest.mark.parametrize("second", ["send", "close"])
def test_nonblock_select_race(second: str) -> None:
    """TestNonblockSelectRace, ...Race2: one of two is ready at any time, so never default (S4)."""
    rounds: Chan[tuple[Chan[int], Chan[int]]] = Chan(1)
    verdicts: Chan[bool] = Chan(1)

    def racer() -> None:
        for a, b in rounds:
            verdicts.send(select_now(a, b, default=True) is not None)

    thread = threading.Thread(target=racer, daemon=True)
    thread.start()
    for _ in range(1000):
        a, b = Chan[int](1), Chan[int](1)
        a.send_nowait(1)
        rounds.send((a, b))
        if second == "send":
            b.send_nowait(1)
        else:
            b.close()
        select_now(a, default=True)
        assert verdicts.recv(), "it looked as if nothing was ready"
    rounds.close()
    thread.join()


async def test_select_stress(host: Host, peer: Host) -> None:
    """TestSelectStress: plain operations and selects that disable arms share four channels."""
    each = 60
    chans = [Chan[int](cap) for cap in (0, 0, 2, 3)]

    async def receive(party: Host, ch: Chan[int]) -> Counter[int]:
        return Counter([await party.recv(ch) for _ in range(each)])

    async def select_sends(party: Host) -> None:
        left = [each] * 4
        while any(left):
            arms = [sending(chans[i], each + each - left[i]) if left[i] else None for i in range(4)]
            arm, value, ok = await select(party, *arms)
            assert (value, ok) == (None, True)
            left[arm] -= 1

    async def select_receives(party: Host) -> list[Counter[int]]:
        got = [Counter[int]() for _ in chans]
        while any(seen.total() < each for seen in got):
            arms = [
                ch if seen.total() < each else None for ch, seen in zip(chans, got, strict=True)
            ]
            arm, value, ok = await select(party, *arms)
            assert ok
            got[arm][value] += 1
        return got

    selects = peer.spawn(select_receives)
    plain = [host.spawn(receive, ch) for ch in chans]
    sends = [peer.spawn(send_all, ch, range(each)) for ch in chans]
    sends.append(host.spawn(select_sends))
    await host.gather(sends)
    selected: list[Counter[int]] = await host.join(selects)
    for ours, theirs in zip(await host.gather(plain), selected, strict=True):
        assert ours + theirs == Counter(range(2 * each))  # K1, on each channel
    assert [parked(ch) for ch in chans] == [(0, 0)] * 4
    assert [len(ch) for ch in chans] == [0] * 4


async def test_who_leaves_a_queue_leaves_the_others_in_place(host: Host, peer: Host) -> None:
    """TestSelectDuplicateChannel, and select6.go (#2075): from the middle, from the end, twice."""

    async def selects(party: Host, *arms: Chan[int]) -> Any:
        return await select(party, *arms)

    ch, other = Chan[int](), Chan[int]()
    for leaves_last in (False, True):
        waiting = []
        if leaves_last:
            waiting.append(peer.spawn(recv_one, ch))
            await host.parked(ch, receivers=1)
        leaving = peer.spawn(selects, ch, ch, other)
        await host.parked(ch, receivers=2 + len(waiting))
        if not leaves_last:
            waiting.append(peer.spawn(recv_one, ch))
            await host.parked(ch, receivers=3)
        await host.send(other, 7)
        assert await host.join(leaving) == (2, 7, True)
        assert parked(ch) == (1, 0)
        waiting.append(host.spawn(recv_one, ch))
        await host.parked(ch, receivers=2)
        await host.send(ch, 1)
        await host.send(ch, 2)
        assert await host.gather(waiting) == [1, 2]  # C6
        assert (parked(ch), parked(other)) == ((0, 0), (0, 0))


# ---------------------------------------------------------------- test/chan/*.go


async def test_doubleselect(host: Host, peer: Host) -> None:
    """doubleselect.go: one select never fires two arms: each number comes once (S5)."""
    count = 150
    chans = [Chan[int](n % 2) for n in range(4)]
    out = Chan[int](8)

    async def send(party: Host) -> None:
        for number in range(count):
            await select(party, *(sending(ch, number) for ch in chans))
        for ch in chans:
            ch.close()

    async def mux(party: Host, ch: Chan[int]) -> None:
        async for number in party.iterate(ch):
            await party.send(out, number)

    peer.spawn(send)
    muxes = [host.spawn(mux, ch) for ch in chans]
    assert sorted([await host.recv(out) for _ in range(count)]) == list(range(count))
    await host.gather(muxes)
    assert len(out) == 0


async def test_one_arm_is_the_plain_operation(host: Host, peer: Host) -> None:
    """select7.go, and S19: any form of a send meets any form of a receive, buffered or not."""
    never, nowhere = Chan[int](), Chan[int]()
    sends: list[Callable[[Host, Chan[int]], Awaitable[object]]] = [
        lambda h, ch: h.send(ch, 7),
        lambda h, ch: select(h, sending(ch, 7)),
        lambda h, ch: select(h, sending(nowhere, 8), None, sending(ch.sender, 7)),
    ]
    receives: list[Callable[[Host, Chan[int]], Awaitable[object]]] = [
        lambda h, ch: h.recv(ch),
        lambda h, ch: select(h, ch),
        lambda h, ch: select(h, never, ch.receiver),
    ]
    results = [7, (0, 7, True), (1, 7, True)]

    async def call(party: Host, form: Callable[..., Awaitable[object]], ch: Chan[int]) -> object:
        return await form(party, ch)

    def is_sending(ch: Chan[int]) -> bool:
        return len(ch) == 1 or parked(ch) == (0, 1)

    pairs = product(sends, zip(receives, results, strict=True))
    for turn, (send, (receive, result)) in enumerate(pairs):
        ch = Chan[int](turn % 2)
        receiving = peer.spawn(call, receive, ch)
        await host.parked(ch, receivers=1)
        await send(host, ch)
        assert await host.join(receiving) == result
        sender = peer.spawn(call, send, ch)
        await host.until(partial(is_sending, ch), ch)
        assert await receive(host, ch) == result
        assert await host.join(sender) in (None, (0, None, True), (2, None, True))
        ch.close()
        with pytest.raises(ChanClosed, match="send on closed channel"):
            await send(host, ch)
    assert (parked(never), parked(nowhere)) == ((0, 0), (0, 0))


def test_chanlinear() -> None:
    """chanlinear.go: leaving a queue does not depend on how long it is (S7).

    Two selects stand many times in one queue, and the one behind leaves first: were it searched for
    from the front, 32 times as many arms would take 1,000 times as long.
    """

    def leave(count: int) -> float:
        busy, own = Chan[int](), [Chan[int](), Chan[int]()]

        async def wait(number: int) -> float:
            await aselect(*[busy] * count, own[number])
            return time.perf_counter()

        async def main() -> float:
            selects = []
            for number in (0, 1):
                selects.append(go(wait, number))
                while parked(busy)[0] < count * (number + 1):
                    await agosched()
            began = time.perf_counter()
            for number in (1, 0):
                own[number].send_nowait(1)
                took = await selects[number] - began
            assert parked(busy) == (0, 0)
            return took

        return run(main)

    few = min(leave(1_000) for _ in range(5))
    many = min(leave(32_000) for _ in range(3))
    assert many < 32 * 8 * few


async def test_a_proxy_of_any_length(host: Host, peer: Host) -> None:
    """sieve2.go's proxy: a queue between two channels, which disables the arm that has to wait."""

    async def proxy(party: Host, source: RecvChan[int], out: Chan[int]) -> int:
        queue: deque[int] = deque()
        longest = 0
        receiving: RecvChan[int] | None = source
        while queue or receiving:
            send = sending(out, queue[0]) if queue else None
            arm, value, ok = await select(party, receiving, send)
            if arm == 1:
                queue.popleft()
            elif ok:
                queue.append(value)
                longest = max(longest, len(queue))
            else:
                receiving = None
        out.close()
        return longest

    source, out = Chan[int](), Chan[int]()
    between = peer.spawn(proxy, source, out)
    await send_all(host, source, range(100))  # nobody receives yet
    source.close()
    assert [value async for value in host.iterate(out)] == list(range(100))
    assert await host.join(between) == 100


# ---------------------------------------------------------------- programs of goroutines


def test_sieve2() -> None:
    """sieve2.go: the multiples of all primes, merged by a heap, behind a proxy for the primes."""

    async def count_by(step: int, out: Chan[int]) -> None:
        number = step * step
        while True:
            await out.asend(number)
            number += step

    async def composites(primes: Chan[int], out: Chan[int]) -> None:
        heads: list[tuple[int, int, Chan[int]]] = []
        while True:
            send = sending(out, heads[0][0]) if heads else None
            taken: Any = await aselect(primes, send)
            if taken[0] == 0:
                multiples: Chan[int] = Chan()
                go(count_by, taken[1], multiples)
                heappush(heads, (await multiples.arecv(), taken[1], multiples))
            else:
                last = heads[0][0]
                while heads[0][0] == last:
                    _, prime, multiples = heappop(heads)
                    heappush(heads, (await multiples.arecv(), prime, multiples))

    async def main() -> list[int]:
        primes: Chan[int] = Chan()
        source: Chan[int] = Chan()
        go(composites, primes, source)
        found, number = [2], 2
        await primes.asend(2)
        while len(found) < 60:
            composite = await source.arecv()
            while number + 1 < composite:
                number += 1
                found.append(number)
                await primes.asend(number)  # long before its square, with which it begins
            number = composite
        return found[:60]

    assert run(main) == [n for n in range(2, 282) if all(n % p for p in range(2, n))]


Series = Chan[Fraction]


def test_power_series() -> None:
    """powser1.go, powser2.go: series are channels of coefficients, operations are goroutines.

    What both sides of a product need is split by a goroutine that keeps, for each side, what that
    one has not asked for yet, and whose arms are None while they are not wanted.
    """

    def started(body: Callable[..., Any], *args: Any) -> Series:
        out: Series = Chan()
        go(body, *args, out)
        return out

    def split(source: Series) -> tuple[Series, Series]:
        outs: tuple[Series, Series] = (Chan(), Chan())
        kept: tuple[deque[Fraction], deque[Fraction]] = (deque(), deque())

        async def body() -> None:
            while True:
                sends = [sending(o, k[0]) if k else None for o, k in zip(outs, kept, strict=True)]
                taken = await aselect(None if all(kept) else source, *sends)
                assert taken is not None
                arm, value, _ = taken
                if arm == 0:
                    for one in kept:
                        one.append(value)
                else:
                    kept[arm - 1].popleft()

        go(body)
        return outs

    async def add(f: Series, g: Series, out: Series) -> None:
        while True:
            await out.asend(await f.arecv() + await g.arecv())

    async def scale(c: Fraction, f: Series, out: Series) -> None:
        while True:
            await out.asend(c * await f.arecv())

    async def shift(first: Fraction, f: Series, out: Series) -> None:
        await out.asend(first)
        while True:
            await out.asend(await f.arecv())

    async def integrate(first: Fraction, f: Series, out: Series) -> None:
        await out.asend(first)
        n = 0
        while True:
            n += 1
            await out.asend(await f.arecv() / n)

    async def multiply(f: Series, g: Series, out: Series) -> None:
        f0, g0 = await f.arecv(), await g.arecv()
        await out.asend(f0 * g0)
        (f1, f2), (g1, g2) = split(f), split(g)
        cross = started(add, started(scale, f0, g1), started(scale, g0, f1))
        rest = started(shift, Fraction(0), started(multiply, f2, g2))
        await add(cross, rest, out)

    def exponential(sign: int) -> Series:
        """It is its own integral."""
        fed: Series = Chan()
        mine, back = split(fed)

        async def feed() -> None:
            out = started(integrate, Fraction(1), started(scale, Fraction(sign), back))
            while True:
                await fed.asend(await out.arecv())

        go(feed)
        return mine

    async def main() -> tuple[list[Fraction], int]:
        product = started(multiply, exponential(1), exponential(-1))
        found = [await product.arecv() for _ in range(16)]
        return found, num_goroutine()

    found, goroutines = run(main)
    assert found == [1] + [0] * 15
    assert goroutines > 50, "they were to be many"

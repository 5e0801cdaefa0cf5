"""The swarm: goroutines alone, thousands of them on many channels, and no other party.

    python tests/swarm.py --goroutines 5000 --values 1000000 --runs 20

Numbers travel through several layers of channels. Between two layers stand workers: each receives
from one channel on its left, together with others, and sends to any on its right. A worker is a
row of goroutines: each does some steps, starts the next one, and ends. Now and then one goes
astray, waiting for something that nobody else knows: the collector, which runs all the time, has
to find those and no others. In the end every number has come through once, and what one worker
sent through one channel came in that order to each receiver there.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import random
import threading
import time
import warnings
from itertools import chain
from typing import TypeAlias

from collecting import collect_until
from gochan import Chan, ChanClosed, WaitGroup, WouldBlock, agosched, go, run
from parties import moment
from watch import stacks

# The number, which worker sent it last, and how many it had sent through that channel before.
Parcel: TypeAlias = tuple[int, int, int]

LAYERS = 3  # of channels
CAPACITIES = [0, 0, 1, 0, 5]


class Worker:
    def __init__(
        self,
        swarm: Swarm,
        number: int,
        left: Chan[Parcel] | None,
        right: list[Chan[Parcel]],
        group: WaitGroup,
    ) -> None:
        self.swarm, self.number, self.left, self.right = swarm, number, left, right
        self.group = group
        self.chance = random.Random(f"{swarm.seed} {number}")
        self.sent = [0] * len(right)
        self.last: dict[int, int] = {}
        self.own: list[int] = []  # what a worker without a left side sends

    async def stint(self) -> None:
        """One goroutine of the row."""
        self.swarm.begun += 1
        try:
            over = await self.steps(self.chance.choice([1, 3, 20]))
        except BaseException as error:  # GeneratorExit too: it was taken for garbage
            self.swarm.errors.append(error)
            over = True
        if over:
            self.group.done()
        else:
            go(self.stint)

    async def steps(self, count: int) -> bool:
        for _ in range(count):
            try:
                parcels = await self.receive()
            except ChanClosed:
                return True
            except (TimeoutError, WouldBlock):
                continue
            for number, sender, nth in parcels:
                assert self.last.get(sender, -1) < nth, f"{number} from {sender} out of order"
                self.last[sender] = nth
                await self.deliver(number)
            if self.chance.random() < 0.01:
                go(self.swarm.go_astray)
        return False

    async def receive(self) -> list[Parcel]:
        if self.left is None:
            if not self.own:
                raise ChanClosed
            # From nobody, and so in order.
            return [(self.own.pop(), -1, self.last.get(-1, -1) + 1)]
        ch, limit = self.left, moment(self.chance) * 10
        match self.chance.randrange(30):
            case 0:
                await agosched()
                return [ch.recv_nowait()]
            case 1 | 2:
                parcels = []
                async for parcel in ch:
                    parcels.append(parcel)
                    if self.chance.random() < 0.3:
                        break
            case 3 | 4 | 5:
                parcels = await ch.arecv_many(4, timeout=limit)
            case n if n < 15:
                return [await ch.arecv(timeout=limit)]
            case _:
                return [await ch.arecv()]
        if not parcels:
            raise ChanClosed
        return parcels

    async def deliver(self, number: int) -> None:
        if not self.right:
            self.swarm.arrive(number)
            return
        where = self.chance.randrange(len(self.right))
        ch, parcel = self.right[where], (number, self.number, self.sent[where])
        self.sent[where] += 1
        match self.chance.randrange(40):
            case 0:
                await go(ch.send, parcel)
            case 1:
                await go(self.send, ch, parcel)
            case n if n < 10:
                try:
                    ch.send_nowait(parcel)
                except WouldBlock:
                    await agosched()
                    await ch.asend(parcel)
            case n if n < 20:
                try:
                    await ch.asend(parcel, timeout=moment(self.chance))
                except TimeoutError:
                    await ch.asend(parcel)
            case _:
                await ch.asend(parcel)

    async def send(self, ch: Chan[Parcel], parcel: Parcel) -> None:
        await ch.asend(parcel)


class Swarm:
    """One run."""

    def __init__(self, goroutines: int, values: int, seed: int) -> None:
        self.seed, self.values = seed, values
        self.begun = self.lost = self.found = 0
        self.errors: list[BaseException] = []
        self.seen = bytearray(values)
        width = max(1, goroutines // (LAYERS + 1))
        self.layers: list[list[Chan[Parcel]]] = [
            [Chan(CAPACITIES[n % len(CAPACITIES)]) for n in range(width // 3 + 1)]
            for _ in range(LAYERS)
        ]
        self.groups = [WaitGroup() for _ in range(LAYERS + 1)]
        # At least two for each channel; the same number on each side of a layer.
        width = max(width, 2 * len(self.layers[0]))
        self.workers = [
            Worker(
                self,
                layer * width + n,
                self.layers[layer - 1][n % len(self.layers[layer - 1])] if layer else None,
                self.layers[layer] if layer < LAYERS else [],
                self.groups[layer],
            )
            for layer in range(LAYERS + 1)
            for n in range(width)
        ]
        for number in range(values):
            self.workers[number % width].own.append(number)
        self.over = threading.Event()

    def arrive(self, number: int) -> None:
        assert not self.seen[number], f"seed {self.seed}: {number} came twice"
        self.seen[number] = 1

    async def go_astray(self) -> None:
        self.lost += 1
        try:
            await Chan[None]().arecv()
        finally:
            self.found += 1

    async def main(self, limit: float) -> None:
        for worker in self.workers:
            worker.group.add()
            go(worker.stint)
        ended = Chan[None]()

        async def close_behind_them() -> None:
            for group, layer in zip(self.groups, [*self.layers, []], strict=True):
                await group
                for ch in layer:
                    ch.close()
            ended.close()

        go(close_behind_them)
        try:
            await ended.arecv_ok(timeout=limit)
        except TimeoutError:
            places = [*self.groups, *chain.from_iterable(self.layers)]
            waiting = "\n".join(map(repr, places[:50]))
            raise AssertionError(f"seed {self.seed}: stuck\n{waiting}\n{stacks()}") from None

    def collect(self) -> None:
        while not self.over.wait(0.02):
            gc.collect()

    def run(self, under_run: bool, limit: float) -> None:
        collector = threading.Thread(target=self.collect, daemon=True)
        collector.start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # of those that go astray
            try:
                if under_run:
                    run(self.main, limit)
                else:
                    go(self.main, limit).result(limit + 30)
            finally:
                self.over.set()
                collector.join(limit)
            if self.errors:
                raise self.errors[0]
            assert all(self.seen), f"seed {self.seed}: lost {self.seen.count(0)} numbers"
            collect_until(lambda: self.found == self.lost, "those that went astray")

    def __str__(self) -> str:
        return f"{self.begun} goroutines, {self.lost} went astray"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--goroutines", type=int, default=5000)
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=None, help="of the first run; it is printed")
    parser.add_argument("--limit", type=float, default=900, help="seconds until a run is stuck")
    args = parser.parse_args()
    faulthandler.enable()
    seed = random.randrange(2**32) if args.seed is None else args.seed
    for number in range(1, args.runs + 1):
        print(f"run {number} of {args.runs}, seed {seed}: ", end="", flush=True)
        began = time.monotonic()
        swarm = Swarm(args.goroutines, args.values, seed)
        swarm.run(under_run=seed % 2 == 1, limit=args.limit)
        print(f"{args.values} values in {time.monotonic() - began:.1f} s, {swarm}", flush=True)
        seed += 1


if __name__ == "__main__":
    main()

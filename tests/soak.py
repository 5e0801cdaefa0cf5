"""The soak: threads and tasks of two loops, many channels, and cancels, timeouts, closes at random.

    python tests/soak.py --values 1000000 --runs 20
    python tests/soak.py --goroutines 100 --values 1000000 --runs 20
    python tests/soak.py --goroutines 100 --selects --values 200000 --runs 20

Eight threads (four of them goroutines) and eight tasks on two loops send and receive through
sixteen channels of mixed capacity. One more thread, the chaos, cancels the tasks and closes the
channels at random; in the place of a closed channel there is a fresh one. With `--goroutines` so
many `async def` goroutines send there too, and as many receive; they end and begin anew all the
time, held by nothing but the channels, while one more thread collects garbage. With `--selects`
all of them select besides, over sends, receives and timers, and wait under contexts of one tree,
from which the chaos cuts branches (choosers.py). In the end:

K1, on all channels: what a send said was sent is received, once. What it said was not sent is not.
What a cancelled send left open is received once at most.

K2: what one sender sent through one place arrives in that order. It is checked where one party
receives, even if it is cancelled, and where threads and goroutines do. Where cancelled tasks share
a channel with others it does not hold: a value that goes back to the head may come to another
receiver after later ones.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import random
import threading
import time
from collections import Counter
from contextlib import suppress

from choosers import Chooser, ChoosingReceiver, ChoosingSender, Contexts
from gochan import WaitGroup, go
from hosts import drain
from loops import KINDS
from parties import (
    BITS,
    CAPACITIES,
    NOBODY_CANCELLED,
    ONE_RECEIVER,
    PARTIES,
    Place,
    Receiver,
    Sender,
)
from watch import stacks


class Soak:
    """One run."""

    def __init__(self, values: int, seed: int, goroutines: int = 0, selects: bool = False) -> None:
        self.seed = seed
        self.parties = PARTIES + goroutines  # the goroutines come after the others
        self.places = [Place(n) for n in range(len(CAPACITIES) + min(goroutines, PARTIES))]
        self.contexts = Contexts() if selects else None
        self.senders: list[Sender] = []
        self.receivers: list[Receiver] = []
        self.choosers: list[Chooser] = []
        for n in range(self.parties):
            self.enlist(n, values // self.parties)
        self.tasks: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []
        self.errors: list[BaseException] = []
        self.sending, self.receiving = WaitGroup(), WaitGroup()
        self.over = threading.Event()
        self.cancels = self.closes = self.collections = self.goroutines = 0

    def chance(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")

    def enlist(self, n: int, values: int) -> None:
        for_sender, for_receiver = self.chance(f"sender {n}"), self.chance(f"receiver {n}")
        if self.contexts is None:
            self.senders.append(Sender(n, values, self.places, for_sender))
            self.receivers.append(Receiver(n, self.places_of(n), for_receiver))
            return
        sender = ChoosingSender(
            n, values, self.places, for_sender, self.contexts, self.shared_places(n)
        )
        receiver = ChoosingReceiver(n, self.places_of(n), for_receiver, self.contexts)
        self.senders.append(sender)
        self.receivers.append(receiver)
        self.choosers += [sender.chooser, receiver.chooser]

    def shared_places(self, party: int) -> list[Place]:
        is_task = PARTIES // 2 <= party < PARTIES
        return self.places[NOBODY_CANCELLED if is_task else ONE_RECEIVER : len(CAPACITIES)]

    def places_of(self, receiver: int) -> list[Place]:
        # Those of the goroutines come last; there may be fewer of them than goroutines.
        own = receiver if receiver < PARTIES else receiver - PARTIES + len(CAPACITIES)
        return self.places[own : own + 1] + self.shared_places(receiver)

    def run(self, limit: float) -> None:
        self.sending.add(self.parties)
        self.receiving.add(self.parties)
        threads = [
            threading.Thread(target=self.loop_thread, args=(n,), daemon=True) for n in range(2)
        ]
        threads += [threading.Thread(target=self.chaos, daemon=True)]
        if self.parties > PARTIES:
            threads += [threading.Thread(target=self.collect, daemon=True)]
        for n in range(PARTIES, self.parties):
            go(self.stint, self.senders[n], self.sending)
            go(self.stint, self.receivers[n], self.receiving)
        for n in range(PARTIES // 2):
            for party, group in (
                (self.senders[n], self.sending),
                (self.receivers[n], self.receiving),
            ):
                # Half of the threads are goroutines, half the user's own.
                if n % 2:
                    go(self.guarded, party, group)
                else:
                    threads.append(
                        threading.Thread(target=self.guarded, args=(party, group), daemon=True)
                    )
        for thread in threads:
            thread.start()
        try:
            self.sending.wait(timeout=limit)
            for place in self.places:
                place.close(for_good=True)
            self.receiving.wait(timeout=limit)
        except TimeoutError:
            chans = "\n".join(repr(place.chans[-1]) for place in self.places)
            sent = sum(sender.next for sender in self.senders)
            raise AssertionError(
                f"seed {self.seed}: stuck after {sent} values\n{chans}\n{stacks()}"
            ) from None
        finally:
            self.over.set()
        for thread in threads:
            thread.join(limit)
        if self.errors:
            raise self.errors[0]
        self.check()

    def guarded(self, party: Sender | Receiver, group: WaitGroup) -> None:
        try:
            party.thread()
        except BaseException as error:
            self.errors.append(error)
        finally:
            group.done()

    async def stint(self, party: Sender | Receiver, group: WaitGroup) -> None:
        """A goroutine does a part of the work, and leaves the rest to the next one."""
        self.goroutines += 1
        try:
            over = await party.goroutine(party.chance.choice([1, 5, 50]))
        except BaseException as error:  # GeneratorExit too: it was taken for garbage
            self.errors.append(error)
            over = True
        if over:
            group.done()
        else:
            go(self.stint, party, group)

    def collect(self) -> None:
        chance = self.chance("collector")
        while not self.over.wait(chance.choice([1e-3, 2e-2])):
            gc.collect(chance.choice([0, 0, 1, 2]))
            self.collections += 1

    async def guarded_task(self, party: Sender | Receiver, group: WaitGroup) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.append((asyncio.get_running_loop(), task))
        try:
            await party.task()
        except BaseException as error:
            self.errors.append(error)
        finally:
            group.done()

    def loop_thread(self, number: int) -> None:
        async def main() -> None:
            mine = range(PARTIES // 2 + number, PARTIES, 2)
            await asyncio.gather(
                *(self.guarded_task(self.senders[n], self.sending) for n in mine),
                *(self.guarded_task(self.receivers[n], self.receiving) for n in mine),
                return_exceptions=True,
            )

        with asyncio.Runner(loop_factory=KINDS[number % len(KINDS)]) as runner:
            runner.run(main())

    def chaos(self) -> None:
        chance = self.chance("chaos")
        while not self.over.wait(chance.choice([1e-4, 1e-3, 3e-3])):
            if self.contexts is not None:
                self.contexts.cut(chance)
            if chance.random() < 0.3:
                # Receivers go through all the closed channels of a place: where the parties come on
                # slowly, for want of processors, they would fall behind ever further. But some have
                # to be closed in any case: senders may wait at one place, receivers at another.
                sent = sum(sender.next for sender in self.senders)
                if self.closes * 5 < 1000 + sent or chance.random() < 0.05:
                    self.closes += 1
                    chance.choice(self.places).close()
            elif self.tasks:
                loop, task = chance.choice(self.tasks)
                with suppress(RuntimeError):  # that loop has ended already
                    loop.call_soon_threadsafe(task.cancel)
                    self.cancels += 1

    def check(self) -> None:
        left = [value for place in self.places for ch in place.chans for value in drain(ch)]
        assert not left, f"seed {self.seed}: {len(left)} values are left in closed channels"
        seen = [bytearray(sender.count) for sender in self.senders]
        # Who selects as a sender has a log of its own, beside that of the receiver.
        for log in [*self.receivers, *(chooser.log for chooser in self.choosers if chooser.sender)]:
            for number, got in log.got.items():
                last = [-1] * self.parties
                in_order = self.places[number].in_order
                for value in got:
                    who, count = value >> BITS, value & (1 << BITS) - 1
                    where = f"seed {self.seed}: value {count} of sender {who} at place {number}"
                    assert not seen[who][count], f"{where} came twice"
                    seen[who][count] = 1
                    assert not in_order or last[who] < count, f"{where} out of order"
                    last[who] = count
        for sender, marks in zip(self.senders, seen, strict=True):
            lost = [n for n, mark in enumerate(marks) if not mark and n not in sender.unsure]
            assert not lost, f"seed {self.seed}: sender {sender.number} lost {lost[:10]}"

    def __str__(self) -> str:
        refused = sum(sender.refused for sender in self.senders)
        unsure = sum(len(sender.unsure) for sender in self.senders)
        return (
            f"{self.cancels} cancels, {self.closes} closes, {refused} sends refused or late, "
            f"{unsure} left open by a cancel, {self.goroutines} goroutines, "
            f"{self.collections} collections"
            + "".join(f", {count} {what}" for what, count in sorted(self.ends.items()))
        )

    @property
    def ends(self) -> Counter[str]:
        """How selects ended, and other operations under a context that did nothing."""
        return sum((chooser.ends for chooser in self.choosers), Counter())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--goroutines", type=int, default=0, help="that send, and that receive")
    parser.add_argument("--selects", action="store_true", help="and contexts, for all of them")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=None, help="of the first run; it is printed")
    parser.add_argument("--limit", type=float, default=900, help="seconds until a run is stuck")
    args = parser.parse_args()
    faulthandler.enable()
    seed = random.randrange(2**32) if args.seed is None else args.seed
    for number in range(1, args.runs + 1):
        print(f"run {number} of {args.runs}, seed {seed}: ", end="", flush=True)
        began = time.monotonic()
        soak = Soak(args.values, seed, args.goroutines, args.selects)
        soak.run(args.limit)
        print(f"{args.values} values in {time.monotonic() - began:.1f} s, {soak}", flush=True)
        seed += 1


if __name__ == "__main__":
    main()

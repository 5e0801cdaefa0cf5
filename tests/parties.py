"""Who takes part in the soak: the places of the channels, the senders and the receivers."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from gochan import Chan, ChanClosed, WouldBlock, agosched, aio, go

PARTIES = 8  # as many senders as receivers; half of either are threads, half are tasks
CAPACITIES = [0, 1, 0, 2, 7, 0, 1, 64, 0, 0, 1, 5, 0, 1, 3, 0]
# The first eight places have one receiver each, the next four have those that nobody cancels,
# threads and goroutines, and the rest have all. With goroutines there are some more with one each.
ONE_RECEIVER, NOBODY_CANCELLED = PARTIES, PARTIES + 4
BITS = 32  # of a value: above them the sender's number, below how many it sent before


class Place:
    """Where a channel stands; when it is closed, the next one takes over."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.one_receiver = not ONE_RECEIVER <= number < len(CAPACITIES)
        self.in_order = not NOBODY_CANCELLED <= number < len(CAPACITIES)
        self.chans: list[Chan[int]] = [Chan(CAPACITIES[number % len(CAPACITIES)])]
        self.over = False
        self.lock = threading.Lock()

    def close(self, for_good: bool = False) -> None:
        with self.lock:
            if self.over:
                return
            self.over = for_good
            old = self.chans[-1]
            if not for_good:  # the next is there before anybody learns that this one is closed
                self.chans.append(Chan(old.capacity))
            old.close()


async def cancelled_at_any_moment(step: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """One step of a task that the chaos may cancel. True when it did."""
    me = asyncio.current_task()
    assert me is not None
    try:
        await step()
    except asyncio.CancelledError:
        while me.uncancel():
            pass
        return True
    return False


async def cut_off(op: Coroutine[Any, Any, None], limit: float) -> None:
    """wait_for() that has seen the end of what it cut off, so that no two steps overlap."""
    task = asyncio.ensure_future(op)
    try:
        await asyncio.wait_for(task, limit)
    finally:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])


def moment(chance: random.Random) -> float:
    """A limit: over at once, in the middle of a hand-over, or long enough to park."""
    return chance.choice([0.0, 1e-6, 2e-5, 1e-4, 1e-3])


@dataclass
class Sender:
    """Sends its numbers in order, each through a random place."""

    number: int
    count: int
    places: list[Place]
    chance: random.Random
    next: int = 0
    refused: int = 0
    unsure: set[int] = field(default_factory=set)

    @property
    def value(self) -> int:
        return self.number << BITS | self.next

    def take(self) -> tuple[Chan[int], int]:
        return self.chance.choice(self.places).chans[-1], self.value

    def thread(self) -> None:
        while self.next < self.count:
            self.thread_step()

    async def task(self) -> None:
        while self.next < self.count:
            await self.task_step()

    async def goroutine(self, steps: int) -> bool:
        """Some steps. True when all is sent."""
        for _ in range(steps):
            if self.next == self.count:
                return True
            await self.goroutine_step()
        return self.next == self.count

    def thread_step(self) -> None:
        ch, value = self.take()
        try:
            match self.chance.randrange(4):
                case 0:
                    ch.send_nowait(value)
                case 1:
                    ch.send(value)
                case _:
                    ch.send(value, timeout=moment(self.chance))
        except (TimeoutError, WouldBlock, ChanClosed):
            self.refused += 1  # not sent: the same one again
        else:
            self.next += 1

    async def task_step(self) -> None:
        ch, value = self.take()
        if await cancelled_at_any_moment(partial(self.step, ch, value)):
            self.leave_open(value)

    async def goroutine_step(self) -> None:
        ch, value = self.take()
        try:
            match self.chance.randrange(60):
                case 0:
                    # A blocking form costs the thread, not the program.
                    ch.send(value, timeout=moment(self.chance))
                case 1:
                    await aio(ch.asend(value, timeout=moment(self.chance)))
                case 2:
                    await go(ch.send, value)
                case n if n < 10:
                    await agosched()
                    ch.send_nowait(value)
                case n if n < 25:
                    await ch.asend(value)
                case _:
                    await ch.asend(value, timeout=moment(self.chance))
        except (TimeoutError, WouldBlock, ChanClosed):
            self.refused += 1
        else:
            self.next += 1

    def leave_open(self, value: int) -> None:
        """It may have been taken before the cancel came. It must not be sent again."""
        if value & (1 << BITS) - 1 == self.next:
            self.unsure.add(self.next)
            self.next += 1

    async def step(self, ch: Chan[int], value: int) -> None:
        limit = moment(self.chance)
        kind = self.chance.randrange(8)
        try:
            match kind:
                case 0:
                    await asyncio.sleep(0)
                    ch.send_nowait(value)
                case 1 | 2:
                    await ch.asend(value)
                case 3:
                    async with asyncio.timeout(limit):
                        await ch.asend(value)
                case 4:
                    await cut_off(ch.asend(value), limit)
                case _:
                    await ch.asend(value, timeout=limit)
        except (WouldBlock, ChanClosed):
            self.refused += 1
        except TimeoutError:
            if kind in {3, 4}:
                self.leave_open(value)  # asyncio's limits cancel
            else:
                self.refused += 1
        else:
            self.next += 1


@dataclass
class Receiver:
    """Receives at its places, until the last channel of each is closed and drained."""

    number: int
    places: list[Place]
    chance: random.Random
    at: dict[int, int] = field(default_factory=dict)  # which channel of each place
    got: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place in self.places:
            self.at[place.number] = 0
            self.got[place.number] = []

    def choose(self) -> tuple[Place, Chan[int], list[int]]:
        # Its own place more often: nobody else receives there.
        own = [place for place in self.places if place.one_receiver]
        place = self.chance.choice(self.places + own * 3)
        return place, place.chans[self.at[place.number]], self.got[place.number]

    def ended(self, place: Place) -> None:
        """The channel is closed and drained: on to the next one at this place, if there is one."""
        self.at[place.number] += 1
        if self.at[place.number] == len(place.chans):
            self.places.remove(place)

    def thread(self) -> None:
        while self.places:
            self.thread_step()

    async def task(self) -> None:
        while self.places:
            await self.task_step()

    async def goroutine(self, steps: int) -> bool:
        """Some steps. True when there is nothing left to receive, anywhere."""
        for _ in range(steps):
            if not self.places:
                return True
            await self.goroutine_step()
        return not self.places

    def thread_step(self) -> None:
        place, ch, got = self.choose()
        try:
            if not self.receive(ch, got):
                self.ended(place)
        except ChanClosed:
            self.ended(place)
        except (TimeoutError, WouldBlock):
            pass

    def receive(self, ch: Chan[int], got: list[int]) -> bool:
        limit = moment(self.chance)
        # Without a limit rarely: then a party stands at one place until the chaos comes by.
        match self.chance.randrange(40):
            case 0:
                got.append(ch.recv())
            case 1:
                values = list(islice(ch, 3))
                got += values
                return len(values) == 3
            case 2 | 3 | 4 | 5:
                got.append(ch.recv_nowait())
            case 6 | 7 | 8 | 9:
                match ch.recv_ok(timeout=limit):
                    case (value, True):
                        got.append(value)
                    case _:
                        return False
            case 10 | 11 | 12 | 13 | 14 | 15:
                values = ch.recv_many(5, timeout=limit)
                got += values
                return values != []
            case _:
                got.append(ch.recv(timeout=limit))
        return True

    async def task_step(self) -> None:
        place, ch, got = self.choose()

        async def step() -> None:
            try:
                if not await self.areceive(ch, got):
                    self.ended(place)
            except ChanClosed:
                self.ended(place)
            except (TimeoutError, WouldBlock):
                pass

        await cancelled_at_any_moment(step)

    async def areceive(self, ch: Chan[int], got: list[int]) -> bool:
        """Values are noted in the step they come in: nothing can be cancelled in between."""
        limit = moment(self.chance)

        async def one() -> None:
            got.append(await ch.arecv())

        match self.chance.randrange(40):
            case 0:
                await one()
            case 1:
                async for value in ch:
                    got.append(value)
                    if self.chance.random() < 0.3:
                        return True
                return False
            case 2 | 3 | 4 | 5:
                await asyncio.sleep(0)
                got.append(ch.recv_nowait())
            case 6 | 7 | 8 | 9:
                match await ch.arecv_ok(timeout=limit):
                    case (value, True):
                        got.append(value)
                    case _:
                        return False
            case 10 | 11 | 12 | 13 | 14 | 15:
                values = await ch.arecv_many(5, timeout=limit)
                got += values
                return values != []
            case 16 | 17 | 18 | 19 | 20 | 21:
                async with asyncio.timeout(limit):
                    await one()
            case 22 | 23 | 24 | 25:
                await cut_off(one(), limit)
            case _:
                got.append(await ch.arecv(timeout=limit))
        return True

    async def goroutine_step(self) -> None:
        place, ch, got = self.choose()
        try:
            if not await self.goroutine_receives(ch, got):
                self.ended(place)
        except ChanClosed:
            self.ended(place)
        except (TimeoutError, WouldBlock):
            pass

    async def goroutine_receives(self, ch: Chan[int], got: list[int]) -> bool:
        limit = moment(self.chance)
        match self.chance.randrange(60):
            case 0:
                got.append(await ch.arecv())
            case 1:
                async for value in ch:
                    got.append(value)
                    if self.chance.random() < 0.3:
                        return True
                return False
            case 2:
                got.append(ch.recv(timeout=limit))
            case 3:
                got.append(await aio(ch.arecv(timeout=limit)))
            case 4:
                got += (values := await go(ch.recv_many, 3))
                return values != []
            case n if n < 10:
                await agosched()
                got.append(ch.recv_nowait())
            case n if n < 15:
                match await ch.arecv_ok(timeout=limit):
                    case (value, True):
                        got.append(value)
                    case _:
                        return False
            case n if n < 25:
                values = await ch.arecv_many(5, timeout=limit)
                got += values
                return values != []
            case _:
                got.append(await ch.arecv(timeout=limit))
        return True

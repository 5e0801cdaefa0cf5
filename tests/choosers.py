"""Parties of the soak that select, and whose waits are ended by contexts.

An operation that ended in an error had no effect, so the sender sends the same value again: had it
been sent nevertheless, it would come twice. Only what the host itself cancelled (a task, asyncio's
limits) is left open. Of a select exactly the arm that it names has happened.

Senders receive too, in selects that may do either: at places where the order of values is not
checked, or where nobody is cancelled.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeAlias

from gochan import (
    CancelContext,
    Canceled,
    Chan,
    ChanClosed,
    Context,
    DeadlineExceeded,
    RecvChan,
    SendCase,
    after,
    after_func,
    agosched,
    aio,
    aselect,
    asleep,
    background,
    go,
    select,
    sending,
    sleep,
    with_cancel,
    with_timeout,
    with_value,
    without_cancel,
)
from parties import Place, Receiver, Sender, cancelled_at_any_moment, cut_off, moment

Arm: TypeAlias = RecvChan[Any] | SendCase[int] | None
# What it means if an arm fires: our value is sent, one came (or the end) at that place, or a timer
# or context has.
Meaning: TypeAlias = Place | Literal["sent", "nothing"]
Result: TypeAlias = tuple[int, Any, bool] | None


class Contexts:
    """A tree of contexts that all parties use. What is cut off is cancelled, and grows again."""

    NODES = 13  # a trunk, three branches, three leaves on each: those below k are 3k+1 ... 3k+3

    def __init__(self) -> None:
        self.nodes: list[CancelContext] = [with_cancel(background())] * self.NODES
        self.grow(0)

    def grow(self, k: int) -> None:
        parent = self.nodes[(k - 1) // 3] if k else background()
        is_leaf = 3 * k + 1 >= self.NODES
        if is_leaf and k % 2:
            self.nodes[k] = with_timeout(parent, 5e-3)
        else:
            self.nodes[k] = with_cancel(parent)
        if not is_leaf:
            for child in range(3 * k + 1, 3 * k + 4):
                self.grow(child)

    def cut(self, chance: random.Random) -> None:
        """By one thread alone; what is cut off is replaced before it is cancelled."""
        k = chance.randrange(self.NODES)
        old = self.nodes[k]
        self.grow(k)
        old.cancel(chance.choice([None, ValueError("cut off")]))


@dataclass
class Limits:
    """What ends the waits of one party."""

    chance: random.Random
    contexts: Contexts
    own: CancelContext | None = None  # the last one it made for itself

    def ctx(self) -> Context:
        if self.own is not None and self.chance.random() < 0.5:
            self.own.cancel()  # else it is left to the collector
        self.own = None
        shared = self.chance.choice(self.contexts.nodes)
        match self.chance.randrange(12):
            case 0:
                return self.chance.choice([background(), without_cancel(shared)])
            case 1 | 2:
                self.own = with_timeout(shared, moment(self.chance))
            case 3:
                self.own = with_timeout(with_value(with_cancel(shared), "a", 1), 1e-4)
            case 4:
                self.own = with_cancel(shared)
                after_func(moment(self.chance), self.own.cancel)
            case _:
                return shared
        return self.own

    def of_one(self) -> dict[str, Any]:
        """For a single operation: always under a context."""
        options: dict[str, Any] = {"ctx": self.ctx()}
        if self.chance.random() < 0.5:
            options["timeout"] = moment(self.chance)
        return options

    def of_select(self) -> dict[str, Any]:
        options: dict[str, Any] = {"priority": True} if self.chance.random() < 0.3 else {}
        match self.chance.randrange(40):
            case 0:
                pass  # none: then it parks until the chaos comes by
            case n if n < 5:
                options["default"] = True
            case n if n < 8:
                options |= {"default": True, "ctx": self.ctx()}
            case n if n < 20:
                options["timeout"] = moment(self.chance)
            case _:
                options |= self.of_one()
        return options


@dataclass
class Choice:
    """One select: its arms, what each of them means, and what ends it."""

    arms: list[Arm]
    means: list[Meaning]
    options: dict[str, Any]
    value: int = -1  # what its sends send

    def blocking(self) -> Result:
        result: Result = select(*self.arms, **self.options)
        return result

    async def awaited(self) -> Result:
        result: Result = await aselect(*self.arms, **self.options)
        return result


@contextmanager
def expected(options: dict[str, Any], ends: Counter[str]) -> Iterator[None]:
    """What these options allow for, and a channel that is closed: the operation had no effect."""
    try:
        yield
    except (Canceled, DeadlineExceeded) as error:
        if type(options["ctx"].err) is not type(error):
            raise AssertionError(f"the context says {options['ctx'].err!r}") from error
        ends["context"] += 1
    except TimeoutError:
        assert "timeout" in options
        ends["timeout"] += 1
    except ChanClosed:
        ends["refused"] += 1


@dataclass
class Chooser:
    """Makes the selects of one party, and books what they did."""

    chance: random.Random
    limits: Limits
    log: Receiver  # where it receives, and what it got
    sender: Sender | None = None
    ends: Counter[str] = field(default_factory=Counter)

    def choose(self) -> Choice:
        pairs = list(self.sends()) if self.sender else []
        if not pairs or self.chance.random() < 0.4:
            pairs += self.receives(few=bool(pairs))
        if self.chance.random() < 0.1:
            pairs.append((None, "nothing"))
        if self.chance.random() < 0.1:
            pairs.append((after(moment(self.chance)), "nothing"))
        if self.chance.random() < 0.1:
            pairs.append((self.limits.ctx().done, "nothing"))
        self.chance.shuffle(pairs)
        choice = Choice(
            [arm for arm, _ in pairs], [means for _, means in pairs], self.limits.of_select()
        )
        if self.sender:
            choice.value = self.sender.value
        return choice

    def sends(self) -> Iterator[tuple[Arm, Meaning]]:
        assert self.sender is not None
        for _ in range(self.chance.choice([1, 1, 2, 3, 6])):
            ch, value = self.sender.take()
            yield sending(ch if self.chance.random() < 0.5 else ch.sender, value), "sent"

    def receives(self, few: bool) -> Iterator[tuple[Arm, Meaning]]:
        """The same channel may come twice, and may be sent on too."""
        for _ in range(self.chance.choice([1, 2] if few else [1, 2, 2, 3, 5, 16])):
            place, ch, _ = self.log.choose()
            while self.sender and ch.closed and not len(ch) and ch is not place.chans[-1]:
                # A sender comes by too rarely to stop at each that was closed meanwhile.
                self.log.ended(place)
                ch = place.chans[self.log.at[place.number]]
            yield ch if self.chance.random() < 0.5 else ch.receiver, place

    def book(self, choice: Choice, result: Result) -> None:
        """In the step in which the result comes: nothing can be cancelled in between."""
        if result is None:
            assert "default" in choice.options
            self.ends["default"] += 1
            return
        index, value, ok = result
        match choice.means[index]:
            case "sent":
                assert self.sender is not None and (value, ok) == (None, True)
                self.sender.next += 1
                self.ends["sent"] += 1
            case "nothing":
                self.ends["nothing"] += 1
            case place if ok:
                self.log.got[place.number].append(value)
                self.ends["received"] += 1
            case place:
                assert value is None
                self.log.ended(place)
                self.ends["closed"] += 1

    def abandon(self, choice: Choice) -> None:
        """The host cancelled it. It may have sent; what it received went back to its channel.

        If that channel is closed, those who receive there may have left it for good already. So
        this party has to take what is in it.
        """
        self.ends["cancelled"] += 1
        if self.sender and "sent" in choice.means:
            self.sender.leave_open(choice.value)
        for arm, place in zip(choice.arms, choice.means, strict=True):
            if isinstance(place, Place) and isinstance(arm, RecvChan) and arm.closed:
                with suppress(ChanClosed):
                    while True:
                        self.log.got[place.number].append(arm.recv_nowait())

    def on_thread(self) -> None:
        choice = self.choose()
        with expected(choice.options, self.ends):
            self.book(choice, choice.blocking())

    async def in_task(self) -> None:
        choice = self.choose()
        if await cancelled_at_any_moment(partial(self.in_step, choice)):
            self.abandon(choice)

    async def in_step(self, choice: Choice) -> None:
        async def one() -> None:
            with expected(choice.options, self.ends):
                self.book(choice, await choice.awaited())

        limit = moment(self.chance)
        try:
            match self.chance.randrange(8):
                case 0:
                    async with asyncio.timeout(limit):
                        await one()
                case 1:
                    await cut_off(one(), limit)
                case 2 if "default" in choice.options:
                    await asyncio.sleep(0)
                    with expected(choice.options, self.ends):
                        self.book(choice, choice.blocking())
                case _:
                    await one()
        except TimeoutError:
            self.abandon(choice)  # asyncio's limits cancel

    async def in_goroutine(self) -> None:
        choice = self.choose()
        with expected(choice.options, self.ends):
            match self.chance.randrange(40):
                case 0:
                    # A blocking form costs the thread, not the program.
                    result = choice.blocking()
                case 1:
                    result = await aio(choice.awaited())
                case 2:
                    result = await go(choice.blocking)
                case 3:
                    result = await go(choice.awaited)
                case 4 | 5:
                    await agosched()
                    result = await choice.awaited()
                case _:
                    result = await choice.awaited()
            self.book(choice, result)


class ChoosingSender(Sender):
    def __init__(
        self,
        number: int,
        count: int,
        places: list[Place],
        chance: random.Random,
        contexts: Contexts,
        receives_at: list[Place],
    ) -> None:
        super().__init__(number, count, places, chance)
        log = Receiver(number, receives_at, chance)
        self.chooser = Chooser(chance, Limits(chance, contexts), log, self)

    def thread_step(self) -> None:
        match self.chance.randrange(4):
            case 0:
                super().thread_step()
            case 1:
                ch, value = self.take()
                options = self.chooser.limits.of_one()
                with expected(options, self.chooser.ends):
                    ch.send(value, **options)
                    self.next += 1
            case _:
                self.chooser.on_thread()

    async def task_step(self) -> None:
        match self.chance.randrange(4):
            case 0:
                await super().task_step()
            case 1:
                ch, value = self.take()
                if await cancelled_at_any_moment(partial(self.under_a_context, ch, value)):
                    self.leave_open(value)
            case _:
                await self.chooser.in_task()

    async def goroutine_step(self) -> None:
        match self.chance.randrange(4):
            case 0:
                await super().goroutine_step()
            case 1:
                await self.under_a_context(*self.take())
            case _:
                await self.chooser.in_goroutine()

    async def under_a_context(self, ch: Chan[int], value: int) -> None:
        options = self.chooser.limits.of_one()
        with expected(options, self.chooser.ends):
            await ch.asend(value, **options)
            self.next += 1


class ChoosingReceiver(Receiver):
    def __init__(
        self, number: int, places: list[Place], chance: random.Random, contexts: Contexts
    ) -> None:
        super().__init__(number, places, chance)
        self.chooser = Chooser(chance, Limits(chance, contexts), self)

    def thread_step(self) -> None:
        match self.chance.randrange(4):
            case 0:
                super().thread_step()
            case 1:
                place, ch, got = self.choose()
                options = self.chooser.limits.of_one()
                with expected(options, self.chooser.ends):
                    match self.chance.randrange(3):
                        case 0:
                            sleep(moment(self.chance), ctx=options["ctx"])
                        case 1:
                            self.note(place, got, ch.recv_many(5, **options))
                        case _:
                            self.note(place, got, only(ch.recv_ok(**options)))
            case _:
                self.chooser.on_thread()

    async def task_step(self) -> None:
        match self.chance.randrange(4):
            case 0:
                await super().task_step()
            case 1:
                await cancelled_at_any_moment(self.under_a_context)
            case _:
                await self.chooser.in_task()

    async def goroutine_step(self) -> None:
        match self.chance.randrange(4):
            case 0:
                await super().goroutine_step()
            case 1:
                await self.under_a_context()
            case _:
                await self.chooser.in_goroutine()

    async def under_a_context(self) -> None:
        place, ch, got = self.choose()
        options = self.chooser.limits.of_one()
        with expected(options, self.chooser.ends):
            match self.chance.randrange(3):
                case 0:
                    await asleep(moment(self.chance), ctx=options["ctx"])
                case 1:
                    self.note(place, got, await ch.arecv_many(5, **options))
                case _:
                    self.note(place, got, only(await ch.arecv_ok(**options)))

    def note(self, place: Place, got: list[int], values: list[int]) -> None:
        got += values
        if not values:
            self.ended(place)


def only(received: tuple[int, Literal[True]] | tuple[None, Literal[False]]) -> list[int]:
    """As `recv_many` of one value has it."""
    return [received[0]] if received[1] else []

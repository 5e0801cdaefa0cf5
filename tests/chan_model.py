"""The reference channel (K3): a deque, two queues of waiters, and the rules C3, C4, C9 and C10.

It is the channel of the specification, without threads, wake-ups or speed. A party that has to
wait is a `Wait` in one of the queues; its `outcome` is set in the very step that serves it.

Beyond Go there is one rule, for hosts that cancel: a receiver that was handed a value and cannot
keep it gives it back. Values given back are received before all others, in the order in which
they were handed over, and take no room from the buffer.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["send", "recv", "recv_ok", "recv_many"]


@dataclass(frozen=True)
class Sent:
    pass


@dataclass(frozen=True)
class Got:
    """One value, or for recv_many the values."""

    value: int
    more: tuple[int, ...] = ()


@dataclass(frozen=True)
class Closed:
    pass


@dataclass(frozen=True)
class WouldWait:
    """An immediate form found that it would have to wait."""


@dataclass(frozen=True)
class Cancelled:
    pass


Outcome = Sent | Got | Closed | WouldWait | Cancelled

SENT: Final = Sent()
CLOSED: Final = Closed()
WOULD_WAIT: Final = WouldWait()
CANCELLED: Final = Cancelled()


@dataclass(eq=False)
class Wait:
    """One operation. `outcome` is None as long as it is parked."""

    kind: Kind
    value: int = 0
    limit: int = 1  # of recv_many
    outcome: Outcome | None = None
    handed: int = 0  # a receiver: its value was the channel's so-manieth to be handed over

    @property
    def sends(self) -> bool:
        return self.kind == "send"


@dataclass
class Model:
    capacity: int
    buffer: deque[int] = field(default_factory=deque)
    receivers: deque[Wait] = field(default_factory=deque)
    senders: deque[Wait] = field(default_factory=deque)
    closed: bool = False
    returned: list[tuple[int, int]] = field(default_factory=list)  # (handed, value), sorted
    hand_overs: int = 0

    def values(self) -> list[int]:
        """What is there to be received, in this order."""
        return [*(value for _, value in self.returned), *self.buffer]

    def send(self, value: int) -> Outcome:
        """C3: closed, a parked receiver, room, in this order."""
        if self.closed:
            return CLOSED
        if self.receivers:
            self.hand_overs += 1
            self._hand_over(value, self.hand_overs)
            return SENT
        if len(self.buffer) < self.capacity:
            self.buffer.append(value)
            return SENT
        return WOULD_WAIT

    def recv(self) -> Outcome:
        """C4: the head of the buffer, refilled by the first parked sender; then that sender."""
        if self.returned:
            return Got(self.returned.pop(0)[1])
        if self.buffer:
            value = self.buffer.popleft()
            if self.senders:
                self.buffer.append(self._take_from_sender())
            return Got(value)
        if self.senders:
            return Got(self._take_from_sender())
        return CLOSED if self.closed else WOULD_WAIT

    def recv_many(self, limit: int) -> Outcome:
        first = self.recv()
        if not isinstance(first, Got):
            return first
        more: list[int] = []
        while len(more) < limit - 1 and isinstance(following := self.recv(), Got):
            more.append(following.value)
        return Got(first.value, tuple(more))

    def close(self) -> bool:
        """C9 and C10: everybody parked is released, their values are lost, the buffer stays."""
        if self.closed:
            return False
        self.closed = True
        for wait in (*self.receivers, *self.senders):
            wait.outcome = CLOSED
        self.receivers.clear()
        self.senders.clear()
        return True

    def start(self, wait: Wait) -> None:
        """The form that waits: as the immediate one, else at the tail of its queue."""
        outcome = (
            self.send(wait.value)
            if wait.sends
            else self.recv_many(wait.limit)
            if wait.kind == "recv_many"
            else self.recv()
        )
        if isinstance(outcome, WouldWait):
            (self.senders if wait.sends else self.receivers).append(wait)
        else:
            wait.outcome = outcome

    def cancel(self, wait: Wait) -> None:
        """The host ends the wait. What a peer has done before stays done, and nothing is lost.

        A value that was handed over goes on to the first receiver that is parked by now, or
        else back.
        """
        if wait.outcome is None:
            (self.senders if wait.sends else self.receivers).remove(wait)
        elif isinstance(wait.outcome, Got):
            if self.receivers:
                self._hand_over(wait.outcome.value, wait.handed)
            else:
                insort(self.returned, (wait.handed, wait.outcome.value))
        wait.outcome = CANCELLED

    def check(self) -> None:
        """C5: what is true between any two steps."""
        assert not (self.receivers and self.senders)
        assert not (self.receivers and self.values())
        assert len(self.buffer) <= self.capacity
        assert not (self.senders and len(self.buffer) < self.capacity)
        assert not (self.closed and (self.receivers or self.senders))

    def _hand_over(self, value: int, number: int) -> None:
        receiver = self.receivers.popleft()
        receiver.outcome = Got(value)
        receiver.handed = number

    def _take_from_sender(self) -> int:
        sender = self.senders.popleft()
        sender.outcome = SENT
        return sender.value

"""The places of a pool's jobs, those that run and those that wait, and who waits for one.

A place belongs to an object, the job; taking and leaving it twice is the same as once. So an
exception that breaks in anywhere, as Ctrl-C does, loses none: whoever cleans up just leaves.
(A semaphore's permit is lost if Ctrl-C comes between taking it and noting that.)
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from gochan._gochan import Chan

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

SHUT_DOWN = "cannot schedule new futures after shutdown"


class Room:
    """So many places, first come first served."""

    def __init__(self, size: int, lock: AbstractContextManager[object]) -> None:
        self._size = size
        #: Guards what follows, and may guard more. It is reentrant.
        self._lock = lock
        #: Jobs, and the turns of those who waited and have not come for their place yet.
        self._held: set[object] = set()
        #: Who waits, each with a channel that is closed when it is their turn, or all is over.
        self._line: deque[Chan[None]] = deque()
        self._closed = False

    def take(self, job: object) -> bool:
        """Take a place if there is one and nobody waits. The lock is held."""
        if self._line or len(self._held) >= self._size:
            return False
        self._held.add(job)
        return True

    def take_beyond(self, job: object) -> None:
        """Take one more than there are."""
        with self._lock:
            self._held.add(job)

    def wait(self, job: object) -> None:
        """Take a place; wait for it.

        Raises:
            RuntimeError: The room was closed.
            BlockingError: It would stop a running event loop.
        """
        turn = Chan[None]()
        try:
            self._queue(turn)
            turn.recv_ok()
            self._swap(turn, job)
        except BaseException:
            self._give_up(turn)
            raise

    async def await_(self, job: object) -> None:
        """The awaitable form of `wait`."""
        turn = Chan[None]()
        try:
            self._queue(turn)
            await turn.arecv_ok()
            self._swap(turn, job)
        except BaseException:
            self._give_up(turn)
            raise

    def leave(self, job: object) -> None:
        with self._lock:
            self._held.discard(job)
            if self._line:
                self._call()

    def close(self) -> None:
        """Nobody waits any more."""
        with self._lock:
            self._closed = True
            for turn in self._line:
                if not turn.closed:
                    turn.close()
            self._line.clear()

    def _queue(self, turn: Chan[None]) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError(SHUT_DOWN)
            self._line.append(turn)
            self._call()

    def _swap(self, turn: Chan[None], job: object) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError(SHUT_DOWN)
            self._held.add(job)
            self._held.discard(turn)

    def _give_up(self, turn: Chan[None]) -> None:
        with self._lock:
            if turn in self._line:
                self._line.remove(turn)
            self.leave(turn)

    def _call(self) -> None:
        while self._line and (self._line[0].closed or len(self._held) < self._size):
            turn = self._line[0]
            if not turn.closed:
                self._held.add(turn)
                turn.close()
            # Last: a Ctrl-C in between leaves it in the line, for the next who calls.
            self._line.popleft()

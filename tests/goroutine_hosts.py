"""The hosts that live on gochan's own scheduler: `async def` goroutines.

Their parties wait for each other by gochan's means alone, so a test on them leans on nothing that
asyncio would have to put right.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Concatenate, ParamSpec, TypeVar

import gochan
import hosts
from gochan import Chan, agosched, go
from hosts import AwaitingHost, Host
from spawned import Peer
from watch import alarm, standing

T = TypeVar("T")
P = ParamSpec("P")


class GoroutineHost(AwaitingHost):
    """Goroutines and nothing else: the test body is one, while its thread only waits for it."""

    async def nap(self, seconds: float) -> None:
        if seconds <= 0:
            await agosched()
            return
        with suppress(TimeoutError):
            await Chan[None]().arecv(timeout=seconds)

    def spawn(
        self,
        fn: Callable[Concatenate[Host, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Peer[T]:
        peer = Peer[T](f"{fn.__name__} on {self.name}")
        self.peers.append(peer)
        go(peer.record, fn(self, *args, **kwargs))
        return peer

    async def outcome(self, peer: Peer[T], timeout: float) -> T:
        over: Chan[None] = Chan()
        # Called in the peer's own thread, so this is also a wake-up from wherever it lives.
        peer.outcome.add_done_callback(lambda _: over.close())
        try:
            await over.arecv_ok(timeout=timeout)
        except TimeoutError:
            raise AssertionError(peer.still_running()) from None
        return peer.outcome.result(0)

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        body = Peer[None]("test body")
        go(body.record, main())
        body.wait(hosts.DEADLINE)


class RunHost(GoroutineHost):
    """The test body is the main goroutine of `gochan.run()`, on the main thread.

    It is driven by that thread alone, and has to notice signals: code of its own, as with the
    main thread that blocks. A hang is ended as Ctrl-C would end it.
    """

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        body: Coroutine[Any, Any, None] | None = None

        async def main_goroutine() -> None:
            nonlocal body
            body = main()
            await body

        with alarm(hosts.DEADLINE, lambda: standing(body)):
            gochan.run(main_goroutine)

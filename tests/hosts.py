"""One vocabulary for every party that can stand at a channel.

A test body is an `async def` function and says `await host.send(ch, 1)`, whatever the host:

- on a thread the coroutine is driven by hand and never suspends: `host.send` calls the blocking
  `ch.send`, and the thread waits inside it;
- on an event loop it runs as a task, and `host.send` awaits `ch.asend`;
- on the scheduler (see goroutine_hosts.py) it is a goroutine, and awaits `ch.asend` as well.

`host.spawn(fn, ...)` starts `fn(host, ...)` as one more party there, so the same test covers
thread to thread, task to task and, with a second host as `peer`, any mix of them.

Nothing here sleeps to give somebody time. `host.parked` and `host.until` look at the state that
the test is about, again and again, and fail with that state when it does not come.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from gochan import Chan, ChanClosed, RecvChan, SendChan, WouldBlock
from spawned import Peer as Peer
from spawned import drive as drive
from spawned import start_thread
from watch import DEADLINE as DEADLINE
from watch import PATIENCE as PATIENCE
from watch import alarm
from watch import parked as parked
from watch import stacks as stacks
from watch import state as state

T = TypeVar("T")
P = ParamSpec("P")

# ---------------------------------------------------------------- hosts


class Host(ABC):
    """Where a party lives: each word stands for a blocking form or for its awaitable twin."""

    #: Blocking hosts wait in the call; the others suspend.
    blocking: bool

    def __init__(self, name: str) -> None:
        self.name = name
        self.peers: list[Peer[Any]] = []

    def __repr__(self) -> str:
        return f"<host {self.name}>"

    @abstractmethod
    async def send(self, ch: SendChan[T], value: T, *, timeout: Any = None) -> None: ...
    @abstractmethod
    async def recv(self, ch: RecvChan[T], *, timeout: Any = None) -> T: ...
    @abstractmethod
    async def recv_ok(self, ch: RecvChan[T], *, timeout: Any = None) -> tuple[T | None, bool]: ...
    @abstractmethod
    async def recv_many(
        self, ch: RecvChan[T], limit: Any, /, *, timeout: Any = None
    ) -> list[T]: ...
    @abstractmethod
    def iterate(self, ch: RecvChan[T]) -> AsyncIterator[T]: ...
    @abstractmethod
    def closing(self, ch: SendChan[Any]) -> AbstractAsyncContextManager[object]:
        """The channel as a context manager: `with ch` or `async with ch`."""

    @abstractmethod
    async def nap(self, seconds: float) -> None:
        """Let the others run. Not for waiting until they have: that is `until`."""

    @abstractmethod
    def spawn(
        self,
        fn: Callable[Concatenate[Host, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Peer[T]:
        """Start `fn(self, ...)` here. What it raises comes out of `join`, or ends the test."""

    @abstractmethod
    async def outcome(self, peer: Peer[T], timeout: float) -> T: ...
    @abstractmethod
    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a test body with the deadline."""

    async def join(self, peer: Peer[T]) -> T:
        """The result of a peer of any host, or its error."""
        peer.joined = True
        return await self.outcome(peer, PATIENCE)

    async def gather(self, peers: Iterable[Peer[T]]) -> list[T]:
        return [await self.join(peer) for peer in peers]

    async def settle(self, *hosts: Host) -> None:
        """Wait for all peers that nobody joined: what they raise fails the test."""
        for host in (self, *hosts):
            for peer in host.peers:
                if not peer.joined:
                    await self.join(peer)

    async def until(self, condition: Callable[[], object], what: object = None) -> None:
        """Return when `condition()` is true. `what` is printed when it never is."""
        deadline = time.monotonic() + PATIENCE
        turns = 0
        while not condition():
            assert time.monotonic() < deadline, f"it never came: {what!r}"
            # A few quick turns first: on one loop a bare yield is what the others wait for.
            await self.nap(0.0 if turns < 20 else 0.0005)
            turns += 1

    async def parked(self, ch: object, *, receivers: int = 0, senders: int = 0) -> None:
        """Return when exactly so many parties are parked on the channel."""
        wanted = (receivers, senders)
        await self.until(lambda: parked(ch) == wanted, ch)


class _BlockingWalk(AsyncIterator[T]):
    """`for value in ch` for an `async for`: it blocks in each step."""

    def __init__(self, ch: RecvChan[T]) -> None:
        self.values = iter(ch)

    async def __anext__(self) -> T:
        try:
            return next(self.values)
        except StopIteration:
            raise StopAsyncIteration from None


class _BlockingWith(AbstractAsyncContextManager[object]):
    def __init__(self, ch: SendChan[Any]) -> None:
        self.ch = ch

    async def __aenter__(self) -> object:
        return self.ch.__enter__()

    async def __aexit__(self, *exc: object) -> None:
        return self.ch.__exit__(*exc)


class ThreadHost(Host):
    """Threads and the blocking forms. The test body has a thread of its own."""

    blocking = True

    async def send(self, ch: SendChan[T], value: T, *, timeout: Any = None) -> None:
        # Without a timeout the keyword is left out: the two calls are two paths in the binding.
        return ch.send(value) if timeout is None else ch.send(value, timeout=timeout)

    async def recv(self, ch: RecvChan[T], *, timeout: Any = None) -> T:
        return ch.recv() if timeout is None else ch.recv(timeout=timeout)

    async def recv_ok(self, ch: RecvChan[T], *, timeout: Any = None) -> tuple[T | None, bool]:
        return ch.recv_ok() if timeout is None else ch.recv_ok(timeout=timeout)

    async def recv_many(self, ch: RecvChan[T], limit: Any, /, *, timeout: Any = None) -> list[T]:
        return ch.recv_many(limit) if timeout is None else ch.recv_many(limit, timeout=timeout)

    def iterate(self, ch: RecvChan[T]) -> AsyncIterator[T]:
        return _BlockingWalk(ch)

    def closing(self, ch: SendChan[Any]) -> AbstractAsyncContextManager[object]:
        return _BlockingWith(ch)

    async def nap(self, seconds: float) -> None:
        time.sleep(seconds)

    def spawn(
        self,
        fn: Callable[Concatenate[Host, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Peer[T]:
        peer = Peer[T](f"{fn.__name__} on {self.name}")
        self.peers.append(peer)
        start_thread(peer, fn(self, *args, **kwargs))
        return peer

    async def outcome(self, peer: Peer[T], timeout: float) -> T:
        return peer.wait(timeout)

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        body = Peer[None]("test body")
        start_thread(body, main())
        body.wait(DEADLINE)


class MainHost(ThreadHost):
    """The main thread: parking there is code of its own, since Ctrl-C has to get through.

    Its peers are other threads. A hang is ended as Ctrl-C would end it, by a signal.
    """

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with alarm(DEADLINE):
            drive(main())


class AwaitingHost(Host):
    """The awaitable forms, which suspend."""

    blocking = False

    async def send(self, ch: SendChan[T], value: T, *, timeout: Any = None) -> None:
        return await (ch.asend(value) if timeout is None else ch.asend(value, timeout=timeout))

    async def recv(self, ch: RecvChan[T], *, timeout: Any = None) -> T:
        return await (ch.arecv() if timeout is None else ch.arecv(timeout=timeout))

    async def recv_ok(self, ch: RecvChan[T], *, timeout: Any = None) -> tuple[T | None, bool]:
        return await (ch.arecv_ok() if timeout is None else ch.arecv_ok(timeout=timeout))

    async def recv_many(self, ch: RecvChan[T], limit: Any, /, *, timeout: Any = None) -> list[T]:
        if timeout is None:
            return await ch.arecv_many(limit)
        return await ch.arecv_many(limit, timeout=timeout)

    def iterate(self, ch: RecvChan[T]) -> AsyncIterator[T]:
        return aiter(ch)

    def closing(self, ch: SendChan[Any]) -> AbstractAsyncContextManager[object]:
        return ch


class LoopHost(AwaitingHost):
    """Tasks of one event loop."""

    def __init__(
        self, name: str, new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
    ) -> None:
        super().__init__(name)
        self.new_loop = new_loop
        self.loop: asyncio.AbstractEventLoop | None = None

    async def nap(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def spawn(
        self,
        fn: Callable[Concatenate[Host, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Peer[T]:
        peer = Peer[T](f"{fn.__name__} on {self.name}")
        self.peers.append(peer)
        body = peer.record(fn(self, *args, **kwargs))
        loop = self.loop
        assert loop is not None, "spawn() before run()"

        def start() -> None:
            peer.task = loop.create_task(body, name=peer.name)

        if _running_loop() is loop:
            start()
        else:
            loop.call_soon_threadsafe(start)
        return peer

    async def outcome(self, peer: Peer[T], timeout: float) -> T:
        try:
            async with asyncio.timeout(timeout) as limit:
                return await asyncio.wrap_future(peer.outcome)
        except TimeoutError:
            if not limit.expired():
                raise  # the peer's own
            raise AssertionError(peer.still_running(self.loop)) from None

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def body() -> None:
            self.loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(DEADLINE) as limit:
                    await main()
            except TimeoutError:
                if not limit.expired():
                    raise
                raise AssertionError(f"deadline\n{stacks(self.loop)}") from None

        # The alarm is for a loop that no longer turns: then no timeout of its own can fire.
        with alarm(DEADLINE + 5), asyncio.Runner(loop_factory=self.new_loop) as runner:
            runner.run(body())


@contextmanager
def loop_in_thread(host: LoopHost) -> Iterator[LoopHost]:
    """Give the host a loop that runs in a thread of its own, as a second loop of the process."""
    ready = threading.Event()
    stop: Future[None] = Future()

    async def main() -> None:
        host.loop = asyncio.get_running_loop()
        ready.set()
        await asyncio.wrap_future(stop)

    def run() -> None:
        with asyncio.Runner(loop_factory=host.new_loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=run, name=f"loop of {host.name}", daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield host
    finally:
        stop.set_result(None)
        thread.join(PATIENCE)
        assert not thread.is_alive(), f"the loop does not stop\n{stacks(host.loop)}"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


# ---------------------------------------------------------------- small helpers of many tests


async def send_all(host: Host, ch: SendChan[T], values: Iterable[T]) -> None:
    for value in values:
        await host.send(ch, value)


async def recv_all(host: Host, ch: RecvChan[T]) -> list[T]:
    """Receive until the channel is closed and drained."""
    return [value async for value in host.iterate(ch)]


async def recv_one(host: Host, ch: RecvChan[T]) -> T:
    return await host.recv(ch)


def drain(ch: Chan[T]) -> list[T]:
    """Take out what can be taken without waiting."""
    values = []
    while True:
        try:
            values.append(ch.recv_nowait())
        except (WouldBlock, ChanClosed):
            return values

"""Looks from other threads: a repr disturbs nobody, whatever the one it looks at is doing.

With the GIL a look is over before anybody else goes on. Without it the goroutine is woken and
resumed, and the awaitable awaited, in the middle of it.
"""

from __future__ import annotations

import _thread
import asyncio
import gc
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from gochan import Chan, Goroutine, go, run
from watch import PATIENCE

ROUNDS = 100


@contextmanager
def looked_at(things: Iterable[object], threads: int = 2) -> Iterator[None]:
    """As often as may be, from other threads, for as long as the block runs."""
    over = threading.Event()
    errors: list[BaseException] = []

    def look() -> None:
        try:
            while not over.is_set():
                for thing in list(things):
                    repr(thing)
        except BaseException as error:
            errors.append(error)

    lookers = [threading.Thread(target=look) for _ in range(threads)]
    for looker in lookers:
        looker.start()
    try:
        yield
    finally:
        over.set()
        for looker in lookers:
            looker.join()
    assert not errors


async def echo(there: Chan[int], back: Chan[int]) -> None:
    async for value in there:
        await back.asend(value)


async def call(there: Chan[int], back: Chan[int]) -> int:
    for i in range(ROUNDS):
        await there.asend(i)
        assert await back.arecv(timeout=PATIENCE) == i
    there.close()
    return ROUNDS


def test_goroutines_that_park_and_wake() -> None:
    goroutines: list[Goroutine[Any]] = []
    for _ in range(3):
        there, back = Chan[int](), Chan[int]()
        goroutines += [go(echo, there, back), go(call, there, back)]
    with looked_at(goroutines):
        assert [g.result(PATIENCE) for g in goroutines] == [None, ROUNDS] * 3


def test_goroutines_that_begin_and_end() -> None:
    newest: list[Goroutine[None]] = []

    async def brief(ch: Chan[int]) -> None:
        await ch.arecv()

    with looked_at(newest):
        for i in range(ROUNDS):
            ch = Chan[int]()
            newest[:] = [go(brief, ch)]
            ch.send(i)
            newest[0].join(PATIENCE)


def test_an_awaitable_of_a_task() -> None:
    newest: list[object] = []

    async def main() -> None:
        ch = Chan[int]()
        with looked_at(newest):
            for i in range(ROUNDS):
                received = ch.arecv(timeout=PATIENCE)
                newest[:] = [received]
                asyncio.get_running_loop().call_soon(ch.send_nowait, i)
                assert await received == i

    asyncio.run(main())


def test_main_is_interrupted() -> None:
    """What a signal handler raises comes out in main, also if somebody looks at it just then."""
    interrupted = 0

    async def main() -> None:
        nonlocal interrupted
        ch, again = Chan[int](), threading.Semaphore(0)
        (me,) = (
            g
            for g in gc.get_objects()
            if isinstance(g, Goroutine) and g.name.startswith("main-") and g.state == "running"
        )

        def interrupt() -> None:
            for _ in range(10):
                again.acquire()
                while me.state != "waiting":
                    time.sleep(0)
                _thread.interrupt_main(signal.SIGINT)

        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        with looked_at([me]):
            for _ in range(10):
                again.release()
                try:
                    await ch.arecv(timeout=PATIENCE)
                except KeyboardInterrupt:
                    interrupted += 1
        interrupter.join()

    run(main)
    assert interrupted == 10

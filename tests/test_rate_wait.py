"""gochan.rate: waiting for a limiter, on every host (R5, R8): what is checked first, what is
refused at once, and what a wait that is broken off gives back.

Limiters whose waiters are looked at refill so slowly that none of them gets its turn meanwhile.
"""

from __future__ import annotations

import _thread
import asyncio
import signal
import time
from functools import partial
from typing import Any

import pytest

from gochan import (
    BlockingError,
    Canceled,
    Context,
    DeadlineExceeded,
    background,
    go,
    run,
    with_cancel,
    with_timeout,
)
from gochan.rate import INF, Limiter
from hosts import Host
from parking import wait_until

SLOW = 0.001  # events per second


async def wait(
    host: Host, limiter: Limiter, n: int = 1, *, timeout: Any = None, ctx: Context | None = None
) -> None:
    if host.blocking:
        limiter.wait(n, timeout=timeout, ctx=ctx)
    else:
        await limiter.await_n(n, timeout=timeout, ctx=ctx)


def booked(limiter: Limiter, n: int) -> bool:
    """Whether so many more tokens are booked than there were."""
    return limiter.tokens() <= 0.5 - n


# ------------------------------------------------------------------ Go's tests
async def test_now_or_later(host: Host) -> None:
    limiter = Limiter(50, 3)
    start = time.monotonic()
    await wait(host, limiter, 2)
    await wait(host, limiter, 3)  # two of them have to come first
    assert time.monotonic() - start >= 0.04


async def test_more_than_the_burst(host: Host) -> None:
    """That comes first, even where the context is done (R5)."""
    limiter = Limiter(10, 3)
    ctx = with_cancel(background())
    ctx.cancel()
    for context in (None, ctx):
        with pytest.raises(ValueError, match="n=4 exceeds the burst of 3"):
            await wait(host, limiter, 4, ctx=context)
    assert limiter.tokens() == 3


async def test_a_context_that_is_done_wins(host: Host) -> None:
    limiter = Limiter(10, 3)
    ctx = with_cancel(background())
    ctx.cancel()
    with pytest.raises(Canceled):
        await wait(host, limiter, 1, ctx=ctx)
    late = with_timeout(background(), 0)
    with pytest.raises(DeadlineExceeded):
        await wait(host, limiter, 0, ctx=late)
    assert limiter.tokens() == 3


async def test_cancelling_the_context_gives_the_tokens_back(host: Host) -> None:
    limiter = Limiter(SLOW, 3)
    ctx = with_cancel(background())
    await wait(host, limiter, 2, ctx=ctx)

    async def waiter(host: Host) -> None:
        with pytest.raises(Canceled):
            await wait(host, limiter, 3, ctx=ctx)

    peer = host.spawn(waiter)
    await host.until(lambda: booked(limiter, 2), limiter)
    ctx.cancel()
    await host.join(peer)
    await wait(host, limiter, 1)


async def test_a_deadline_that_is_too_near_is_refused_at_once(host: Host) -> None:
    """And takes nothing (R5)."""
    limiter = Limiter(SLOW, 3)
    with with_timeout(background(), 300) as ctx:
        await wait(host, limiter, 2, ctx=ctx)
        with pytest.raises(DeadlineExceeded, match="n=3 would exceed the context's deadline"):
            await wait(host, limiter, 3, ctx=ctx)
        assert ctx.err is None
    assert limiter.tokens() == pytest.approx(1, abs=0.1)


async def test_a_timeout_that_is_too_short_is_refused_at_once(host: Host) -> None:
    limiter = Limiter(SLOW, 3)
    await wait(host, limiter, 2, timeout=0)
    for timeout in (300, 0, -1):
        with pytest.raises(TimeoutError, match="n=3 would take longer than the timeout") as caught:
            await wait(host, limiter, 3, timeout=timeout)
        assert type(caught.value) is TimeoutError
    assert limiter.tokens() == pytest.approx(1, abs=0.1)


async def test_the_earlier_of_timeout_and_deadline_counts(host: Host) -> None:
    limiter = Limiter(SLOW, 1)
    await wait(host, limiter)
    with with_timeout(background(), 300) as ctx:
        with pytest.raises(TimeoutError) as caught:
            await wait(host, limiter, timeout=200, ctx=ctx)
        assert type(caught.value) is TimeoutError
        with pytest.raises(DeadlineExceeded):
            await wait(host, limiter, timeout=400, ctx=ctx)
    assert limiter.tokens() == pytest.approx(0, abs=0.1)


async def test_a_limit_that_is_long_enough_changes_nothing(host: Host) -> None:
    limiter = Limiter(100, 1)
    with with_timeout(background(), 300) as ctx:
        for _ in range(3):
            await wait(host, limiter, timeout=300, ctx=ctx)


async def test_inf_never_waits(host: Host) -> None:
    await wait(host, Limiter(INF, 0), 3, timeout=0)


async def test_a_rate_that_was_zero(host: Host) -> None:
    limiter = Limiter(0, 1)
    assert limiter.allow()
    assert not limiter.allow()
    with pytest.raises(TimeoutError):
        await wait(host, limiter, timeout=1e6)
    limiter.set_rate(50)
    start = time.monotonic()
    await wait(host, limiter)
    assert time.monotonic() - start >= 0.019


# ------------------------------------------------------------------ who is served when
async def test_who_comes_first_is_booked_first(host: Host, peer: Host) -> None:
    """A wait books its tokens when it comes, so nobody overtakes it (R8)."""
    limiter = Limiter(SLOW, 1)
    await wait(host, limiter)

    async def waiter(host: Host, ctx: Context) -> None:
        with pytest.raises(Canceled):
            await wait(host, limiter, ctx=ctx)

    with with_cancel(background()) as ctx:
        waiters = []
        for number in range(4):
            waiters.append((peer if number % 2 else host).spawn(waiter, ctx))
            await host.until(partial(booked, limiter, number + 1), limiter)
        assert limiter.reserve().delay() == pytest.approx(5 / SLOW, rel=0.1)
    await host.gather(waiters)


async def test_await_takes_one(host: Host) -> None:
    if host.blocking:
        return
    limiter = Limiter(SLOW, 2)
    await limiter
    assert limiter.tokens() == pytest.approx(1, abs=0.1)


# ------------------------------------------------------------------ broken off
def test_a_cancelled_task_gives_its_tokens_back() -> None:
    limiter = Limiter(SLOW, 1)

    async def main() -> None:
        await limiter
        task = asyncio.create_task(limiter.await_n())
        while not booked(limiter, 1):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert limiter.tokens() == pytest.approx(0, abs=0.1)


@pytest.mark.usefixtures("deadline")
def test_ctrl_c_gives_the_tokens_back() -> None:
    limiter = Limiter(SLOW, 1)
    limiter.wait()

    def press() -> None:
        wait_until(lambda: booked(limiter, 1), "the wait of the main thread")
        _thread.interrupt_main(signal.SIGINT)

    presser = go(press)
    with pytest.raises(KeyboardInterrupt):
        limiter.wait()
    presser.result()
    assert limiter.tokens() == pytest.approx(0, abs=0.1)


def test_in_an_event_loop_the_blocking_form_is_refused() -> None:
    """It says what to use, and has booked nothing."""
    limiter = Limiter(SLOW, 1)

    async def main() -> None:
        limiter.wait()  # there is one: nothing to wait for
        with pytest.raises(BlockingError, match="use `await limiter"):
            limiter.wait()

    asyncio.run(main())
    assert limiter.tokens() == pytest.approx(0, abs=0.1)


def test_wrong_arguments_are_refused_before_the_await() -> None:
    limiter = Limiter(SLOW, 1)
    with pytest.raises(TypeError):
        asyncio.run(limiter.await_n(1.5))  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        asyncio.run(limiter.await_n(1, timeout=float("nan")))


def test_a_context_of_somebody_else() -> None:
    """One that is not gochan's own, and has no deadline, does as well."""

    class Own:
        done = None
        err = None

        def value(self, key: object, default: object = None) -> object:
            return default

    limiter = Limiter(100, 1)
    limiter.wait(ctx=Own())  # type: ignore[arg-type]
    limiter.wait(ctx=Own())  # type: ignore[arg-type]


def test_many_goroutines_share_a_limiter() -> None:
    limiter = Limiter(1000, 10)

    async def one() -> None:
        await limiter

    async def main() -> float:
        start = time.monotonic()
        for g in [go(one) for _ in range(60)]:
            await g
        return time.monotonic() - start

    assert run(main) >= 0.05

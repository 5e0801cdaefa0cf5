"""gochan.singleflight: ado() with `async def` functions, and callers that are cancelled."""

from __future__ import annotations

import asyncio
import gc
import weakref
from functools import partial
from typing import Any

import pytest

from gochan import BlockingError, Chan, ChanClosed, aio, go, run
from gochan.singleflight import Flight
from hosts import AwaitingHost, Host
from parking import settle, wait_until
from reporting import Expected
from test_singleflight import Gate, until_waiting, waiting
from watch import PATIENCE


async def test_an_async_function_runs_in_its_caller(host: Host) -> None:
    if not isinstance(host, AwaitingHost):
        return
    flight, gate = Flight(), Chan[str]()

    async def fetch() -> str:
        return await gate.arecv()

    async def caller(host: Host) -> tuple[str, bool]:
        return await flight.ado("key", fetch)

    callers = [host.spawn(caller)]
    await host.parked(gate, receivers=1)
    for number in range(1, 4):
        callers.append(host.spawn(caller))
        await until_waiting(host, flight, number)
    await host.send(gate, "value")
    assert await host.gather(callers) == [("value", True)] * 4


async def test_its_error_goes_to_all(host: Host) -> None:
    if not isinstance(host, AwaitingHost):
        return
    flight, gate = Flight(), Chan[str]()

    async def fetch() -> str:
        return await gate.arecv()

    async def caller(host: Host) -> None:
        with pytest.raises(ChanClosed):
            await flight.ado("key", fetch)

    callers = [host.spawn(caller) for _ in range(3)]
    await host.parked(gate, receivers=1)
    await host.until(lambda: waiting(flight, "key") == 2)
    gate.close()
    await host.gather(callers)


def test_who_waits_goes_on_when_the_first_is_cancelled() -> None:
    """The next one runs its own function, and is not cancelled itself."""
    flight, gate = Flight(), Chan[str]()
    runs: list[str] = []

    async def fetch(name: str) -> str:
        runs.append(name)
        return await gate.arecv()

    async def main() -> None:
        tasks: list[asyncio.Task[tuple[str, bool]]] = []
        for name in "abc":
            tasks.append(asyncio.create_task(flight.ado("key", partial(fetch, name))))
            await settle()
        assert runs == ["a"]
        tasks[0].cancel()
        await settle()
        assert tasks[0].cancelled()
        assert runs == ["a", "b"]
        tasks[1].cancel()
        await settle()
        await gate.asend("value")
        assert await tasks[2] == ("value", False)
        assert runs == ["a", "b", "c"]
        assert tasks[1].cancelled()

    asyncio.run(main())
    assert "calls=0" in repr(flight)


def test_a_thread_goes_on_when_a_task_is_cancelled() -> None:
    flight, gate = Flight(), Chan[str]()

    async def main() -> None:
        task = asyncio.create_task(flight.ado("key", gate.arecv))
        await settle()
        waiter = go(flight.do, "key", lambda: "of the thread")
        other = flight.do_chan("key", lambda: "of the goroutine")
        while waiting(flight, "key") < 1:
            await asyncio.sleep(0)
        task.cancel()
        value, _ = await waiter
        result = await other.arecv(timeout=PATIENCE)
        assert value in ("of the thread", "of the goroutine")
        assert result.value in ("of the thread", "of the goroutine")

    asyncio.run(main())


def test_who_only_waits_is_cancelled_alone() -> None:
    flight, gate = Flight(), Chan[str]()

    async def main() -> None:
        first = asyncio.create_task(flight.ado("key", gate.arecv))
        await settle()
        second = asyncio.create_task(flight.ado("key", gate.arecv))
        third = asyncio.create_task(flight.ado("key", gate.arecv))
        await settle()
        second.cancel()
        await settle()
        assert second.cancelled()
        await gate.asend("value")
        assert await first == await third == ("value", True)

    asyncio.run(main())


def test_a_goroutine_of_its_own_goes_on() -> None:
    """`lambda: go(fn)`: the work is not cancelled with who asked first."""
    flight, gate = Flight(), Gate()

    async def main() -> None:
        task = asyncio.create_task(flight.ado("key", lambda: go(gate)))
        while gate.calls == 0:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.open.close()

    asyncio.run(main())


def test_asyncio_code_in_a_goroutine() -> None:
    async def main() -> tuple[str, bool]:
        return await Flight().ado("key", lambda: aio(asyncio.sleep(0, "slept")))

    assert run(main) == ("slept", False)


def test_threads_goroutines_and_loops_share_one() -> None:
    flight, gate = Flight(), Gate()
    first = go(flight.do, "key", gate)
    wait_until(lambda: gate.calls == 1, "the first call")

    async def caller() -> tuple[Any, bool]:
        return await flight.ado("key", lambda: "mine")

    others = [go(caller), go(flight.do, "key", lambda: "mine"), go(lambda: asyncio.run(caller()))]
    wait_until(lambda: waiting(flight, "key") == 3, "three who wait")
    gate.open.close()
    assert [g.result(PATIENCE) for g in (first, *others)] == [("value", True)] * 4


def test_the_blocking_form_does_not_stop_a_loop() -> None:
    flight, gate = Flight(), Gate()

    async def main() -> None:
        assert flight.do("other", lambda: 1) == (1, False)  # nothing to wait for
        with pytest.raises(BlockingError, match="use `await flight"):
            flight.do("key", lambda: 1)

    first = go(flight.do, "key", gate)
    wait_until(lambda: gate.calls == 1, "the first call")
    asyncio.run(main())
    gate.open.close()
    first.join()


def test_an_error_is_not_kept_alive_by_its_traceback() -> None:
    """Nobody's frame holds the call, so all of it is freed without the collector."""
    flight = Flight()

    def fail() -> None:
        raise Expected("of the function")

    gc.collect()
    gc.disable()
    try:
        for _ in range(2):
            try:
                flight.do("key", fail)
            except Expected as error:
                gone = weakref.ref(error)
            assert gone() is None
    finally:
        gc.enable()


def test_a_function_that_awaits_does_not_keep_its_thread() -> None:
    flight, gate = Flight(), Chan[None]()

    async def main() -> None:
        task = asyncio.ensure_future(flight.ado("key", gate.arecv_ok))
        await asyncio.sleep(0)
        with pytest.raises(BlockingError):  # not RuntimeError: it is not the function that asks
            flight.do("key", int)
        gate.close()
        await task

    asyncio.run(main())

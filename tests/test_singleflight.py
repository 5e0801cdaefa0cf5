"""gochan.singleflight: one call for all who ask at the same time, on every pair of hosts
(SF1-SF5).
"""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from gochan import Chan, go, goexit
from gochan.singleflight import Flight, Result
from hosts import Host
from parking import wait_until
from reporting import Expected
from watch import PATIENCE, parked


async def do(host: Host, flight: Flight, key: Any, fn: Callable[[], Any]) -> tuple[Any, bool]:
    """`fn` is a plain function, which may block."""
    if host.blocking:
        return flight.do(key, fn)
    return await flight.ado(key, lambda: go(fn))


class Gate:
    """A function of one call: it says that it has begun, and ends when it is let."""

    def __init__(self, value: Any = "value", error: BaseException | None = None) -> None:
        self.begun = Chan[None](100)
        self.open = Chan[None]()
        self.value, self.error = value, error

    def __call__(self) -> Any:
        self.begun.send(None)
        self.open.recv_ok(timeout=PATIENCE)
        if self.error is not None:
            raise self.error
        return self.value

    @property
    def calls(self) -> int:
        return len(self.begun)


def waiting(flight: Flight, key: Any = "key") -> int:
    """How many wait for the call that is under way for that key."""
    return parked(flight._calls[key].landed)[0]


async def until_waiting(host: Host, flight: Flight, n: int) -> None:
    await host.until(lambda: waiting(flight) == n, flight)


async def start(host: Host, flight: Flight, gate: Gate, *others: Host) -> list[Any]:
    """A first caller that is in the function, and others that wait for it."""
    peers = [host.spawn(do, flight, "key", gate)]
    await host.until(lambda: gate.calls == 1, gate)
    for number, other in enumerate(others, 1):
        peers.append(other.spawn(do, flight, "key", gate))
        await until_waiting(host, flight, number)
    return peers


# ------------------------------------------------------------------ values
async def test_a_value(host: Host) -> None:
    flight = Flight()
    assert await do(host, flight, "key", lambda: "bar") == ("bar", False)
    assert await do(host, flight, "key", lambda: None) == (None, False)


async def test_who_comes_meanwhile_shares(host: Host, peer: Host) -> None:
    """One call, the same object for all (SF1)."""
    flight, gate = Flight(), Gate(object())
    callers = await start(host, flight, gate, peer, host, peer)
    gate.open.close()
    assert await host.gather(callers) == [(gate.value, True)] * 4
    assert gate.calls == 1
    # Nothing is kept.
    assert await do(host, flight, "key", lambda: "new") == ("new", False)


async def test_other_keys_are_other_calls(host: Host) -> None:
    flight, gate = Flight(), Gate()
    callers = await start(host, flight, gate)
    assert await do(host, flight, "other", lambda: 1) == (1, False)
    gate.open.close()
    assert await host.gather(callers) == [("value", False)]


async def test_keys_are_those_of_a_dict(host: Host, peer: Host) -> None:
    """1, 1.0 and True are one key."""
    flight, gate = Flight(), Gate()
    first = host.spawn(do, flight, 1, gate)
    await host.until(lambda: gate.calls == 1)
    second = peer.spawn(do, flight, 1.0, gate)
    await host.until(lambda: waiting(flight, True) == 1)
    gate.open.close()
    assert await host.gather([first, second]) == [("value", True)] * 2


# ------------------------------------------------------------------ errors
async def test_an_error_goes_to_every_caller(host: Host, peer: Host) -> None:
    """The same object, and each time with the function's traceback alone (SF4)."""
    error = Expected("of the function")
    flight, gate = Flight(), Gate(error=error)

    async def caller(host: Host) -> list[str]:
        with pytest.raises(Expected) as caught:
            await do(host, flight, "key", gate)
        assert caught.value is error
        return [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]

    callers = [host.spawn(caller)]
    await host.until(lambda: gate.calls == 1)
    for number, other in enumerate((peer, host, peer), 1):
        callers.append(other.spawn(caller))
        await until_waiting(host, flight, number)
    gate.open.close()
    for names in await host.gather(callers):
        assert names.count("__call__") == 1
    assert await do(host, flight, "key", lambda: 1) == (1, False)


def test_tracebacks_do_not_pile_up() -> None:
    """One error is raised by many; each raise begins with the function's traceback."""
    flight, gate = Flight(), Gate(error=Expected("of the function"))
    first = go(flight.do, "key", gate)
    wait_until(lambda: gate.calls == 1, "the first call")
    call = flight._calls["key"]
    gate.open.close()
    assert first.exception(PATIENCE) is gate.error
    for _ in range(4):
        with pytest.raises(Expected) as caught:
            call.result()
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert names[1:] == ["result", "__call__"]


def test_goexit_ends_who_calls_it_and_no_other() -> None:
    """The next one runs its own function; in Go the others end too (SF5)."""
    flight, gate = Flight(), Gate()
    ended = Chan[str](9)

    def first() -> None:
        try:
            flight.do("key", leave)
        finally:
            ended.send("first")

    def leave() -> None:
        gate()
        goexit()

    leaver = go(first)
    wait_until(lambda: gate.calls == 1, "the first call")
    second = go(flight.do, "key", lambda: "mine")
    wait_until(lambda: waiting(flight, "key") == 1, "the second one waits")
    gate.open.close()
    assert second.result(PATIENCE) == ("mine", False)
    assert leaver.result(PATIENCE) is None
    assert ended.recv_nowait() == "first"


def test_goexit_in_all_of_them_ends_them_all() -> None:
    """As in Go's test: nobody hangs."""
    flight, ended = Flight(), Chan[int](5)

    def caller(number: int) -> None:
        try:
            flight.do("key", goexit)
        finally:
            ended.send(number)

    for g in [go(caller, number) for number in range(5)]:
        g.join(PATIENCE)
    assert len(ended) == 5


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
async def test_what_is_no_exception_is_not_shared(host: Host, kind: type[BaseException]) -> None:
    """It is about the caller in which the function ran; the next one runs its own."""
    if not host.blocking:
        return  # there the function has a goroutine of its own; see the tests of ado
    flight, gate = Flight(), Gate(error=kind("of the first"))
    first = host.spawn(do, flight, "key", gate)
    await host.until(lambda: gate.calls == 1)
    others = []
    for number in range(1, 4):
        others.append(host.spawn(do, flight, "key", lambda: "mine"))
        await until_waiting(host, flight, number)
    gate.open.close()
    with pytest.raises(kind):
        await host.join(first)
    assert [value for value, _ in await host.gather(others)] == ["mine"] * 3


# ------------------------------------------------------------------ do_chan
async def test_do_chan(host: Host) -> None:
    ch = Flight().do_chan("key", lambda: "bar")
    assert await host.recv(ch, timeout=PATIENCE) == Result("bar", None, False)
    assert not ch.closed


async def test_do_chan_runs_async_functions(host: Host) -> None:
    async def bar() -> str:
        return "bar"

    for fn in (bar, lambda: bar()):
        ch = Flight().do_chan("key", fn)
        assert await host.recv(ch, timeout=PATIENCE) == ("bar", None, False)


async def test_do_chan_joins_either_kind(host: Host) -> None:
    """And is joined by either kind (SF3)."""
    flight, gate = Flight(), Gate()
    first = flight.do_chan("key", gate)
    await host.until(lambda: gate.calls == 1)
    second = flight.do_chan("key", gate)
    third = host.spawn(do, flight, "key", gate)
    await host.until(lambda: waiting(flight, "key") == 1)
    gate.open.close()
    for ch in (first, second):
        assert await host.recv(ch, timeout=PATIENCE) == Result("value", None, True)
    assert await host.join(third) == ("value", True)

    gate = Gate("of do()")
    caller = (await start(host, flight, gate))[0]
    ch = flight.do_chan("key", gate)
    gate.open.close()
    assert await host.join(caller) == ("of do()", True)
    assert await host.recv(ch, timeout=PATIENCE) == Result("of do()", None, True)


async def test_do_chan_sends_an_error(host: Host) -> None:
    """In Go a panic there ends the process (SF4)."""
    flight, gate = Flight(), Gate(error=Expected("of the function"))
    chans = [flight.do_chan("key", gate) for _ in range(2)]
    gate.open.close()
    for ch in chans:
        value, error, shared = await host.recv(ch, timeout=PATIENCE)
        assert (value, error, shared) == (None, gate.error, True)
        assert error is not None
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert names == ["__call__"]


def test_do_chan_sends_what_is_no_exception_to_its_own_caller() -> None:
    """It would come again and again; others who wait run their own function."""
    flight, gate = Flight(), Gate(error=SystemExit(3))
    first = flight.do_chan("key", gate)
    wait_until(lambda: gate.calls == 1, "the first call")
    second = flight.do_chan("key", lambda: "mine")
    gate.open.close()
    assert repr(first.recv(timeout=PATIENCE).error) == "SystemExit(3)"
    assert second.recv(timeout=PATIENCE) == ("mine", None, False)
    # As the result of any goroutine.
    assert flight.do_chan("key", goexit).recv(timeout=PATIENCE) == (None, None, False)


# ------------------------------------------------------------------ forget
async def test_forget(host: Host) -> None:
    """The old call still serves those who wait for it, and its end is not that of the new one."""
    flight, old, new = Flight(), Gate("old"), Gate("new")
    callers = await start(host, flight, old, host)
    flight.forget("key")
    first = flight.do_chan("key", new)
    await host.until(lambda: new.calls == 1)
    old.open.close()
    assert await host.gather(callers) == [("old", True)] * 2
    second = flight.do_chan("key", lambda: "another")
    new.open.close()
    for ch in (first, second):
        assert await host.recv(ch, timeout=PATIENCE) == Result("new", None, True)
    flight.forget("nobody asked for")


# ------------------------------------------------------------------ arguments, objects
def test_wrong_arguments() -> None:
    flight = Flight()
    key: Any = []
    for wrong in (
        lambda: flight.do(key, int),
        lambda: flight.ado(key, int),
        lambda: flight.do_chan(key, int),
        lambda: flight.forget(key),
        lambda: flight.do("key", 1),  # type: ignore[arg-type]
        lambda: flight.ado("key", 1),  # type: ignore[call-overload]
        lambda: flight.do_chan("key", 1),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            wrong()
    assert "calls=0" in repr(flight)


def test_do_refuses_async_functions() -> None:
    """A coroutine can be awaited once, so it is no value for many."""

    async def bar() -> None: ...

    flight = Flight()
    with pytest.raises(TypeError, match="use `await flight"):
        flight.do("key", bar)
    assert "calls=0" in repr(flight)


def test_it_is_an_object_of_its_own() -> None:
    flight = Flight()
    assert flight and flight != Flight()
    for copying in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot copy or pickle a Flight"):
            copying(flight)

"""Bad input: the exact exception, a message that says which operation on what, and no effect."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import datetime
from math import nan
from types import ModuleType
from typing import Any

import pytest

import gochan
from gochan import Chan, ChanClosed, RecvChan, SendChan, WouldBlock
from hosts import Host, drain, state
from watch import label


def says(error: BaseException, *words: str) -> None:
    """The message names the operation and the channel, and whatever else is asked of it."""
    text = str(error)
    assert text, f"no message in {error!r}"
    for word in ("chan", *words):
        assert word.lower() in text.lower(), f"{word!r} is not in {text!r}"


class Broken:
    """Raises from every conversion that a careless binding might try."""

    def __index__(self) -> int:
        raise ZeroDivisionError

    def __float__(self) -> float:
        raise ZeroDivisionError


# ---------------------------------------------------------------- capacity

NEGATIVE = [-1, -(2**31), -(2**63), -(2**64), -(10**30)]
ABSURD = [2**63, 2**64, 10**30]
NO_INT: list[Any] = [None, "3", b"3", 3.0, 0.0, [], (1,), int, object(), 3j]


@pytest.mark.parametrize("capacity", NEGATIVE + ABSURD)
def test_capacity_of_no_use(capacity: int) -> None:
    with pytest.raises(ValueError, match="capacity") as caught:
        Chan(capacity)
    says(caught.value, str(capacity))
    with pytest.raises(ValueError, match="capacity"):
        Chan[int](capacity=capacity)


def test_a_number_too_long_to_print() -> None:
    """Python refuses to write it out, which must not become "Exception ignored" on stderr."""
    with pytest.raises(ValueError, match="not a number too long to print"):
        Chan(10**5_000)
    with pytest.raises(ValueError, match="not a number too long to print"):
        Chan[int]().recv_many(-(10**5_000))


@pytest.mark.parametrize("capacity", NO_INT, ids=label)
def test_capacity_of_another_type(capacity: Any) -> None:
    with pytest.raises(TypeError, match="capacity"):
        Chan(capacity)


def test_capacity_that_raises() -> None:
    broken: Any = Broken()
    with pytest.raises((TypeError, ZeroDivisionError)):
        Chan(broken)


def test_constructor_takes_one_argument() -> None:
    make: Any = Chan
    with pytest.raises(TypeError):
        make(1, 2)
    with pytest.raises(TypeError, match="size"):
        make(size=1)


def test_capacity_never_changes() -> None:
    ch = three()
    again: Any = ch
    with pytest.raises((TypeError, RuntimeError)):
        again.__init__(9)
    assert state(ch) == (3, 6, 0, 0, False)


# ---------------------------------------------------------------- timeouts and limits

BAD_TIMEOUTS: list[Any] = ["1", b"1", [], object(), datetime.now(), 1j, (1,)]
OPERATIONS = ["send", "recv", "recv_ok", "recv_many"]


async def call(host: Host, name: str, ch: Chan[int], timeout: Any) -> object:
    if name == "send":
        await host.send(ch, -1, timeout=timeout)
        return None
    if name == "recv":
        return await host.recv(ch, timeout=timeout)
    if name == "recv_ok":
        return await host.recv_ok(ch, timeout=timeout)
    return await host.recv_many(ch, 1, timeout=timeout)


def three() -> Chan[int]:
    """Half full: both sides would succeed if only the argument were right."""
    ch: Chan[int] = Chan(6)
    for i in range(3):
        ch.send_nowait(i)
    return ch


@pytest.mark.parametrize("name", OPERATIONS)
async def test_timeout_nan(host: Host, name: str) -> None:
    ch = three()
    with pytest.raises(ValueError, match="timeout") as caught:
        await call(host, name, ch, nan)
    says(caught.value, name)
    assert drain(ch) == [0, 1, 2]


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("timeout", BAD_TIMEOUTS, ids=lambda x: type(x).__name__)
async def test_timeout_of_another_type(host: Host, name: str, timeout: Any) -> None:
    ch = three()
    with pytest.raises(TypeError, match="timeout") as caught:
        await call(host, name, ch, timeout)
    says(caught.value, name, type(timeout).__name__)
    assert drain(ch) == [0, 1, 2]


@pytest.mark.parametrize("name", OPERATIONS)
async def test_bad_timeout_beats_the_channels_state(host: Host, name: str) -> None:
    """The argument is looked at first: neither closed nor would-block hides it."""
    closed: Chan[int] = Chan()
    closed.close()
    for ch in (closed, Chan[int]()):
        with pytest.raises(ValueError, match="timeout"):
            await call(host, name, ch, nan)
        with pytest.raises(TypeError, match="timeout"):
            await call(host, name, ch, "soon")
        assert state(ch)[2:4] == (0, 0)


@pytest.mark.parametrize("limit", [0, -1, -(2**63), -(10**30)])
async def test_limit_below_one(host: Host, limit: int) -> None:
    ch = three()
    with pytest.raises(ValueError, match="limit") as caught:
        await host.recv_many(ch, limit)
    says(caught.value, "recv_many", str(limit))
    assert drain(ch) == [0, 1, 2]


@pytest.mark.parametrize("limit", [None, "2", 2.0, [], object()], ids=label)
async def test_limit_of_another_type(host: Host, limit: Any) -> None:
    ch = three()
    with pytest.raises(TypeError, match="limit") as caught:
        await host.recv_many(ch, limit)
    says(caught.value, "recv_many")
    assert drain(ch) == [0, 1, 2]


async def test_bad_limit_beats_a_closed_channel(host: Host) -> None:
    ch: Chan[int] = Chan()
    ch.close()
    with pytest.raises(ValueError, match="limit"):
        await host.recv_many(ch, 0)
    limit: Any = "2"
    with pytest.raises(TypeError, match="limit"):
        await host.recv_many(ch, limit)


# ---------------------------------------------------------------- how the methods are called

CALLS: list[Callable[[Any], object]] = [
    lambda ch: ch.send(),
    lambda ch: ch.asend(),
    lambda ch: ch.send_nowait(),
    lambda ch: ch.send(1, 2),
    lambda ch: ch.send(value=1),
    lambda ch: ch.asend(value=1),
    lambda ch: ch.send_nowait(value=1),
    lambda ch: ch.send_nowait(1, timeout=1),
    lambda ch: ch.send(1, limit=1),
    lambda ch: ch.recv(1),
    lambda ch: ch.arecv(1),
    lambda ch: ch.recv_ok(1),
    lambda ch: ch.recv_nowait(timeout=1),
    lambda ch: ch.recv_many(),
    lambda ch: ch.arecv_many(),
    lambda ch: ch.recv_many(limit=1),
    lambda ch: ch.recv_many(1, 2),
    lambda ch: ch.close(1),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_wrong_call(number: int) -> None:
    ch = three()
    with pytest.raises(TypeError):
        CALLS[number](ch)
    assert state(ch) == (3, 6, 0, 0, False)
    assert drain(ch) == [0, 1, 2]


@pytest.mark.parametrize("stranger", [3, None, object(), Chan, "view"], ids=label)
def test_methods_of_the_class_on_strangers(stranger: Any) -> None:
    """Called through the class they get any object as self, and have to look before they leap."""
    ch = three()
    for kind, name, arguments, view in [
        (Chan, "send", (1,), ch.receiver),
        (Chan, "recv", (), ch.sender),
        (Chan, "send_nowait", (1,), ch.receiver),
        (Chan, "recv_nowait", (), ch.sender),
        (SendChan, "send", (1,), ch.receiver),
        (SendChan, "asend", (1,), ch.receiver),
        (SendChan, "close", (), ch.receiver),
        (RecvChan, "recv", (), ch.sender),
        (RecvChan, "arecv", (), ch.sender),
        (RecvChan, "__iter__", (), ch.sender),
    ]:
        with pytest.raises(TypeError):
            getattr(kind, name)(view if stranger == "view" else stranger, *arguments)
        with pytest.raises(TypeError):
            getattr(kind, name)()
    assert drain(ch) == [0, 1, 2]


def test_nothing_is_made_around_the_constructor() -> None:
    """No way to an object whose inside was never set up."""
    kinds: list[Any] = [*Chan.__mro__[1:-1], type(iter(Chan[int]()))]
    for kind in kinds:
        with pytest.raises(TypeError):
            kind()
        with pytest.raises(TypeError):
            object.__new__(kind)
    with pytest.raises(TypeError):
        object.__new__(Chan)

    class Careless(Chan[int]):
        def __new__(cls) -> Any:
            return object.__new__(cls)

    with pytest.raises(TypeError):
        Careless()


# ---------------------------------------------------------------- what a channel refuses


@pytest.mark.parametrize("face", ["channel", "sender", "receiver"])
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps], ids=lambda f: f.__name__)
def test_no_copies(how: Callable[[object], object], face: str) -> None:
    ch = three()
    it = ch if face == "channel" else getattr(ch, face)
    with pytest.raises(TypeError) as caught:
        how(it)
    says(caught.value, type(it).__name__)
    assert drain(ch) == [0, 1, 2]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickle_of_any_protocol(protocol: int) -> None:
    ch = three()
    for it in (ch, ch.sender, ch.receiver, [ch], {"ch": ch}):
        with pytest.raises(TypeError):
            pickle.dumps(it, protocol)
    assert drain(ch) == [0, 1, 2]


def test_deepcopy_of_what_holds_a_channel() -> None:
    ch = three()
    with pytest.raises(TypeError):
        copy.deepcopy({"jobs": [ch]})
    assert drain(ch) == [0, 1, 2]


def test_subclass_refuses_copies_too() -> None:
    class Jobs(Chan[int]):
        pass

    for how in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            how(Jobs(1))


# ---------------------------------------------------------------- messages of the other errors


async def test_message_of_send_on_closed(host: Host) -> None:
    ch: Chan[int] = Chan(1)
    ch.close()
    with pytest.raises(ChanClosed) as caught:
        await host.send(ch, 1)
    says(caught.value, "send", "closed")
    with pytest.raises(ChanClosed) as caught:
        ch.send_nowait(1)
    says(caught.value, "send", "closed")


async def test_message_of_recv_on_closed(host: Host) -> None:
    ch: Chan[int] = Chan(1)
    ch.close()
    with pytest.raises(ChanClosed) as caught:
        await host.recv(ch)
    says(caught.value, "rec", "closed")
    with pytest.raises(ChanClosed) as caught:
        ch.recv_nowait()
    says(caught.value, "rec", "closed")


def test_message_of_close_twice() -> None:
    ch: Chan[int] = Chan(1)
    ch.close()
    with pytest.raises(ChanClosed) as caught:
        ch.close()
    says(caught.value, "close", "closed")


def test_message_of_would_block() -> None:
    ch: Chan[int] = Chan()
    with pytest.raises(WouldBlock) as caught:
        ch.send_nowait(1)
    says(caught.value, "send")
    with pytest.raises(WouldBlock) as caught:
        ch.recv_nowait()
    says(caught.value, "rec")


@pytest.mark.parametrize("name", OPERATIONS)
async def test_message_of_a_timeout(host: Host, name: str) -> None:
    ch: Chan[int] = Chan()
    with pytest.raises(TimeoutError) as caught:
        await call(host, name, ch, 0)
    says(caught.value, name)
    with pytest.raises(TimeoutError) as caught:
        await call(host, name, ch, 0.001)
    says(caught.value, name)


def test_error_classes() -> None:
    """What each may be caught as, and that none is caught by accident as another."""
    module: ModuleType = gochan
    for name, base in [("ChanClosed", Exception), ("WouldBlock", Exception)]:
        error: type[Exception] = getattr(module, name)
        assert error.__bases__ == (base,)
        assert error.__module__ == "gochan"
    for name in ("BlockingError", "DeadlockError", "WaitGroupError", "UnlockError"):
        assert getattr(module, name).__bases__ == (RuntimeError,)
        assert getattr(module, name).__module__ == "gochan"
    assert not issubclass(ChanClosed, WouldBlock)
    assert pickle.loads(pickle.dumps(ChanClosed("x"))).args == ("x",)  # errors do travel

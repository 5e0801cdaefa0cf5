"""The send-only and receive-only faces (C16), and what kind of object a channel is (C17)."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import Any
from unittest.mock import ANY

import pytest

from gochan import Chan, ChanClosed, RecvChan, SendChan, WouldBlock
from hosts import Host, recv_all, recv_one, state

SENDING = ["send", "asend", "send_nowait", "close", "__enter__", "__exit__", "__aenter__"]
RECEIVING = [
    *("recv", "arecv", "recv_ok", "arecv_ok", "recv_nowait", "recv_many", "arecv_many"),
    *("__iter__", "__aiter__"),
]
FACES: list[Callable[[Chan[Any]], SendChan[Any] | RecvChan[Any]]] = [
    lambda ch: ch,
    lambda ch: ch.sender,
    lambda ch: ch.receiver,
]


def test_types() -> None:
    ch: Chan[int] = Chan()
    assert type(ch) is Chan
    assert type(ch.sender) is SendChan
    assert type(ch.receiver) is RecvChan
    assert issubclass(Chan, SendChan)
    assert issubclass(Chan, RecvChan)
    assert isinstance(ch, SendChan)
    assert isinstance(ch, RecvChan)
    assert not isinstance(ch.sender, RecvChan)
    assert not isinstance(ch.receiver, SendChan)
    assert not isinstance(ch.sender, Chan)
    assert not isinstance(ch.receiver, Chan)
    assert not issubclass(SendChan, RecvChan)
    assert not issubclass(RecvChan, SendChan)


@pytest.mark.parametrize("kind", [Chan, SendChan, RecvChan])
def test_classes_belong_to_the_package(kind: type) -> None:
    assert kind.__module__ == "gochan"
    assert kind.__qualname__ == kind.__name__


@pytest.mark.parametrize("name", RECEIVING)
def test_send_view_lacks_receiving(name: str) -> None:
    ch: Chan[int] = Chan(1)
    assert hasattr(ch, name)
    with pytest.raises(AttributeError, match=name):
        getattr(ch.sender, name)
    assert hasattr(ch.receiver, name)


@pytest.mark.parametrize("name", SENDING)
def test_receive_view_lacks_sending(name: str) -> None:
    ch: Chan[int] = Chan(1)
    assert hasattr(ch, name)
    with pytest.raises(AttributeError, match=name):
        getattr(ch.receiver, name)
    assert hasattr(ch.sender, name)


@pytest.mark.parametrize("name", ["sender", "receiver"])
def test_views_have_no_views(name: str) -> None:
    """Else a receive-only view would be a way to the other side."""
    ch: Chan[int] = Chan()
    for view in (ch.sender, ch.receiver):
        with pytest.raises(AttributeError, match=name):
            getattr(view, name)


def test_receive_view_cannot_be_closed_by_with() -> None:
    ch: Chan[int] = Chan()
    view: Any = ch.receiver
    with pytest.raises(TypeError), view:
        pass
    assert not ch.closed


@pytest.mark.parametrize("kind", [SendChan, RecvChan])
def test_views_are_not_made_by_hand(kind: Any) -> None:
    with pytest.raises(TypeError, match=kind.__name__):
        kind()
    with pytest.raises(TypeError, match=kind.__name__):
        kind(3)


async def test_views_are_the_channel(host: Host, peer: Host, capacity: int) -> None:
    ch: Chan[int] = Chan(capacity)
    tx, rx = ch.sender, ch.receiver
    party = peer.spawn(recv_one, rx)
    await host.parked(ch, receivers=1)
    await host.send(tx, 1)
    assert await host.join(party) == 1
    for i in range(capacity):
        tx.send_nowait(i)
    with pytest.raises(WouldBlock):
        tx.send_nowait(-1)
    assert len(ch) == len(tx) == len(rx) == capacity
    assert ch.capacity == tx.capacity == rx.capacity == capacity
    assert (ch.closed, tx.closed, rx.closed) == (False, False, False)
    async with host.closing(tx) as inside:
        assert inside is tx
    assert (ch.closed, tx.closed, rx.closed) == (True, True, True)
    assert await recv_all(host, rx) == list(range(capacity))
    with pytest.raises(ChanClosed):
        rx.recv_nowait()
    with pytest.raises(ChanClosed):
        await host.send(tx, 1)


@pytest.mark.parametrize("one", FACES)
@pytest.mark.parametrize("two", FACES)
def test_faces_of_one_channel_are_equal(
    one: Callable[[Chan[int]], object], two: Callable[[Chan[int]], object]
) -> None:
    ch: Chan[int] = Chan(1)
    assert eq(one(ch), two(ch))
    assert not ne(one(ch), two(ch))
    assert hash(one(ch)) == hash(two(ch))
    assert {one(ch): "found"}[two(ch)] == "found"
    # ... whatever is in them, and whether closed or not.
    ch.send_nowait(1)
    assert one(ch) == two(ch)
    ch.close()
    assert hash(one(ch)) == hash(two(ch)) == hash(ch)


@pytest.mark.parametrize("one", FACES)
@pytest.mark.parametrize("two", FACES)
def test_faces_of_two_channels_differ(
    one: Callable[[Chan[int]], object], two: Callable[[Chan[int]], object]
) -> None:
    a: Chan[int] = Chan(1)
    b: Chan[int] = Chan(1)
    assert ne(one(a), two(b))
    assert not eq(one(a), two(b))
    assert len({one(a), two(a), one(b), two(b)}) == 2


@pytest.mark.parametrize("face", FACES)
def test_not_equal_to_anything_else(face: Callable[[Chan[int]], object]) -> None:
    ch: Chan[int] = Chan()
    for other in (None, 0, "", (), [], object(), Chan, hash(ch), id(ch)):
        assert ne(face(ch), other)
        assert not eq(face(ch), other)
    assert face(ch) == ANY  # the other side is asked too


def test_no_order() -> None:
    a: Any = Chan()
    b: Any = Chan()
    for compare in (lt, le, gt, ge):
        with pytest.raises(TypeError):
            compare(a, b)


def test_hashes_spread() -> None:
    """A dict of channels is no list."""
    channels = [Chan[int]() for _ in range(200)]
    assert len({hash(ch) for ch in channels}) == 200


def test_typed_spelling() -> None:
    assert Chan[int](3).capacity == 3
    assert type(Chan[int]()) is Chan
    assert type(Chan[Chan[str]]()) is Chan
    assert Chan[int].__origin__ is Chan  # type: ignore[attr-defined]
    assert Chan[int].__args__ == (int,)  # type: ignore[attr-defined]
    assert SendChan[int].__args__ == (int,)  # type: ignore[attr-defined]
    assert RecvChan[int].__args__ == (int,)  # type: ignore[attr-defined]


class Jobs(Chan[int]):
    """A channel with a method and a field of its own."""

    label = ""

    def total(self) -> int:
        return sum(self)


class Named(Chan[int]):
    def __init__(self, name: str, *, capacity: int = 0) -> None:
        super().__init__(capacity)
        self.name = name


async def test_subclass(host: Host) -> None:
    jobs = Jobs(3)
    jobs.label = "today"
    assert (jobs.capacity, jobs.label) == (3, "today")
    assert isinstance(jobs, Chan)
    assert isinstance(jobs, SendChan)
    for i in range(3):
        await host.send(jobs, i)
    jobs.close()
    assert jobs.total() == 3
    assert jobs == jobs.sender
    assert jobs == jobs.receiver
    assert type(jobs.sender) is SendChan
    assert state(jobs) == (0, 3, 0, 0, True)


def test_subclass_with_parameters_of_its_own() -> None:
    jobs = Named("jobs", capacity=2)
    assert (jobs.name, jobs.capacity) == ("jobs", 2)
    assert Named("more").capacity == 0
    with pytest.raises(ValueError, match="capacity"):
        Named("bad", capacity=-1)


@pytest.mark.parametrize("face", FACES)
def test_weak_reference(face: Callable[[Chan[int]], object]) -> None:
    ch: Chan[int] = Chan()
    it = face(ch)
    seen = weakref.ref(it)
    assert seen() is it
    del it, ch
    gc.collect()
    assert seen() is None


def test_views_keep_the_channel_going() -> None:
    def ends() -> tuple[SendChan[int], RecvChan[int]]:
        ch: Chan[int] = Chan(1)
        return ch.sender, ch.receiver

    tx, rx = ends()
    gc.collect()
    tx.send_nowait(1)
    assert rx.recv() == 1
    assert eq(tx, rx)


@pytest.mark.parametrize("face", FACES)
def test_repr_names_the_face_and_the_state(face: Callable[[Chan[int]], object]) -> None:
    ch: Chan[int] = Chan(5)
    ch.send_nowait(1)
    it = face(ch)
    assert repr(it).startswith(f"<gochan.{type(it).__name__} at 0x")
    assert state(it) == (1, 5, 0, 0, False)
    ch.close()
    assert state(it) == (1, 5, 0, 0, True)
    assert str(it) == repr(it)


@pytest.mark.parametrize("face", FACES)
def test_attributes_cannot_be_set(face: Callable[[Chan[int]], Any]) -> None:
    """Not on the class as such either, or one thread could change what all the others do."""
    it = face(Chan(1))
    for name in ("closed", "capacity", "send", "anything"):
        with pytest.raises(AttributeError):
            setattr(it, name, 1)

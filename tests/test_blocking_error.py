"""A blocking form never stops a running event loop: it raises and names the form to use there."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import trio

import procs
from gochan import BlockingError, Chan, ChanClosed, WaitGroup, WouldBlock, go
from hosts import drain
from loops import NewLoop, on_each_loop, run
from notebook import IPYTHON
from parking import settle, wait_parked
from watch import parked


class Things:
    """One of each, such that every blocking form would have to wait."""

    def __init__(self) -> None:
        self.empty: Chan[int] = Chan()
        self.full: Chan[int] = Chan(1)
        self.full.send_nowait(1)
        self.wg = WaitGroup()
        self.wg.add()
        self.gate: Chan[int] = Chan()
        self.g = go(self.gate.recv)
        wait_parked(self.gate, receivers=1)

    def leave_with(self) -> None:
        with self.wg:
            pass

    def untouched(self) -> None:
        """Nobody is parked, nothing was sent or received."""
        assert parked(self.empty) == parked(self.full) == (0, 0)
        assert drain(self.empty) == []
        assert drain(self.full) == [1]
        self.full.send_nowait(1)
        assert self.wg.count == 1
        assert parked(self.gate) == (1, 0)


# What it does, and a word that the message has to hold: the twin.
FORMS: dict[str, tuple[Callable[[Things], object], str]] = {
    "send": (lambda t: t.empty.send(2), "asend"),
    "send full": (lambda t: t.full.send(2), "asend"),
    "send view": (lambda t: t.full.sender.send(2), "asend"),
    "send timeout": (lambda t: t.full.send(2, timeout=20), "asend"),
    "recv": (lambda t: t.empty.recv(), "arecv"),
    "recv view": (lambda t: t.empty.receiver.recv(), "arecv"),
    "recv timeout": (lambda t: t.empty.recv(timeout=20), "arecv"),
    "recv_ok": (lambda t: t.empty.recv_ok(), "arecv_ok"),
    "recv_many": (lambda t: t.empty.recv_many(3), "arecv_many"),
    "iteration": (lambda t: next(iter(t.empty)), "async for"),
    "WaitGroup.wait": (lambda t: t.wg.wait(), "await"),
    "WaitGroup.wait timeout": (lambda t: t.wg.wait(timeout=20), "await"),
    "with WaitGroup": (lambda t: t.leave_with(), "async with"),
    "join": (lambda t: t.g.join(), "ajoin"),
    "join timeout": (lambda t: t.g.join(20), "ajoin"),
    "result": (lambda t: t.g.result(), "await"),
    "exception": (lambda t: t.g.exception(), "ajoin"),
}
on_each_form = pytest.mark.parametrize(("form", "twin"), FORMS.values(), ids=list(FORMS))


@pytest.fixture
def things() -> Any:
    made = Things()
    yield made
    made.gate.send(7)
    assert made.g.result(20) == 7


def refused(form: Callable[[Things], object], things: Things, twin: str) -> None:
    with pytest.raises(BlockingError) as info:
        form(things)
    assert twin in str(info.value), "the message has to name the form that works here"
    assert isinstance(info.value, RuntimeError)
    things.untouched()


@on_each_form
@on_each_loop
def test_in_a_task(
    new_loop: NewLoop, things: Things, form: Callable[[Things], object], twin: str
) -> None:
    async def main() -> None:
        refused(form, things, twin)
        await settle()
        refused(form, things, twin)

    run(new_loop, main)


@on_each_form
@on_each_loop
def test_in_a_callback(
    new_loop: NewLoop, things: Things, form: Callable[[Things], object], twin: str
) -> None:
    """No task runs, but the loop would stand still all the same."""

    async def main() -> None:
        seen: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def callback() -> None:
            try:
                refused(form, things, twin)
            except BaseException as error:
                seen.set_exception(error)
            else:
                seen.set_result(None)

        asyncio.get_running_loop().call_soon(callback)
        await seen

    run(new_loop, main)


@on_each_form
def test_in_a_trio_task(things: Things, form: Callable[[Things], object], twin: str) -> None:
    """The twin cannot wait there either, so it is not what the message names."""

    async def main() -> None:
        for _ in range(2):
            refused(form, things, "call it in another thread (gochan.go, trio.to_thread.run_sync)")
            with pytest.raises(BlockingError) as info:
                form(things)
            assert "await" not in str(info.value)
            await trio.lowlevel.checkpoint()

    trio.run(main)


def test_what_awaits_in_trio_is_sent_to_another_thread(things: Things) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="another thread") as info:
            await things.empty.arecv()
        assert "cannot wait in a trio loop" in str(info.value)

    trio.run(main)
    things.untouched()


# ---------------------------------------------------------------- what is ready works


def use_what_is_ready() -> None:
    ch: Chan[int] = Chan(3)
    ch.send(1)
    ch.send(2, timeout=5)
    ch.send_nowait(3)
    assert ch.recv() == 1
    assert ch.recv_ok(timeout=5) == (2, True)
    assert ch.recv_many(5) == [3]
    ch.send(4)
    with ch:
        assert next(iter(ch)) == 4
    assert ch.recv_ok() == (None, False)
    assert ch.recv_many(2) == []
    assert list(ch) == []
    with pytest.raises(ChanClosed):
        ch.recv()
    with pytest.raises(ChanClosed):
        ch.send(1)
    with WaitGroup() as wg:
        wg.wait()


def try_at_once() -> None:
    """An immediate try waits for nothing, so there is nothing to refuse."""
    ch: Chan[int] = Chan()
    for timeout in (0, 0.0, -1):
        with pytest.raises(TimeoutError):
            ch.recv(timeout=timeout)
        with pytest.raises(TimeoutError):
            ch.send(1, timeout=timeout)
        with pytest.raises(TimeoutError):
            ch.recv_many(2, timeout=timeout)
    with pytest.raises(WouldBlock):
        ch.recv_nowait()
    wg = WaitGroup()
    wg.add()
    with pytest.raises(TimeoutError):
        wg.wait(timeout=0)


@pytest.mark.parametrize("body", [use_what_is_ready, try_at_once])
@on_each_loop
def test_a_ready_operation_works_in_a_loop(new_loop: NewLoop, body: Callable[[], None]) -> None:
    async def main() -> None:
        body()

    run(new_loop, main)


@pytest.mark.parametrize("body", [use_what_is_ready, try_at_once])
def test_a_ready_operation_works_in_trio(body: Callable[[], None]) -> None:
    async def main() -> None:
        body()

    trio.run(main)


@on_each_loop
def test_a_parked_peer_makes_it_ready(new_loop: NewLoop) -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        receiver = asyncio.create_task(ch.arecv())
        await settle()
        ch.send(1)
        assert await receiver == 1
        sender = asyncio.create_task(ch.asend(2))
        await settle()
        assert ch.recv() == 2
        await sender
        g = go(int)
        await g.ajoin()
        g.join()
        assert g.result() == 0
        assert g.exception() is None

    run(new_loop, main)


# ---------------------------------------------------------------- only the loop's own thread


@on_each_loop
def test_other_threads_may_block_while_a_loop_runs(new_loop: NewLoop) -> None:
    """Threads of the executor, of the user, goroutines: context variables go along, the loop
    does not."""

    async def main() -> None:
        ch: Chan[int] = Chan()
        in_executor = asyncio.create_task(asyncio.to_thread(ch.recv))
        while parked(ch) != (1, 0):
            await asyncio.sleep(0)
        goroutine = go(ch.recv)
        while parked(ch) != (2, 0):
            await asyncio.sleep(0)
        got: list[int] = []
        thread = threading.Thread(target=lambda: got.append(ch.recv()))
        thread.start()
        for value in (1, 2, 3):
            await ch.asend(value)
        assert await in_executor == 1
        assert await goroutine == 2
        await asyncio.to_thread(thread.join)
        assert got == [3]

    run(new_loop, main)


def test_other_threads_may_block_while_trio_runs() -> None:
    async def main() -> None:
        ch: Chan[int] = Chan()
        g = go(ch.recv)
        await trio.to_thread.run_sync(ch.send, 1)
        await trio.to_thread.run_sync(g.join)
        assert g.result() == 1

    trio.run(main)


@on_each_loop
def test_the_thread_may_block_again_when_its_loop_has_ended(new_loop: NewLoop) -> None:
    async def main() -> None:
        with pytest.raises(BlockingError):
            Chan[int]().recv()

    run(new_loop, main)
    trio.run(main)
    ch: Chan[int] = Chan()
    g = go(ch.send, 5)
    assert ch.recv(timeout=20) == 5
    g.join(20)
    with pytest.raises(TimeoutError):
        ch.recv(timeout=0.01)


# ---------------------------------------------------------------- IPython and Jupyter


def test_a_cell_just_blocks(tmp_path: Any) -> None:
    finished = procs.run(
        IPYTHON
        + """
cell('''
import asyncio
asyncio.get_running_loop()
ch, wg = Chan(), WaitGroup()
wg.add()
def work():
    ch.send(1)
    got = ch.recv()
    wg.done()
    return got
g = go(work)
value = ch.recv()
ch.send(2)
wg.wait()
result = g.result()
with WaitGroup() as wg2:
    for i in range(3):
        wg2.go(lambda: None)
def close():
    ch.send(3)
    ch.close()
go(close)
rest = list(ch)
''').raise_error()
space = shell.user_ns
print(space["value"], space["result"], space["rest"])

# %autoawait: the cell itself is a coroutine
shell.run_line_magic("autoawait", "asyncio")
shell.run_cell('''
ch = Chan()
go(ch.send, 4)
await asyncio.sleep(0)
asyncio.get_running_loop()
mixed = [ch.recv()]
go(ch.send, 5)
mixed.append(await ch.arecv())
''').raise_error()
print(space["mixed"])
""",
        file=tmp_path / "cells.py",
    )
    assert finished.ok().splitlines() == ["1 2 [3]", "[4, 5]"]


class Interrupted(ModuleType):
    """As the module IPython, which looks for a name when it is asked for it. Ctrl-C comes then."""

    def __getattr__(self, name: str) -> object:
        raise KeyboardInterrupt


def test_ctrl_c_while_it_looks_for_ipython_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", Interrupted("IPython"))
    ch: Chan[int] = Chan()

    async def main() -> None:
        with pytest.raises(KeyboardInterrupt):
            ch.recv()

    asyncio.run(main())
    assert parked(ch) == (0, 0)


def test_a_blocked_cell_can_be_interrupted(tmp_path: Any) -> None:
    """The stop button of a notebook sends SIGINT to the kernel."""
    finished = procs.run(
        IPYTHON
        + """
from parking import wait_blocked

def interrupt():
    wait_blocked(threading.main_thread())
    os.kill(os.getpid(), signal.SIGINT)

shell.user_ns["ch"] = ch = __import__("gochan").Chan(1)
threading.Thread(target=interrupt).start()
shell.showtraceback = lambda *args, **kwargs: None
ended = cell("ch.recv()")
print(type(ended.error_in_exec).__name__)
ch.send(1)
print(cell("ch.recv()").result)
""",
        file=tmp_path / "interrupted.py",
    )
    assert finished.ok().splitlines()[0] == "KeyboardInterrupt"
    assert finished.stdout.splitlines()[-1] == "1"


def test_a_loop_in_another_thread_of_ipython_is_protected(tmp_path: Any) -> None:
    """Only the main thread runs cells. A loop somewhere else is a loop like any other."""
    finished = procs.run(
        IPYTHON
        + """
cell('''
import asyncio, threading
seen = []
async def main():
    try:
        Chan().recv()
    except BlockingError as error:
        seen.append(type(error).__name__)
thread = threading.Thread(target=lambda: asyncio.run(main()))
thread.start()
thread.join()
''').raise_error()
print(shell.user_ns["seen"])
""",
        file=tmp_path / "threads.py",
    )
    assert finished.ok() == "['BlockingError']\n"

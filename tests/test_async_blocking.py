"""A blocking form, or any other blocking call, in an `async def` goroutine stops only itself."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from gochan import BlockingError, Chan, WaitGroup, agosched, aio, go, run
from parking import wait_waiting
from scheduler import Start, by_go, by_run, on_each_start, turns, under_a_deadline
from watch import PATIENCE

pytestmark = under_a_deadline


async def send(ch: Chan[int], value: int) -> None:
    await agosched()
    await ch.asend(value)


# ---------------------------------------------------------------- the one that blocks


@on_each_start
def test_each_blocking_form(start: Start) -> None:
    """What ends the wait is another `async def` goroutine, which so has to run meanwhile."""

    async def close(ch: Chan[int]) -> None:
        await turns(3)
        ch.close()

    async def done(wg: WaitGroup) -> None:
        await turns(3)
        wg.done()

    async def receive(ch: Chan[int]) -> int:
        await agosched()
        return await ch.arecv()

    async def main() -> None:
        ch: Chan[int] = Chan()
        go(send, ch, 1)
        assert ch.recv() == 1
        go(send, ch, 2)
        assert ch.recv_ok(timeout=PATIENCE) == (2, True)
        go(send, ch, 3)
        assert ch.recv_many(3) == [3]
        g = go(receive, ch)
        ch.send(4)
        g.join()
        assert g.result() == 4
        go(send, ch, 5)
        assert next(iter(ch)) == 5
        wg = WaitGroup()
        wg.add()
        go(done, wg)
        wg.wait()
        with WaitGroup() as wg:
            wg.go(send, ch, 6)
            assert ch.recv() == 6
        go(close, ch)
        assert list(ch) == []
        assert go(turns, 5).result() is None
        assert go(turns, 5).exception() is None
        with pytest.raises(TimeoutError):
            Chan[int]().recv(timeout=0.01)

    start(main)


def test_many_that_block_at_once() -> None:
    """Each costs a thread; those that await go on among them, and so does who starts late."""
    gate: Chan[int] = Chan()
    ch: Chan[int] = Chan()

    async def blocks() -> int:
        return gate.recv()

    async def counts() -> int:
        return sum([value async for value in ch])

    blocked = [go(blocks) for _ in range(50)]
    wait_waiting(*blocked)
    counting = go(counts)
    sending = [go(send, ch, i) for i in range(100)]
    for g in sending:
        g.result(PATIENCE)
    ch.close()
    assert counting.result(PATIENCE) == sum(range(100))
    for i in range(50):
        gate.send(i, timeout=PATIENCE)
    assert sorted(g.result(PATIENCE) for g in blocked) == list(range(50))


def test_two_that_hand_over_by_blocking_forms() -> None:
    there: Chan[int] = Chan()
    back: Chan[int] = Chan()

    async def ping() -> None:
        for i in range(200):
            there.send(i)
            assert back.recv() == i + 1
        there.close()

    async def pong() -> int:
        count = 0
        for value in there:
            back.send(value + 1)
            count += 1
        return count

    a, b = go(ping), go(pong)
    a.result(PATIENCE)
    assert b.result(PATIENCE) == 200


def test_forms_mixed_in_one_goroutine() -> None:
    """It awaits, blocks, and awaits again: it is one goroutine, wherever it runs just then."""
    ch: Chan[int] = Chan()
    count = 300

    async def mixed() -> list[int]:
        got = []
        for i in range(count // 3):
            got.append(await ch.arecv())
            got.append(ch.recv())
            got += await ch.arecv_many(1) if i % 2 else ch.recv_many(1)
        return got

    g = go(mixed)
    for i in range(count):
        (go(send, ch, i) if i % 2 else go(ch.send, i)).result(PATIENCE)
    assert g.result(PATIENCE) == list(range(count))


# ---------------------------------------------------------------- any other blocking call


@pytest.mark.parametrize("how", ["sleep", "event", "lock", "compute"])
@on_each_start
def test_foreign_calls_that_block(start: Start, how: str) -> None:
    """The event comes from a goroutine that could not run if the thread were all there is."""
    leave = threading.Event()
    lock = threading.Lock()

    async def blocks() -> None:
        if how == "sleep":
            while not leave.is_set():
                time.sleep(0.001)
        elif how == "event":
            assert leave.wait(PATIENCE)
        elif how == "lock":
            assert lock.acquire(timeout=PATIENCE)
        else:
            while not leave.is_set():
                pass

    async def main() -> None:
        lock.acquire()
        ch: Chan[int] = Chan()
        blocked = [go(blocks)]
        await turns(3)
        go(send, ch, 1)
        assert await ch.arecv() == 1
        await turns(10)
        assert blocked[0].state == "running"
        leave.set()
        lock.release()
        await blocked[0]

    start(main)


def test_many_sleepers_sleep_at_the_same_time() -> None:
    """None waits for another one's thread: all of them meet in the middle."""
    barrier = threading.Barrier(40)

    async def meet() -> int:
        return barrier.wait(PATIENCE)

    assert sorted(g.result(PATIENCE) for g in [go(meet) for _ in range(40)]) == list(range(40))


# ---------------------------------------------------------------- the thread of a loop


def test_no_goroutine_is_taken_for_the_thread_of_a_loop() -> None:
    """BlockingError is for tasks. It is raised in aio(), whose coroutine is one."""
    ch: Chan[int] = Chan()

    async def blocks() -> int:
        return ch.recv()

    async def in_loop() -> str:
        with pytest.raises(BlockingError):
            ch.recv()
        return "refused"

    async def main() -> str:
        refused = await aio(in_loop())
        g = go(blocks)
        await ch.asend(1)
        assert await g == 1
        return refused

    assert by_go(main) == "refused"
    assert by_run(main) == "refused"


def test_a_goroutine_may_run_a_loop_of_its_own() -> None:
    """It blocks in asyncio.run() as in anything else; afterwards it is a goroutine again."""
    ch: Chan[int] = Chan()

    async def in_loop() -> int:
        with pytest.raises(BlockingError):
            ch.recv()
        go(send, ch, 5)
        return await ch.arecv()

    async def body() -> int:
        got = asyncio.run(in_loop())
        await agosched()
        go(send, ch, 6)
        return got + await ch.arecv() + asyncio.run(in_loop())

    assert go(body).result(PATIENCE) == 16
    assert run(body) == 16


def test_a_lock_of_threading_held_across_an_await() -> None:
    """Unwise, but it must not wedge the scheduler: who waits for it blocks his own thread."""
    lock = threading.Lock()
    order: list[str] = []

    async def holder() -> None:
        with lock:
            order.append("in")
            await turns(20)
            order.append("out")

    async def main() -> None:
        goroutines = [go(holder) for _ in range(5)]
        for g in goroutines:
            await g

    by_go(main)
    assert order == ["in", "out"] * 5

"""`with group` and `async with group`: what the body, Ctrl-C and a cancellation do. E1, PY6."""

from __future__ import annotations

import asyncio

import pytest

from cancelling import cancelled
from gochan import BlockingError, Canceled, Chan, Group, asleep
from grouping import Failed, fail, start, within
from hosts import Host
from parking import settle, wait_until
from procs import run as run_program
from reporting import Reports
from watch import PATIENCE


async def test_leaving_waits_for_all(host: Host) -> None:
    group, gate, ended = Group(), Chan[int](1), Chan[int](1)

    async def late() -> None:
        ended.send_nowait(await gate.arecv())

    async with within(host, group):
        await start(host, group, late)
        gate.send_nowait(5)
    assert ended.recv_nowait() == 5
    assert isinstance(group.ctx.err, Canceled)


async def test_leaving_raises_the_first_error(host: Host) -> None:
    group = Group()
    with pytest.raises(Failed, match="in the group"):
        async with within(host, group):
            await start(host, group, fail, "in the group")


async def test_an_error_of_the_body_ends_the_group_first(host: Host, reports: Reports) -> None:
    """The goroutines are told to end, waited for, and the body's error comes out."""
    group = Group()
    ended: list[BaseException | None] = []

    async def watches() -> None:
        try:
            await asleep(PATIENCE, ctx=group.ctx)
        finally:
            ended.append(group.ctx.cause)

    async def body() -> None:
        async with within(host, group):
            await start(host, group, watches)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as info:
        await body()
    assert ended == [info.value]
    assert info.value.__cause__ is None
    # What they ended with because they were told to is no news.
    assert not reports.errors


def test_an_error_of_its_own_beside_the_bodys_is_reported(reports: Reports) -> None:
    """It comes out of nowhere else, so it must not be lost."""

    def body() -> None:
        with Group() as group:
            group.go(fail, "another").join()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        body()
    reports.wait("another")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_must_get_out_does_not_wait(kind: type[BaseException]) -> None:
    group, gate = Group(), Chan[int]()
    g = group.go(gate.recv)

    def body() -> None:
        with group:
            raise kind

    with pytest.raises(kind):
        body()
    assert g.state != "done"
    assert isinstance(group.ctx.cause, kind)
    gate.send(1)
    g.join(timeout=PATIENCE)


def test_a_plain_with_that_a_loop_refuses_ends_the_group() -> None:
    """Nobody will wait for the goroutines, so they are told to end, as after any error there."""

    async def main() -> None:
        group, gate = Group(), Chan[int]()

        async def watches() -> None:
            await gate.arecv(ctx=group.ctx)

        with pytest.raises(BlockingError) as info, group:
            group.go(watches)
        assert group.ctx.cause is info.value
        with pytest.raises(Canceled):
            await group

    asyncio.run(main())


def test_cancelling_a_task_that_leaves_ends_the_group() -> None:
    async def main() -> None:
        group = Group()

        async def watches() -> None:
            await asleep(PATIENCE, ctx=group.ctx)

        async def body() -> None:
            async with group:
                group.go(watches)

        task = asyncio.create_task(body())
        await settle()
        wait_until(lambda: "waiters=1" in repr(group), "one who waits")
        task.cancel()
        await cancelled(task)
        assert isinstance(group.ctx.cause, asyncio.CancelledError)
        with pytest.raises(Canceled):
            await group

    asyncio.run(main())


def test_a_closed_coroutine_that_leaves_ends_the_group() -> None:
    async def main() -> None:
        group, gate = Group(), Chan[int]()

        async def body() -> None:
            async with group:
                group.go(gate.arecv)

        coroutine = body()
        task = asyncio.get_running_loop().create_task(coroutine)
        await settle()
        wait_until(lambda: "waiters=1" in repr(group), "one who waits")
        task.cancel()
        await cancelled(task)
        await gate.asend(1)
        await group
        assert isinstance(group.ctx.err, Canceled)

    asyncio.run(main())


def test_ctrl_c_while_leaving_ends_the_group() -> None:
    done = run_program(
        """
        import os, signal, threading
        from gochan import Group, Chan

        group, seen = Group(), Chan(1)

        def watches():
            try:
                Chan().recv(ctx=group.ctx)
            except BaseException as error:
                seen.send(type(error).__name__)

        def interrupt():
            while "waiters=1" not in repr(group):
                pass
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        try:
            with group:
                group.go(watches)
        except KeyboardInterrupt:
            print(seen.recv(), type(group.ctx.cause).__name__)
        """
    )
    assert done.ok().split() == ["Canceled", "KeyboardInterrupt"]

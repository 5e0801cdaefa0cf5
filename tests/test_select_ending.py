"""Programs that end, are interrupted or fork while somebody is parked in a select."""

from __future__ import annotations

import os

import pytest

import procs

PARKED = """
import asyncio, os, signal, sys, threading
from gochan import Chan, aselect, go, run, select, sending
from parking import wait_blocked, wait_parked

a, b = Chan(), Chan()
"""


def test_exit_does_not_wait_for_parked_selects() -> None:
    finished = procs.run(
        PARKED
        + """
async def wait():
    try:
        await aselect(a, sending(b, 1), a)
    finally:
        sys.stdout.write("finally\\n")
for _ in range(3):
    go(wait)
    go(select, a, sending(b, 1))
threading.Thread(target=select, args=(a, sending(b, 1)), daemon=True).start()
threading.Thread(target=lambda: asyncio.run(wait()), daemon=True).start()
wait_parked(a, receivers=3 * 2 + 3 + 1 + 2)
print("main is over")
"""
    )
    # The goroutines are closed; threads, and the loop of one, are let go.
    assert finished.ok().splitlines() == ["main is over", *["finally"] * 3]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
@pytest.mark.parametrize("main", ["select(a, sending(b, 1))", "run(wait)"])
def test_ctrl_c_in_a_parked_select(main: str) -> None:
    finished = procs.run(
        PARKED
        + f"""
async def wait():
    await aselect(a, sending(b, 1))
def interrupt():
    wait_parked(a, receivers=1)
    wait_blocked(threading.main_thread())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    {main}
except KeyboardInterrupt:
    print("interrupted")
"""
        + """
    # The main goroutine of run() is gone too, and with it its places.
    print(select(a, b, default=True), "receivers=0" in repr(a), "senders=0" in repr(b))
"""
    )
    assert finished.ok().splitlines() == ["interrupted", "None True True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() here")
def test_a_forked_child_uses_channels_on_which_the_parent_is_parked() -> None:
    finished = procs.run(
        PARKED
        + """
async def wait():
    return await aselect(a, sending(b, 1))
selecting = go(select, a, sending(b, 1)), go(wait)
wait_parked(a, receivers=2)
pid = os.fork()
if pid == 0:
    # Those who wait there are the parent's.
    assert select(b, sending(a, 1), default=True) is None
    child = go(select, a, b)
    assert select(sending(a, 5)) == (0, None, True)
    assert child.result(20) == (0, 5, True)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
a.close()
print([g.result(20) for g in selecting])
"""
    )
    assert finished.ok() == "[(0, None, False), (0, None, False)]\n"

"""run() in IPython and Jupyter, where every cell runs under an event loop."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import procs
from notebook import IPYTHON


def test_in_a_cell(tmp_path: Path) -> None:
    finished = procs.run(
        IPYTHON
        + """
cell('''
import asyncio
asyncio.get_running_loop()
ch = Chan()
async def feed():
    for i in range(3):
        await ch.asend(i)
    ch.close()
async def main():
    go(feed)
    return [value async for value in ch]
values = run(main)
count = num_goroutine()
''').raise_error()
cell('''
def plain():
    with WaitGroup() as wg:
        return wg.go(pow, 2, 3).result()
again = [run(plain) for _ in range(3)]
''').raise_error()

# %autoawait: the cell itself is a coroutine, and its loop goes on afterwards
shell.run_line_magic("autoawait", "asyncio")
shell.run_cell('''
ch = Chan()
async def one():
    return await ch.arecv()
async def main():
    g = go(one)
    await ch.asend(4)
    return await g
await asyncio.sleep(0)
mixed = [run(main)]
await asyncio.sleep(0)
g = go(one)
await ch.asend(5)
mixed.append(await g)
''').raise_error()
space = shell.user_ns
print(space["values"], space["count"], space["again"], space["mixed"])
""",
        file=tmp_path / "cells.py",
    )
    assert finished.ok() == "[0, 1, 2] 1 [8, 8, 8] [4, 5]\n"


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal to a process")
def test_the_stop_button_reaches_main(tmp_path: Path) -> None:
    """It sends SIGINT to the kernel; main may clean up, and the next cell works."""
    finished = procs.run(
        IPYTHON
        + """
from parking import wait_parked

def interrupt():
    wait_parked(ch, receivers=1)
    os.kill(os.getpid(), signal.SIGINT)

shell.user_ns["ch"] = ch = __import__("gochan").Chan()
threading.Thread(target=interrupt).start()
shell.showtraceback = lambda *args, **kwargs: None
ended = cell('''
async def main():
    try:
        await ch.arecv()
    finally:
        print("cleaned")
run(main)
''')
print(type(ended.error_in_exec).__name__)
print(cell("run(int)").result)
""",
        file=tmp_path / "stopped.py",
    )
    lines = finished.ok().splitlines()
    assert lines[:2] == ["cleaned", "KeyboardInterrupt"]
    assert lines[-1] == "0"

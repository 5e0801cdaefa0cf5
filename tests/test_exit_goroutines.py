"""Leaving with `async def` goroutines: wherever they stand, the program ends at once, quietly."""

from __future__ import annotations

import os
import sys
import textwrap

import pytest

import procs
from test_exit import MAIN_IS_OVER, REPEATS, leave

SETUP = """
import asyncio
from gochan import agosched, aio, goexit, gosched, run

def parked(fn, *args):
    '''Await it in an async goroutine, and wait until that is parked in there.'''
    async def body():
        await fn(*args)
    wait_waiting(go(body))

def ablocked(fn, *args):
    '''Call it in an async goroutine, and wait until its thread is blocked in there.'''
    thread = Chan(1)
    async def body():
        thread.send(threading.current_thread())
        fn(*args)
    go(body)
    wait_blocked(thread.recv())
"""

# What goroutines may be doing when main returns.
DOING = {
    "nothing any more": """
async def nothing():
    pass
go(nothing).join()
""",
    "asend": "parked(ch.asend, 1)",
    "arecv": "parked(ch.arecv)",
    "arecv, timeout": "parked(lambda: ch.arecv(timeout=60))",
    "arecv_many": "parked(ch.arecv_many, 3)",
    "async for": """
async def iterate():
    async for _ in ch:
        pass
wait_waiting(go(iterate))
""",
    "await of a WaitGroup": """
async def wait():
    async with wg:
        await wg
wait_waiting(go(wait))
""",
    "await of a goroutine": """
async def receive():
    await ch.arecv()
async def join(g):
    await g
wait_waiting(go(join, go(receive)))
parked(go(receive).ajoin)
""",
    "what nobody can wake": """
async def lost():
    await Chan().arecv()
g = go(lost)
wait_waiting(g)
del g
""",
    "aio": "parked(lambda: aio(asyncio.sleep(60)))",
    "an async generator": """
async def values():
    try:
        while True:
            yield await ch.arecv()
    finally:
        await agosched()
async def consume():
    async for _ in values():
        pass
wait_waiting(go(consume))
""",
    "a blocking recv": "ablocked(ch.recv)",
    "time.sleep": "ablocked(time.sleep, 60)",
    "socket.recv": "pair = socket.socketpair(); ablocked(pair[0].recv, 1)",
    "agosched": """
rounds = [0]
async def turn():
    while True:
        await agosched()
        rounds[0] += 1
go(turn), go(turn)
wait_until(lambda: rounds[0] > 100, "some rounds")
""",
    "ping-pong": """
back, rounds = Chan(), [0]
async def ping():
    while True:
        await ch.asend(1)
        await back.arecv()
        rounds[0] += 1
async def pong():
    async for value in ch:
        await back.asend(value)
go(ping), go(pong)
wait_until(lambda: rounds[0] > 100, "some rounds")
""",
    "ping-pong with a thread and a loop": """
to, back, rounds = Chan(), Chan(), [0]
async def ping():
    while True:
        await ch.asend(1)
        await back.arecv()
        rounds[0] += 1
def middle():
    for value in ch:
        to.send(value)
async def pong():
    async for value in to:
        await back.asend(value)
threading.Thread(target=lambda: asyncio.run(pong()), daemon=True).start()
go(middle), go(ping)
wait_until(lambda: rounds[0] > 100, "some rounds")
""",
    "starting goroutines": """
rounds = [0]
async def successor():
    rounds[0] += 1
    go(successor)
go(successor), go(successor)
wait_until(lambda: rounds[0] > 100, "some rounds")
""",
    "def goroutines that wait for a thread": "for _ in range(300): go(time.sleep, 60)",
    "run() in a thread": """
inside = Chan()
async def other_main():
    go(ch.recv)
    await inside.asend(1)
    await ch.arecv()
threading.Thread(target=run, args=(other_main,), daemon=True).start()
inside.recv()
""",
    "printing": """
async def say():
    while True:
        sys.stdout.write("x\\n")
        await agosched()
go(say)
""",
    "a busy loop": """
gate = Chan()
async def spin():
    gate.send(1)
    while True:
        pass
go(spin)
gate.recv()
""",
    "ready operations": """
box, rounds = Chan(1), [0]
async def turn():
    while True:
        await box.asend(1)
        await box.arecv()
        rounds[0] += 1
go(turn)
wait_until(lambda: rounds[0] > 100, "some rounds")
""",
    # The last two leave at the very moment.
    "never begun": """
async def receive():
    await ch.arecv()
for _ in range(5000):
    go(receive)
""",
    "just woken": """
gate = Chan()
async def receive():
    await gate.arecv_ok()
    await ch.arecv()
for _ in range(5000):
    go(receive)
wait_parked(gate, receivers=5000)
gate.close()
""",
}


def everything() -> str:
    """Each in a function of its own, with a channel of its own; the busy ones last."""
    return "".join(
        f"def doing():\n    ch = Chan()\n    def parked(fn, *args):\n        async def body():\n"
        "            await fn(*args)\n        wait_waiting(go(body))\n"
        f"{textwrap.indent(doing, '    ')}\ndoing()\n"
        for name, doing in DOING.items()
        if name != "printing"
    )


def under_run(doing: str, end: str = "return 7", kind: str = "async def") -> str:
    body = textwrap.indent(doing, "    ")
    return f"{kind} main():\n{body}\n    {end}\n"


@pytest.mark.parametrize("doing", DOING)
def test_main_returns(doing: str) -> None:
    for _ in range(REPEATS):
        finished = leave(SETUP + DOING[doing] + MAIN_IS_OVER)
        assert finished.stderr == "", finished.describe()


@pytest.mark.parametrize("doing", DOING)
def test_main_returns_under_run(doing: str) -> None:
    """The goroutines are abandoned there; leaving afterwards is as if they had never been."""
    # The other run() goes on, with its main and a goroutine.
    left = 3 if doing == "run() in a thread" else 1
    after = f"assert run(main) == 7\nassert num_goroutine() == {left}, num_goroutine()\n"
    for _ in range(2):
        finished = leave(SETUP + under_run(DOING[doing]) + after + MAIN_IS_OVER)
        assert finished.stderr == "", finished.describe()


@pytest.mark.parametrize("kind", ["async def", "def"])
def test_main_returns_while_all_of_it_goes_on(kind: str) -> None:
    under = under_run(everything(), kind=kind) + "run(main)\n"
    for program in [everything(), under] * 3:
        finished = leave(SETUP + program + MAIN_IS_OVER)
        assert finished.stderr == "", finished.describe()


@pytest.mark.parametrize("doing", ["arecv", "a busy loop", "ping-pong", "aio", "time.sleep"])
def test_exit_codes(doing: str) -> None:
    """The program's own, with nothing on stderr but what the program itself caused."""
    finished = leave(SETUP + DOING[doing] + MAIN_IS_OVER + "sys.exit(3)\n", code=3)
    assert finished.stderr == "", finished.describe()
    finished = leave(SETUP + DOING[doing] + MAIN_IS_OVER + "1 / 0\n", code=1)
    assert finished.stderr.count("Traceback") == 1, finished.describe()


@pytest.mark.parametrize("kind", ["async def", "def"])
@pytest.mark.parametrize("doing", ["arecv", "a busy loop", "ping-pong", "aio", "time.sleep"])
def test_exit_codes_of_main_under_run(doing: str, kind: str) -> None:
    def program(end: str) -> str:
        return SETUP + under_run(DOING[doing] + MAIN_IS_OVER, end, kind) + "run(main)\n"

    finished = leave(program("sys.exit(3)"), code=3)
    assert finished.stderr == "", finished.describe()
    finished = leave(program("sys.exit('words')"), code=1)
    assert finished.stderr == "words\n", finished.describe()
    finished = leave(program("1 / 0"), code=1)
    assert finished.stderr.startswith("Traceback"), finished.describe()
    assert finished.stderr.endswith("ZeroDivisionError: division by zero\n"), finished.describe()
    assert finished.stderr.count("Traceback") == 1, finished.describe()
    finished = leave(program("raise KeyboardInterrupt"), code=-2 if os.name == "posix" else 1)
    assert finished.stderr.count("Traceback") == 1, finished.describe()
    assert finished.stderr.endswith("KeyboardInterrupt\n"), finished.describe()


def test_the_developer_mode_has_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """All warnings are shown there, and memory that is used wrongly shows."""
    monkeypatch.setenv("PYTHONDEVMODE", "1")
    names = ["asend", "async for", "await of a WaitGroup", "await of a goroutine", "agosched"]
    names += ["an async generator", "a blocking recv", "ping-pong", "never begun", "just woken"]
    for name in names:
        finished = leave(SETUP + DOING[name] + MAIN_IS_OVER)
        assert finished.stderr == "", finished.describe()


# ---------------------------------------------------------------- what may still be used


def test_atexit_functions_may_use_goroutines() -> None:
    """They are alive until the interpreter ends for good, and new ones start."""
    finished = procs.run("""
        import atexit
        from gochan import Chan, go, run

        ch, back = Chan(), Chan()

        async def echo():
            async for value in ch:
                await back.asend(value)

        async def once(value):
            await ch.asend(value)
            return await back.arecv()

        def last():
            print("echo", go(once, 1).result(20), run(once, 2))

        go(echo)
        atexit.register(last)
        """)
    assert finished.ok() == "echo 1 2\n"


def outlives_main(program: str) -> procs.Finished:
    """A thread that goes on when main has returned. `before_the_end()` runs before that."""
    return procs.run(f"""
import threading
from gochan import Chan, aio, go, run
from parking import wait_waiting

ch, back = Chan(), Chan()

async def echo():
    async for value in ch:
        await back.asend(value)

async def once(value):
    await ch.asend(value)
    return await back.arecv()

def serve():
    for i in range(20):
        assert go(once, i).result(20) == i
        assert run(once, i) == i
    print("served")

{program}

def outlive():
    threading.main_thread().join()
    after_the_end()
    serve()

before_the_end()
threading.Thread(target=outlive).start()
""")


def test_threads_that_outlive_main_may_use_goroutines() -> None:
    """Python waits for threads that are no daemons; for them the program is not over."""
    finished = outlives_main("""
def before_the_end():
    wait_waiting(go(echo))
def after_the_end():
    pass
""")
    assert finished.ok() == "served\n"


@pytest.mark.skipif(
    (3, 12) <= sys.version_info < (3, 12, 3),
    reason="CPython refuses new threads there once main has returned: DESIGN.md, section 10",
)
def test_threads_that_outlive_main_may_use_the_first_goroutines() -> None:
    """No thread of gochan's exists yet when main returns."""
    finished = outlives_main("""
def before_the_end():
    pass
def after_the_end():
    go(echo)
""")
    assert finished.ok() == "served\n"


# ---------------------------------------------------------------- very many


COUNTS = [
    (100_000, 1.0),
    pytest.param(
        1_000_000,
        2.0,
        marks=pytest.mark.skipif(
            "GOCHAN_MILLION" not in os.environ, reason="a minute, 1 GB: set GOCHAN_MILLION=1"
        ),
    ),
]


@pytest.mark.parametrize(("count", "within"), COUNTS)
def test_very_many_are_left_behind(count: int, within: float) -> None:
    crowd = f"""
async def wait():
    await ch.arecv_ok()
for _ in range({count}):
    go(wait)
wait_parked(ch, receivers={count})
"""
    finished = leave(SETUP + crowd + MAIN_IS_OVER, within=within, limit=300)
    assert finished.ok() == "main is over\n"


def test_each_of_very_many_is_closed() -> None:
    finished = procs.run(
        """
        import atexit
        ended = [0]
        # Registered before the import of gochan, so it is called after gochan's own.
        atexit.register(lambda: print("ended", ended[0]))

        from gochan import Chan, go
        from parking import wait_parked

        ch = Chan()
        async def wait():
            try:
                await ch.arecv_ok()
            finally:
                ended[0] += 1
        for _ in range(100_000):
            go(wait)
        wait_parked(ch, receivers=100_000)
        """,
        limit=120,
    )
    assert finished.ok() == "ended 100000\n"

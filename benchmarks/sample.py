"""One sample: `python sample.py SCENARIO CONTESTANT` prints one ns/op figure.

The number of operations is found here: runs grow from a handful, which warms the interpreter up,
until one lasts about `budget` seconds; that one alone counts.
"""

import argparse
import faulthandler
import importlib
import os
from collections.abc import Callable
from typing import Any

from scenarios import Contestant, find

FIRST = 16
GROWTH = 16.0


def measure(run: Callable[[int], float], budget: float, first: int) -> float:
    """Seconds per operation of the first run that lasts at least half of `budget`."""
    n = first
    while (taken := run(n)) < budget / 2:
        n = max(n + 1, round(n * min(GROWTH, budget / max(taken, 1e-9))))
    return taken / n


def sample(contestant: Contestant, budget: float) -> float:
    module, _, function = contestant.run.partition(":")
    fn: Any = getattr(importlib.import_module(f"peers.{module}"), function)
    # Starting a whole interpreter takes long enough to be counted one by one.
    first = 1 if module == "imports" else FIRST
    if contestant.loop is None:
        return measure(fn, budget, first)
    import asyncio

    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if contestant.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return measure(lambda n: float(runner.run(fn(n))), budget, first)


def main() -> None:
    parser = argparse.ArgumentParser(description="Take one sample and print its ns/op.")
    parser.add_argument("scenario")
    parser.add_argument("contestant")
    parser.add_argument("--budget", type=float, default=0.25)
    parser.add_argument("--timeout", type=float, default=20.0)
    args = parser.parse_args()
    # All stacks on stderr, then exit 1: run.py reports a hang together with where it hangs.
    faulthandler.enable()
    faulthandler.dump_traceback_later(args.timeout, exit=True)
    scenario = find(args.scenario)
    if scenario.one_cpu:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    per_op = sample(scenario.contestant(args.contestant), args.budget)
    faulthandler.cancel_dump_traceback_later()
    print(f"{per_op * 1e9:.3f}", flush=True)


if __name__ == "__main__":
    main()

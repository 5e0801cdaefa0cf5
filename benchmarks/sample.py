"""One sample: `python sample.py SCENARIO CONTESTANT` prints one figure, ns or bytes per operation.

The number of operations is found here: runs grow from a handful, which only warms up, until one
lasts about `budget` seconds; that one alone counts. Where the scenario asks for it, the
peak of resident memory follows in bytes.
"""

import argparse
import faulthandler
import importlib
import os
from collections.abc import Callable
from math import ceil
from typing import Any

import memory
from contest import Contestant, Scenario
from scenarios import find

GROWTH = 16.0


def measure(run: Callable[[int], float], budget: float, scenario: Scenario) -> float:
    """Seconds (or bytes) per operation of the first run that lasts at least half of `budget`.

    The very first never counts, unless a sample is `once`.
    """
    n = scenario.step
    taken = run(n)
    if scenario.once:
        return taken / n
    while True:
        steps = ceil(n / scenario.step * min(GROWTH, budget / max(taken, 1e-9)))
        n = steps * scenario.step
        taken = run(n)
        if taken >= budget / 2:
            return taken / n


def sample(scenario: Scenario, contestant: Contestant, budget: float) -> tuple[float, float | None]:
    """The figure in the scenario's unit, and the peak of resident memory where that is asked."""
    module, _, function = contestant.run.partition(":")
    fn: Any = getattr(importlib.import_module(f"peers.{module}"), function)
    per_op = _per_op(fn, budget, scenario, contestant)
    figure = per_op if scenario.unit == "B" else per_op * 1e9
    # A contestant in a process of its own knows its peak better than this one.
    peak = getattr(fn, "peak", memory.peak)
    return figure, peak() if scenario.peak else None


def _per_op(
    fn: Callable[[int], Any], budget: float, scenario: Scenario, contestant: Contestant
) -> float:
    if contestant.loop is None:
        return measure(fn, budget, scenario)
    import asyncio

    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if contestant.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return measure(lambda n: float(runner.run(fn(n))), budget, scenario)


def main() -> None:
    parser = argparse.ArgumentParser(description="Take one sample and print its figure.")
    parser.add_argument("scenario")
    parser.add_argument("contestant")
    parser.add_argument("--budget", type=float, default=0.2)
    parser.add_argument("--timeout", type=float, default=20.0)
    args = parser.parse_args()
    # All stacks on stderr, then exit 1: run.py reports a hang together with where it hangs.
    faulthandler.enable()
    faulthandler.dump_traceback_later(args.timeout, exit=True)
    scenario = find(args.scenario)
    if scenario.one_cpu:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    figure, peak = sample(scenario, scenario.contestant(args.contestant), args.budget)
    faulthandler.cancel_dump_traceback_later()
    print(f"{figure:.3f}" if peak is None else f"{figure:.3f} {peak:.0f}", flush=True)


if __name__ == "__main__":
    main()

"""Time gochan beside its peers: `python benchmarks/run.py [--quick]`; README.md has the rest."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from chart import draw
from contest import SUBJECT
from machine import build, cpu_seconds_elsewhere, setting
from report import table
from sampling import Effort, Outcome, run_rounds
from scenarios import SCENARIOS, find
from summary import as_json

RESULTS = Path(__file__).with_name("results")
FULL = Effort(rounds=5, heavy=3, budget=0.2)
QUICK = Effort(rounds=1, heavy=1, budget=0.05)


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time gochan beside its peers.")
    parser.add_argument("--quick", action="store_true", help="one round of short samples")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="how often each is sampled, heavy or not"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        choices=[s.name for s in SCENARIOS],
        help="this scenario alone; may be given several times",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the scenarios")
    parser.add_argument("--json", type=Path, metavar="PATH", help="where the figures go")
    parser.add_argument("--chart", type=Path, metavar="PATH", help="where the chart (PNG) goes")
    parser.add_argument(
        "--timeout", type=float, default=20.0, metavar="S", help="a sample this long has hung"
    )
    args = parser.parse_args(argv)
    if args.rounds is not None and args.rounds < 1:
        parser.error("--rounds must be at least 1")
    if not args.timeout > 0:
        parser.error("--timeout must be more than 0")
    return args


def show_progress(taken: int, total: int, what: str) -> None:
    """A line that overwrites itself on a terminal, and none elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{taken}/{total}  {what}", end="", file=sys.stderr, flush=True)


def clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def write(outcomes: list[Outcome], where: dict[str, object], figures: Path, chart: Path) -> None:
    figures.parent.mkdir(parents=True, exist_ok=True)
    record = where | {"scenarios": [as_json(outcome) for outcome in outcomes]}
    figures.write_text(json.dumps(record, indent=1) + "\n")
    print(f"figures: {os.path.relpath(figures)}")
    try:
        chart.parent.mkdir(parents=True, exist_ok=True)
        draw(outcomes, where, chart)
    except ImportError:
        print("chart: skipped, matplotlib is not installed")
    else:
        print(f"chart: {os.path.relpath(chart)}")


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    if args.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:<20}{scenario.title}")
        return 0
    effort = QUICK if args.quick else FULL
    if args.rounds:
        effort = Effort(args.rounds, args.rounds, effort.budget)
    chosen = [find(name) for name in dict.fromkeys(args.only)] if args.only else list(SCENARIOS)
    left_out = [s for s in chosen if args.quick and not args.only and not s.quick]
    chosen = [s for s in chosen if s not in left_out]
    # A partial or hasty run must not replace the figures of a whole one.
    stem = "partial" if args.only else "quick" if args.quick else "full"
    begin, busy = time.monotonic(), cpu_seconds_elsewhere()
    where = setting() | {
        "rounds": effort.rounds,
        "heavy_rounds": effort.heavy,
        "budget": effort.budget,
    }
    try:
        outcomes = run_rounds(chosen, effort, args.timeout, show_progress)
    except KeyboardInterrupt:
        clear_progress()
        print("interrupted: nothing written", file=sys.stderr)
        return 130
    clear_progress()
    took, busy_now = time.monotonic() - begin, cpu_seconds_elsewhere()
    where["seconds"] = round(took, 1)
    where["rebuilt_meanwhile"] = build() != where["gochan"]["build"]
    where["cpus_used_elsewhere"] = None
    if busy is not None and busy_now is not None:
        where["cpus_used_elsewhere"] = round((busy_now - busy) / took, 2)
    print(table(outcomes, where))
    print(f"took {where['seconds']} s")
    if left_out:
        print(f"left out by --quick: {', '.join(s.name for s in left_out)}")
    write(
        outcomes,
        where,
        args.json or RESULTS / f"{stem}.json",
        args.chart or RESULTS / f"{stem}.png",
    )
    # A missed target is news, not an error; a gochan that crashes or hangs is one.
    return 1 if any(outcome.entry(SUBJECT).failures for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())

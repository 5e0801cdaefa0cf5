"""`python -m gochan bench`: gochan beside what Python has, on this machine, in under a minute.

Each sample is a process of its own, so that none is warmed by another. They are taken in rounds,
all contestants once in each, and gochan's ratio is that of a round: what else the machine does
falls on both sides. The whole benchmark, with more peers and with Go, is benchmarks/run.py of the
repository.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import gochan
from gochan._bench_rows import ROWS, Contestant, Row

ROUNDS = 5  # at most
LIMIT = 20.0  # seconds after which a sample has hung
BUSY = 0.5  # a load above that shows in the figures
START = 0.15  # about what a process needs beside its measured run

Samples = dict[tuple[str, str], list[float | None]]  # by row and contestant, one for each round


def run(seconds: float, only: Sequence[str] = ()) -> int:
    """The command; returns its exit code: 1 if one of gochan's own samples failed."""
    began, busy = time.monotonic(), load()
    names = [row.name for row in ROWS]
    if unknown := [name for name in only if name not in names]:
        print(f"gochan bench: no row {unknown[0]!r}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    rows = [row for row in ROWS if not only or row.name in only]
    if not os.path.exists("/proc/self/statm"):
        rows = [row for row in rows if row.unit != "B"]
    taking = [(row, one) for row in rows for one in row.contestants if installed(one)]
    samples: Samples = {(row.name, one.name): [] for row, one in taking}
    trouble: list[str] = []
    # A third of its time for the measured run, as the runs before it take about as long.
    budget = min(0.2, max(0.005, (seconds / 3 / max(1, len(taking)) - START) / 3))
    rounds = 0
    while rounds < ROUNDS:
        for number, (row, one) in enumerate(taking):
            progress(f"round {rounds + 1}, {number + 1} of {len(taking)}: {row.title}, {one.name}")
            figure, failure = take(row, one, budget)
            samples[row.name, one.name].append(figure)
            if failure:
                trouble.append(f"failed: {row.title}: {one.name}: {failure}")
        rounds += 1
        # One more only if it will be over in time.
        if (time.monotonic() - began) * (rounds + 1) / rounds > seconds:
            break
    progress("")
    if busy > BUSY:
        trouble.append(f"the machine was busy (load {busy:.1f}): the figures mean little")
    print(report(rows, samples, rounds, trouble, time.monotonic() - began))
    return int(any(None in samples[row.name, row.contestants[0].name] for row in rows))


def load() -> float:
    """How many processes have wanted to run in the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def installed(contestant: Contestant) -> bool:
    return not contestant.needs or importlib.util.find_spec(contestant.needs) is not None


def take(row: Row, contestant: Contestant, budget: float) -> tuple[float | None, str]:
    """One sample, or None and why there is none."""
    command = [sys.executable, "-m", "gochan._bench_rows", row.name, contestant.name, str(budget)]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, encoding="utf-8", timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return None, f"took more than {LIMIT:g} s"
    try:
        return float(done.stdout), ""
    except ValueError:
        last = done.stderr.strip().rpartition("\n")[2]
        return None, last or f"exit code {done.returncode}"


def progress(text: str) -> None:
    """A line that overwrites itself on a terminal, and none elsewhere."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r\033[K{text[:79]}", end="", file=sys.stderr, flush=True)


# ---------------------------------------------------------------------- the table
def report(
    rows: Sequence[Row], samples: Samples, rounds: int, trouble: Sequence[str], took: float
) -> str:
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    lines = [
        f"gochan {gochan.__version__}, {platform.python_implementation()} "
        f"{platform.python_version()}, {platform.system()} {platform.machine()}, {cpus} CPUs",
        f"{rounds} interleaved round{'s' * (rounds > 1)} of fresh processes, medians",
        "",
        f"{'':<34}{'each':>9}{'gochan/it':>12}",
    ]
    for row in rows:
        lines += [row.title, *table(row, samples)]
    lines += ["", *missing(rows)]
    lines += dict.fromkeys(trouble)
    lines.append(f"took {took:.0f} s")
    return "\n".join(lines)


def table(row: Row, samples: Samples) -> Iterator[str]:
    own = samples[row.name, row.contestants[0].name]
    for one in row.contestants:
        figures = samples.get((row.name, one.name))
        if figures is None:
            yield f"  {one.name:<32}{'-':>9}  not installed"
            continue
        known = [figure for figure in figures if figure is not None]
        if not known:
            yield f"  {one.name:<32}{'failed':>9}"
            continue
        ratio = ""
        if figures is not own:
            pairs = zip(own, figures, strict=True)
            ratios = [mine / its for mine, its in pairs if mine is not None and its]
            ratio = times(statistics.median(ratios)) if ratios else "-"
        each = quantity(statistics.median(known), row.unit)
        yield f"  {one.name:<32}{each:>9}{ratio:>12}".rstrip()


def missing(rows: Sequence[Row]) -> Iterator[str]:
    needed = dict.fromkeys(one.needs for row in rows for one in row.contestants if one.needs)
    if absent := [name for name in needed if importlib.util.find_spec(name) is None]:
        names = " ".join(absent)
        yield f"not compared, as not installed: {', '.join(absent)} (python -m pip install {names})"
    yield "not compared here: Go, gevent, culsans, py-routine; benchmarks/run.py of the repository"


def times(ratio: float) -> str:
    """Two digits, and all of those before the point: 0.043 x, 1.2 x, 25 x, 104 x."""
    return f"{ratio:.2g} x" if ratio < 9.95 else f"{ratio:.0f} x"


def quantity(value: float, unit: str) -> str:
    """Three digits and a unit: 57.1 ns, 4.08 us, 163 us, 953 B."""
    *names, name = ("B", "KB", "MB") if unit == "B" else ("ns", "us", "ms", "s")
    number = value if unit == "B" else value * 1e9
    for smaller in names:
        if number < 999.5:
            name = smaller
            break
        number /= 1e3
    digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:.{digits}f} {name}"

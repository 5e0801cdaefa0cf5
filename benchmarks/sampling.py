"""Running samples: a fresh process each, in interleaved rounds; what fails is told in a word."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from signal import Signals

import memory
import toolchain
from contest import Contestant, Scenario

SAMPLE = Path(__file__).with_name("sample.py")
# Beyond its own limit, by which a hung sample prints its stacks, a process gets this long to go.
GRACE = 5.0
# A contestant that failed this often is left out of the rounds that remain.
PATIENCE = 2
# A heavy sample may take so many times as long before it has hung.
HEAVY = 3
# Where the distribution is not called what it is imported as.
DISTRIBUTIONS = {"pyroutine": "pygo-routines", "gochan": "pygochan", "golang": "pygolang"}


@dataclass(frozen=True, slots=True)
class Effort:
    """How often each contestant is sampled, how often where that takes seconds, and how long."""

    rounds: int
    heavy: int
    budget: float

    def of(self, scenario: Scenario) -> int:
        return self.heavy if scenario.heavy else self.rounds


@dataclass(slots=True)
class Entry:
    """What is known of one contestant: figures by round (None for a failed sample), and failures.

    `peaks` are those of resident memory, where the scenario asks for them.
    """

    contestant: Contestant
    skipped: str = ""
    samples: list[float | None] = field(default_factory=list)
    peaks: list[float | None] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)

    @property
    def out(self) -> bool:
        return bool(self.skipped) or len(self.failures) >= PATIENCE


@dataclass(slots=True)
class Outcome:
    scenario: Scenario
    entries: list[Entry]
    derived: bool = False  # from the samples of another

    def entry(self, name: str) -> Entry:
        return next(e for e in self.entries if e.contestant.name == name)

    def peaks(self) -> "Outcome | None":
        if self.scenario.peak is None:
            return None
        entries = [replace(e, samples=e.peaks) for e in self.entries]
        return Outcome(self.scenario.peak, entries, derived=True)


class SampleFailed(Exception):
    """One sample gave no figure: a word on why, and what it wrote on stderr."""

    def __init__(self, word: str, stderr: str) -> None:
        super().__init__(word)
        self.word = word
        self.stderr = stderr


def missing(scenario: Scenario, contestant: Contestant) -> str:
    """What keeps the contestant from taking part here, in a word, or nothing."""
    if scenario.one_cpu and not hasattr(os, "sched_setaffinity"):
        return "this system cannot pin a process to a CPU"
    if (scenario.unit == "B" or scenario.peak) and not memory.readable():
        return "this system does not tell a process's memory in /proc"
    if scenario.free_gb > (memory.available_gb() or 0):
        return f"{scenario.free_gb:g} GB of memory are not free"
    for name in contestant.needs:
        if name == "go":
            return toolchain.missing()
        if importlib.util.find_spec(name) is None:
            return f"{DISTRIBUTIONS.get(name, name)} is not installed"
    return ""


def take_sample(
    scenario: Scenario, contestant: Contestant, budget: float, timeout: float
) -> list[float]:
    """What one fresh process prints: its figure, and its peak of memory where that is asked."""
    timeout *= HEAVY if scenario.heavy else 1
    command = [sys.executable, str(SAMPLE), scenario.name, contestant.name]
    command += ["--budget", str(budget), "--timeout", str(timeout)]
    # py-routine warns at import wherever there is a GIL; its own switch keeps stderr for errors.
    env = os.environ | {"PYROUTINE_NO_GIL_WARNING": "1"}
    # A tree installed in place has no bytecode yet: without it an import would time the compiler.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            env=env,
            timeout=timeout + GRACE,
        )
    except subprocess.TimeoutExpired as error:
        stderr = error.stderr or b""
        text = stderr if isinstance(stderr, str) else stderr.decode(errors="replace")
        raise SampleFailed(f"hung beyond {timeout:g} s and had to be killed", text) from None
    if done.returncode == 0:
        try:
            return [float(number) for number in done.stdout.split()]
        except ValueError:
            word = f"printed {done.stdout[:40]!r}, which is no figure"
            raise SampleFailed(word, done.stderr) from None
    raise SampleFailed(_why(done.returncode, done.stderr, timeout), done.stderr)


def _why(code: int, stderr: str, timeout: float) -> str:
    if "Timeout (" in stderr:
        return f"hung beyond {timeout:g} s"
    if code < 0:
        try:
            return f"crashed with {Signals(-code).name}"
        except ValueError:
            return f"crashed with signal {-code}"
    lines = stderr.strip().splitlines()
    return f"exit code {code}: {lines[-1].strip()}" if lines else f"exit code {code}"


def run_rounds(
    scenarios: Sequence[Scenario],
    effort: Effort,
    timeout: float,
    progress: Callable[[int, int, str], None],
) -> list[Outcome]:
    """Every contestant once per round; those of one scenario in a row, another one first each time.

    So a round's ratio compares samples taken seconds apart, and slow drift falls on all alike.
    """
    outcomes = [Outcome(s, [Entry(c) for c in s.contestants]) for s in scenarios]
    for outcome in outcomes:
        for entry in outcome.entries:
            entry.skipped = missing(outcome.scenario, entry.contestant)
    total = sum(effort.of(o.scenario) for o in outcomes for e in o.entries if not e.out)
    taken = 0
    for number in range(max(effort.of(s) for s in scenarios)):
        for outcome in outcomes:
            rounds = effort.of(outcome.scenario)
            if number >= rounds:
                continue
            turn = number % len(outcome.entries)
            for entry in outcome.entries[turn:] + outcome.entries[:turn]:
                if entry.skipped:
                    continue
                taken += 1
                if entry.out:
                    entry.samples.append(None)
                    entry.peaks.append(None)
                    continue
                label = f"{outcome.scenario.name}: {entry.contestant.name}"
                progress(taken, total, f"round {number + 1} of {rounds}, {label}")
                try:
                    figure, *peak = take_sample(
                        outcome.scenario, entry.contestant, effort.budget, timeout
                    )
                    entry.samples.append(figure)
                    entry.peaks += peak
                except SampleFailed as failure:
                    entry.samples.append(None)
                    entry.peaks.append(None)
                    entry.failures.append(failure.word)
                    entry.stderr.append(failure.stderr[-8000:])
    both = [(outcome, outcome.peaks()) for outcome in outcomes]
    return [found for pair in both for found in pair if found is not None]

"""From samples to figures: median, quartiles, and gochan's ratio to each contestant by round."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from contest import SUBJECT, Reach
from sampling import Entry, Outcome


@dataclass(frozen=True, slots=True)
class Spread:
    """A median between its quartiles."""

    median: float
    low: float
    high: float
    count: int

    def as_json(self) -> dict[str, float]:
        return {"median": self.median, "q1": self.low, "q3": self.high, "count": self.count}


@dataclass(frozen=True, slots=True)
class Verdict:
    reach: Reach
    met: bool | None  # None: nothing to judge by
    word: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    entry: Entry
    time: Spread | None  # ns per operation, or bytes
    against: Spread | None  # gochan / this one, or ms gochan takes more; None for gochan itself
    verdicts: tuple[Verdict, ...]


def spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, _, high = quantiles(values, n=4, method="inclusive")
    return Spread(median(values), low, high, len(values))


def compare(subject: Entry, other: Entry, kind: str) -> Spread | None:
    """The median of what the rounds say one by one, over rounds in which both gave a figure."""
    pairs = [
        (a, b)
        for a, b in zip(subject.samples, other.samples, strict=False)
        if a is not None and b is not None
    ]
    if kind == "ms":
        return spread([(a - b) / 1e6 for a, b in pairs])
    return spread([a / b for a, b in pairs])


def judge(reach: Reach, against: Spread | None, subject: Entry) -> Verdict:
    """`against` is the comparison, or gochan's own figure for a target that it has alone."""
    if subject.failures:
        return Verdict(reach, False, "failed")
    if against is None:
        return Verdict(reach, None, "no figure")
    if reach.kind == "ms":
        met = against.median < reach.limit
        over = f"{against.median - reach.limit:.1f} ms"
    else:
        met = against.median <= reach.limit
        percent = (against.median / reach.limit - 1) * 100
        over = f"{percent:.0f} %" if percent >= 1 else "under 1 %"
    return Verdict(reach, met, "met" if met else f"missed by {over}")


def rows(outcome: Outcome) -> list[Row]:
    """One row per contestant: gochan first, the others by speed, those without a figure last."""
    subject = outcome.entry(SUBJECT)
    found = []
    for entry in outcome.entries:
        time = spread([s for s in entry.samples if s is not None])
        reaches = [r for r in outcome.scenario.reaches if r.against == entry.contestant.name]
        if entry is subject:
            found.append(Row(entry, time, None, tuple(judge(r, time, entry) for r in reaches)))
            continue
        against = compare(subject, entry, outcome.scenario.compares_by)
        verdicts = tuple(judge(reach, against, subject) for reach in reaches)
        found.append(Row(entry, time, against, verdicts))
    return sorted(
        found,
        key=lambda r: (r.entry is not subject, r.time.median if r.time else float("inf")),
    )


def as_json(outcome: Outcome) -> dict[str, Any]:
    scenario = outcome.scenario
    return {
        "name": scenario.name,
        "title": scenario.title,
        "operation": scenario.op,
        "unit": scenario.unit,
        "compares_by": scenario.compares_by,
        "contestants": [
            {
                "name": row.entry.contestant.name,
                "loop": row.entry.contestant.loop,
                "skipped": row.entry.skipped or None,
                "samples": row.entry.samples,
                "figure": row.time.as_json() if row.time else None,
                "gochan_against_it": row.against.as_json() if row.against else None,
                "reaches": [
                    {
                        "limit": verdict.reach.limit,
                        "kind": verdict.reach.kind,
                        "when": verdict.reach.when or None,
                        "met": verdict.met,
                        "word": verdict.word,
                    }
                    for verdict in row.verdicts
                ],
                "failures": [
                    {"word": word, "stderr": stderr}
                    for word, stderr in zip(row.entry.failures, row.entry.stderr, strict=True)
                ],
            }
            for row in rows(outcome)
        ],
    }

"""The table, as plain text of at most 120 columns."""

from collections.abc import Iterator, Sequence
from typing import Any

from contest import SUBJECT, Reach, Unit
from sampling import Outcome
from summary import Row, Spread, rows

WIDTH = 118
# So many CPUs kept busy by other programs show in the figures.
BUSY = 0.1


SCALES: dict[Unit, tuple[str, ...]] = {"ns": ("ns", "us", "ms", "s"), "B": ("B", "KB", "MB", "GB")}


def quantity(value: float, unit: Unit) -> str:
    """Three digits and a unit: 57.1 ns, 4.08 us, 163 us, 953 B, 2.76 GB."""
    *steps, last = SCALES[unit]
    for step in steps:
        if value < 999.5:
            return f"{_three(value)} {step}"
        value /= 1e3
    return f"{_three(value)} {last}"


def _round(value: float, unit: Unit) -> str:
    """A round number and a unit: 1 GB."""
    *steps, last = SCALES[unit]
    for step in steps:
        if value < 1e3:
            return f"{value:g} {step}"
        value /= 1e3
    return f"{value:g} {last}"


def _three(value: float) -> str:
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _against(spread: Spread, kind: str) -> tuple[str, str]:
    if kind == "ms":
        return f"{spread.median:+.1f} ms", f"{spread.low:+.1f} .. {spread.high:+.1f}"
    return f"{_ratio(spread.median)} x", f"{_ratio(spread.low)} .. {_ratio(spread.high)}"


def _ratio(value: float) -> str:
    return f"{value:.2g}" if value < 0.0995 else f"{value:.2f}" if value < 9.995 else f"{value:.0f}"


def _reach(reach: Reach, unit: Unit) -> str:
    if reach.kind == "own":
        return f"< {_round(reach.limit, unit)}"
    return f"< {reach.limit:g} ms" if reach.kind == "ms" else f"<= {reach.limit:g} x"


def _line(*cells: str) -> str:
    name, time, quartiles, ratio, ratios, reach, word = cells
    return (
        f"  {name:<31}{time:>8}  {quartiles:>18}  {ratio:>9}  {ratios:>15}  {reach:>8}  {word}"
    ).rstrip()


def _row(row: Row, kind: str, unit: Unit) -> Iterator[str]:
    name = row.entry.contestant.name
    if row.time is None:
        word = f"skipped: {row.entry.skipped}" if row.entry.skipped else "no figure: see below"
        yield f"  {name:<31}{word}"
        return
    quartiles = f"{quantity(row.time.low, unit)} .. {quantity(row.time.high, unit)}"
    alone = ("", "") if name == SUBJECT else ("-", "")
    ratio, ratios = _against(row.against, kind) if row.against else alone
    cells = [name, quantity(row.time.median, unit), quartiles, ratio, ratios]
    if not row.verdicts:
        yield _line(*cells, "", "")
    for verdict in row.verdicts:
        if verdict.reach.when:
            cells = [f"  {verdict.reach.when}", "", "", "", ""]
        yield _line(*cells, _reach(verdict.reach, unit), verdict.word)


def _trouble(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        for entry in outcome.entries:
            if entry.failures and not outcome.derived:
                name = f"{outcome.scenario.name}: {entry.contestant.name}"
                words = "; ".join(dict.fromkeys(entry.failures))
                gone = ", then left out" if entry.out else ""
                yield f"  {name} failed {len(entry.failures)} x{gone}: {words}"[: 2 * WIDTH]


def table(outcomes: Sequence[Outcome], setting: dict[str, Any]) -> str:
    """The whole report: where it ran, a block per scenario, targets met, trouble."""
    gochan, python, cpus = setting["gochan"], setting["python"], setting["cpus"]
    lines = [
        f"gochan {gochan['version']}, commit {gochan['commit']}; "
        f"{python['implementation']} {python['version']}; {cpus} CPUs, {setting['processor']}",
        f"{setting['rounds']} interleaved rounds, {setting['heavy_rounds']} of heavy scenarios; "
        f"every sample a fresh process of about {setting['budget']:g} s; medians and quartiles",
    ]
    peers = ", ".join(f"{name} {version}" for name, version in setting["peers"].items() if version)
    if peers:
        lines.append(f"peers: {peers}")
    elsewhere = setting["cpus_used_elsewhere"]
    if elsewhere is not None and elsewhere > BUSY:
        lines.append(f"other programs kept {elsewhere:.1f} CPUs busy meanwhile: trust no figure")
    if setting["rebuilt_meanwhile"]:
        lines.append("gochan was rebuilt meanwhile: its samples are of different builds")
    lines += [
        "",
        _line("", "time", "quartiles", "gochan/it", "quartiles", "reach", ""),
    ]
    met = judged = 0
    for outcome in outcomes:
        scenario = outcome.scenario
        note = "; third column: gochan less it" if scenario.compares_by == "ms" else ""
        lines.append(f"{scenario.name}: {scenario.title} (per op: {scenario.op}{note})"[:WIDTH])
        for row in rows(outcome):
            lines += _row(row, scenario.compares_by, scenario.unit)
            judged += sum(v.met is not None for v in row.verdicts)
            met += sum(v.met is True for v in row.verdicts)
        lines.append("")
    lines.append(f"targets met: {met} of {judged}")
    if trouble := list(_trouble(outcomes)):
        lines += ["trouble (the stacks are in the JSON):", *trouble]
    return "\n".join(lines)

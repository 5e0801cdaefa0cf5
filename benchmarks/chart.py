"""The chart: horizontal bars on a log scale, a panel per scenario."""

from collections.abc import Sequence
from math import floor, log10
from pathlib import Path
from typing import Any

from contest import SUBJECT
from report import quantity
from sampling import Outcome
from summary import Row, rows

OWN, OTHER, FLOOR = "#0b7a75", "#b8bec6", "#dfe3e8"
COLUMNS = 2


def draw(outcomes: Sequence[Outcome], setting: dict[str, Any], path: Path) -> None:
    """Write a PNG; ImportError where matplotlib is not installed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = [(o, [r for r in rows(o) if r.time]) for o in outcomes]
    panels = [(o, found) for o, found in panels if found]
    columns = min(COLUMNS, len(panels)) or 1
    lanes = [panels[k : k + columns] for k in range(0, len(panels), columns)]
    heights = [max(len(found) for _, found in lane) + 2.0 for lane in lanes] or [1.0]
    figure, grid = plt.subplots(
        len(heights),
        columns,
        figsize=(7.6 * columns, 0.29 * sum(heights) + 0.9),
        gridspec_kw={"height_ratios": heights},
        squeeze=False,
        layout="constrained",
    )
    for lane, axes_of_lane in enumerate(grid):
        for column, axes in enumerate(axes_of_lane):
            if lane < len(lanes) and column < len(lanes[lane]):
                _panel(axes, *lanes[lane][column], slots=max(len(f) for _, f in lanes[lane]))
            else:
                axes.set_visible(False)
    python = setting["python"]
    figure.suptitle(
        f"time (or memory) of one operation, log scale, shorter is better: gochan "
        f"{setting['gochan']['version']}, {python['implementation']} {python['version']}, "
        f"{setting['cpus']} CPUs",
        fontsize=11,
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _panel(axes: Any, outcome: Outcome, found: list[Row], *, slots: int) -> None:
    """One scenario; `slots` is the longest of its lane, so that bars are equally thick."""
    times = [row.time for row in found if row.time]
    names = [row.entry.contestant.name for row in found]
    colours = [OWN if n == SUBJECT else FLOOR if "floor" in n else OTHER for n in names]
    medians = [time.median for time in times]
    # A log bar has no zero: it starts a little under the smallest, so that this one still shows.
    left = 10 ** (log10(min(time.low for time in times)) - 0.35)
    right = max(time.high for time in times) * 10**0.45
    places = range(len(found))
    axes.barh(places, [m - left for m in medians], left=left, color=colours, height=0.72)
    axes.hlines(
        places, [t.low for t in times], [t.high for t in times], color="#333333", linewidth=1.2
    )
    for place, time in zip(places, times, strict=True):
        axes.annotate(
            quantity(time.median, outcome.scenario.unit),
            (max(time.high, time.median), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    axes.set_yticks(list(places), names, fontsize=8)
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if name == SUBJECT else "normal")
    axes.set_ylim(slots - 0.4, -0.6)
    decades = range(floor(log10(left)), floor(log10(right)) + 1)
    ticks = [10.0**d for d in decades if left <= 10.0**d <= right]
    axes.set_xticks(ticks, [quantity(t, outcome.scenario.unit) for t in ticks], fontsize=7)
    axes.minorticks_off()
    axes.set_title(outcome.scenario.title, fontsize=9, loc="left")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)

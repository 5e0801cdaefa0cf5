"""The chart: horizontal bars on a log scale, a panel per scenario, made to be read on a page."""

from collections.abc import Sequence
from io import BytesIO
from math import floor, log10
from pathlib import Path
from typing import Any

from contest import SUBJECT
from report import quantity
from sampling import Outcome
from summary import Row, rows

OWN, GO, OTHER, FLOOR = "#0b7a75", "#6a8fbf", "#b8bec6", "#dfe3e8"
KEY = {OWN: "gochan", GO: "Go", OTHER: "others", FLOOR: "a floor, to compare with"}
COLUMNS = 2
# A page shows it some 10 inches wide, so on a wider one the type would shrink.
INCHES = 5.1  # of a column
SHARP = 130


def draw(outcomes: Sequence[Outcome], setting: dict[str, Any], path: Path) -> None:
    """Write a PNG; ImportError where matplotlib is not installed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch
    from PIL import Image

    panels = [(o, [r for r in rows(o) if r.time]) for o in outcomes]
    panels = [(o, found) for o, found in panels if found]
    columns = min(COLUMNS, len(panels)) or 1
    lanes = [panels[k : k + columns] for k in range(0, len(panels), columns)]
    heights = [max(len(found) for _, found in lane) + 2.0 for lane in lanes] or [1.0]
    figure, grid = plt.subplots(
        len(heights),
        columns,
        figsize=(INCHES * columns, 0.24 * sum(heights) + 0.9),
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
        f"time (or memory) of one operation, log scale, shorter is better\ngochan "
        f"{setting['gochan']['version']}, {python['implementation']} {python['version']}, "
        f"{setting['cpus']} CPUs",
        fontsize=10,
    )
    figure.legend(
        handles=[Patch(color=colour, label=meaning) for colour, meaning in KEY.items()],
        loc="outside lower center",
        ncols=len(KEY),
        fontsize=8,
        frameon=False,
    )
    with BytesIO() as drawn:
        figure.savefig(drawn, dpi=SHARP)
        # It has few colours: said so, the file is a third of the size.
        Image.open(drawn).convert("RGB").quantize(64).save(path, optimize=True)
    plt.close(figure)


def _colour(contestant: str) -> str:
    if contestant == SUBJECT:
        return OWN
    if "floor" in contestant:
        return FLOOR
    return GO if contestant.startswith("Go,") else OTHER


def _panel(axes: Any, outcome: Outcome, found: list[Row], *, slots: int) -> None:
    """One scenario; `slots` is the longest of its lane, so that bars are equally thick."""
    times = [row.time for row in found if row.time]
    names = [row.entry.contestant.name for row in found]
    colours = [_colour(name) for name in names]
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
    axes.annotate(
        outcome.scenario.title,
        (0, 1),
        xycoords="axes fraction",
        # Titles are as long as a column is wide: they begin above the names, not above the bars.
        xytext=(-105, 4),
        textcoords="offset points",
        fontsize=8.5,
        annotation_clip=False,
    )
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)

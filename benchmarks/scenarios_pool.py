"""The scenarios of pools: jobs that do nothing, so that what is left is the pool."""

from contest import SUBJECT, Contestant, Reach, Scenario
from drive_pool import BURST, WORKERS

EXECUTOR = f"ThreadPoolExecutor({WORKERS})"


def _gochan(function: str) -> Contestant:
    return Contestant(SUBJECT, f"gochan_pool:{function}", ("gochan",))


def _std(function: str) -> Contestant:
    return Contestant(EXECUTOR, f"std_pool:{function}")


POOLS: tuple[Scenario, ...] = (
    Scenario(
        "pool-submit",
        f"Pool({WORKERS}).submit of {BURST:,} functions that do nothing, all waited for",
        "a job",
        (
            _gochan("submit"),
            Contestant("Pool that holds back", "gochan_pool:submit_held_back", ("gochan",)),
            _std("submit"),
        ),
        step=BURST,
    ),
    Scenario(
        "pool-result",
        f"Pool({WORKERS}).submit(f).result(), one after the other",
        "a job",
        (_gochan("round_trips"), _std("round_trips")),
    ),
    Scenario(
        "pool-map",
        f"Pool({WORKERS}).map of a function that does next to nothing",
        "an item",
        (_gochan("walk"), _std("walk")),
        (Reach(EXECUTOR, 0.1),),
    ),
)

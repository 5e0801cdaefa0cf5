"""What a scenario is made of: who takes part, in what unit, and what gochan is to reach."""

from dataclasses import dataclass, replace
from typing import Literal

SUBJECT = "gochan"

Unit = Literal["ns", "B"]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One bar of a scenario: `run` is module:function in peers, `needs` what must be importable.

    A need called "go" is the Go toolchain.
    """

    name: str
    run: str
    needs: tuple[str, ...] = ()
    loop: Literal["asyncio", "uvloop"] | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """The target against one contestant: a ratio at most, or less than so many ms more.

    Of kind "own" it holds for gochan's own figure alone, which is to stay under the limit, in the
    unit of the scenario.
    """

    against: str
    limit: float
    kind: Literal["ratio", "ms", "own"] = "ratio"
    when: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    op: str
    contestants: tuple[Contestant, ...]
    reaches: tuple[Reach, ...] = ()
    one_cpu: bool = False  # the sample's process keeps to a single CPU
    unit: Unit = "ns"
    step: int = 16  # runs are multiples of it, the first run is one
    once: bool = False  # a sample is that first run: what it measures happens once in a process
    heavy: bool = False  # takes seconds: fewer rounds, more patience
    quick: bool = True  # takes part in --quick
    free_gb: float = 0  # memory it needs
    # The peak of resident memory of the same samples is a scenario too, with these targets.
    peak_reaches: tuple[Reach, ...] | None = None

    @property
    def compares_by(self) -> Literal["ratio", "ms"]:
        return "ms" if any(reach.kind == "ms" for reach in self.reaches) else "ratio"

    @property
    def peak(self) -> "Scenario | None":
        if self.peak_reaches is None:
            return None
        return replace(
            self,
            name=f"{self.name}-peak",
            title=f"peak of resident memory in the samples of {self.name}",
            op="a process",
            reaches=self.peak_reaches,
            unit="B",
            peak_reaches=None,
        )

    def contestant(self, name: str) -> Contestant:
        return next(c for c in self.contestants if c.name == name)


def on(loop: Literal["asyncio", "uvloop"], *contestants: Contestant) -> tuple[Contestant, ...]:
    """The contestants as coroutines on a loop that the sample runs for them."""
    extra = ("uvloop",) if loop == "uvloop" else ()
    return tuple(replace(c, needs=c.needs + extra, loop=loop) for c in contestants)

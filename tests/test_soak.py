"""Short soaks in every run of the suite. The long ones: `python tests/soak.py --runs 20`."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator

import pytest

from soak import Soak
from swarm import Swarm

# Below faulthandler_timeout of pyproject.toml, so that a soak that is stuck says where.
LIMIT = 100.0
VALUES = int(os.environ.get("GOCHAN_SOAK_VALUES", "20000"))


@pytest.fixture(autouse=True)
def young_heap() -> Iterator[None]:
    """A collector in a loop looks at what the soak makes, not at what thousands of tests left."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.soak
@pytest.mark.parametrize("run", range(3))
def test_soak(run: int) -> None:
    seed = random.randrange(2**32)
    print(f"python tests/soak.py --values {VALUES} --seed {seed}")
    soak = Soak(VALUES, seed)
    soak.run(limit=LIMIT + VALUES / 2000)
    print(soak)
    assert soak.cancels > 10, "there was no chaos"
    assert soak.closes > 5, "there was no chaos"


@pytest.mark.soak
@pytest.mark.parametrize("goroutines", [4, 50, 500])
def test_soak_with_goroutines(goroutines: int) -> None:
    seed = random.randrange(2**32)
    print(f"python tests/soak.py --goroutines {goroutines} --values {VALUES} --seed {seed}")
    soak = Soak(VALUES, seed, goroutines)
    soak.run(limit=LIMIT + VALUES / 2000)
    print(soak)
    assert soak.closes > 5, "there was no chaos"
    assert soak.collections > 5, "nothing was collected"
    assert soak.goroutines > 4 * goroutines, "they did not take turns"


@pytest.mark.soak
@pytest.mark.parametrize("goroutines", [0, 50])
def test_soak_with_selects(goroutines: int) -> None:
    seed, values = random.randrange(2**32), VALUES // 5  # each takes many times as many steps
    print(
        f"python tests/soak.py --selects --goroutines {goroutines} --values {values} --seed {seed}"
    )
    soak = Soak(values, seed, goroutines, selects=True)
    soak.run(limit=LIMIT + VALUES / 2000)
    print(soak)
    assert soak.cancels > 10 and soak.closes > 5, "there was no chaos"
    for what in ("sent", "received", "closed", "default", "timeout", "context", "cancelled"):
        assert soak.ends[what] > 20, f"no select ended in {what!r}"


@pytest.mark.soak
@pytest.mark.parametrize("under_run", [False, True], ids=["go", "run"])
@pytest.mark.parametrize("goroutines", [24, 3000])
def test_swarm(goroutines: int, under_run: bool) -> None:
    seed = random.randrange(2**32)
    print(f"python tests/swarm.py --goroutines {goroutines} --values {VALUES} --seed {seed}")
    swarm = Swarm(goroutines, VALUES, seed)
    swarm.run(under_run, limit=LIMIT + VALUES / 2000)
    print(swarm)
    assert swarm.begun > 2 * goroutines, "they did not begin and end"
    assert swarm.lost > 0, "none was lost"

"""A short soak in every run of the suite. The long one: `python tests/soak.py --runs 20`."""

from __future__ import annotations

import os
import random

import pytest

from soak import Soak

VALUES = int(os.environ.get("GOCHAN_SOAK_VALUES", "20000"))


@pytest.mark.soak
@pytest.mark.parametrize("run", range(3))
def test_soak(run: int) -> None:
    seed = random.randrange(2**32)
    print(f"python tests/soak.py --values {VALUES} --seed {seed}")
    soak = Soak(VALUES, seed)
    soak.run(limit=60 + VALUES / 2000)
    print(soak)
    assert soak.cancels > 10, "there was no chaos"
    assert soak.closes > 5, "there was no chaos"

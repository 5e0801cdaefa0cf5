"""The modules in Python, gochan.rate, gochan.singleflight and gochan.patterns: what they export,
that it is documented, that their examples run, and that only who uses them pays for them.
"""

from __future__ import annotations

import inspect
import json
from types import ModuleType

import pytest

import procs
from gochan import patterns, rate, singleflight

MODULES = [patterns, rate, singleflight]
NAMES = [(module, name) for module in MODULES for name in module.__all__]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_public_name_lives_where_it_says(module: ModuleType, name: str) -> None:
    value = getattr(module, name)
    if callable(value):
        assert value.__module__ == module.__name__
        assert (value.__doc__ or "").strip()


@pytest.mark.parametrize("module", MODULES)
def test_all_is_what_is_public(module: ModuleType) -> None:
    own = {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
    }
    assert own <= set(module.__all__) == {name for name in module.__all__ if name in vars(module)}
    assert module.__all__ == sorted(module.__all__)
    assert inspect.getdoc(module)


@pytest.mark.parametrize(
    "cls",
    [rate.Limiter, rate.Reservation, rate.Sometimes, singleflight.Flight],
    ids=lambda cls: cls.__name__,
)
def test_every_method_is_documented(cls: type) -> None:
    for name, member in vars(cls).items():
        if not name.startswith("_"):
            assert (inspect.getdoc(member) or "").strip(), name


def test_their_examples_run() -> None:
    """In a child with a deadline: an example that hangs should not take the run with it."""
    child = procs.run(
        """
        import doctest
        from gochan import go, patterns, rate, singleflight
        for module in (patterns, rate, singleflight):
            result = doctest.testmod(module, extraglobs={"go": go})
            assert result.attempted and not result.failed, result
        """
    )
    child.ok()


def test_only_who_uses_them_pays() -> None:
    child = procs.run(
        """
        import json, sys
        import gochan
        light = sorted(sys.modules)
        import gochan.rate, gochan.singleflight, gochan.patterns
        print(json.dumps([light, sorted(sys.modules)]))
        """
    )
    light, all_of_them = json.loads(child.ok())
    ours = {"gochan.rate", "gochan.singleflight", "gochan.patterns"}
    assert not ours & set(light)
    assert ours <= set(all_of_them)
    assert not {"asyncio", "inspect", "concurrent.futures"} & set(all_of_them)

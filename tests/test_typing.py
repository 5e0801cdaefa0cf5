"""The types users see: mypy --strict and strict pyright must agree with the samples in typing/."""

from __future__ import annotations

import json
import tokenize
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import typetools
from typetools import SAMPLES, Finding

FILES = tuple(sorted(SAMPLES.glob("must_*.py")))
CHECKERS: dict[str, Callable[..., list[Finding]]] = {
    "mypy": typetools.mypy,
    "pyright": typetools.pyright,
}


@cache
def findings(checker: str) -> list[Finding]:
    """One run serves both samples: most of the time goes into the standard library."""
    return CHECKERS[checker](*FILES)


def marked(sample: Path) -> dict[int, str]:
    """The lines that end in the marker, as tokens: a marker inside a string is none."""
    with tokenize.open(sample) as source:
        tokens = list(tokenize.generate_tokens(source.readline))
    markers = [t for t in tokens if t.type == tokenize.COMMENT and t.string == "# E"]
    return {marker.start[0]: marker.line.strip() for marker in markers}


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("sample", FILES, ids=lambda path: path.stem)
def test_errors_are_where_the_sample_says(checker: str, sample: Path) -> None:
    typetools.need(checker)
    expected = marked(sample)
    assert bool(expected) == sample.stem.startswith("must_fail")
    reported: dict[int, list[str]] = defaultdict(list)
    for finding in findings(checker):
        if finding.file == sample.name:
            reported[finding.line].append(finding.message)
    accepted = [f"line {n}: {text}" for n, text in expected.items() if n not in reported]
    refused = [f"line {n}: {text}" for n, text in sorted(reported.items()) if n not in expected]
    assert not accepted, f"{checker} accepts what it should refuse:\n" + "\n".join(accepted)
    assert not refused, f"{checker} refuses what it should accept:\n" + "\n".join(refused)


def test_every_public_type_is_known() -> None:
    """Of the installed package: it finds a py.typed, and no public name has an unknown type."""
    typetools.need("pyright")
    child = typetools.run("pyright", "--outputjson", "--ignoreexternal", "--verifytypes", "gochan")
    report = json.loads(child.stdout)["typeCompleteness"]
    unknown = [
        "\n".join([symbol["name"], *(d["message"] for d in symbol["diagnostics"])])
        for symbol in report["symbols"]
        if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]
    ]
    assert report.get("pyTypedPath"), f"pyright finds no py.typed: {report['packageName']}"
    assert not unknown, "\n".join(unknown)
    assert report["completenessScore"] == 1

"""Reading the record of a parked goroutine, which its repr shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gochan import Goroutine

RECORD = re.compile(
    r"<gochan\.Goroutine (?P<name>\S+) waiting in (?P<operation>.+?)(?: on (?P<on><gochan\..*>))?"
    r" for (?P<seconds>\d+(?:\.\d+)?) s, started at (?P<start>.*:\d+ in .*)>"
)


@dataclass
class Record:
    name: str
    operation: str
    on: str
    seconds: float
    start: str


def record(g: Goroutine[Any]) -> Record:
    found = RECORD.fullmatch(repr(g))
    assert found, repr(g)
    return Record(
        found["name"],
        found["operation"],
        found["on"] or "",
        float(found["seconds"]),
        found["start"],
    )


def identity(thing: object) -> str:
    """What names it in its repr; the rest changes from one moment to the next."""
    found = re.match(r"<gochan\.\w+ ((?:at 0x)?\S+)", repr(thing))
    assert found, repr(thing)
    return found[1]

"""The pages of docs/, and the fenced blocks on them."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md"))}
FENCE = re.compile(r"^( *)```(\w*)[^\n`]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Fence(NamedTuple):
    where: str  # page and first line, as an editor opens it
    line: int
    language: str
    code: str


def fences(page: str) -> list[Fence]:
    text = PAGES[page].read_text(encoding="utf-8")
    found: list[Fence] = []
    for fence in FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 2
        found.append(Fence(f"docs/{page}:{line}", line, fence[2], textwrap.dedent(fence[3])))
    return found

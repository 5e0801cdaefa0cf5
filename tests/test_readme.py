"""The README's first program runs, and prints what its last comment says."""

from __future__ import annotations

import re
from pathlib import Path

import procs

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_first_program() -> None:
    text = README.read_text(encoding="utf-8")
    program = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0]
    expected = program.rstrip().rpartition("# ")[2]
    assert procs.run(program).ok() == f"{expected}\n"


def test_two_commands_and_no_more() -> None:
    """One runs the main job, one the tests; .ci/run takes the second from here."""
    shell = re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
    (block,) = shell
    demo, tests = block.splitlines()
    assert demo.endswith("-m gochan demo")
    assert re.search(r"-m pytest\b", tests)

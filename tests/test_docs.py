"""The documentation: every Python block of docs/ runs, page by page, and prints what is said to
come out; the reference has every public name, and the site every page. The blocks of Go and
JavaScript are in test_docs_go_js.py.
"""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

import gochan
import procs
import typetools
from pages import DOCS, PAGES, ROOT, fences

SNIPPET = "--8<--"
LENIENT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE  # long messages are folded

# The blocks of a page share one namespace, as a reader types them one after the other.
RUNNER = r"""
import contextlib, io, json, sys, traceback

namespace = {"__name__": "__main__"}
for where, code in json.loads(sys.argv[1]):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(code, where, "exec"), namespace)
        except Exception as error:
            printed.write("Traceback (most recent call last):\n  ...\n")
            printed.writelines(traceback.format_exception_only(error))
    print(json.dumps(printed.getvalue()), flush=True)
"""


class Block(NamedTuple):
    where: str
    code: str
    output: str  # "..." stands for anything


def blocks(page: str) -> list[Block]:
    """The Python blocks of a page, each with the text block that comes next, if one does."""
    found: list[Block] = []
    told = fences(page)
    for number, fence in enumerate(told):
        if fence.language == "python" and not fence.code.startswith(SNIPPET):  # test_examples.py
            after = told[number + 1 : number + 2]
            output = after[0].code if after and after[0].language == "text" else ""
            found.append(Block(fence.where, fence.code, output))
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_the_blocks_of_a_page(page: str) -> None:
    told = blocks(page)
    if any("dask.distributed" in block.code for block in told):
        typetools.need_package("distributed")
    done = procs.run(RUNNER, json.dumps([(block.where, block.code) for block in told])).ok()
    printed = [json.loads(line) for line in done.splitlines()]
    assert len(printed) == len(told)
    checker = doctest.OutputChecker()
    for block, got in zip(told, printed, strict=True):
        same = checker.check_output(block.output, got, LENIENT)
        assert same, f"{block.where} prints\n{got}--- and the page says\n{block.output}"


def test_programs_of_processes_run_from_a_file(tmp_path: Path) -> None:
    """As a reader saves them. New processes import the file, which `python -c` never shows."""
    found = [block for page in PAGES for block in blocks(page) if "get_context" in block.code]
    assert found
    for block in found:
        printed = procs.run(block.code, file=tmp_path / "program.py").ok()
        assert printed == block.output, block.where


def test_every_text_block_belongs_to_a_program() -> None:
    """Else what it says would not be checked."""
    for page in PAGES:
        languages = [fence.language for fence in fences(page)]
        # The shell's commands have tests of their own: test_demo.py, test_bench_command.py.
        assert {*languages} <= {"python", "text", "go", "js", "sh"}, f"{page}: nobody runs that"
        outputs = [n for n, language in enumerate(languages) if language == "text"]
        assert all(n and languages[n - 1] == "python" for n in outputs), page


def test_the_reference_has_every_public_name() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("reference/*.md"))
    names = re.findall(r"^::: gochan\.(\w+)$", pages, re.MULTILINE)
    modules = {"patterns", "rate", "signal", "singleflight"}
    assert sorted(names) == sorted({*gochan.__all__, *modules})


def test_every_page_is_in_the_contents() -> None:
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    assert sorted(re.findall(r"(\S+\.md)$", contents, re.MULTILINE)) == sorted(PAGES)

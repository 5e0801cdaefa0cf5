"""The README's programs run, its first one as it stands; the others are given what they take for
granted, a function to call or a list of pages.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

import procs

README = Path(__file__).resolve().parent.parent / "README.md"
PROGRAMS = re.findall(
    r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)

# What a block takes for granted, by a word of it; and what the whole prints then.
GIVEN = {
    "select(jobs, quit, deadline)": ("", "job 0\njob 1\njob 2\ntime is up\n"),
    "pool.map(fetch, urls)": (
        """
        from types import SimpleNamespace

        urls = iter(range(4))
        fetch = lambda url: SimpleNamespace(title=f"page {url}")
        """,
        "page 0\npage 1\npage 2\npage 3\n",
    ),
    "ProcessPoolExecutor": (
        """
        import atexit
        from gochan import Pool

        pages = [[1, 2], [3, 4]] * 20
        parse = sum
        if __name__ == "__main__":
            atexit.register(lambda: print(len(totals), totals[:2]))
        """,
        "40 [3, 7]\n",
    ),
    "dask.distributed": (  # the cluster is a stand-in; docs/how-to/more-machines.md has a real one
        """
        import sys
        from concurrent.futures import ThreadPoolExecutor
        from contextlib import contextmanager
        from types import SimpleNamespace
        from gochan import Pool

        pages, parse = [[1, 2]] * 3, sum

        @contextmanager
        def client(address):
            with ThreadPoolExecutor(2) as threads:
                yield SimpleNamespace(get_executor=lambda pure: threads)

        sys.modules["dask"] = sys.modules["dask.distributed"] = SimpleNamespace(Client=client)
        """,
        "3\n3\n3\n",
    ),
}


def test_the_first_program() -> None:
    expected = PROGRAMS[0].rstrip().rpartition("# ")[2]
    assert procs.run(PROGRAMS[0]).ok() == f"{expected}\n"


@pytest.mark.parametrize("word", GIVEN)
def test_a_program_further_down(word: str, tmp_path: Path) -> None:
    (program,) = [program for program in PROGRAMS if word in program]
    given, expected = GIVEN[word]
    source = textwrap.dedent(given) + program
    assert procs.run(source, file=tmp_path / "program.py").ok() == expected


def test_no_program_is_forgotten() -> None:
    assert len(PROGRAMS) == 1 + len(GIVEN)


def test_two_commands_and_no_more() -> None:
    """One runs the main job, one the tests; .ci/run takes the second from here."""
    shell = re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)
    (block,) = shell
    demo, tests = block.splitlines()
    assert demo.endswith("-m gochan demo")
    assert re.search(r"-m pytest\b", tests)

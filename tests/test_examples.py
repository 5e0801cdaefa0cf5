"""Every program in examples/ runs, and prints what its last lines say."""

import subprocess
import sys
from pathlib import Path

import pytest

# These run until they are told to end, and have tests of their own.
SERVERS = {"web_server"}
EXAMPLES = sorted(
    path
    for path in (Path(__file__).parent.parent / "examples").glob("*.py")
    if path.stem not in SERVERS
)
MARK = "\n# Output:\n"
# Lessons are short. These are things to take home, with tests of their own.
LONG = {"db_pool": 220}


def test_the_examples_are_found() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path: Path, tmp_path: Path) -> None:
    source, mark, block = path.read_text(encoding="utf-8").rpartition(MARK)
    assert mark, "it has no '# Output:' block at its end"
    assert source.startswith('"""'), "its first line does not say what it is"
    assert len(source.splitlines()) <= LONG.get(path.stem, 60), "too long for an example"
    expected = "".join(line[2:] + "\n" for line in block.splitlines())
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,  # it must not depend on where it is started
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == expected

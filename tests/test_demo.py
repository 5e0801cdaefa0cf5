"""The main job, `python -m gochan demo [PATH]`: what it counts, and what cannot stop it."""

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from demo import DEMO, PATIENCE, PROSE, count, make, parse, posix, prelude, report, run

TREE = {
    "Python": {
        "a.py": b"x = 1\ny = 2\n",
        "pkg/b.PY": b"",
        "pkg/stub.pyi": b"def f() -> int: ...\n",
    },
    "C": {"src/m.c": b"int main(void)\r\n{ return 0; }\r\n", "src/m.h": b"#pragma once"},
    "text": {"doc/long.txt": PROSE, "doc/odd.txt": b"\v one\ftwo \t\n\n\xa0\xff three"},
    "binary": {"pkg/late.py": PROSE + b"\0 four five\n", "x.bin": b"\0"},
    "no extension": {"Makefile": b"all:\n\ttrue\n", ".gitignore": b"*.o\n", "dot.": b"one two"},
    ".zig": {"deep/er/est/m.Zig": b"const x = 1;\n"},
}


def test_counts_match_an_independent_count(tmp_path: Path) -> None:
    expected = {}
    for kind, files in TREE.items():
        make(tmp_path, files)
        counts = [(0, 0) if kind == "binary" else count(data) for data in files.values()]
        expected[kind] = (len(files), sum(c[0] for c in counts), sum(c[1] for c in counts))
    seen = report(tmp_path)
    assert seen.rows == expected
    assert seen.total == tuple(map(sum, zip(*expected.values(), strict=True)))
    assert not seen.partial
    assert not seen.unreadable
    assert str(tmp_path) == seen.text.splitlines()[0]


@pytest.mark.skipif(not shutil.which("wc"), reason="no wc here to compare with")
def test_counts_are_those_of_wc(tmp_path: Path) -> None:
    files = {f"{n}.txt": PROSE[n * 100_000 :] for n in range(5)}
    make(tmp_path, files)
    told = subprocess.run(
        ["wc", "-lw", *files],
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        check=True,
    )
    lines, words, _ = told.stdout.splitlines()[-1].split()
    assert report(tmp_path).total == (5, int(lines), int(words))


def test_without_a_path_it_counts_the_standard_library() -> None:
    root = Path(sysconfig.get_path("stdlib"))
    expected = 0
    for folder, inner, names in os.walk(root):
        if folder == str(root):
            inner[:] = [name for name in inner if name not in ("site-packages", "dist-packages")]
        for name in names:
            if name.endswith((".py", ".pyi", ".pyw")):
                expected += b"\0" not in Path(folder, name).read_bytes()
    seen = report("--top", 1)
    assert expected > 100
    assert seen.rows["Python"][0] == expected
    assert seen.text.startswith(f"{root} (without installed packages)\n")


def test_path_may_be_a_file(tmp_path: Path) -> None:
    make(tmp_path, {"only.md": b"# one\ntwo three\n"})
    assert report(tmp_path / "only.md").rows == {"Markdown": (1, 2, 4)}


def test_path_may_be_a_link_to_a_folder(tmp_path: Path) -> None:
    make(tmp_path, {"real/a.py": b"1\n"})
    (tmp_path / "link").symlink_to("real")
    assert report(tmp_path / "link").rows == {"Python": (1, 1, 1)}


def test_an_empty_folder(tmp_path: Path) -> None:
    seen = report(tmp_path)
    assert seen.rows == {}
    assert "\n0 files in " in seen.text


def test_the_summary_names_files_rate_and_goroutines(tmp_path: Path) -> None:
    make(tmp_path, {f"{n}.py": b"" for n in range(3)})
    seen = report(tmp_path, "--workers", 3)
    # 3 workers, the walker and the one that closes the results.
    line = re.search(r"^3 files in (\S+) s, (\S+) files/s, 5 goroutines$", seen.text, re.MULTILINE)
    assert line
    assert float(line[2].replace(",", "")) > 0


def test_the_goroutines_it_names_are_the_ones_that_run(tmp_path: Path) -> None:
    # Looked at when all have started and none can end: the workers are held in their first
    # files, and there are more files than fit into the channel of the walker.
    make(tmp_path, {f"{n}.py": b"" for n in range(100)})
    look = """
import gochan
looked = threading.Event()
real_count, real_start = _demo.count_file, _demo.start
def count_file(path):
    looked.wait()
    return real_count(path)
def start(*args):
    before = gochan.num_goroutine()
    real_start(*args)
    print(gochan.num_goroutine() - before, file=sys.stderr)
    looked.set()
_demo.count_file, _demo.start = count_file, start
"""
    command = prelude(look, tmp_path, "--workers", 4)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "6\n")
    assert " 6 goroutines\n" in done.stdout


def test_top_kinds_and_all_the_others(tmp_path: Path) -> None:
    for n in range(1, 8):
        make(tmp_path, {f"f.kind{n}": b"w w\n" * n})
    make(tmp_path, {"f.bin": b"\0"})
    seen = report(tmp_path, "--top", 2)
    assert list(seen.rows) == [".kind7", ".kind6", "5 other kinds", "binary"]
    assert seen.rows["5 other kinds"] == (5, 15, 30)
    assert seen.total == (8, 28, 56)
    assert "1 other kind " in report(tmp_path, "--top", 6).text


# ---------------------------------------------------------------- wrong input


@pytest.mark.parametrize("name", ["missing", "two\nlines", "\x1b[31mred", "caf\udce9", ""])
def test_missing_path_is_one_line_and_exit_code_2(tmp_path: Path, name: str) -> None:
    done = run(tmp_path / name if name else "", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"gochan demo: [ -~]*: No such file or directory\n", done.stderr)


@posix
def test_path_that_is_no_file_or_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    done = run(tmp_path / "fifo")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"gochan demo: {tmp_path / 'fifo'}: Not a regular file\n"


@pytest.mark.parametrize("flag", ["--workers", "--top"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", ""])
def test_numbers_must_be_positive(tmp_path: Path, flag: str, value: str) -> None:
    done = run(tmp_path, flag, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"argument {flag}: " in done.stderr


def test_without_a_command_it_says_what_there_is() -> None:
    command = [sys.executable, "-m", "gochan"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (2, "")
    assert "COMMAND" in done.stderr


# ---------------------------------------------------------------- what cannot be read


@posix
def test_unreadable_files_are_counted_and_named(tmp_path: Path) -> None:
    # Things that root cannot read either.
    make(tmp_path, {"good.py": b"one\n"})
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "endless").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "fifo.py")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
        seen = report(tmp_path)
    assert seen.rows == {"Python": (1, 1, 1)}
    assert seen.unreadable == [
        f"{tmp_path}/endless: Not a regular file",
        f"{tmp_path}/fifo.py: Not a regular file",
        f"{tmp_path}/gone: No such file or directory",
        f"{tmp_path}/itself: Too many levels of symbolic links",
        f"{tmp_path}/socket: Not a regular file",
    ]
    assert "\n5 files or folders could not be read:\n" in seen.text
    assert "\n1 file in " in seen.text


@posix
def test_a_fifo_that_takes_the_place_of_a_file_cannot_hang_it(tmp_path: Path) -> None:
    make(tmp_path, {"a.py": b"one\n"})
    # Between the look at the name and the open.
    swap = """
real = os.open
def swapped(path, *args):
    if str(path).endswith("a.py"):
        os.remove(path)
        os.mkfifo(path)
    return real(path, *args)
os.open = swapped
"""
    command = prelude(swap, tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert parse(done.stdout).unreadable == [f"{tmp_path}/a.py: Not a regular file"]


@posix
def test_unreadable_folders_are_named(tmp_path: Path) -> None:
    # A path longer than the system takes: no user can open it by name, root neither.
    make(tmp_path, {"good.py": b"one\n"})
    name = "n" * 200
    with nested(tmp_path, name, 30):
        seen = report(tmp_path)
    assert seen.rows == {"Python": (1, 1, 1)}
    assert len(seen.unreadable) == 1
    assert seen.unreadable[0].endswith(f"/{name}: File name too long")
    assert "\n1 file or folder could not be read:\n" in seen.text


@posix
def test_the_list_of_names_is_capped(tmp_path: Path) -> None:
    for n in range(25):
        (tmp_path / f"gone{n:02}").symlink_to("nowhere")
    seen = report(tmp_path)
    names = [line.split(":")[0] for line in seen.unreadable]
    assert names == [f"{tmp_path}/gone{n:02}" for n in range(10)] + ["and 15 more"]
    (tmp_path / "gone24").unlink()
    assert report(tmp_path).unreadable[-1] == "and 14 more"


@posix
def test_ten_unreadable_files_are_all_named(tmp_path: Path) -> None:
    for n in range(10):
        (tmp_path / f"gone{n}").symlink_to("nowhere")
    assert [line.split(":")[0][-5:] for line in report(tmp_path).unreadable] == [
        f"gone{n}" for n in range(10)
    ]


# ---------------------------------------------------------------- odd trees and names


@posix
def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    make(tmp_path, {"a/b/c.py": b"one\n", "other/d.py": b"two\n"})
    (tmp_path / "a" / "b" / "up").symlink_to("../..")
    (tmp_path / "a" / "here").symlink_to(".")
    (tmp_path / "a" / "other").symlink_to("../other")
    (tmp_path / "a" / "link.py").symlink_to("b/c.py")  # one to a file counts as that file
    seen = report(tmp_path)
    assert seen.rows == {"Python": (3, 3, 3)}
    assert not seen.unreadable


@posix
def test_a_tree_deeper_than_the_recursion_limit(tmp_path: Path) -> None:
    with nested(tmp_path, "d", 1500) as bottom:
        os.close(os.open("bottom.py", os.O_CREAT | os.O_WRONLY, dir_fd=bottom))
        seen = report(tmp_path)
        os.unlink("bottom.py", dir_fd=bottom)
    assert seen.rows == {"Python": (1, 0, 0)}
    assert not seen.unreadable


class nested:
    """Folders in folders, `depth` of them, made and removed without ever using the long path."""

    def __init__(self, root: Path, name: str, depth: int) -> None:
        self.name = name
        self.depth = depth
        self.fd = os.open(root, os.O_RDONLY)

    def __enter__(self) -> int:
        for _ in range(self.depth):
            os.mkdir(self.name, dir_fd=self.fd)
            self.move(self.name)
        return self.fd

    def __exit__(self, *exc: object) -> None:
        for _ in range(self.depth):
            self.move("..")
            os.rmdir(self.name, dir_fd=self.fd)
        os.close(self.fd)

    def move(self, name: str) -> None:
        above = self.fd
        self.fd = os.open(name, os.O_RDONLY, dir_fd=above)
        os.close(above)


@pytest.mark.skipif(sys.platform != "linux", reason="only here may a name be any bytes")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_names_of_any_bytes_print(tmp_path: Path, encoding: str) -> None:
    root = os.fsencode(tmp_path)
    for name in (b"caf\xe9.py", b"x.\xfe\xff", b"two\nlines.py", "π.π".encode()):
        with open(os.path.join(root, name), "wb") as file:
            file.write(b"one two\n")
    os.symlink("nowhere", os.path.join(root, b"gone\xff\x1b[31m\n"))
    env = {**os.environ, "PYTHONUTF8": "1", "PYTHONIOENCODING": encoding}
    done = subprocess.run([*DEMO, root], env=env, capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")
    seen = parse(done.stdout.decode(encoding))
    assert seen.total == (4, 4, 8)
    pi = ".π" if encoding == "utf-8" else r".\u03c0"
    assert seen.rows.keys() == {"Python", r".\xfe\xff", pi}
    assert seen.unreadable == [rf"{tmp_path}/gone\xff\x1b[31m\n: No such file or directory"]

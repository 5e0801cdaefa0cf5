"""Run mypy, pyright and stubtest the way the tests need them: as children, on given paths.

Both checkers read the stub of this tree, not an installed one, so they work without a build.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
SOURCE = ROOT / "python"
SAMPLES = TESTS / "typing"

# What to install, and a module to run with --version to see that it works.
TOOLS = {"mypy": "mypy", "pyright": "pyright[nodejs]"}


@dataclass(frozen=True)
class Finding:
    """One error of a checker."""

    file: str
    line: int
    message: str


@cache
def _why_missing(tool: str) -> str | None:
    """None when `python -m tool` works here, else its last word on why not."""
    found = run(tool, "--version")
    if found.returncode == 0:
        return None
    said = (found.stderr + found.stdout).strip().splitlines() or ["no output"]
    return said[-1]


def need(tool: str) -> None:
    """Skip the test when the tool is missing; in CI (CI=true) that is a failure."""
    why = _why_missing(tool)
    if why is None:
        return
    message = f"{tool} does not run: {why} (pip install '{TOOLS[tool]}')"
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def need_package(name: str) -> None:
    """The same for something that is only imported."""
    if importlib.util.find_spec(name) is None:
        message = f"{name} is not installed (pip install '.[distributed]')"
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)


def run(
    module: str, *args: str | Path, cwd: Path = ROOT, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module args...` to its end, whatever that is."""
    # pyright asks the first `python` on the path where packages are.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, args)],
        cwd=cwd,
        env=os.environ | {"PATH": path, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"} | env,
        capture_output=True,
        text=True,
        timeout=300,  # a hung tool should fail with its output, not with the whole run
        check=False,
    )


def _ended_well(child: subprocess.CompletedProcess[str]) -> None:
    """Both checkers exit with 0 or 1 when they did their work; more means that they did not."""
    output = child.stdout + child.stderr
    assert child.returncode in (0, 1), f"exit status {child.returncode} of {child.args}:\n{output}"


def mypy(*files: Path) -> list[Finding]:
    """Everything `mypy --strict` reports, with no configuration file."""
    child = run(
        "mypy",
        *("--strict", "--config-file=", "--python-version=3.11", "--output=json"),
        *files,
        MYPYPATH=str(SOURCE),
    )
    _ended_well(child)
    reports = [json.loads(line) for line in child.stdout.splitlines()]
    return [
        Finding(Path(r["file"]).name, r["line"], f"{r['message']} [{r['code']}]")
        for r in reports
        if r["severity"] == "error"
    ]


def pyright(*files: Path) -> list[Finding]:
    """Everything strict pyright reports with the configuration beside the samples."""
    child = run("pyright", "--outputjson", "--project", SAMPLES)
    _ended_well(child)
    report = json.loads(child.stdout)
    assert report["summary"]["filesAnalyzed"] == len(files), report["summary"]
    return [
        Finding(Path(r["file"]).name, r["range"]["start"]["line"] + 1, r["message"])
        for r in report["generalDiagnostics"]
        if r["severity"] in ("error", "warning")
    ]

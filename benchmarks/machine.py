"""Where a run took place: enough to know whether two runs may be compared."""

import hashlib
import importlib.util
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import toolchain

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("janus", "culsans", "pygo-routines", "uvloop", "trio", "gevent", "aiochan", "pygolang")


def _git(*args: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *args], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def commit() -> str:
    """The commit, with a plus when tracked files differ from it."""
    head = _git("rev-parse", "--short=12", "--verify", "HEAD")
    if not head:
        return "unknown"
    return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def build() -> str | None:
    """A digest of the installed extension: it tells a rebuild, which the commit may not."""
    spec = importlib.util.find_spec("gochan")
    folders = (spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        for path in sorted(Path(folder).glob("_gochan*")):
            if path.suffix in {".so", ".pyd"}:
                return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return None


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cpu_seconds_elsewhere() -> float | None:
    """CPU seconds since boot that neither this process nor its ended children used; Linux only."""
    try:
        # user, nice, system, idle, iowait, irq, softirq, steal (that is other guests of the host).
        ticks = [int(t) for t in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    return busy - sum(os.times()[:4])


def _cpus() -> int:
    """Those this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def setting() -> dict[str, Any]:
    gil = getattr(sys, "_is_gil_enabled", lambda: True)
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.platform(),
        "processor": _processor(),
        "cpus": _cpus(),
        "python": {
            "implementation": platform.python_implementation(),
            "version": platform.python_version(),
            "gil": gil(),
        },
        "gochan": {
            "version": _version("pygochan") or "not installed",
            "commit": commit(),
            "build": build(),
        },
        "peers": {name: _version(name) for name in PEERS} | {"Go": toolchain.version()},
    }

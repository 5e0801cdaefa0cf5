"""Resident memory of this process, as Linux tells it."""

from pathlib import Path

_STATUS = Path("/proc/self/status")


def readable() -> bool:
    return _STATUS.exists()


def _size(key: str) -> float:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(key):
            return float(line.split()[1]) * 1024
    raise LookupError(f"no {key} in {_STATUS}")


def resident() -> float:
    """Bytes now."""
    return _size("VmRSS:")


def peak() -> float:
    """Bytes at most so far. (The kernel's ru_maxrss may still hold that of the parent.)"""
    return _size("VmHWM:")


def available_gb() -> float | None:
    """What programs may still take without swapping; None where that cannot be told."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) / 1e6
    except OSError:
        pass
    return None

"""What the tests of examples/ and docs/ need besides Python: programs of the system, a free port.

`.ci/servers` installs them, and `.ci/run` Go. Without one a test is skipped, but where GOCHAN_CI is
set it fails: a CI that skipped it would say nothing.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    if os.environ.get("GOCHAN_CI"):
        pytest.fail(f"no {what} on this machine: .ci was to install it")
    pytest.skip(f"no {what} on this machine")


def find(program: str, *folders: str) -> Path:
    """The path of an installed program; `folders` may be patterns, of which the last is best."""
    if found := shutil.which(program):
        return Path(found)
    candidates = [path for folder in folders for path in Path("/").glob(f"{folder[1:]}/{program}")]
    if not candidates:
        missing(program)
    return max(candidates)


def free_port() -> int:
    """A port that stays free until it is used, also between two uses.

    Not one of those that the system itself gives to clients, as port 0 would.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port

"""What an import costs: whole interpreter runs, start to end, with and without it."""

import subprocess
import sys
from time import perf_counter


def _run(code: str, n: int) -> float:
    command = [sys.executable, "-c", code]
    begin = perf_counter()
    for _ in range(n):
        subprocess.run(command, check=True)
    return perf_counter() - begin


def nothing(n: int) -> float:
    return _run("pass", n)


def gochan(n: int) -> float:
    return _run("import gochan", n)


def asyncio(n: int) -> float:
    return _run("import asyncio", n)


def janus(n: int) -> float:
    return _run("import janus", n)


def culsans(n: int) -> float:
    return _run("import culsans", n)


def pyroutine(n: int) -> float:
    return _run("import pyroutine", n)

"""`python -m gochan bench`: every contestant runs, and the table names what is missing."""

import os
import re
import subprocess
import sys

import pytest

from gochan import _bench
from gochan._bench_rows import ROWS, Contestant, Row

CONTESTANTS = [
    pytest.param(row, one, id=f"{row.name}-{one.name}")
    for row in ROWS
    for one in row.contestants
    if _bench.installed(one) and (row.unit == "s" or os.path.exists("/proc/self/statm"))
]


@pytest.mark.parametrize(("row", "contestant"), CONTESTANTS)
def test_contestant(row: Row, contestant: Contestant) -> None:
    # A small crowd may find its memory among what is free already, and take nothing.
    assert contestant.run(10) > 0 or row.unit == "B"


def command(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gochan", "bench", *options],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_table() -> None:
    done = command("--only", "one-thread", "--seconds", "0.1")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(
        r"gochan \d\S*, CPython 3\.\d+\.\d+\S*, .*, \d+ CPUs\n1 interleaved round ", done.stdout
    )
    (title, *lines) = done.stdout.partition("gochan/it\n")[2].splitlines()[:4]
    assert title == "send and receive in one thread"
    assert re.fullmatch(r"  gochan +\d\S* [num]s", lines[0])
    assert re.fullmatch(r"  queue.SimpleQueue +\d\S* [num]s +\d\S* x", lines[1])
    assert re.fullmatch(r"  queue.Queue +\d\S* [num]s +\d\S* x", lines[2])
    assert "\nnot compared here: Go, " in done.stdout
    assert re.search(r"\ntook \d+ s\n$", done.stdout)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.0432, "0.043 x"), (1.23, "1.2 x"), (9.94, "9.9 x"), (9.96, "10 x"), (104.3, "104 x")],
)
def test_factors_are_plain_digits(ratio: float, text: str) -> None:
    assert _bench.times(ratio) == text


def test_bad_options_are_refused() -> None:
    for option, value, word in (
        ("--seconds", "0", "argument --seconds: invalid seconds value: '0'"),
        ("--only", "nothing", "no row 'nothing'; there are one-thread, threads, "),
    ):
        done = command(option, value)
        assert (done.returncode, done.stdout) == (2, "")
        assert word in done.stderr


def test_what_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(_bench, "take", lambda row, one, budget: (2e-6, ""))
    assert _bench.run(0.1, ["thread-to-asyncio"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"  janus +-  not installed\n", text)
    assert "\nnot compared, as not installed: janus (python -m pip install janus)\n" in text
    assert re.search(r"  call_soon_threadsafe, unbounded +2.00 us +1 x\n", text)


def test_a_sample_that_failed_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert _bench.run(0.1, ["functions"]) == 1
    text = capsys.readouterr().out
    assert re.search(r"  gochan, WaitGroup.go +failed\n", text)
    assert (
        "\nfailed: start a plain function, and wait for it: gochan, WaitGroup.go: exit code 1\n"
        in text
    )

"""Go itself, with one P: programs of go/, each in its process and asked for runs over stdin."""

import atexit
import os
import subprocess

import drive
import drive_coro
import drive_time
import toolchain


class _Program:
    """One scenario. The process stays between runs, so what sample.py tries first warms it up."""

    def __init__(self, scenario: str, size: int = 0) -> None:
        self._arguments = [scenario, str(size)]
        self._process: subprocess.Popen[str] | None = None
        self._peak = 0.0

    def __call__(self, n: int) -> float:
        """The seconds (bytes for memory) that n operations took, by Go's clock."""
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{n}\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the Go program ended with exit code {process.wait()}")
        figure, peak = answer.split()
        self._peak = float(peak)
        return float(figure)

    def _start(self) -> subprocess.Popen[str]:
        if word := toolchain.missing():
            raise RuntimeError(word)
        self._process = subprocess.Popen(
            [toolchain.PROGRAM, *self._arguments],
            env=os.environ | {"GOMAXPROCS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # Its end, which may have gigabytes to give back, is not left to the next sample.
        atexit.register(self._process.communicate)
        return self._process

    def peak(self) -> float:
        return self._peak


ping_pong = _Program("ping-pong")
stream = _Program("stream", 128)
ring = _Program("ring", drive_coro.RING)
sieve = _Program("sieve", drive_coro.PRIMES)
spawn = _Program("spawn", drive_coro.BURST)
spawn_large = _Program("spawn", drive_coro.LARGE_BURST)
spawn_functions = _Program("spawn", drive.BURST)
memory = _Program("memory", drive_coro.CROWD)
release = _Program("release")
sleep = _Program("sleep", drive.SLEEPERS)
lock = _Program("lock")
lock_of_four = _Program("lock-of", drive.RIVALS)
lock_and_yield = _Program("lock-yield", drive.RIVALS)
select_ready_2 = _Program("select-ready", 2)
select_ready_16 = _Program("select-ready", 16)
select_parked_2 = _Program("select-parked", 2)
select_parked_16 = _Program("select-parked", 16)
with_timeout = _Program("with-timeout")
timer_stop = _Program("timer-stop")
after_func_stop = _Program("after-func-stop")
sleepers = _Program("sleepers", drive_time.SLEEPERS)
sleepers_spread = _Program("sleepers-spread", drive_time.SLEEPERS)
lateness = _Program("lateness")

"""Ctrl-C at each place in gochan's Python where one can come, one after the other.

The interpreter runs signal handlers at few places: when a function written in Python begins, when
a function in C has returned, and at the end of a loop's turn. A trace function raises
KeyboardInterrupt at the first of those, then at the second, and so on.

What C code does in between it can not reach: for that `raise_in_c` is a function in C that has a
real SIGINT come, and the handler runs where the interpreter looks next.
"""

from __future__ import annotations

import ctypes
import gc
import opcode
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import gochan

OURS = str(Path(gochan.__file__).parent)
_AFTER = {"CALL", "CALL_KW", "CALL_FUNCTION_EX", "JUMP_BACKWARD"}

raise_in_c = ctypes.CDLL(None)["raise"]
raise_in_c.argtypes = [ctypes.c_int]


class _Interrupts:
    """A trace function that raises at place number `at`."""

    def __init__(self, at: int, files: tuple[str, ...]) -> None:
        self.left = at
        self.hit: str | None = None
        self._files = files
        self._entered = False
        self._last: dict[FrameType, str] = {}
        self._codes: dict[CodeType, bytes] = {}

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        self._entered = True
        if not frame.f_code.co_filename.startswith(self._files):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        name, argument = self._at(frame)
        # Not where a coroutine goes on that awaits, nor where an exception is thrown in.
        if name not in ("YIELD_VALUE", "SEND") and (name != "RESUME" or argument < 2):
            self._maybe(frame)
        return self._step

    def _step(self, frame: FrameType, event: str, arg: Any) -> Callable[..., Any]:
        if event == "opcode":
            if self._last.get(frame) in _AFTER and not self._entered:
                self._maybe(frame)
            self._entered = False
            self._last[frame] = self._at(frame)[0]
        elif event == "return":
            self._last.pop(frame, None)
        return self._step

    def _at(self, frame: FrameType) -> tuple[str, int]:
        code = self._codes.setdefault(frame.f_code, frame.f_code.co_code)
        at = max(frame.f_lasti, 0)
        return opcode.opname[code[at]], code[at + 1]

    def _maybe(self, frame: FrameType) -> None:
        if self.left == 0:
            self.hit = f"{frame.f_code.co_qualname}:{frame.f_lineno}"
            raise KeyboardInterrupt
        self.left -= 1


def everywhere(
    act: Callable[[], object], check: Callable[[str], object], *more_files: str, most: int = 2000
) -> int:
    """Calls `act` with an interrupt at each place in turn, and `check` after each, with the place.

    The number of places. `act` is to let KeyboardInterrupt out.
    """
    for at in range(most):
        interrupts = _Interrupts(at, (OURS, *more_files))
        came = False
        before = sys.gettrace()
        # A generator that the collector closes is traced too, and no signal can come there.
        gc.disable()
        sys.settrace(interrupts)
        try:
            act()
        except KeyboardInterrupt:
            came = True
        finally:
            sys.settrace(before)
            gc.enable()
        assert came == (interrupts.hit is not None), f"lost at {interrupts.hit}"
        check(interrupts.hit or "the end")
        if not came:
            return at
    raise AssertionError(f"it does not end within {most} places")


def signal_in_c() -> None:
    """A SIGINT, with nothing in Python that would notice it."""
    raise_in_c(signal.SIGINT)

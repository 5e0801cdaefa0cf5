"""What is given as a function: whether it is one, and whether it is an `async def`."""

from __future__ import annotations

from functools import partial
from types import CoroutineType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CO_COROUTINE = 0x80  # as in inspect, which is much to import for a number


def is_async(fn: Any) -> bool:
    """Whether it surely is an `async def`. What is not seen here is seen by its result."""
    while isinstance(fn, partial):
        fn = fn.func
    code = getattr(fn, "__code__", None) or getattr(type(fn).__call__, "__code__", None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE)


def check_function(what: str, fn: Any) -> None:
    """Refuses what cannot be called, which is mostly what a call has returned."""
    if not callable(fn):
        kind = type(fn).__name__
        if isinstance(fn, CoroutineType):
            # As `go()` does: else Python warns besides that it was never awaited.
            fn.close()
        raise TypeError(
            f"{what} needs a function to call, not {kind}: pass the function itself,"
            " not the result of a call"
        )

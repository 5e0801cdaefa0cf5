"""Which functions are `async def`."""

from __future__ import annotations

from functools import partial

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

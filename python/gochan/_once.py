"""The coroutine behind `Once.ado()`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


async def run(turn: Any, fn: Callable[[], Any]) -> None:
    """Run `fn` if nothing was run yet; else wait until what was run has ended."""
    try:
        first = turn.begin()
        if first is None:
            return
        if not first:
            await turn.wait()
            return
        result = fn()
        if hasattr(result, "__await__"):
            await result
    finally:
        turn.finish()


run.__qualname__ = "Once.ado"  # so it is called where Python names it: never awaited, in a repr

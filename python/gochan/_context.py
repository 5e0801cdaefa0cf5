"""Watching a context that is not one of gochan's, for those that derive from it."""

from __future__ import annotations

from gochan._gochan import aselect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gochan._gochan import RecvChan


async def watch(done: RecvChan[None], quit: RecvChan[None], propagate: Callable[[], None]) -> None:
    """Until the parent is done, or nobody needs to know any more."""
    if (await aselect(done, quit))[0] == 0:
        propagate()

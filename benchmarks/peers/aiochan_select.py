"""aiochan: its select over Chan(1) where somebody is ready, Chan() where somebody waits."""

from functools import partial

from aiochan import Chan, select

import drive_async
import drive_select


async def _ready(arms: int, n: int) -> float:
    chans = [Chan(1) for _ in range(arms)]
    return await drive_select.asend_and_select([ch.put for ch in chans], partial(select, *chans), n)


async def ready_2(n: int) -> float:
    return await _ready(2, n)


async def ready_16(n: int) -> float:
    return await _ready(16, n)


async def _parked(arms: int, n: int) -> float:
    chans = [Chan() for _ in range(arms)]
    return await drive_select.feed_and_select(
        drive_async.together, [ch.put for ch in chans], partial(select, *chans), n
    )


async def parked_2(n: int) -> float:
    return await _parked(2, n)


async def parked_16(n: int) -> float:
    return await _parked(16, n)

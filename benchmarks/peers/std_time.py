"""asyncio's timers, limits and sleeps; time.sleep."""

import asyncio
from collections.abc import Sequence
from functools import partial

import drive_time
from drive_time import FAR, NAP_SPREAD


def _nothing() -> None:
    pass


async def _give_way() -> None:
    await asyncio.sleep(0)


async def timeout(n: int) -> float:
    return await drive_time.ascoped(partial(asyncio.timeout, FAR), _give_way, n)


async def call_later_cancel(n: int) -> float:
    make = partial(asyncio.get_running_loop().call_later, FAR, _nothing)
    return await drive_time.set_and_stop(make, asyncio.TimerHandle.cancel, _give_way, n)


async def _sleep_all(naps: Sequence[float]) -> None:
    # A count, as in std_asyncio.release: a TaskGroup would hold every task and a callback for each.
    all_awake = asyncio.Event()
    left = len(naps)

    async def nap(seconds: float) -> None:
        nonlocal left
        await asyncio.sleep(seconds)
        left -= 1
        if left == 0:
            all_awake.set()

    for seconds in naps:
        asyncio.create_task(nap(seconds))  # noqa: RUF006 - the loop holds its timer
    await all_awake.wait()


async def sleepers(n: int) -> float:
    return await drive_time.cpu_of_sleepers(_sleep_all, 0.0, n)


async def sleepers_spread(n: int) -> float:
    return await drive_time.cpu_of_sleepers(_sleep_all, NAP_SPREAD, n)


async def lateness(n: int) -> float:
    return await drive_time.lateness(asyncio.sleep, n)


def thread_lateness(n: int) -> float:
    return drive_time.thread_lateness(n)

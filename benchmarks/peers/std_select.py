"""asyncio.wait over the getters of several queues: the first of them to be done."""

import asyncio

import drive_async
import drive_select


class _Getters:
    """One pending get() for each queue, kept until it is done.

    To cancel the others after each wait, as a select would, costs several times as much and loses
    the values that came to them meanwhile.
    """

    def __init__(self, queues: list[asyncio.Queue[int]]) -> None:
        self._pending = {asyncio.create_task(q.get()): q for q in queues}
        self._done: list[asyncio.Task[int]] = []

    async def take(self) -> int:
        if not self._done:
            done, _ = await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                q = self._pending.pop(task)
                self._pending[asyncio.create_task(q.get())] = q
            self._done += done
        return self._done.pop().result()

    async def stop(self) -> None:
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)


async def _ready(arms: int, n: int) -> float:
    queues = [asyncio.Queue[int](1) for _ in range(arms)]
    getters = _Getters(queues)
    taken = await drive_select.asend_and_select([q.put for q in queues], getters.take, n)
    await getters.stop()
    return taken


async def ready_2(n: int) -> float:
    return await _ready(2, n)


async def ready_16(n: int) -> float:
    return await _ready(16, n)


async def _parked(arms: int, n: int) -> float:
    queues = [asyncio.Queue[int](1) for _ in range(arms)]
    getters = _Getters(queues)
    taken = await drive_select.feed_and_select(
        drive_async.together, [q.put for q in queues], getters.take, n
    )
    await getters.stop()
    return taken


async def parked_2(n: int) -> float:
    return await _parked(2, n)


async def parked_16(n: int) -> float:
    return await _parked(16, n)

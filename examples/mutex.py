"""A mutex: an object that changes in several steps, guarded by one lock for all who share it."""

import asyncio
from collections import Counter

from gochan import Mutex, WaitGroup, asleep, go


class Ledger:
    """Any number of accounts; the sum of all of them never changes."""

    def __init__(self, **accounts: int) -> None:
        self._mutex = Mutex()  # guards _accounts
        self._accounts = Counter(accounts)

    def transfer(self, source: str, target: str, amount: int) -> None:
        with self._mutex:  # from threads and plain goroutines
            self._accounts[source] -= amount
            self._accounts[target] += amount

    async def transfer_slowly(self, source: str, target: str, amount: int) -> None:
        async with self._mutex:  # from goroutines and asyncio tasks: it may be held over an await
            self._accounts[source] -= amount
            await asleep(0.001)
            self._accounts[target] += amount

    def total(self) -> int:
        with self._mutex:
            return self._accounts.total()

    def __str__(self) -> str:
        with self._mutex:
            return str(dict(self._accounts))


async def main() -> None:
    ledger, workers = Ledger(ada=100, grace=100), WaitGroup()
    for _ in range(10):
        workers.go(ledger.transfer, "ada", "grace", 3)  # on threads
        workers.go(ledger.transfer_slowly, "grace", "ada", 1)  # on the scheduler
    async with asyncio.TaskGroup() as tasks:  # and asyncio tasks, all with one lock
        for _ in range(10):
            tasks.create_task(ledger.transfer_slowly("ada", "grace", 2))
        # A blocking wait for a lock would stop the event loop, so this asks in a goroutine.
        totals = [await go(ledger.total) for _ in range(5)]
    await workers
    print("the total while they are at it:", set(totals))
    print("at the end:", ledger)


if __name__ == "__main__":
    asyncio.run(main())

# Output:
# the total while they are at it: {200}
# at the end: {'ada': 60, 'grace': 140}

"""An RWMutex: many may read at the same time, a writer is alone. A cache that is refreshed."""

from gochan import AtomicInt, RWMutex, WaitGroup, asleep, run


class Cache:
    def __init__(self) -> None:
        self._rw = RWMutex()  # guards _prices and version
        self._prices: dict[str, float] = {}
        self.version = 0
        self.readers, self.levels = AtomicInt(), list[int]()

    async def get(self, name: str) -> float | None:
        async with self._rw.reader:  # Go's RLock and RUnlock
            self.levels.append(self.readers.add(1))
            await asleep(0.02)  # reading takes its time
            self.readers.add(-1)
            return self._prices.get(name)

    async def refresh(self, prices: dict[str, float]) -> None:
        async with self._rw:  # Go's Lock and Unlock
            assert self.readers.load() == 0  # nobody reads what is half written
            self._prices.clear()
            await asleep(0.01)
            self._prices.update(prices)
            self.version += 1


async def main() -> None:
    cache = Cache()
    await cache.refresh({"tea": 2.5})
    async with WaitGroup() as wg:
        readers = [wg.go(cache.get, "tea") for _ in range(8)]
        wg.go(cache.refresh, {"tea": 2.75, "milk": 1.2})
    print("prices that were read:", sorted({await reader for reader in readers}, key=str))
    print("readers at a time:", max(cache.levels))
    print("tea:", await cache.get("tea"), "in version", cache.version)


if __name__ == "__main__":
    run(main)

# Output:
# prices that were read: [2.5]
# readers at a time: 8
# tea: 2.75 in version 2

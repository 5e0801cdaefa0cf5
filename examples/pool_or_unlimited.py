"""A pool or unlimited goroutines? The goroutines are cheap; what they ask for may not be."""

from gochan import AtomicInt, Chan, Semaphore, WaitGroup, asleep, run


class Server:
    """Somebody else's server. It counts how many requests it has at the same time."""

    def __init__(self) -> None:
        self.now, self.levels = AtomicInt(), list[int]()

    async def request(self) -> None:
        self.levels.append(self.now.add(1))
        await asleep(0.001)
        self.now.add(-1)


async def unlimited(server: Server) -> None:
    async with WaitGroup() as wg:
        for _ in range(2000):
            wg.go(server.request)


async def with_semaphore(server: Server) -> None:
    """A goroutine for each task, and a semaphore for what is scarce."""
    slots = Semaphore(20)

    async def one() -> None:
        async with slots:
            await server.request()

    async with WaitGroup() as wg:
        for _ in range(2000):
            wg.go(one)


async def with_workers(server: Server) -> None:
    """So many workers and a channel: who brings the tasks waits as well (back-pressure)."""
    tasks = Chan[int]()

    async def worker() -> None:
        async for _ in tasks:
            await server.request()

    async with WaitGroup() as wg, tasks:
        for _ in range(20):
            wg.go(worker)
        for number in range(2000):
            await tasks.asend(number)


async def main() -> None:
    for way in (unlimited, with_semaphore, with_workers):
        server = Server()
        await way(server)
        print(f"{way.__name__}: 20 or less at a time:", max(server.levels) <= 20)


if __name__ == "__main__":
    run(main)

# Output:
# unlimited: 20 or less at a time: False
# with_semaphore: 20 or less at a time: True
# with_workers: 20 or less at a time: True

"""One channel for all: plain and `async def` goroutines send, asyncio tasks receive.

A plain goroutine has a thread and uses `send`. An `async def` goroutine, on gochan's scheduler, and
a task, on its event loop, both use `asend`: to the channel it is all the same.
"""

import asyncio
import hashlib

from gochan import Chan, RecvChan, SendChan, WaitGroup

Entry = tuple[str, int, str]


def digests(out: SendChan[Entry]) -> None:
    """A plain goroutine: it may compute or block for long, the event loop runs on."""
    for number in range(3):
        data = bytes([number]) * 1_000_000
        out.send(("thread", number, hashlib.sha256(data).hexdigest()[:8]))


async def squares(out: SendChan[Entry]) -> None:
    """An `async def` goroutine: it is one of many that share a thread."""
    for number in range(3):
        await out.asend(("goroutine", number, str(number * number)))


async def ticks(out: SendChan[Entry]) -> None:
    """An asyncio task, which may await whatever asyncio has."""
    for number in range(3):
        await asyncio.sleep(0.01)
        await out.asend(("task", number, "tick"))


async def collect(entries: RecvChan[Entry], table: list[Entry]) -> None:
    async for entry in entries:
        table.append(entry)


async def main() -> list[Entry]:
    entries, table, senders = Chan[Entry](), list[Entry](), WaitGroup()
    senders.go(digests, entries)
    senders.go(squares, entries)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(collect(entries, table))
        async with entries:  # leaving the block closes the channel
            await ticks(entries)
            await senders
    return sorted(table)


if __name__ == "__main__":
    for sender, number, text in asyncio.run(main()):
        print(f"{sender:10} {number} {text}")

# Output:
# goroutine  0 0
# goroutine  1 1
# goroutine  2 4
# task       0 tick
# task       1 tick
# task       2 tick
# thread     0 d29751f2
# thread     1 1fb6a051
# thread     2 d95df32a

"""One channel shared by threads and asyncio: goroutines read files, asyncio tasks take the results.

A thread uses `send` and `recv`, a task `await asend` and `await arecv`. The channel is the same,
it belongs to no event loop, and the two may be mixed in any way.
"""

import asyncio
from pathlib import Path

from gochan import Chan, RecvChan, SendChan, go

FOLDER = Path(__file__).parent


def read(paths: RecvChan[Path], texts: SendChan[tuple[str, str]]) -> None:
    """A goroutine of its own thread: it may block in file operations, the event loop runs on."""
    for path in paths:
        texts.send((path.name, path.read_text(encoding="utf-8")))


async def first_lines(texts: RecvChan[tuple[str, str]], found: dict[str, str]) -> None:
    """An asyncio task: `async for` ends when the channel is closed and empty."""
    async for name, text in texts:
        found[name] = text.splitlines()[0].strip('"')


async def main() -> None:
    paths = Chan[Path]()
    texts = Chan[tuple[str, str]](4)
    readers = [go(read, paths, texts) for _ in range(2)]
    found: dict[str, str] = {}
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(first_lines(texts, found))
        async with paths:  # leaving the block closes the channel
            for name in ("hello.py", "pipeline.py", "worker_pool.py"):
                await paths.asend(FOLDER / name)  # to a goroutine: the loop goes on meanwhile
        for reader in readers:
            await reader  # a goroutine can be awaited
        texts.close()
    for name in sorted(found):
        print(f"{name}: {found[name].partition(':')[0]}")


if __name__ == "__main__":
    asyncio.run(main())

# Output:
# hello.py: Hello
# pipeline.py: A pipeline
# worker_pool.py: A worker pool

# Import rule: only this package imports gochan._gochan, the Rust extension; users and tests
# import gochan. This file re-exports and does nothing else, and nothing it imports may pull
# in typing, asyncio or contextvars: a program that never awaits should not pay for them.
"""Go's concurrency for Python: channels, goroutines and wait groups.

Channels connect threads and asyncio tasks in any mix. Every operation that may wait has a
blocking form and an awaitable twin with an ``a`` in front: ``ch.recv()`` in a thread,
``await ch.arecv()`` in a task.
"""

from gochan._gochan import (
    Chan,
    Goroutine,
    RecvChan,
    SendChan,
    WaitGroup,
    agosched,
    aio,
    go,
    goexit,
    gomaxprocs,
    gosched,
    num_goroutine,
    run,
    set_excepthook,
)
from gochan._gochan import __version__ as __version__
from gochan.errors import BlockingError, ChanClosed, WaitGroupError, WouldBlock

__all__ = [
    "BlockingError",
    "Chan",
    "ChanClosed",
    "Goroutine",
    "RecvChan",
    "SendChan",
    "WaitGroup",
    "WaitGroupError",
    "WouldBlock",
    "agosched",
    "aio",
    "go",
    "goexit",
    "gomaxprocs",
    "gosched",
    "num_goroutine",
    "run",
    "set_excepthook",
]

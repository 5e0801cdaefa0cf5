# Import rule: only this package imports gochan._gochan, the Rust extension; users and tests
# import gochan. This file re-exports and does nothing else, and nothing it imports may pull
# in typing, asyncio or contextvars: a program that never awaits should not pay for them.
"""Go's concurrency for Python: goroutines, channels and wait groups.

A goroutine is a function that ``go()`` started. An ``async def`` costs next to nothing: a program
may have a million of them. A plain function gets a thread, and may block. ``run(main)`` runs a
whole program of them.

Channels connect goroutines, threads and asyncio tasks in any mix. Every operation that may wait
has a blocking form and an awaitable twin with an ``a`` in front: ``ch.recv()`` in a plain
function, ``await ch.arecv()`` in an ``async def``, whether goroutine or asyncio task.
"""

# The first four are fetched from Rust when they are needed, and are there before: a child that was
# forked while another thread imported one would wait for ever for that thread's import to end.
from gochan import _context as _context
from gochan import _once as _once
from gochan import _report as _report
from gochan import _threads as _threads
from gochan._gochan import (
    AtomicBool,
    AtomicInt,
    AtomicRef,
    CancelContext,
    Chan,
    Cond,
    Context,
    Goroutine,
    Group,
    Map,
    Mutex,
    ObjectPool,
    Once,
    RecvChan,
    RWMutex,
    Semaphore,
    SendCase,
    SendChan,
    Ticker,
    Timer,
    WaitGroup,
    after,
    after_func,
    agosched,
    aio,
    aselect,
    asleep,
    background,
    context_after_func,
    go,
    goexit,
    gomaxprocs,
    gosched,
    num_goroutine,
    once_func,
    once_value,
    run,
    select,
    sending,
    set_excepthook,
    sleep,
    tick,
    todo,
    with_cancel,
    with_deadline,
    with_timeout,
    with_value,
    without_cancel,
)
from gochan._gochan import __version__ as __version__
from gochan.errors import (
    BlockingError,
    Canceled,
    ChanClosed,
    DeadlineExceeded,
    DeadlockError,
    UnlockError,
    WaitGroupError,
    WouldBlock,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gochan import patterns as patterns
    from gochan import rate as rate
    from gochan import signal as signal
    from gochan import singleflight as singleflight
    from gochan._pool import Pool as Pool
    from gochan._pool import PoolFuture as PoolFuture

__all__ = [
    "AtomicBool",
    "AtomicInt",
    "AtomicRef",
    "BlockingError",
    "CancelContext",
    "Canceled",
    "Chan",
    "ChanClosed",
    "Cond",
    "Context",
    "DeadlineExceeded",
    "DeadlockError",
    "Goroutine",
    "Group",
    "Map",
    "Mutex",
    "ObjectPool",
    "Once",
    "Pool",
    "PoolFuture",
    "RWMutex",
    "RecvChan",
    "Semaphore",
    "SendCase",
    "SendChan",
    "Ticker",
    "Timer",
    "UnlockError",
    "WaitGroup",
    "WaitGroupError",
    "WouldBlock",
    "after",
    "after_func",
    "agosched",
    "aio",
    "aselect",
    "asleep",
    "background",
    "context_after_func",
    "go",
    "goexit",
    "gomaxprocs",
    "gosched",
    "num_goroutine",
    "once_func",
    "once_value",
    "run",
    "select",
    "sending",
    "set_excepthook",
    "sleep",
    "tick",
    "todo",
    "with_cancel",
    "with_deadline",
    "with_timeout",
    "with_value",
    "without_cancel",
]


del TYPE_CHECKING

# Imported when they are first named, so that `import gochan` is enough for `gochan.signal.notify`.
# Not in __all__: a star import must not hide the standard `signal`.
_MODULES = ("patterns", "rate", "signal", "singleflight")


def __getattr__(name: str) -> object:
    if name in _MODULES:
        # It becomes an attribute of this module by that.
        return __import__(f"gochan.{name}", fromlist=["*"])
    # They need concurrent.futures, which takes longer to import than all the rest.
    if name not in ("Pool", "PoolFuture"):
        raise AttributeError(f"module 'gochan' has no attribute {name!r}")
    from gochan._pool import Pool, PoolFuture

    globals().update(Pool=Pool, PoolFuture=PoolFuture)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})

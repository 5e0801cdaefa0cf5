"""The exceptions gochan raises on its own account.

Written in Python because the extension only has to import them, and because a traceback
and ``help()`` then show plain classes. Everything else it raises is built in: TimeoutError
when a limit ran out, TypeError and ValueError for a bad argument.
"""

# `__module__` names the package, not this file: it is what a traceback prints and what a
# reader then types after `except`.


class ChanClosed(Exception):
    """The channel is closed, and this operation needs it open.

    From a receive it is the ordinary end of the stream: every value that was sent has been
    received. Leave the loop, or write the loop as ``for value in ch``, which ends by itself;
    ``recv_ok()`` tells the same without an exception.

    From a send or a second ``close()`` it is a mistake in who closes. Let one side close,
    the one that sends, and only after its last send. With several senders, count them in a
    WaitGroup and close after ``wait()``.
    """

    __module__ = "gochan"


class WouldBlock(Exception):
    """A ``*_nowait`` call could not finish at once: no room to send into, or nothing to receive.

    Nothing happened to the channel, and the value was not sent. Do something else and try
    again later, drop the value, or call the waiting form (``send``, ``recv``) with a
    ``timeout``.
    """

    __module__ = "gochan"


class Canceled(Exception):
    """The context was cancelled, by ``cancel()`` on it or on one that it derives from.

    Go's ``context.Canceled``. Who cancelled wants no result any more: clean up and let it pass.
    ``ctx.cause``, and ``__cause__`` of an exception that was raised, say why, where somebody
    gave a reason.
    """

    __module__ = "gochan"


class DeadlineExceeded(TimeoutError):
    """The deadline of the context, or of one that it derives from, has passed.

    Go's ``context.DeadlineExceeded``. It is a TimeoutError, so one ``except`` clause serves this
    and ``timeout=``. ``ctx.cause``, and ``__cause__`` of an exception that was raised, hold the
    ``cause`` that was given with the deadline.
    """

    __module__ = "gochan"


class WaitGroupError(RuntimeError):
    """A WaitGroup was counted wrongly, as a rule by one ``done()`` too many.

    The counter stays as it was. Pair the calls: ``add()`` before the work starts, never inside
    it, and one ``done()`` per unit in a ``finally``. ``WaitGroup.go`` does both for you.
    """

    __module__ = "gochan"


class UnlockError(RuntimeError):
    """An unlock of a Mutex or RWMutex that is not locked, or not in that way.

    Nothing changed. Pair each ``lock()`` with one ``unlock()``, and each ``rlock()`` with one
    ``runlock()``; ``with mutex`` and ``with rw.reader`` do it for you.
    """

    __module__ = "gochan"


class DeadlockError(RuntimeError):
    """Every goroutine is asleep, and nothing is left that could wake one.

    Go's ``all goroutines are asleep - deadlock!``. Nothing raises it yet: gochan does not look for
    deadlocks so far. It is here so that code may name it already.
    """

    __module__ = "gochan"


class BlockingError(RuntimeError):
    """A blocking call would have stopped the event loop that runs on this thread.

    Nothing was sent, received or waited for. Use the awaitable form that the message names
    (``await ch.arecv()`` for ``ch.recv()``), or move the blocking code off the loop with
    ``await asyncio.to_thread(...)``.
    """

    __module__ = "gochan"


class GoExit(BaseException):
    """What ``goexit()`` raises to end its goroutine: ``except Exception`` lets it pass.

    Not exported: nobody has to catch it, and who does so by accident sees it again.
    """

    __module__ = "gochan"

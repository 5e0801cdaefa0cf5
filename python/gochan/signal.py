"""Signals of the system on channels, as in Go's ``os/signal``.

A channel that was given to ``notify`` receives signals as they come, whatever the main thread is
doing: it may compute, sleep or block in a channel. ``notify`` and the others work in any thread, in
goroutines and in asyncio tasks.

    done = Chan[int](1)
    signal.notify(done, SIGINT, SIGTERM)
    server = go(serve)
    done.recv()  # until Ctrl-C, which raises no KeyboardInterrupt now

- Delivery never waits: a signal that finds no room in a channel is dropped for that channel. Give
  it a buffer, of 1 if one signal is all you wait for. A signal that comes again before it was
  delivered the first time may be delivered once.
- While a signal is notified it does nothing else: SIGTERM does not end the process, SIGINT raises
  no KeyboardInterrupt. After ``stop`` or ``reset`` it does again what it did before. A handler of
  the program's own (``signal.signal``, ``loop.add_signal_handler``, a C library's) is called as
  before, besides; so one that ends the program still does.
- ``signal.signal`` takes a signal over when it is called later: what it sets stands alone then,
  also after ``stop``, until the next ``notify`` for that signal. ``loop.add_signal_handler`` calls
  it, and so does ``asyncio.run`` for SIGINT, unless ``notify`` was called before, in the main
  thread. A registration for SIGINT made inside of ``asyncio.run`` ends with it.
- A forked child has none of the registrations: its signals do what they did before ``notify``.
- SIGKILL and SIGSTOP can not be caught. What the processor raises (SIGSEGV, SIGBUS, SIGFPE, SIGILL,
  SIGTRAP, SIGSYS) is Python's and ``faulthandler``'s. All these are accepted and never delivered.
- Signals named: any ``signal.Signals``, or a number. None named means all that can be delivered,
  but SIGABRT, which is the process itself giving up.
- Without POSIX (Windows) ``notify``, ``stop``, ``ignore`` and ``reset`` work in the main thread
  only, and deliver when the main thread runs Python code.
"""

# pyright: reportPrivateUsage=false
# The other half of this module is in the extension, under names that are nobody else's business.

from __future__ import annotations

import _thread
import atexit
import operator
import os
import signal as _system
import sys

from gochan import _gochan
from gochan.errors import Canceled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import Any, SupportsIndex, TypeAlias, TypeVar

    from gochan import CancelContext, SendChan
    from gochan._gochan import _ContextLike

    _T = TypeVar("_T")
    _Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | None
    # Number, what is sent for it, whether the function that handles it now is called besides.
    _Prepared: TypeAlias = tuple[int, int, bool]

__all__ = ["SignalError", "ignore", "ignored", "notify", "notify_context", "reset", "stop"]

_POSIX = os.name == "posix"
_VALID = frozenset(int(number) for number in _system.valid_signals() if number <= 64)


def _numbers(*names: str) -> frozenset[int]:
    """Those of them that this system has."""
    return frozenset(int(getattr(_system, name)) for name in names if hasattr(_system, name))


_FAULTS = _numbers("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS", "SIGSTKFLT")
_CAUGHT = _VALID - _FAULTS - _numbers("SIGKILL", "SIGSTOP")
_ALL = _CAUGHT - _numbers("SIGABRT")


def notify(ch: SendChan[int], /, *signals: SupportsIndex) -> None:
    """Have signals sent on a channel. Go's ``signal.Notify``.

    What is received is a member of ``signal.Signals``, which is an int. Further calls for the same
    channel add signals to it. Several channels each get a signal that all of them want.

    The channel is kept alive until ``stop``. Stop before closing it: a signal for a closed channel
    is reported through ``sys.unraisablehook``, and ends the channel's registration.

    Args:
        ch: Where to send. It should have a buffer: without one, only a waiting receiver gets it.
        signals: Which; all when none is named.

    Raises:
        TypeError: ``ch`` is no channel that can be sent to, or a signal is no number.
        ValueError: There is no such signal.
        RuntimeError: The interpreter is exiting, or no thread is to be had for the delivery.
    """
    _check_chan("notify", ch)
    numbers = _chosen("notify", signals, _ALL) & _CAUGHT
    _register(numbers, lambda prepared: _gochan._signal_notify(ch, prepared))


def stop(ch: SendChan[int], /) -> None:
    """Send no more signals on a channel. Go's ``signal.Stop``.

    When it returns nothing is sent on it any more, and no signal is lost: each one was sent on it,
    or did what it does without ``notify``. It waits until the delivery of what has come is over.
    A channel without registrations is left as it is.

    Raises:
        TypeError: ``ch`` is no channel that can be sent to.
    """
    _check_chan("stop", ch)
    _gochan._signal_stop(ch)
    _give_back()


def reset(*signals: SupportsIndex) -> None:
    """Send these signals on no channel any more. Go's ``signal.Reset``.

    They do again what they did before ``notify``; one that ``ignore`` was called for stays ignored.

    Args:
        signals: Which; all when none is named.

    Raises:
        TypeError: A signal is no number.
        ValueError: There is no such signal.
    """
    _gochan._signal_reset(list(_chosen("reset", signals, _CAUGHT)), False)
    _give_back()


def ignore(*signals: SupportsIndex) -> None:
    """Send these signals on no channel any more, and ignore them. Go's ``signal.Ignore``.

    ``notify`` ends that, for as long as it stands. To end it for good use ``signal.signal``.

    Args:
        signals: Which; all when none is named.

    Raises:
        TypeError: A signal is no number.
        ValueError: There is no such signal.
    """
    chosen = _chosen("ignore", signals, _ALL) & _CAUGHT
    if not _POSIX:
        _need_main_thread("ignore")
    _gochan._signal_reset(list(chosen), True)
    for number in chosen:
        # So that getsignal() says it too; asyncio.run(), for one, asks it.
        if not _set_in_python(number, _system.SIG_IGN):
            break


def ignored(number: SupportsIndex, /) -> bool:
    """Whether the system drops a signal for this process. Go's ``signal.Ignored``.

    Raises:
        TypeError: It is no number.
        ValueError: There is no such signal.
    """
    (chosen,) = _chosen("ignored", (number,), _VALID)
    if not _POSIX:
        return _system.getsignal(chosen) == _system.SIG_IGN
    return _gochan._signal_ignored(chosen)


class SignalError(Canceled):
    """A signal ended a context: the ``cause`` of one that ``notify_context`` made.

    It counts as Canceled: whoever works under the context cleans up and lets it pass.
    """

    signal: int
    """Which, as a member of ``signal.Signals``."""

    def __init__(self, signal: int, /) -> None:
        super().__init__(signal)
        self.signal = signal

    def __str__(self) -> str:
        return f"{_name(self.signal)} signal received"


def notify_context(parent: _ContextLike, /, *signals: SupportsIndex) -> CancelContext:
    """Make a context that is done when one of the signals comes. Go's ``signal.NotifyContext``.

    It is also done when it is cancelled, or when its parent is. Its ``cause`` is a SignalError if a
    signal ended it.

        with notify_context(background(), SIGINT, SIGTERM) as ctx:
            serve(ctx)

    Only ``cancel()``, or leaving the ``with`` block, makes the signals do again what they did
    before. Until then further ones are swallowed, and the registration is kept, also of a context
    that nobody holds. Cancel once the first has come, if a second Ctrl-C is to end the program.

    Args:
        parent: What it derives from; ``background()`` without another.
        signals: Which; all when none is named.

    Raises:
        TypeError: ``parent`` is not a context, or a signal is no number.
        ValueError: There is no such signal.
        RuntimeError: The interpreter is exiting, or no thread is to be had for the delivery.
    """
    numbers = _chosen("notify_context", signals, _ALL) & _CAUGHT
    names = " ".join(_name(operator.index(one)) for one in signals)
    return _register(numbers, lambda prepared: _gochan._signal_context(parent, names, prepared))


# ------------------------------------------------------------------ arguments
def _check_chan(name: str, ch: object) -> None:
    if not isinstance(ch, _gochan.SendChan):
        kind = "a receiving view" if isinstance(ch, _gochan.RecvChan) else type(ch).__name__
        raise TypeError(f"signal.{name}() needs a channel that can be sent to, not {kind}")


def _chosen(name: str, signals: Iterable[SupportsIndex], all_: frozenset[int]) -> frozenset[int]:
    chosen: set[int] = set()
    for one in signals:
        try:
            number = operator.index(one)
        except TypeError:
            kind = type(one).__name__
            raise TypeError(
                f"signal.{name}() needs signals, such as signal.SIGTERM, not {kind}"
            ) from None
        if number not in _VALID:
            raise ValueError(f"signal.{name}(): there is no signal {number} that could be caught")
        chosen.add(number)
    return frozenset(chosen) if chosen else all_


def _name(number: int) -> str:
    """In Go's words, which are C's without the capital."""
    text = _system.strsignal(number) or f"signal {number}"
    return text if text[1:2].isupper() or text[1:2] == "/" else text[:1].lower() + text[1:]


# ------------------------------------------------------------------ registrations
def _register(numbers: frozenset[int], register: Callable[[list[_Prepared]], _T]) -> _T:
    try:
        if _system.SIGINT in numbers:
            _stand_in()
        if not _POSIX:
            _set_by_hand(numbers)
        return register([(n, _value(n), _is_chained(n)) for n in sorted(numbers)])
    except BaseException:
        _give_back()
        raise


def _value(number: int) -> int:
    try:
        return _system.Signals(number)
    except ValueError:  # one of the real-time signals, which have no names
        return number


def _is_chained(number: int) -> bool:
    """Whether a function that handles the signal now is called besides.

    KeyboardInterrupt, Python's default, is not raised, as Go's default action is not taken.
    """
    handler = _system.getsignal(number)
    if handler is _system.default_int_handler or handler is _interrupt:
        return False
    # asyncio.run() puts one of its own in the place of the default, to the same end.
    runners = sys.modules.get("asyncio.runners")
    asyncios = runners and getattr(runners.Runner, "_on_sigint", None)
    function = getattr(getattr(handler, "func", None), "__func__", None)
    return function is None or function is not asyncios


# ------------------------------------------------------------------ Python's own handlers
def _set_in_python(number: int, handler: _Handler) -> bool:
    """False outside of the main thread, where Python allows it not."""
    try:
        _system.signal(number, handler)
    except ValueError:
        return False
    return True


def _stand_in() -> None:
    """Keep others from taking SIGINT over as they take over from Python's default.

    asyncio.run() does, if it finds the default; then a registration of before would be void.
    """
    if _system.getsignal(_system.SIGINT) is _system.default_int_handler:
        _set_in_python(_system.SIGINT, _interrupt)


def _give_back() -> None:
    if not _POSIX:
        _restore_by_hand()
    number = _system.SIGINT
    if _system.getsignal(number) is not _interrupt or _gochan._signal_wanted(number):
        return
    if _set_in_python(number, _system.default_int_handler):
        # Another thread may have registered for it in between.
        _gochan._signal_again(number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Python's default handler of SIGINT, by another name.

    It is called when there is no registration any more, or Python has put it in front of ours: a
    program has set a handler and put back what was there before.
    """
    if not _gochan._signal_mark(number):
        _system.default_int_handler(number, frame)


# ------------------------------------------------------------------ without sigaction
_before: dict[int, Any] = {}


def _need_main_thread(name: str) -> None:
    threading = sys.modules.get("threading")
    main = threading.main_thread().ident if threading else _thread.get_ident()
    if _thread.get_ident() != main:
        raise RuntimeError(f"signal.{name}() works in the main thread only, on this system")


def _set_by_hand(numbers: frozenset[int]) -> None:
    _need_main_thread("notify")
    for number in numbers:
        handler = _system.getsignal(number)
        if handler is not _marked:
            _before[number] = handler
            _system.signal(number, _marked)


def _restore_by_hand() -> None:
    for number, handler in list(_before.items()):
        if not _gochan._signal_wanted(number):
            if _system.getsignal(number) is _marked:
                _system.signal(number, handler)
            del _before[number]


def _marked(number: int, frame: FrameType | None) -> None:
    _gochan._signal_mark(number)
    handler = _before.get(number)
    if callable(handler) and handler is not _system.default_int_handler:
        handler(number, frame)


# Registered early, so that it runs late: exit handlers of the program still get their signals.
atexit.register(_gochan._signal_close)

"""Numbers as users give them to the modules in Python: checked before anything happens."""

from __future__ import annotations

import math
import operator
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Any, SupportsIndex


def real(value: float, what: str, kind: str = "a number") -> float:
    """A float; what no float is large enough for is infinite.

    Raises:
        TypeError: It is no number. Text is none.
        ValueError: It is NaN.
    """
    try:
        number = math.copysign(value, value)  # takes what float() takes, but no text
    except TypeError:
        raise TypeError(f"{what} must be {kind}, not {type(value).__name__}") from None
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    if math.isnan(number):
        raise ValueError(f"{what} is not a number (NaN)")
    return number


def seconds(value: float | timedelta, what: str) -> float:
    """The seconds of a duration.

    Raises:
        TypeError: It is neither a number nor a timedelta.
        ValueError: It is NaN.
    """
    # Asked for by its method: who has no timedelta should not have to import it here.
    total: Any = getattr(value, "total_seconds", lambda: value)
    return real(total(), what, "seconds (float or int) or a timedelta")


def count(value: SupportsIndex, what: str, least: int, most: float = math.inf) -> int:
    """An int that is not less than `least`, nor more than `most`.

    Raises:
        TypeError: It is no int.
        ValueError: It is less, or more.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{what} must be an int, not {type(value).__name__}") from None
    if number > most:
        raise ValueError(f"{what} must be at most {most}")
    if number < least:
        # Python refuses to write out thousands of digits.
        given = str(number) if number >= -sys.maxsize else "a number too long to print"
        raise ValueError(f"{what} must be at least {least}, not {given}")
    return number

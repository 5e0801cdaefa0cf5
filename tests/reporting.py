"""What is heard of goroutine errors that nobody looked at, by the fixture `reports`."""

from __future__ import annotations

import gc
from typing import Any

from gochan import Goroutine, go
from parking import wait_until


class Expected(Exception):
    pass


def fail(text: str = "expected by this test") -> None:
    raise Expected(text)


class Reports:
    """What the excepthook was told."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.names: list[str] = []

    def __call__(self, g: Goroutine[Any], error: BaseException) -> None:
        assert g.state == "done"
        self.names.append(g.name)
        self.errors.append(str(error))

    def settled(self) -> list[str]:
        """All reports, once one more error, provoked now, has been reported too.

        A report that is made twice, or should not be made at all, is thereby seen here.
        """
        gc.collect()
        go(fail, "the last")
        wait_until(lambda: "the last" in self.errors, "the last report")
        self.errors.remove("the last")
        return self.errors

    def wait(self, *errors: str) -> None:
        """See these reports, in any order, and no more."""
        wait_until(lambda: len(self.errors) >= len(errors), f"{len(errors)} reports")
        assert sorted(self.settled()) == sorted(errors)

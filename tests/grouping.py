"""The words of the tests about groups: start, wait and `with`, on any host."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from gochan import Goroutine, Group
from hosts import Host


class Failed(Exception):
    """What the goroutines of these tests fail with."""


def fail(text: str) -> None:
    raise Failed(text)


async def afail(text: str) -> None:
    raise Failed(text)


async def start(host: Host, group: Group, fn: Callable[..., Any], *args: Any) -> Goroutine[Any]:
    if host.blocking:
        return group.go(fn, *args)
    started: Goroutine[Any] = await group.ago(fn, *args)
    return started


async def wait(host: Host, group: Group, **limits: Any) -> None:
    if host.blocking:
        group.wait(**limits)
    else:
        assert not limits, "the awaitable form has none"
        await group


@asynccontextmanager
async def within(host: Host, group: Group) -> AsyncIterator[None]:
    """`with` or `async with`."""
    if host.blocking:
        with group as same:
            assert same is group
            yield
    else:
        async with group as same:
            assert same is group
            yield

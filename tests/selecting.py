"""A select in the words of the hosts: see hosts.py."""

from __future__ import annotations

from typing import Any

import gochan
from hosts import Host


async def select(host: Host, *arms: Any, **options: Any) -> Any:
    """`select` where the host blocks, else its awaitable twin."""
    if host.blocking:
        return gochan.select(*arms, **options)
    return await gochan.aselect(*arms, **options)

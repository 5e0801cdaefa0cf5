"""A crawler: one goroutine per page, at most three requests at a time, asyncio for the network.

The network is a dictionary and `asyncio.sleep` here; a real one would be an asyncio client. `aio()`
runs such code on gochan's own asyncio loop, and brings back its result or its exception.
"""

import asyncio
from typing import NamedTuple

from gochan import Chan, SendChan, aio, go, run

SITE = {
    "/": ["/docs", "/blog", "/about"],
    "/docs": ["/", "/docs/install", "/docs/first-steps"],
    "/docs/install": ["/docs"],
    "/docs/first-steps": ["/docs", "/blog"],
    "/blog": ["/", "/blog/2", "/gone"],
    "/blog/2": ["/blog"],
    "/about": [],
}


class Page(NamedTuple):
    path: str
    links: list[str]
    problem: str = ""


async def fetch(path: str) -> list[str]:
    """Somebody's asyncio code, which knows nothing of goroutines."""
    await asyncio.sleep(0.01)
    return SITE[path]


async def visit(path: str, slots: Chan[None], pages: SendChan[Page]) -> None:
    await slots.asend(None)  # waits while three others are at it
    try:
        page = Page(path, await aio(fetch(path)))
    except Exception as error:  # a page that cannot be had counts as well
        page = Page(path, [], repr(error))
    await slots.arecv()
    await pages.asend(page)


async def main() -> list[Page]:
    pages, slots = Chan[Page](), Chan[None](3)
    seen, done = {"/"}, list[Page]()
    go(visit, "/", slots, pages)
    while len(done) < len(seen):
        done.append(await pages.arecv())
        for path in done[-1].links:
            if path not in seen:
                seen.add(path)
                go(visit, path, slots, pages)
    return done


if __name__ == "__main__":
    for page in sorted(run(main)):
        print(f"{page.path}:", page.problem or " ".join(page.links) or "no links")

# Output:
# /: /docs /blog /about
# /about: no links
# /blog: / /blog/2 /gone
# /blog/2: /blog
# /docs: / /docs/install /docs/first-steps
# /docs/first-steps: /docs /blog
# /docs/install: /docs
# /gone: KeyError('/gone')

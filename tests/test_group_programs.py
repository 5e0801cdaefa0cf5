"""Groups at work: the examples of Go's errgroup, and its bounded pipeline (E1-E5, RT70)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from gochan import Canceled, Chan, Context, Group, background, go, num_goroutine, with_cancel
from grouping import Failed, start, wait
from hosts import Host
from parking import wait_until
from watch import PATIENCE

DIGESTERS = 20


async def test_just_errors(host: Host) -> None:
    """Go's ExampleGroup_justErrors: as a WaitGroup, with the errors."""

    def fetch(url: str) -> None:
        if "stupid" in url:
            raise Failed(f"no such host: {url}")

    group = Group()
    for url in ("www.golang.org", "www.google.com", "www.somestupidname.com"):
        await start(host, group, fetch, url)
    with pytest.raises(Failed, match="no such host: www"):
        await wait(host, group)
    assert len(group.errors) == 1


@pytest.mark.parametrize("fails", [None, "image"])
async def test_parallel(host: Host, fails: str | None) -> None:
    """Go's ExampleGroup_parallel: each has its place in the results; an error ends the others."""

    def search(kind: str, ctx: Context, query: str) -> str:
        if kind == fails:
            raise Failed(kind)
        if fails is not None:
            ctx.wait()
            ctx.check()
        return f"{kind} result for {query!r}"

    async def google(ctx: Context, query: str) -> list[str]:
        group, kinds = Group(ctx), ("web", "image", "video")
        results = [""] * len(kinds)

        def fill(i: int, kind: str) -> None:
            results[i] = search(kind, group.ctx, query)

        for i, kind in enumerate(kinds):
            await start(host, group, fill, i, kind)
        await wait(host, group)
        return results

    if fails is None:
        assert await google(background(), "golang") == [
            "web result for 'golang'",
            "image result for 'golang'",
            "video result for 'golang'",
        ]
    else:
        with pytest.raises(Failed, match="image"):
            await google(background(), "golang")


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def md5_all(ctx: Context, root: Path, read: Callable[[Path], bytes]) -> dict[str, str]:
    """Go's MD5All: one walks, some digest, one closes the results when all have ended."""
    group = Group(ctx)
    paths, results = Chan[Path](), Chan[tuple[str, str]]()

    def walk() -> None:
        with paths:
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    paths.send(path, ctx=group.ctx)

    def digest() -> None:
        for path in paths:
            results.send((path.name, md5(read(path))), ctx=group.ctx)

    def close() -> None:
        with results:
            group.wait()

    group.go(walk)
    for _ in range(DIGESTERS):
        group.go(digest)
    closer = go(close)
    found = dict(results)
    closer.exception(PATIENCE)  # the group's, which comes now
    group.wait()
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for n in range(60):
        place = tmp_path / str(n % 7)
        place.mkdir(exist_ok=True)
        (place / f"{n}.txt").write_bytes(b"%d" % n)
    return tmp_path


def ends(before: int) -> None:
    wait_until(lambda: num_goroutine() <= before, "the end of all goroutines")


def test_md5_all(tree: Path) -> None:
    """Go's ExampleGroup_pipeline."""
    before = num_goroutine()
    wanted = {
        f"{n}.txt": hashlib.md5(b"%d" % n, usedforsecurity=False).hexdigest() for n in range(60)
    }
    assert md5_all(background(), tree, Path.read_bytes) == wanted
    ends(before)


def test_md5_all_fails_where_a_file_cannot_be_read(tree: Path) -> None:
    """All goroutines have ended by then, those that were to send or to receive too."""

    def read(path: Path) -> bytes:
        if path.name == "30.txt":
            raise Failed(path.name)
        return path.read_bytes()

    before = num_goroutine()
    with pytest.raises(Failed, match=r"30\.txt"):
        md5_all(background(), tree, read)
    ends(before)


def test_md5_all_ends_with_the_context_it_was_given(tree: Path) -> None:
    before = num_goroutine()
    with with_cancel(background()) as ctx:

        def read(path: Path) -> bytes:
            ctx.cancel()
            return b""

        with pytest.raises(Canceled):
            md5_all(ctx, tree, read)
    ends(before)

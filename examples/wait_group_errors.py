"""WaitGroups with errors: a `Group` waits for all of them, and the first error ends it for all."""

from gochan import AtomicInt, Canceled, Context, Group, asleep, run

log: list[str] = []


async def fetch(ctx: Context, path: str, seconds: float) -> str:
    try:
        await asleep(seconds, ctx=ctx)
    except Canceled:
        log.append(f"{path}: no longer wanted")
        raise
    if path == "/gone":
        raise LookupError("404 for /gone")
    return f"{path}: 200"


async def main() -> None:
    # All is well: the block waits, and the handles have the results.
    async with Group() as group:
        pages = [group.go(fetch, group.ctx, path, 0.001) for path in ("/", "/docs", "/blog")]
    print([await page for page in pages])

    # One fails. That cancels the group's context, and its error comes out of the block when all
    # have ended. Without a look at the context the others would go on for a minute.
    try:
        async with Group() as group:
            group.go(fetch, group.ctx, "/slow", 60)
            group.go(fetch, group.ctx, "/gone", 0.001)
    except LookupError as error:
        print("LookupError:", error)
    print(*log)
    print("all errors:", [type(error).__name__ for error in group.errors])

    # At most two at a time: `await group.ago(...)` waits for a place, as `group.go` would.
    active, levels = AtomicInt(), list[int]()

    async def busy() -> None:
        levels.append(active.add(1))
        await asleep(0.001)
        active.add(-1)

    async with Group(limit=2) as group:
        for _ in range(6):
            await group.ago(busy)
    print("at a time:", max(levels))


if __name__ == "__main__":
    run(main)

# Output:
# ['/: 200', '/docs: 200', '/blog: 200']
# LookupError: 404 for /gone
# /slow: no longer wanted
# all errors: ['LookupError', 'Canceled']
# at a time: 2

"""Contexts with a timeout: one deadline for all that is done for a purpose, however deep."""

from gochan import Chan, Context, DeadlineExceeded, asleep, background, go, run, with_timeout


async def lookup(ctx: Context, name: str, seconds: float) -> str:
    await asleep(seconds, ctx=ctx)  # every operation that waits takes `ctx=`
    return f"{name} found"


async def ask_both(ctx: Context) -> list[str]:
    # The deadline is handed down: what is left of it holds for both calls together.
    return [await lookup(ctx, "user", 0.02), await lookup(ctx, "orders", 0.02)]


def compute(ctx: Context) -> int:
    """A loop that never waits looks at the context itself, now and then."""
    number = 0
    while True:
        ctx.check()  # raises when the context is done
        number += 1


async def main() -> None:
    with with_timeout(background(), 5) as ctx:  # leaving the block cancels it
        print(await ask_both(ctx))

    with with_timeout(background(), 0.03) as ctx:
        try:
            await ask_both(ctx)
        except DeadlineExceeded as error:
            print("DeadlineExceeded:", error)

        # Done is done: whatever is asked now ends at once.
        try:
            await Chan[int]().arecv(ctx=ctx)
        except TimeoutError as error:  # DeadlineExceeded is a TimeoutError
            print(type(error).__name__, "again")

    with with_timeout(background(), 0.05, cause=RuntimeError("over budget")) as ctx:
        try:
            await go(compute, ctx)  # a plain function: it has a thread for itself
        except DeadlineExceeded:
            print("cause:", ctx.cause)


if __name__ == "__main__":
    run(main)

# Output:
# ['user found', 'orders found']
# DeadlineExceeded: context deadline exceeded
# DeadlineExceeded again
# cause: over budget

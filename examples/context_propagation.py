"""Contexts that propagate: cancelling one ends all that derive from it, and none above it."""

from gochan import (
    Canceled,
    Chan,
    Context,
    Goroutine,
    asleep,
    background,
    context_after_func,
    go,
    run,
    with_cancel,
)


async def worker(ctx: Context) -> str:
    try:
        await asleep(60, ctx=ctx)
    except Canceled as error:
        return f"{error} ({ctx.cause!r})"
    return "slept well"


async def main() -> None:
    app = with_cancel(background())
    orders, mails = with_cancel(app), with_cancel(app)
    workers: dict[str, Goroutine[str]] = {
        "orders, 1": go(worker, orders),
        "orders, 2": go(worker, orders),
        "mails": go(worker, mails),
    }

    orders.cancel(ValueError("out of stock"))  # this branch alone
    print("orders, 1:", await workers["orders, 1"])
    print("orders, 2:", await workers["orders, 2"])
    print("mails:", mails.err, "- app:", app.err)

    # A function may be called when a context is done, in a goroutine of its own.
    closed = Chan[str](1)
    context_after_func(mails, lambda: closed.send("connection closed"))
    app.cancel()  # everything below
    print("mails:", await workers["mails"])
    print("mails:", await closed.arecv())


if __name__ == "__main__":
    run(main)

# Output:
# orders, 1: context canceled (ValueError('out of stock'))
# orders, 2: context canceled (ValueError('out of stock'))
# mails: None - app: None
# mails: context canceled (Canceled('context canceled'))
# mails: connection closed

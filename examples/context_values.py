"""Contexts with values: what belongs to a request as a whole travels along with its context."""

from dataclasses import dataclass

from gochan import Context, WaitGroup, background, run, with_timeout, with_value, without_cancel


@dataclass(frozen=True)
class Request:
    """Its own class is the key: nobody else can have the same by accident."""

    number: int
    user: str


def request_of(ctx: Context) -> Request:
    """A typed way to the value, beside the key, so that the key need not be known elsewhere."""
    request = ctx.value(Request)
    assert isinstance(request, Request), "this context belongs to no request"
    return request


log: list[str] = []


async def handle(ctx: Context) -> None:
    await load(ctx)
    # What must be done even if the client has gone keeps the values, but not the deadline.
    await audit(without_cancel(ctx))


async def load(ctx: Context) -> None:
    log.append(f"{request_of(ctx).number}: loaded for {request_of(ctx).user}")


async def audit(ctx: Context) -> None:
    log.append(f"{request_of(ctx).number}: audited, deadline {ctx.deadline}")


async def main() -> None:
    async with WaitGroup() as requests:
        for number, user in enumerate(["Ada", "Grace"], start=1):
            ctx = with_value(background(), Request, Request(number, user))
            requests.go(handle, with_timeout(ctx, 5))  # contexts derive from one another
    print(*sorted(log), sep="\n")

    # The innermost binding holds; the outer one is as it was.
    outer = with_value(background(), "color", "red")
    inner = with_value(outer, "color", "blue")
    print(outer.value("color"), inner.value("color"), inner.value("size", "unknown"))


if __name__ == "__main__":
    run(main)

# Output:
# 1: audited, deadline None
# 1: loaded for Ada
# 2: audited, deadline None
# 2: loaded for Grace
# red blue unknown

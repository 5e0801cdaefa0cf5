"""Directions: `SendChan` and `RecvChan` are the two faces of a channel, `chan<-` and `<-chan`."""

from gochan import Chan, RecvChan, SendChan, go


def count(upto: int, out: SendChan[int]) -> None:
    """It can send and close, and a type checker refuses anything else."""
    with out:
        for number in range(upto):
            out.send(number)


def double(numbers: RecvChan[int], out: SendChan[int]) -> None:
    with out:
        for number in numbers:
            out.send(2 * number)


def doubles(upto: int) -> RecvChan[int]:
    """Who calls this gets the receiving face only: it cannot send, nor close by mistake."""
    numbers, out = Chan[int](), Chan[int]()
    go(count, upto, numbers.sender)
    go(double, numbers.receiver, out.sender)
    return out.receiver


def main() -> None:
    print(*doubles(5))

    # At run time the face really lacks the other half, so untyped code is stopped as well.
    ch = Chan[int](1)
    try:
        ch.receiver.close()  # type: ignore[attr-defined]
    except AttributeError as error:
        print("AttributeError:", error)
    print("the same channel:", ch.receiver == ch == ch.sender)
    print("a Chan is both:", isinstance(ch, SendChan) and isinstance(ch, RecvChan))


if __name__ == "__main__":
    main()

# Output:
# 0 2 4 6 8
# AttributeError: 'gochan.RecvChan' object has no attribute 'close'
# the same channel: True
# a Chan is both: True

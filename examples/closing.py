"""Closing: the sender says that nothing more will come, and every receiver's loop ends."""

from gochan import Chan, ChanClosed, RecvChan, SendChan, WaitGroup, go


def produce(out: SendChan[int]) -> None:
    with out:  # leaving the block closes the channel, whatever happens in it
        for number in range(5):
            out.send(number)


def wait_at(gate: RecvChan[None]) -> None:
    gate.recv_ok()  # nothing is ever sent: it returns when the gate is closed


def main() -> None:
    # Go's `for v := range ch`: until the channel is closed and drained.
    numbers = Chan[int](2)
    go(produce, numbers)
    for number in numbers:
        print(number, end=" ")
    print("and no more")

    # Go's `v, ok := <-ch` tells a value from the end. None is an ordinary value here.
    print("recv_ok:", numbers.recv_ok())
    try:
        numbers.recv()
    except ChanClosed as error:
        print("ChanClosed:", str(error).partition(" <")[0])

    # Closing reaches everybody who waits: a signal for any number of goroutines.
    gate, crowd = Chan[None](), WaitGroup()
    for _ in range(100):
        crowd.go(wait_at, gate)
    gate.close()
    crowd.wait()
    print("all of them passed the gate")

    # To send, or to close again, is a mistake of the program: it raises, as Go panics.
    try:
        gate.send(None)
    except ChanClosed as error:
        print("ChanClosed:", str(error).partition(" <")[0])
    try:
        gate.close()
    except ChanClosed as error:
        print("ChanClosed:", str(error).partition(" <")[0])


if __name__ == "__main__":
    main()

# Output:
# 0 1 2 3 4 and no more
# recv_ok: (None, False)
# ChanClosed: recv on closed and drained channel
# all of them passed the gate
# ChanClosed: send on closed channel
# ChanClosed: close of closed channel

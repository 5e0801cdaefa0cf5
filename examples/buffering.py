"""Buffering: `Chan(3)` holds three values, so that many sends need not wait for a receiver."""

from gochan import Chan, WouldBlock, go


def main() -> None:
    # Without a buffer a send waits until somebody receives. Here nobody does.
    unbuffered = Chan[str]()
    try:
        unbuffered.send("to nobody", timeout=0.01)
    except TimeoutError as error:
        print("TimeoutError:", str(error).partition(" on ")[0])

    # With room for three the same thread may send three times, and receive later.
    buffered = Chan[str](3)
    for word in ("first", "second", "third"):
        buffered.send(word)
    print(f"{len(buffered)} of {buffered.capacity} places are taken")

    # The fourth would wait; `send_nowait` says so instead.
    try:
        buffered.send_nowait("fourth")
    except WouldBlock as error:
        print("WouldBlock:", str(error).partition(" on ")[0])

    # A receive makes room: the goroutine that waits with the fourth goes on.
    sender = go(buffered.send, "fourth")
    print("received:", buffered.recv())
    sender.join()

    # Closing keeps what is in the buffer. First in, first out.
    buffered.close()
    print("the rest:", *buffered)


if __name__ == "__main__":
    main()

# Output:
# TimeoutError: Chan.send() timed out after 0.01 s
# 3 of 3 places are taken
# WouldBlock: send_nowait
# received: first
# the rest: second third fourth

"""Hello: a goroutine sends on a channel, the main program receives; both wait for each other."""

from gochan import Chan, go


def greet(names: list[str], greetings: Chan[str]) -> int:
    for name in names:
        # The channel has no buffer: a send is over when the main program has taken the value.
        greetings.send(f"Hello, {name}!")
    greetings.close()  # the sender says that nothing more will come
    return len(names)


def main() -> None:
    greetings = Chan[str]()
    goroutine = go(greet, ["Ada", "Grace", "Radia"], greetings)

    print("first:", greetings.recv())
    for greeting in greetings:  # until the channel is closed and empty
        print("then: ", greeting)

    print("what the function returned:", goroutine.result())
    print("a receive from the closed channel:", greetings.recv_ok())


if __name__ == "__main__":
    main()

# Output:
# first: Hello, Ada!
# then:  Hello, Grace!
# then:  Hello, Radia!
# what the function returned: 3
# a receive from the closed channel: (None, False)

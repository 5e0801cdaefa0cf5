"""Select: wait for several channels at once, with a default that never waits, or with a timeout."""

from gochan import Chan, go, select, sending


def poll(jobs: Chan[str]) -> None:
    """With `default=True` it never waits: None means that no arm was ready."""
    match select(jobs, default=True):
        case (0, job, True):
            print("poll: got", job)
        case (0, None, False):
            print("poll: closed")
        case None:
            print("poll: nothing there")


def first_of(left: Chan[str], right: Chan[str], seconds: float) -> None:
    """Whichever comes first within the time. The result says which arm, what, and whether open."""
    try:
        match select(left, right, timeout=seconds):
            case (0, word, True):
                print("left said", word)
            case (1, word, True):
                print("right said", word)
            case _:
                print("one was closed")
    except TimeoutError:
        print("nobody spoke in time")


def fibonacci(out: Chan[int], quit: Chan[None]) -> None:
    """An arm may send as well. Go's tour has this one."""
    x, y = 0, 1
    while select(sending(out, x), quit)[0] == 0:
        x, y = y, x + y


def main() -> None:
    jobs = Chan[str](1)
    poll(jobs)
    jobs.send("a job")
    poll(jobs)
    jobs.close()
    poll(jobs)

    left, right = Chan[str](), Chan[str]()
    go(right.send, "hello")
    first_of(left, right, 60)
    first_of(left, right, 0.01)

    numbers, quit = Chan[int](), Chan[None]()
    g = go(fibonacci, numbers, quit)
    print(*(numbers.recv() for _ in range(10)))
    quit.close()
    g.join()


if __name__ == "__main__":
    main()

# Output:
# poll: nothing there
# poll: got a job
# poll: closed
# right said hello
# nobody spoke in time
# 0 1 1 2 3 5 8 13 21 34

"""Buffer sizing: a buffer evens out bursts. It is no help against a receiver that is too slow."""

from gochan import Chan, WouldBlock


def waits(capacity: int, arrivals: list[int], per_turn: int) -> tuple[int, int]:
    """How often a sender found no room, and the most that ever lay in the buffer.

    Each turn so many values arrive, and then the receiver takes `per_turn` of them. (In one
    thread, so that the figures are the same each time.)
    """
    ch, full, most = Chan[int](capacity), 0, 0
    for burst in arrivals:
        for value in range(burst):
            try:
                ch.send_nowait(value)
            except WouldBlock:  # here a real sender would wait
                full += 1
        most = max(most, len(ch))
        for _ in range(min(per_turn, len(ch))):
            ch.recv_nowait()
    return full, most


def show(title: str, arrivals: list[int], per_turn: int) -> None:
    print(title)
    for capacity in (1, 2, 5, 10, 1000):
        full, most = waits(capacity, arrivals, per_turn)
        print(f"  capacity {capacity:4}: no room {full:3} times, at most {most} in it")


def main() -> None:
    # On average the receiver keeps up: 10 in five turns, and it takes 2 in each. A buffer as large
    # as the largest burst is all one needs, and more changes nothing.
    show("bursts of 10, receiver fast enough", [10, 0, 0, 0, 0] * 10, per_turn=2)

    # It does not keep up: any buffer fills. A large one only hides that for a while, and what
    # comes out of it is old by then. Let the sender wait, refuse, or add receivers.
    show("bursts of 15, receiver too slow", [15, 0, 0, 0, 0] * 10, per_turn=2)


if __name__ == "__main__":
    main()

# Output:
# bursts of 10, receiver fast enough
#   capacity    1: no room  90 times, at most 1 in it
#   capacity    2: no room  80 times, at most 2 in it
#   capacity    5: no room  50 times, at most 5 in it
#   capacity   10: no room   0 times, at most 10 in it
#   capacity 1000: no room   0 times, at most 10 in it
# bursts of 15, receiver too slow
#   capacity    1: no room 140 times, at most 1 in it
#   capacity    2: no room 130 times, at most 2 in it
#   capacity    5: no room 100 times, at most 5 in it
#   capacity   10: no room  50 times, at most 10 in it
#   capacity 1000: no room   0 times, at most 60 in it

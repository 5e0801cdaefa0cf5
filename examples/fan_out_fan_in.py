"""Fan-out, fan-in: several workers receive from one channel, and their results go into one."""

import hashlib

from gochan import Chan, RecvChan, SendChan, WaitGroup, go
from gochan.patterns import generate, merge, pipe

Digest = tuple[str, str]


def digest(word: str) -> Digest:
    return word, hashlib.sha256(word.encode()).hexdigest()[:8]


# ------------------------------------------------------------------ by hand, as in Go
def worker(words: RecvChan[str], out: SendChan[Digest]) -> None:
    with out:
        for word in words:  # fan-out: each word goes to whoever is free
            out.send(digest(word))


def fan_in(inputs: list[Chan[Digest]]) -> RecvChan[Digest]:
    def forward(ch: RecvChan[Digest]) -> None:
        for value in ch:
            out.send(value)

    def close_after(senders: WaitGroup) -> None:
        senders.wait()
        out.close()  # after the last sender has finished, and not before

    out, senders = Chan[Digest](), WaitGroup()
    for ch in inputs:
        senders.go(forward, ch)
    go(close_after, senders)
    return out.receiver


def main() -> None:
    words = Chan[str](4)
    outputs = [Chan[Digest]() for _ in range(3)]
    for out in outputs:
        go(worker, words, out)
    with words:
        for word in ("ant", "bee", "cat", "dog"):
            words.send(word)
    print(dict(sorted(fan_in(outputs))))

    # ------------------------------------------------------------------ with gochan.patterns
    source = generate(["ant", "bee", "cat", "dog"])
    print(dict(sorted(merge(*(pipe(source, digest) for _ in range(3))))))
    # When one function is the whole work, one `pipe` is both, and keeps the order.
    print(dict(pipe(generate(["ant", "bee", "cat", "dog"]), digest, workers=3)))


if __name__ == "__main__":
    main()

# Output:
# {'ant': '67a33335', 'bee': '62cb81b5', 'cat': '77af778b', 'dog': 'cd6357ef'}
# {'ant': '67a33335', 'bee': '62cb81b5', 'cat': '77af778b', 'dog': 'cd6357ef'}
# {'ant': '67a33335', 'bee': '62cb81b5', 'cat': '77af778b', 'dog': 'cd6357ef'}

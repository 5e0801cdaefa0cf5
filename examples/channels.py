"""Channels: a value goes from one goroutine to another, and without a buffer the two then meet."""

from typing import NamedTuple

from gochan import Chan, RecvChan, SendChan, go, run


async def add_up(numbers: list[int], sums: SendChan[int]) -> None:
    await sums.asend(sum(numbers))


class Question(NamedTuple):
    text: str
    answer: SendChan[str]  # a channel is a value like any other: it may be sent along


async def serve(questions: RecvChan[Question]) -> None:
    async for question in questions:
        await question.answer.asend(question.text.upper())


async def main() -> None:
    # Two goroutines share the work; main waits for each by receiving from it.
    numbers, sums = [7, 2, 8, -9, 4, 0], Chan[int]()
    go(add_up, numbers[:3], sums)
    go(add_up, numbers[3:], sums)
    x, y = await sums.arecv(), await sums.arecv()
    print(f"{max(x, y)} + {min(x, y)} = {x + y}")

    # No lock guards the server's state: only its own goroutine touches it.
    questions, answer = Chan[Question](), Chan[str]()
    go(serve, questions)
    for text in ("hello", "is anybody there?"):
        await questions.asend(Question(text, answer))
        print(text, "->", await answer.arecv())
    questions.close()  # no more questions: the server's loop ends


if __name__ == "__main__":
    run(main)

# Output:
# 17 + -5 = 12
# hello -> HELLO
# is anybody there? -> IS ANYBODY THERE?

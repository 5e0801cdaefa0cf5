"""A call of a function that does nothing: what any guard in front of it adds to."""

import threading

import drive


def nothing() -> None:
    pass


def call(n: int) -> float:
    return drive.called(nothing, n)


def locked_call(n: int) -> float:
    lock = threading.Lock()

    def call() -> None:
        with lock:
            nothing()

    return drive.called(call, n)

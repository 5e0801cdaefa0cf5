"""The default report of a goroutine's error that nobody looked at."""

import sys


def report(head: str, error: BaseException) -> None:
    """Writes `head` and the traceback to stderr, in one piece."""
    if sys.stderr is None:
        return
    import traceback  # a third of a millisecond for those who need it

    text = "".join(traceback.format_exception(error))
    sys.stderr.write(f"{head}\n{text}")
    sys.stderr.flush()

"""The command line: `python -m gochan demo [PATH]`."""

import argparse
import sys
from collections.abc import Sequence

from gochan import _demo


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gochan", description="Go's concurrency for Python: see it at work."
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    demo = commands.add_parser(
        "demo",
        help="count the lines and words of a source tree",
        description=(
            "Count the lines and words of every file under PATH, as wc counts them, by kind of "
            "file. A goroutine walks the tree and hands the files to workers over a channel; the "
            "counts come back over another. Links to folders are not followed. Ctrl-C prints "
            "what was counted so far (exit code 130), and so does the end of the time (124)."
        ),
    )
    demo.add_argument(
        "path",
        nargs="?",
        metavar="PATH",
        help="a folder or a file (default: the standard library of this Python)",
    )
    demo.add_argument("--workers", type=positive, metavar="N", help="how many workers count")
    demo.add_argument(
        "--top", type=positive, default=10, metavar="N", help="how many kinds to list (%(default)s)"
    )
    demo.add_argument(
        "--timeout", type=seconds, metavar="SECONDS", help="stop after so long, with what there is"
    )
    try:
        options = parser.parse_args(argv)
        return _demo.run(
            options.path, workers=options.workers, top=options.top, timeout=options.timeout
        )
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""The command line: `python -m gochan demo [PATH]`, `python -m gochan bench`."""

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
    demo.set_defaults(run=run_demo)

    bench = commands.add_parser(
        "bench",
        help="measure gochan beside what Python has, on this machine",
        description=(
            "Measure channels, goroutines and functions beside queue, asyncio and, where they "
            "are installed, janus, trio and uvloop. What is not installed is named. The machine "
            "should have nothing else to do meanwhile."
        ),
    )
    bench.add_argument(
        "--seconds",
        type=seconds,
        default=50.0,
        metavar="S",
        help="how long it may take, about (%(default)g); it is one round at least",
    )
    bench.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="ROW",
        help="this row alone, such as one-thread; may be repeated",
    )
    bench.set_defaults(run=run_bench)
    try:
        options = parser.parse_args(argv)
        code: int = options.run(options)
        return code
    except KeyboardInterrupt:
        return 130


def run_demo(options: argparse.Namespace) -> int:
    return _demo.run(
        options.path, workers=options.workers, top=options.top, timeout=options.timeout
    )


def run_bench(options: argparse.Namespace) -> int:
    from gochan import _bench  # it needs asyncio and more: the demo should not wait for that

    return _bench.run(options.seconds, options.only)


if __name__ == "__main__":
    sys.exit(main())

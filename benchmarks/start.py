"""start: how long until something answers: the import, the command's version, and a daemon before waiting triggers.

Each is a new process, timed from outside; *theirs* is the same Python that does nothing. ``over`` is what ours takes
longer, in milliseconds. A daemon is ready when its first turn has come back, with ``--waiting N`` triggers in the
database (default 1,000,000).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from frame import REPOSITORY, standing
from frame.places import opened
from frame.rows import Book, arguments, numbers

DAEMON = """
import sys
from tickwork import Tickwork
app = Tickwork(sys.argv[1])
process = app.process(worker=False)
process.trigger_daemon.turn(0)
process.start()
print("ready", flush=True)
process.stop()
"""


def took(words: Sequence[str | Path]) -> float:
    """Return the milliseconds until a new process has said its first line, or has ended without one."""
    began = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={"PYTHONPATH": str(REPOSITORY / "src")}) as process:
        assert process.stdout is not None
        process.stdout.readline()
        at = time.perf_counter()
    if process.returncode:
        raise RuntimeError(f"{words[:3]} ended with {process.returncode}")
    return (at - began) * 1_000


def beside(book: Book, store: str, against: str, ours: Sequence[str | Path], **fields: object) -> None:
    """Run ours and a bare Python in turns, once for warmth, then for the figures."""
    bare = [sys.executable, "-c", "pass"]
    took(ours), took(bare)
    pairs = [(took(ours), took(bare)) for _ in range(book.given.size)]
    mine, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    book.row(
        store, against, rate=1_000 / mine, ratio=theirs / mine, milliseconds=mine, floor_milliseconds=theirs,
        over=mine - theirs, runs=len(pairs), **fields,
    )  # fmt: skip


def main() -> None:
    given = arguments(__doc__, size=15, quick=5, runs=1, waiting="1000000")
    book = Book("start", given)
    bare = "a bare Python"
    beside(book, "none", bare, [sys.executable, "-c", "import tickwork"], what="import tickwork")
    command = Path(sys.executable).with_name("tickwork")
    beside(book, "none", bare, [command, "--version"], what="tickwork --version")
    with opened(given.stores, given.server) as places:
        for place in places:
            for waiting in numbers(given.waiting):
                url = standing.due(place, 0, waiting=waiting)
                beside(
                    book, place.label, bare, [sys.executable, "-c", DAEMON, url], what="daemon ready", waiting=waiting
                )
                place.drop(url)


if __name__ == "__main__":
    main()

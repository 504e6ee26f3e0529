"""idle: what daemon and worker use while nothing is due, with N triggers and as many delayed tasks waiting.

Counted over ``--seconds``: statements and commits of the process, CPU of it and of the server, bytes of WAL, resident
memory. ``writes`` are transactions that wrote, the process's own heartbeats among them (``heartbeats``). *Theirs* is the same
process with nothing waiting, in the same minutes, so ``ratio`` (its CPU over ours) says whether waiting costs anything.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from frame import standing
from frame.lap import Done, Lap, lap
from frame.places import Place, opened
from frame.rows import Book, alternate, arguments, numbers

from tickwork import Tickwork


def process(url: str, seconds: float) -> Iterator[Done | None]:
    """Run daemon and worker for so long, after they have come to rest."""
    app = Tickwork(url)

    @app.handler("bench.noop")
    def noop() -> None: ...

    told: list[str] = []
    app.store.dialect.on_statement = told.append
    pause = threading.Event()
    with app.process():
        come_to_rest(told, pause, min(15.0, seconds))
        told.clear()
        yield None
        pause.wait(seconds)
        said = [name for name in told if name not in ("begin", "commit")]
        book = app.store.dialect.book
        writes = [name for name in said if book[name].writes]
        notes = {
            "resident": resident(),
            "writes": len(writes),
            "heartbeats": writes.count("see_worker"),
            "names": dict.fromkeys(said),
        }
        yield Done(1, len(said), told.count("commit"), notes=notes)
    app.close()


def come_to_rest(told: list[str], pause: threading.Event, quiet: float) -> None:
    """Wait until collectors have had their first turns: nothing but looks and heartbeats was asked for a while."""
    until = time.monotonic() + 8 * quiet
    while time.monotonic() < until:
        told.clear()
        pause.wait(quiet)
        if set(told) <= {"begin", "commit", "survey", "see_worker"}:
            break


def resident() -> float:
    """Resident memory of this process in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1_000
    return 0.0


def measured(place: Place, url: str, seconds: float) -> Lap:
    return lap(place, process, url, seconds)


def main() -> None:
    given = arguments(__doc__, size=1, quick=1, runs=1, waiting="1000000", seconds=0.0)
    book, seconds = Book("idle", given), given.seconds or (10.0 if given.quick else 60.0)
    with opened(given.stores, given.server) as places:
        for place in places:
            empty = standing.due(place, 0)
            for waiting in numbers(given.waiting):
                url = standing.due(place, 0, waiting=waiting)
                standing.tasks(url, waiting, standing.now() + standing.AHEAD)
                place.settle(url)
                pairs = alternate(
                    given.runs,
                    lambda: measured(place, url, seconds),  # noqa: B023
                    lambda: measured(place, empty, seconds),  # noqa: B023
                )
                place.drop(url)
                notes = [each.notes[0] for each in pairs.ours]
                middle = lambda name: statistics.median(note[name] for note in notes)  # noqa: B023, E731
                book.row(
                    place.label, "the same process with nothing waiting", waiting=waiting, ratio=pairs.cpu_ratio,
                    seconds=seconds, runs=given.runs,
                    cpu_percent=statistics.median(each.client_cpu for each in pairs.ours) / seconds * 100,
                    server_cpu_percent=None if pairs.ours[0].server_cpu is None
                    else statistics.median(each.server_cpu or 0.0 for each in pairs.ours) / seconds * 100,
                    floor_cpu_percent=statistics.median(each.client_cpu for each in pairs.theirs) / seconds * 100,
                    statements_per_second=statistics.median(each.statements or 0 for each in pairs.ours) / seconds,
                    transactions_per_second=statistics.median(each.commits or 0 for each in pairs.ours) / seconds,
                    wal_bytes_per_second=None if pairs.ours[0].wal is None
                    else statistics.median(each.wal or 0 for each in pairs.ours) / seconds,
                    writes=middle("writes"), heartbeats=middle("heartbeats"), resident_mb=middle("resident"),
                    asked=" ".join(notes[0]["names"]),
                )  # fmt: skip
            place.drop(empty)


if __name__ == "__main__":
    main()

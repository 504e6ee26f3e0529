"""memory: what a daemon holds with few and with many triggers waiting, at rest and after it has fired; and a worker.

Resident megabytes of the process. *Theirs* is the same with 10,000 waiting, so ``ratio`` (theirs over ours) near 1 says
that memory does not depend on the backlog.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from drain import unfinished
from frame import standing
from frame.lap import Done, lap
from frame.places import Place, opened
from frame.rows import Book, arguments, numbers
from idle import resident

from tickwork import Tickwork

FEW = 10_000


def daemon(url: str) -> Iterator[Done | None]:
    """Fire what is due, and say what was held before and after."""
    app = Tickwork(url)
    trigger_daemon = app.process(worker=False).trigger_daemon
    assert trigger_daemon is not None
    with app.store.read() as transaction:  # connected, and nothing is scanned: SQLite's cache of pages would be counted
        transaction.one("look", mark=0)
    before = resident()
    yield None
    while trigger_daemon.turn(0) == 0:
        pass
    yield Done(max(1, trigger_daemon.firings.fired), notes={"before": before, "after": resident()})
    app.close()


def worker(url: str) -> Iterator[Done | None]:
    """Run what is ready, and say what was held before and after."""
    app, handled = Tickwork(url), 0

    @app.handler("bench.noop")
    def noop(meeting_id: int = 0) -> None:
        nonlocal handled
        handled += 1

    with app.store.read() as transaction:  # connected, and nothing is scanned: SQLite's cache of pages would be counted
        transaction.one("look", mark=0)
    before = resident()
    yield None
    with app.process(daemon=False):
        while unfinished(app.store):
            time.sleep(0.05)
        after = resident()
    yield Done(max(1, handled), notes={"before": before, "after": after})
    app.close()


def held(place: Place, waiting: int, size: int) -> dict[str, float]:
    """Measure both processes on one database."""
    url = standing.due(place, size, waiting=waiting)
    fired = lap(place, daemon, url).notes[0]
    standing.tasks(url, waiting, standing.now() + standing.AHEAD)
    ran = lap(place, worker, url).notes[0]
    place.drop(url)
    return {
        "daemon_mb": fired["before"], "daemon_after_mb": fired["after"],
        "worker_mb": ran["before"], "worker_after_mb": ran["after"],
    }  # fmt: skip


def main() -> None:
    given = arguments(__doc__, size=20_000, quick=5_000, runs=1, waiting="1000000")
    book = Book("memory", given)
    with opened(given.stores, given.server) as places:
        for place in places:
            few = held(place, min(FEW, *numbers(given.waiting)), given.size)
            for waiting in numbers(given.waiting):
                many = held(place, waiting, given.size)
                book.row(
                    place.label, f"the same with {FEW:,} waiting", ratio=few["daemon_after_mb"] / many["daemon_after_mb"],
                    waiting=waiting, size=given.size, **many,
                    **{f"few_{name}": value for name, value in few.items()},
                )  # fmt: skip


if __name__ == "__main__":
    main()

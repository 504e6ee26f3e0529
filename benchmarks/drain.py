"""drain: put tasks are claimed, run by a no-op handler, and archived one by one; beside the raw claim-and-complete loop.

One worker process and two. A lap ends when no task is left (what a worker sweeps when it has nothing else to do is no part of
it); afterwards the archive must hold every task exactly once. ``--peer pgqueuer,graphile,awa`` (PostgreSQL; graphile-worker needs node) and
``--peer huey`` (SQLite) run the peers in turns with ours.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from frame import floor, peers, standing
from frame.counting import Counted
from frame.lap import Done, Lap, lap
from frame.places import Place, opened
from frame.plots import bars
from frame.rows import Book, alternate, arguments, numbers

from tickwork import Tickwork
from tickwork.store.store import Store

PEERS_SIZE = {"pgqueuer": 20_000, "graphile": 20_000, "awa": 20_000, "huey": 3_000}


def worker(url: str, concurrency: int, is_async: bool) -> Iterator[Done | None]:
    """Work until no task is left in the database."""
    app = Tickwork(url)
    handled = 0

    if is_async:

        @app.handler("bench.noop")
        async def noop_async(meeting_id: int = 0) -> None:
            nonlocal handled
            handled += 1
    else:

        @app.handler("bench.noop")
        def noop(meeting_id: int = 0) -> None:
            nonlocal handled
            handled += 1

    with app.store.read() as transaction:  # connected, and the book has been read
        transaction.one("look", mark=0)
    counted, watcher = Counted(app.store), Tickwork(url)
    process, pause = app.process(daemon=False, concurrency=concurrency), threading.Event()
    assert process.task_worker is not None
    yield None
    process.start()
    before = -1
    while handled != before or unfinished(watcher.store):  # the database is asked where nothing has ended for a moment
        before = handled
        pause.wait(0.02)
    yield Done(handled, counted.statements, counted.commits)
    process.stop()
    app.close()
    watcher.close()


def unfinished(store: Store) -> bool:
    """Say whether a task is left that is not delayed; by the indexes, so that asking costs nothing.

    The session is a worker's, which reads no table from end to end: fresh statistics of a table in which a third is
    ready let any other one do so for what has gone meanwhile, and ``growth`` would count that as the claim's.
    """
    asked = f"""
        select exists (select 1 from tickwork.task where state = 'waiting' and namespace = 'default' and queue = 'default'
                          and priority = 2000 and available_at <= {standing.now()})
            or exists (select 1 from tickwork.task where lease is not null)"""
    with store.begin("worker", reading=True) as transaction:
        return bool(transaction.connection.execute(store.dialect.turn(asked)).fetchone()[0])  # type: ignore[attr-defined]


def ours(place: Place, size: int, processes: int, waiting: int, concurrency: int, is_async: bool) -> Lap:
    url = standing.ready(place, size, waiting=waiting)
    try:
        drained = lap(place, worker, url, concurrency, is_async, processes=processes)
        app = Tickwork(url)
        done = dict(app.counts().archive).get("done", 0)
        app.close()
    finally:
        place.drop(url)
    if done != size or drained.items < size:
        raise RuntimeError(f"{size} tasks were put, {drained.items} run, {done} archived as done")
    return drained


def main() -> None:
    given = arguments(
        __doc__, size=30_000, quick=10_000, processes="1,2", waiting="0", concurrency=10, peer="", asynchronous=False
    )
    book = Book("drain", given)
    with opened(given.stores, given.server) as places:
        for place in places:
            one: float | None = None
            for processes in numbers(given.processes) if place.is_postgresql else [1]:
                mine = lambda: ours(place, given.size, processes, 0, given.concurrency, given.asynchronous)  # noqa: B023, E731
                pairs = alternate(given.runs, mine, lambda: floor.lap_of(place, given.size))  # noqa: B023
                row = book.pairs(
                    place.label, floor.NAME, pairs, processes=processes, waiting=0, concurrency=given.concurrency,
                    handlers="coroutines" if given.asynchronous else "threads",
                    to_one_process=pairs.rate / one if one and processes > 1 else None,
                )  # fmt: skip
                one = row["rate"] if processes == 1 else one
            for name in filter(None, given.peer.split(",")):
                if (name == "huey") is place.is_postgresql:
                    continue
                words = ("drain", str(min(given.size, PEERS_SIZE.get(name, 1_000))))
                mine = lambda: ours(place, given.size, 1, 0, given.concurrency, given.asynchronous)  # noqa: B023, E731
                peers.beside(book, place, name, words, mine, waiting=0)
    bars(given.svg, book.rows, "tasks per second, put to archived", ("store", "processes"))


if __name__ == "__main__":
    main()

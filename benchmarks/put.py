"""put: tasks written by an application; beside the raw insert into a plain queue table.

Three ways: in the *caller's* transaction (begin, put, commit on a lent connection; theirs: begin, insert, commit), in a
transaction *alone* (``app.put``; theirs: one insert in autocommit), and in *bulk* (batches of 1,000 in one transaction;
theirs: one ``insert ... unnest`` or ``executemany``). ``--peer pgqueuer`` runs it on PostgreSQL, huey on SQLite.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from frame import floor, peers
from frame.counting import Counted
from frame.lap import Done, Lap, lap
from frame.places import Place, opened, path_of
from frame.plots import bars
from frame.rows import Book, alternate, arguments

from tickwork import Tickwork

WAYS = ("caller", "alone", "bulk")
BATCH = 1_000
INSERT = "insert into q (name, payload) values ('noop', '{}')"
INSERT_FILE = "insert into q (run_at, name, payload) values (0, 'noop', '{}')"
INSERT_MANY = "insert into q (name, payload) select * from unnest(%s::text[], %s::text[])"


def connect(url: str) -> Any:
    """Open an application's own connection, in autocommit."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(path_of(url), isolation_level=None)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        return connection
    import psycopg

    return psycopg.connect(url, autocommit=True, prepare_threshold=1)


def ours(url: str, way: str, size: int, batch: int) -> Iterator[Done | None]:
    """Put *size* tasks."""
    app, connection = Tickwork(url), connect(url)
    begin = "begin immediate" if url.startswith("sqlite") else "begin"

    @app.handler("noop")
    def noop(number: int) -> None: ...

    counted = Counted(app.store)
    if way == "alone":
        app.put(noop.task(number=7))
    yield None
    if way == "alone":
        for _ in range(size):
            app.put(noop.task(number=7))
    elif way == "caller":
        for _ in range(size):
            connection.execute(begin)
            app.on(connection).put(noop.task(number=7))
            connection.execute("commit")
    else:
        for _ in range(0, size, batch):
            connection.execute(begin)
            app.on(connection).tasks.put_many([noop.task(number=7)] * batch)
            connection.execute("commit")
    yield Done(size, counted.statements or None, counted.commits or None)
    connection.close()
    app.close()


def theirs(url: str, way: str, size: int, batch: int) -> Iterator[Done | None]:
    """Insert *size* rows."""
    connection, file = connect(url), url.startswith("sqlite")
    insert, begin = (INSERT_FILE, "begin immediate") if file else (INSERT, "begin")
    yield None
    if way == "alone":
        for _ in range(size):
            connection.execute(insert)
    elif way == "caller":
        for _ in range(size):
            connection.execute(begin)
            connection.execute(insert)
            connection.execute("commit")
    else:
        for _ in range(0, size, batch):
            connection.execute(begin)
            if file:
                connection.executemany(
                    "insert into q (run_at, name, payload) values (?, ?, ?)", [(0, "noop", "{}")] * batch
                )
            else:
                connection.execute(INSERT_MANY, (["noop"] * batch, ["{}"] * batch))
            connection.execute("commit")
    yield Done(size)
    connection.close()


def on(place: Place, make: Callable[[], str], work: Callable[..., Iterator[Any]], *arguments: Any) -> Lap:
    url = make()
    try:
        return lap(place, work, url, *arguments)
    finally:
        place.drop(url)


def main() -> None:
    given = arguments(__doc__, size=4_000, quick=1_000, ways=",".join(WAYS), peer="")
    book = Book("put", given)
    with opened(given.stores, given.server) as places:
        for place in places:
            for way in given.ways.split(","):
                batch = min(BATCH, given.size)
                size = given.size if way != "bulk" else given.size * 10 // batch * batch
                pairs = alternate(
                    given.runs,
                    lambda: on(place, place.migrated, ours, way, size, batch),  # noqa: B023
                    lambda: on(place, lambda: floor.filled(place, 0), theirs, way, size, batch),  # noqa: B023
                )
                against = {"caller": "raw begin, insert, commit", "alone": "raw insert"}.get(
                    way, "raw insert of arrays (unnest)" if place.is_postgresql else "raw executemany"
                )
                book.pairs(place.label, against, pairs, way=way)
                for name in filter(None, given.peer.split(",")):
                    if way == "caller" or (name == "huey") is place.is_postgresql or (name, way) == ("huey", "bulk"):
                        continue
                    words = ("put" if way == "alone" else "bulk", str(size), str(batch))
                    mine = lambda: on(place, place.migrated, ours, way, size, batch)  # noqa: B023, E731
                    peers.beside(book, place, name, words, mine, way=way)
    bars(given.svg, book.rows, "tasks put per second", ("store", "way"))


if __name__ == "__main__":
    main()

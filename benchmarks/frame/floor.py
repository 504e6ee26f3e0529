"""The reference: what the database does for a plain queue table, with nothing around it.

On PostgreSQL the usual raw loop: claim a batch of 100 and commit, complete it and commit, binary and prepared. On SQLite
the same with two immediate transactions. Their rates are the floor that no queue or scheduler with a ledger can reach;
ours is told as a ratio of them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator

from frame.lap import Done, Lap, lap
from frame.places import Place, path_of

BATCH = 100
NAME = "raw claim-and-complete, batches of 100"

_TABLE = [
    """create table q (id bigint generated always as identity primary key, status smallint not null default 0,
                       run_at timestamptz not null default now(), name text not null default 'noop', payload text)""",
    "create index q_ready on q (run_at, id) where status = 0",
]
_CLAIM = (
    "update q set status = 1 where id = any(array(select id from q where status = 0 and run_at <= now()"
    " order by run_at, id limit %s for update skip locked)) returning id"
)
_COMPLETE = "update q set status = 2 where id = any(%s)"
_FILE = [
    """create table q (id integer primary key, status int not null default 0, run_at real not null,
                       name text not null, payload text)""",
    "create index q_ready on q (run_at, id) where status = 0",
]
_FILE_CLAIM = (
    "update q set status = 1 where id in (select id from q where status = 0 and run_at <= ?"
    " order by run_at, id limit ?) returning id"
)


def filled(place: Place, size: int) -> str:
    """Return the URL of a database with a queue of *size* ready rows."""
    url = place.empty()
    if place.is_postgresql:
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            for statement in _TABLE:
                connection.execute(statement)
            connection.execute("insert into q (payload) select '{}' from generate_series(1, %s)", (size,))
    else:
        connection_ = file(url)
        for statement in _FILE:
            connection_.execute(statement)
        connection_.execute("begin")
        connection_.executemany("insert into q (run_at, name, payload) values (0, 'noop', '{}')", [()] * size)
        connection_.execute("commit")
        connection_.close()
    place.settle(url)
    return url


def file(url: str) -> sqlite3.Connection:
    """Open a SQLite file as a careful application does: write-ahead log, synchronous FULL."""
    connection = sqlite3.connect(path_of(url), isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    return connection


def claim_and_complete(url: str, batch: int = BATCH) -> Iterator[Done | None]:
    """Drain the queue: claim (commit), complete (commit)."""
    yield from (_server_loop if url.startswith("postgresql") else _file_loop)(url, batch)


def _server_loop(url: str, batch: int) -> Iterator[Done | None]:
    import psycopg

    connection = psycopg.connect(url, autocommit=True)
    connection.execute(_CLAIM, (0,), prepare=True)
    yield None
    done = statements = 0
    while ids := [row[0] for row in connection.execute(_CLAIM, (batch,), prepare=True, binary=True)]:
        connection.execute(_COMPLETE, (ids,), prepare=True)
        done, statements = done + len(ids), statements + 2
    yield Done(done, statements, statements)
    connection.close()


def _file_loop(url: str, batch: int) -> Iterator[Done | None]:
    connection = file(url)
    yield None
    done = statements = 0
    while True:
        connection.execute("begin immediate")
        ids = connection.execute(_FILE_CLAIM, (time.time(), batch)).fetchall()
        connection.execute("commit")
        if not ids:
            break
        connection.execute("begin immediate")
        connection.executemany("update q set status = 2 where id = ?", ids)
        connection.execute("commit")
        done, statements = done + len(ids), statements + 2
    yield Done(done, statements, statements)
    connection.close()


def lap_of(place: Place, size: int, processes: int = 1) -> Lap:
    """Fill a queue and drain it by the raw loop."""
    url = filled(place, size)
    try:
        return lap(place, claim_and_complete, url, processes=processes)
    finally:
        place.drop(url)

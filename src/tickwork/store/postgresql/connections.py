"""The connections of one dialect: a pool for each kind of session, and more beside them for who wants one alone.

A child that is forked begins anew: it must not speak, nor say goodbye, on its parent's connections, and it must not wait for
a lock that a thread of its parent held at that moment, for that thread is not there to let go.
"""

from __future__ import annotations

import os
import select
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.types.numeric import Int8BinaryDumper
from psycopg_pool import ConnectionPool

from tickwork.errors import StoreUnavailable
from tickwork.store.dialect import Row
from tickwork.store.postgresql.arrays import Integers, IntegersDumper, Texts, TextsDumper, Truths, TruthsDumper
from tickwork.store.postgresql.sessions import SESSIONS

Pool = ConnectionPool[psycopg.Connection[Row]]

POOL_WAIT_SECONDS = 10.0
#: Each statement of the book is prepared when it is first run; a session may keep as many as there are.
MOST_PREPARED = 1_000
EVERY_ONE_CLOSED = "the database closed every connection that it was given; is it restarting?"


class Connections:
    """Opens, lends and takes back; *pooled*: behind a pooler that lends a server for a transaction."""

    def __init__(self, conninfo: str, size: int, *, pooled: bool) -> None:
        self.conninfo, self.size, self.pooled = conninfo, size, pooled
        self._pools: dict[str, Pool] = {}
        self._inherited: list[dict[str, Pool]] = []
        self._guard = threading.Lock()
        _ALL.add(self)

    @contextmanager
    def rested(self, kind: str) -> Iterator[psycopg.Connection[Row]]:
        """Lend a connection on which each statement is its own transaction; one that was hung up is replaced first.

        Whatever a server sends to a connection that rests is its goodbye, as a rule. After a statement was sent it would be
        too late: nobody knows what became of it.
        """
        pool = self._pool(kind)
        for _ in range(self.size + 1):
            connection = pool.getconn()
            try:
                if not connection.closed and not _has_something_to_say(connection):
                    yield connection
                    return
                connection.close()
            finally:
                pool.putconn(connection)
        raise StoreUnavailable(EVERY_ONE_CLOSED)

    @contextmanager
    def begun(self, kind: str, opening: str) -> Iterator[psycopg.Connection[Row]]:
        """Lend a connection on which a transaction was begun by *opening*; on an error it is rolled back."""
        pool = self._pool(kind)
        connection = self._open(pool, opening)
        try:
            yield connection
        except BaseException:
            if not connection.closed:
                try:
                    connection.rollback()
                except psycopg.Error:
                    connection.close()
            raise
        finally:
            pool.putconn(connection)

    def connect(self) -> psycopg.Connection[Row]:
        """Open one more in autocommit, outside the pools."""
        connection = psycopg.connect(self.conninfo, autocommit=True, prepare_threshold=None if self.pooled else 3)
        self._configure(connection, {})
        return connection

    def close(self) -> None:
        with self._guard:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()

    def forked(self) -> None:
        """Begin anew, in a child."""
        self._guard = threading.Lock()
        self._inherited.append(self._pools)
        self._pools = {}

    def _open(self, pool: Pool, opening: str) -> psycopg.Connection[Row]:
        """Take a connection and begin; one that died while it lay in the pool is replaced, nothing was run on it."""
        for _ in range(self.size + 1):
            connection = pool.getconn()
            try:
                connection.execute(opening)
            except psycopg.OperationalError:
                connection.close()
                pool.putconn(connection)
                continue
            except BaseException:
                pool.putconn(connection)
                raise
            return connection
        raise StoreUnavailable(EVERY_ONE_CLOSED)

    def _pool(self, kind: str) -> Pool:
        with self._guard:
            pool = self._pools.get(kind)
            if pool is None:
                pool = self._pools[kind] = ConnectionPool(
                    self.conninfo,
                    min_size=0,
                    max_size=self.size,
                    timeout=POOL_WAIT_SECONDS,
                    kwargs={"autocommit": True, "prepare_threshold": None if self.pooled else 3},
                    configure=lambda connection: self._configure(connection, SESSIONS[kind]),
                    name=f"tickwork-{kind}",
                    open=True,
                )
            return pool

    def _configure(self, connection: psycopg.Connection[Row], session: dict[str, str]) -> None:
        # the width of an integer is part of a prepared statement's name: one width, one plan
        connection.adapters.register_dumper(int, Int8BinaryDumper)
        connection.adapters.register_dumper(Integers, IntegersDumper)
        connection.adapters.register_dumper(Texts, TextsDumper)
        connection.adapters.register_dumper(Truths, TruthsDumper)
        connection.prepared_max = MOST_PREPARED
        if session and not self.pooled:
            connection.execute("; ".join(f"set {name} = '{value}'" for name, value in session.items()))


_ALL: weakref.WeakSet[Connections] = weakref.WeakSet()


def _forked() -> None:
    for connections in list(_ALL):
        connections.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _has_something_to_say(connection: psycopg.Connection[Row]) -> bool:
    """Whether anything has come in on a connection that rests: as a rule the server's goodbye."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))

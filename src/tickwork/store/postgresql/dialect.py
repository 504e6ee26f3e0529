"""PostgreSQL, as far as it differs: how a transaction begins, who hears of it, and which server it is.

Every transaction of ours says ``read committed`` itself: a role or a database may have another default, and the
daemon's argument (lock, then read by that lock) needs a new snapshot for each statement. Where nothing is written there
is nothing to begin: each statement has its own snapshot all the same, and two round trips of three are saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tickwork.errors import ConfigurationError, StoreError
from tickwork.store.book import Book, Style, Turn
from tickwork.store.dialect import Call, Dialect, Identity, Row, Transaction
from tickwork.store.ear import Ear
from tickwork.store.postgresql.connections import Connections
from tickwork.store.postgresql.sessions import SESSIONS, kind_of
from tickwork.store.postgresql.transaction import PostgresqlTransaction
from tickwork.store.postgresql.trouble import trouble
from tickwork.watch import Instant

NOW = "(select coalesce(:now::bigint, (extract(epoch from clock_timestamp()) * 1000000)::bigint))"


class PostgresqlDialect(Dialect):
    """One schema of one PostgreSQL database."""

    name: ClassVar[str] = "postgresql"
    style: ClassVar[Style] = "pyformat"
    chains_writes: ClassVar[bool] = True
    locks_rows: ClassVar[bool] = True

    def __init__(self, url: str, *, schema: str = "tickwork", pool_size: int = 8) -> None:
        self.schema = schema
        self.channel = f"tickwork_{schema}"
        self.conninfo, self.pooled = conninfo(url)
        self.turn = Turn(tables=f"{schema}.", now=NOW, arrays=True)
        self.book = Book.open("postgresql", self.turn)
        self.connections = Connections(self.conninfo, pool_size, pooled=self.pooled)

    @contextmanager
    def begin(
        self, role: str, now: Instant | None = None, *, reading: bool = False, handing: bool = False
    ) -> Iterator[PostgresqlTransaction]:
        kind = kind_of("handler" if handing else role)
        with self.translated():
            if reading and not handing and not self.pooled:
                with self.connections.rested(kind) as connection:
                    yield PostgresqlTransaction(self, role, now, connection, reading=True)
                return
            self.tell("begin")
            with self.connections.begun(kind, self._opening(kind, reading)) as connection:
                yield PostgresqlTransaction(self, role, now, connection)
                self.tell("commit")
                connection.execute("commit")

    def at_once(self, role: str, now: Instant | None, call: Call) -> list[Row] | None:
        """Save two round trips of three; not behind a pooler, where the isolation of a statement is not known to us."""
        if self.pooled:
            return None
        with self.translated(), self.connections.rested(kind_of(role)) as connection:
            return PostgresqlTransaction(self, role, now, connection).all(call.name, **call.values)

    def _opening(self, kind: str, reading: bool) -> str:
        opening = "begin isolation level read committed" + (" read only" if reading else "")
        if self.pooled:  # behind a transaction pooler a setting of the session would be somebody else's
            opening += "".join(f"; set local {name} = '{value}'" for name, value in SESSIONS[kind].items())
        return opening

    def connect(self) -> psycopg.Connection[Row]:
        """Open one more connection in autocommit, outside the pools."""
        return self.connections.connect()

    def now(self, given: Instant | None) -> Instant | None:
        return given

    def trouble(self, error: BaseException, *, lent: bool = False) -> StoreError | None:
        return trouble(error)

    def array(self, values: Iterable[Any]) -> Any:
        return list(values)

    def identity(self) -> Identity:
        with self.translated(), self.connect() as connection:
            return server_identity(lambda text: connection.execute(text).fetchone(), self.schema)

    def ear(self) -> Ear:
        from tickwork.store.postgresql.ear import PostgresqlEar  # only who listens needs it

        return PostgresqlEar(self)

    def alone(self, name: str) -> AbstractContextManager[bool] | None:
        """An advisory lock on a connection of its own: the server frees it when that connection ends."""
        return None if self.pooled else self._alone(f"tickwork {self.schema} {name}")

    @contextmanager
    def _alone(self, name: str) -> Iterator[bool]:
        with self.translated():
            connection = self.connect()
            try:
                row = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone()
                yield bool(row and row[0])
            finally:
                connection.close()

    def close(self) -> None:
        self.connections.close()

    def script(self, transaction: Transaction, text: str) -> None:
        assert isinstance(transaction, PostgresqlTransaction)
        transaction.connection.execute(sql.SQL(self.turn(text)))


def conninfo(url: str) -> tuple[str, bool]:
    """Take our own parameter (``pooler=transaction``) out of the address; return the rest and whether it was there."""
    parts = urlsplit(url)
    mine = [value for name, value in parse_qsl(parts.query) if name == "pooler"]
    if mine and mine[-1] not in ("transaction", "none"):
        raise ConfigurationError("pooler", mine[-1], "transaction or none")
    rest = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name != "pooler"])
    return urlunsplit(parts._replace(query=rest)), bool(mine) and mine[-1] == "transaction"


def server_identity(ask: Callable[[Any], Any], schema: str) -> Identity:
    """Which server, database and schema this is: by the cluster's system identifier where the role may read it."""
    may = ask("select has_function_privilege('pg_control_system()', 'execute')")[0]
    cluster = ask("select system_identifier::text from pg_control_system()")[0] if may else "unknown"
    return Identity("postgresql", (str(cluster), str(ask("select current_database()")[0]), schema))

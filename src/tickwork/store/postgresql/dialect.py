"""PostgreSQL, as far as it differs: sessions with limits, LISTEN, arrays, error classes.

Every transaction of ours says ``read committed`` itself: a role or a database may have another default, and the
daemon's argument (lock, then read by that lock) needs a new snapshot for each statement. Where nothing is written there
is nothing to begin: each statement has its own snapshot all the same, and two round trips of three are saved. Daemon sessions carry
limits, so that a frozen daemon releases its batch, and planner settings, so that the due query stays the nested
loop over its index whatever the statistics say.
"""

from __future__ import annotations

import os
import select
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import errors as pg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper
from psycopg_pool import ConnectionPool, PoolTimeout

from tickwork.errors import (
    ConfigurationError,
    ReadOnlyStore,
    SchemaMismatch,
    StatementRefused,
    StoreError,
    StoreUnavailable,
    TryAgain,
    WrongWriter,
)
from tickwork.store.book import Book, Statement, Style, Turn
from tickwork.store.dialect import Call, Dialect, Identity, Row, Transaction
from tickwork.store.ear import Ear
from tickwork.store.postgresql.arrays import Integers, IntegersDumper, Texts, TextsDumper, Truths, TruthsDumper
from tickwork.watch import Instant

NOW = "(select coalesce(:now::bigint, (extract(epoch from clock_timestamp()) * 1000000)::bigint))"

#: What every session of a daemon is given.
DAEMON_SESSION = {
    "idle_in_transaction_session_timeout": "5s",
    "statement_timeout": "30s",
    "lock_timeout": "1s",
    "enable_sort": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "application_name": "tickwork-daemon",
}
#: A frozen controller releases its batch, too; and it waits for nobody.
CONTROLLER_SESSION = {
    "idle_in_transaction_session_timeout": "5s",
    "statement_timeout": "30s",
    "lock_timeout": "1s",
    "jit": "off",
    "application_name": "tickwork-controller",
}
#: A worker's statements touch what they name by its key, however small the tables seem to the planner. So one plan is as
#: good for one task as for a thousand, and is kept: to plan each anew cost more than to run it (a claim of one: 2.1 ms for 1.1).
WORKER_SESSION = {
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
}
#: A handler's own statements are planned as its application is used to; a frozen worker lets go of its task.
HANDLER_SESSION = {"idle_in_transaction_session_timeout": "60s", "application_name": "tickwork-handler"}
#: A statement that is its own transaction is not told its isolation by a begin.
APPLICATION_SESSION = {"default_transaction_isolation": "read committed"}
SESSIONS = {
    "application": APPLICATION_SESSION,
    "daemon": DAEMON_SESSION,
    "controller": CONTROLLER_SESSION,
    "worker": WORKER_SESSION,
    "handler": HANDLER_SESSION,
}
POOL_WAIT_SECONDS = 10.0
#: Each statement of the book is prepared when it is first run; a session may keep as many as there are.
MOST_PREPARED = 1_000
EVERY_ONE_CLOSED = "the database closed every connection that it was given; is it restarting?"


class PostgresqlTransaction(Transaction):
    """A transaction on a connection of our own."""

    dialect: PostgresqlDialect

    def __init__(
        self,
        dialect: PostgresqlDialect,
        role: str,
        now: Instant | None,
        connection: psycopg.Connection[Row],
        *,
        reading: bool = False,
    ) -> None:
        super().__init__(dialect, role, now)
        self.connection, self._reading = connection, reading
        self._cursor = connection.cursor(binary=True)
        self._prepare = None if dialect.pooled else True

    def _allowed(self, name: str) -> Statement:
        found = super()._allowed(name)
        if self._reading and found.writes:
            raise WrongWriter(f"the statement {name!r} writes, and this transaction was begun to read")
        return found

    def _execute(self, statement: Statement, values: dict[str, Any]) -> list[Row]:
        cursor = self._send(statement, values)
        return cursor.fetchall() if cursor.description else []

    def run(self, statement: str, /, **values: Any) -> int:
        found = self._allowed(statement)
        return self._send(found, self._filled(found, values)).rowcount

    def many(self, statement: str, columns: Sequence[str], rows: Sequence[Row]) -> int:
        return self._many(statement, columns, rows).rowcount if rows else 0

    def many_counted(self, statement: str, columns: Sequence[str], rows: Sequence[Row], **values: Any) -> int:
        counted = self._many(statement, columns, rows, **values).fetchone() if rows else None
        return counted[0] if counted else 0

    def _many(self, statement: str, columns: Sequence[str], rows: Sequence[Row], **values: Any) -> psycopg.Cursor[Row]:
        found = self._allowed(statement)
        values.update((name, list(column)) for name, column in zip(columns, zip(*rows, strict=True), strict=True))
        return self._send(found, self._filled(found, values))

    def _send(self, statement: Statement, values: dict[str, Any]) -> psycopg.Cursor[Row]:
        return self._cursor.execute(statement.pyformat, typed(statement, values), prepare=self._prepare)

    @property
    def stands(self) -> bool:
        return self.connection.info.transaction_status == TransactionStatus.INTRANS

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self._cursor.execute("savepoint tickwork")
        try:
            yield
        except BaseException:
            if not self.connection.broken:
                self._cursor.execute("rollback to tickwork")
            raise
        self._cursor.execute("release tickwork")


def _session_of(role: str) -> tuple[str, dict[str, str]]:
    """Return the name of the pool that serves a role, and the settings of its sessions."""
    kind = role if role in SESSIONS else "application"
    return kind, SESSIONS[kind]


def _has_something_to_say(connection: psycopg.Connection[Row]) -> bool:
    """Whether anything has come in on a connection that rests: as a rule the server's goodbye."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


_DIALECTS: weakref.WeakSet[PostgresqlDialect] = weakref.WeakSet()


def _forked() -> None:
    for dialect in list(_DIALECTS):
        dialect.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class PostgresqlDialect(Dialect):
    """One schema of one PostgreSQL database."""

    name: ClassVar[str] = "postgresql"
    style: ClassVar[Style] = "pyformat"
    chains_writes: ClassVar[bool] = True
    locks_rows: ClassVar[bool] = True

    def __init__(self, url: str, *, schema: str = "tickwork", pool_size: int = 8) -> None:
        self.schema, self.pool_size = schema, pool_size
        self.channel = f"tickwork_{schema}"
        self.conninfo, self.pooled = conninfo(url)
        self.turn = Turn(tables=f"{schema}.", now=NOW, arrays=True)
        self.book = Book.open("postgresql", self.turn)
        self._pools: dict[str, ConnectionPool[psycopg.Connection[Row]]] = {}
        self._inherited: list[dict[str, ConnectionPool[psycopg.Connection[Row]]]] = []
        self._guard = threading.Lock()
        _DIALECTS.add(self)

    @contextmanager
    def begin(
        self, role: str, now: Instant | None = None, *, reading: bool = False, handing: bool = False
    ) -> Iterator[PostgresqlTransaction]:
        kind, session = _session_of("handler" if handing else role)
        with self.translated():
            pool = self._pool(kind, session)
            if reading and not handing and not self.pooled:
                with self._rested(pool) as connection:
                    yield PostgresqlTransaction(self, role, now, connection, reading=True)
                return
            self.tell("begin")
            connection = self._open(pool, self._opening(session, reading))
            try:
                yield PostgresqlTransaction(self, role, now, connection)
                self.tell("commit")
                connection.execute("commit")
            except BaseException:
                if not connection.closed:
                    try:
                        connection.rollback()
                    except psycopg.Error:
                        connection.close()
                raise
            finally:
                pool.putconn(connection)

    def at_once(self, role: str, now: Instant | None, call: Call) -> list[Row] | None:
        """Save two round trips of three; not behind a pooler, where the isolation of a statement is not known to us."""
        if self.pooled:
            return None
        with self.translated(), self._rested(self._pool(*_session_of(role))) as connection:
            return PostgresqlTransaction(self, role, now, connection).all(call.name, **call.values)

    @contextmanager
    def _rested(self, pool: ConnectionPool[psycopg.Connection[Row]]) -> Iterator[psycopg.Connection[Row]]:
        """Lend a connection on which each statement is its own transaction; one that was hung up is replaced first.

        Whatever a server sends to a connection that rests is its goodbye, as a rule. After a statement was sent it would be
        too late: nobody knows what became of it.
        """
        for _ in range(self.pool_size + 1):
            connection = pool.getconn()
            try:
                if not connection.closed and not _has_something_to_say(connection):
                    yield connection
                    return
                connection.close()
            finally:
                pool.putconn(connection)
        raise StoreUnavailable(EVERY_ONE_CLOSED)

    def _opening(self, session: dict[str, str], reading: bool) -> str:
        opening = "begin isolation level read committed" + (" read only" if reading else "")
        if self.pooled:  # behind a transaction pooler a setting of the session would be somebody else's
            opening += "".join(f"; set local {name} = '{value}'" for name, value in session.items())
        return opening

    def _open(self, pool: ConnectionPool[psycopg.Connection[Row]], opening: str) -> psycopg.Connection[Row]:
        """Take a connection and begin; one that died while it lay in the pool is replaced, nothing was run on it."""
        for _ in range(self.pool_size + 1):
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

    def forked(self) -> None:
        """Begin anew in a child: on connections of its own, and with a lock that no thread of its parent holds for ever.

        It must not speak, nor say goodbye, on its parent's connections.
        """
        self._guard = threading.Lock()
        self._inherited.append(self._pools)
        self._pools = {}

    def _pool(self, kind: str, session: dict[str, str]) -> ConnectionPool[psycopg.Connection[Row]]:
        with self._guard:
            pool = self._pools.get(kind)
            if pool is None:
                pool = self._pools[kind] = ConnectionPool(
                    self.conninfo,
                    min_size=0,
                    max_size=self.pool_size,
                    timeout=POOL_WAIT_SECONDS,
                    kwargs={"autocommit": True, "prepare_threshold": None if self.pooled else 3},
                    configure=lambda connection: self._configure(connection, session),
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

    def connect(self) -> psycopg.Connection[Row]:
        """Open one more connection in autocommit, outside the pool."""
        connection = psycopg.connect(self.conninfo, autocommit=True, prepare_threshold=None if self.pooled else 3)
        self._configure(connection, {})
        return connection

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
        with self._guard:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()

    def script(self, transaction: Transaction, text: str) -> None:
        assert isinstance(transaction, PostgresqlTransaction)
        transaction.connection.execute(sql.SQL(self.turn(text)))


def typed(statement: Statement, values: dict[str, Any]) -> dict[str, Any]:
    """Mark the arrays, so that each travels as what the statement says whatever it holds."""
    for name in statement.integer_arrays:
        values[name] = Integers(values[name])
    for name in statement.text_arrays:
        values[name] = Texts(values[name])
    for name in statement.truth_arrays:
        values[name] = Truths(values[name])
    return values


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


def trouble(error: BaseException) -> StoreError | None:
    """Say what an error of psycopg means."""
    if isinstance(error, PoolTimeout):
        return StoreUnavailable(
            f"no connection was free or could be opened within {POOL_WAIT_SECONDS:g} s: the pool is full (raise "
            "pool_size), or the database is down"
        )
    if isinstance(error, (OverflowError, UnicodeEncodeError)):  # a number or a text that no column holds
        return StatementRefused(str(error))
    if not isinstance(error, psycopg.Error):
        return None
    text = str(error).strip()
    if isinstance(error, (pg.SerializationFailure, pg.DeadlockDetected, pg.LockNotAvailable)):
        return TryAgain(f"{text}. Your transaction lost a race with another one: roll it back and begin it anew")
    if isinstance(error, pg.ReadOnlySqlTransaction):
        return ReadOnlyStore(f"the database takes no writes: {text}")
    if isinstance(error, (pg.UndefinedTable, pg.InvalidSchemaName, pg.UndefinedColumn)):
        return SchemaMismatch(f"{text}. Tickwork's tables are not there or too old: run 'tickwork db upgrade'")
    if isinstance(error, (psycopg.DataError, psycopg.IntegrityError, pg.ProgramLimitExceeded)):
        return StatementRefused(text)
    if isinstance(error, pg.QueryCanceled):
        return StoreError(text)
    if error.sqlstate in ("25P03", "25P04"):  # idle in transaction, or too long in one: frozen, or a laptop that slept
        return StoreUnavailable(f"the server ended this session, which had stood still in a transaction: {text}")
    if isinstance(error, pg.InsufficientPrivilege):  # says nothing about a row, so nobody hunts for a bad one
        return StoreUnavailable(f"the database does not let this role do that; grant it what it needs: {text}")
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return StoreUnavailable(f"the database cannot be reached: {text}")
    return StoreError(text)

"""SQLite, as far as it differs: every writing transaction begins immediate, so the locks are implied.

SQLite 3.40 tells the time in milliseconds only, so the process's own clock is handed in. A wake-up is a look at
``data_version``: no statement, no lock, and it sees the commits of other processes.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from tickwork.errors import (
    ConfigurationError,
    ReadOnlyStore,
    SchemaMismatch,
    StatementRefused,
    StoreError,
    StoreUnavailable,
    TryAgain,
)
from tickwork.store.book import Book, Statement, Style, Turn
from tickwork.store.dialect import Dialect, Identity, Row, Transaction
from tickwork.store.ear import Ear
from tickwork.watch import SECOND, Instant

BUSY_SECONDS = 30.0

BEGIN_IMMEDIATE = (
    "This transaction began by reading, and another process has written (or is writing) since; SQLite cannot turn it "
    "into a writer, and waiting does not help. Roll it back and begin it as a writer, before the first read "
    "(sqlite3: connection.execute('BEGIN IMMEDIATE'); SQLAlchemy: a listener on the engine's 'begin' event; "
    "Django: OPTIONS = {'transaction_mode': 'IMMEDIATE'})."
)

ONE_WRITER = (
    "this thread has a writing transaction open already, and SQLite has one writer at a time: the second would wait for "
    "the first for ever. In a handler write with app.on(transaction) instead of a transaction of its own"
)


class SqliteTransaction(Transaction):
    """A transaction on a connection of our own."""

    dialect: SqliteDialect

    def __init__(self, dialect: SqliteDialect, role: str, now: Instant | None, connection: sqlite3.Connection) -> None:
        super().__init__(dialect, role, now)
        self.connection = connection

    def _execute(self, statement: Statement, values: dict[str, Any]) -> list[Row]:
        return self.connection.execute(statement.named, bound(values)).fetchall()

    def run(self, statement: str, /, **values: Any) -> int:
        found = self._allowed(statement)
        return self.connection.execute(found.named, bound(self._filled(found, values))).rowcount

    def many(self, statement: str, columns: Sequence[str], rows: Sequence[Row]) -> int:
        if not rows:
            return 0
        found = self._allowed(statement)
        if "now" in found.parameters and "now" not in columns:
            now = self.dialect.now(self._now)
            columns, rows = (*columns, "now"), [(*row, now) for row in rows]
        if found.order != tuple(columns):
            pick = itemgetter(*(columns.index(name) for name in found.order))
            rows = [pick(row) for row in rows]
        return self.connection.executemany(found.qmark, rows).rowcount

    @property
    def stands(self) -> bool:
        return self.connection.in_transaction

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self.connection.execute("savepoint tickwork")
        try:
            yield
        except BaseException:
            self.connection.execute("rollback to tickwork")
            self.connection.execute("release tickwork")
            raise
        self.connection.execute("release tickwork")


class SqliteDialect(Dialect):
    """One SQLite file, or one database in memory."""

    name: ClassVar[str] = "sqlite"
    style: ClassVar[Style] = "named"
    chains_writes: ClassVar[bool] = False
    locks_rows: ClassVar[bool] = False
    longest_own: ClassVar[int | None] = round(BUSY_SECONDS / 3 * SECOND)  # everybody who writes waits for it

    def __init__(self, path: str, *, prefix: str = "tickwork_", synchronous: str = "full") -> None:
        if synchronous not in ("full", "normal"):
            raise ConfigurationError("synchronous", synchronous, "full or normal")
        self.path, self.prefix, self.synchronous = path, prefix, synchronous
        self.turn = Turn(tables=prefix, now=":now", arrays=False)
        self.book = Book.open("sqlite", self.turn)
        self.in_memory = path == ":memory:"
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._single, self._alone = threading.RLock(), threading.Lock()
        # threads of one process take turns here: SQLite itself waits by sleeping, up to 100 ms at a time
        self._writer = threading.RLock()
        self._pid, self._inherited = os.getpid(), list[list[sqlite3.Connection]]()
        self._mine = threading.local()

    @contextmanager
    def begin(
        self, role: str, now: Instant | None = None, *, reading: bool = False, handing: bool = False
    ) -> Iterator[SqliteTransaction]:
        self._forget_the_parent()
        with self.translated():
            if self.in_memory:
                with self._single, self._begun(role, now, reading) as transaction:
                    yield transaction
            else:
                with nullcontext() if reading else self._writer, self._begun(role, now, reading) as transaction:
                    yield transaction

    @contextmanager
    def _begun(self, role: str, now: Instant | None, reading: bool) -> Iterator[SqliteTransaction]:
        if not reading and getattr(self._mine, "writing", False):
            raise StoreError(ONE_WRITER)  # it would wait for itself
        connection = self._take()
        try:
            self.tell("begin")
            connection.execute("begin" if reading else "begin immediate")
            if not reading:
                self._mine.writing = True
            yield SqliteTransaction(self, role, now, connection)
            self.tell("commit")
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        finally:
            if not reading:
                self._mine.writing = False
            self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        with self._guard:
            if self._idle:
                return self._idle.pop()
        return self.connect()

    def _forget_the_parent(self) -> None:
        """In a child process: use neither the connections of the parent nor a lock that a thread of it held."""
        if self._pid != os.getpid():
            self._guard, self._writer, self._single = threading.Lock(), threading.RLock(), threading.RLock()
            self._inherited.append(self._idle)  # kept: SQLite forbids even to close them here
            self._idle, self._pid = [], os.getpid()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            self._idle.append(connection)

    def connect(self) -> sqlite3.Connection:
        """Open one more connection with this library's settings."""
        if not self.in_memory and not Path(self.path).absolute().parent.is_dir():
            raise ConfigurationError("database", self.path, "a file in a folder that exists")
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        connection.execute(f"pragma synchronous = {self.synchronous}")
        connection.execute("pragma temp_store = memory")
        connection.execute("pragma cache_size = -32000")
        if not self.in_memory and connection.execute("pragma journal_mode").fetchone()[0] != "wal":
            try:
                connection.execute("pragma journal_mode = wal")
            except sqlite3.OperationalError as error:
                if "readonly" not in str(error):
                    raise
        return connection

    def now(self, given: Instant | None) -> Instant | None:
        return time.time_ns() // 1000 if given is None else given

    def trouble(self, error: BaseException, *, lent: bool = False) -> StoreError | None:
        return trouble(error, lent=lent)

    def array(self, values: Iterable[Any]) -> Any:
        return msgspec.json.encode(list(values)).decode()

    def identity(self) -> Identity:
        if self.in_memory:
            return Identity("sqlite", ("memory", str(id(self))))
        if not Path(self.path).exists():
            self._give_back(self._take())
        return file_identity(self.path)

    def ear(self) -> Ear:
        from tickwork.store.sqlite.ear import SqliteEar  # only who listens needs it

        return SqliteEar(self.connect, self.path)

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Lock a file beside the database: the operating system frees it however its holder ends."""
        if self.in_memory:
            ours = self._alone.acquire(blocking=False)
            try:
                yield ours
            finally:
                if ours:
                    self._alone.release()
            return
        with lock_beside(self.path, f"{self.prefix}{name}") as ours:
            yield ours

    def close(self) -> None:
        with self._guard:
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def script(self, transaction: Transaction, text: str) -> None:
        assert isinstance(transaction, SqliteTransaction)
        for statement in split(self.turn(text)):
            transaction.connection.execute(statement)


def bound(values: dict[str, Any]) -> dict[str, Any]:
    """Hand lists over as JSON for ``json_each``."""
    return {
        name: msgspec.json.encode(value).decode() if isinstance(value, (list, tuple)) else value
        for name, value in values.items()
    }


def file_identity(path: str) -> Identity:
    """Which file this is, whatever it is called: by device and inode."""
    status = Path(path).stat()
    return Identity("sqlite", (str(status.st_dev), str(status.st_ino)))


@contextmanager
def lock_beside(path: str, name: str) -> Iterator[bool]:
    """Hold a lock on the file ``PATH-NAME.lock``, which stays: a file that is removed could be locked twice."""
    file = Path(f"{path}-{quote(name, safe='')}.lock")
    try:
        held = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError as error:
        raise ReadOnlyStore(f"the folder of the database takes no lock file: {error}") from error
    except OSError as error:
        raise StoreUnavailable(f"no lock file can be opened beside the database: {error}") from error
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(held)


def split(script: str) -> list[str]:
    """Cut a script into its statements (the one that ends a statement is told by SQLite itself)."""
    statements, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    if pending.strip() and not all(line.strip().startswith("--") for line in pending.splitlines() if line.strip()):
        statements.append(pending)
    return statements


def trouble(error: BaseException, *, lent: bool = False) -> StoreError | None:
    """Say what an error of ``sqlite3`` means."""
    if isinstance(error, (OverflowError, UnicodeEncodeError)):  # a number or a text that no column holds
        return StatementRefused(str(error))
    if not isinstance(error, sqlite3.Error):
        return None
    code = getattr(error, "sqlite_errorcode", 0) or 0
    primary, text = code & 0xFF, str(error)
    if code == sqlite3.SQLITE_BUSY_SNAPSHOT or (lent and primary == sqlite3.SQLITE_BUSY):
        return TryAgain(BEGIN_IMMEDIATE)
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreUnavailable(f"another writer held the database for longer than the busy time-out: {text}")
    if text.startswith(("no such table", "no such column")) or "has no column named" in text:
        return SchemaMismatch(f"{text}. Tickwork's tables are not there or too old: run 'tickwork db upgrade'")
    if primary == sqlite3.SQLITE_READONLY:
        return ReadOnlyStore(f"the database takes no writes: {text}")
    if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOTADB):
        return StoreUnavailable(f"the database cannot be used: {text}")
    if isinstance(error, (sqlite3.IntegrityError, sqlite3.DataError)) or primary in (
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_MISMATCH,
    ):
        return StatementRefused(text)
    return StoreError(text)

"""A transaction on a connection of our own: statements of the book, prepared when they are first run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

from tickwork.errors import WrongWriter
from tickwork.store.book import Statement
from tickwork.store.dialect import Row, Transaction
from tickwork.store.postgresql.arrays import Integers, Texts, Truths
from tickwork.watch import Instant

if TYPE_CHECKING:
    from tickwork.store.postgresql.dialect import PostgresqlDialect


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


def typed(statement: Statement, values: dict[str, Any]) -> dict[str, Any]:
    """Mark the arrays, so that each travels as what the statement says whatever it holds."""
    for name in statement.integer_arrays:
        values[name] = Integers(values[name])
    for name in statement.text_arrays:
        values[name] = Texts(values[name])
    for name in statement.truth_arrays:
        values[name] = Truths(values[name])
    return values

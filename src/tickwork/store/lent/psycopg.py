"""psycopg 3: its connections, sync and async, through cursors of our own.

A cursor of our own leaves the user's row factory and cursor factory alone, and sends integers eight bytes wide, so
that a statement is prepared once and not once per width.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8BinaryDumper

from tickwork.store.dialect import Row
from tickwork.store.lent.concurrently import AsyncLent
from tickwork.store.lent.lent import Lent, Standing


class LentPsycopg(Lent):
    """A ``psycopg.Connection``."""

    store, style = "postgresql", "pyformat"

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    @property
    def anchor(self) -> object:
        return self.connection

    def standing(self) -> Standing:
        return standing_of(self.connection)

    def execute(self, text: str, values: Any) -> list[Row]:
        cursor = psycopg.Cursor(self.connection, row_factory=tuple_row)
        cursor.adapters.register_dumper(int, Int8BinaryDumper)
        cursor.execute(text, values)
        return cursor.fetchall() if cursor.description else []


class LentPsycopgAsync(AsyncLent):
    """A ``psycopg.AsyncConnection``."""

    store, style = "postgresql", "pyformat"

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection

    @property
    def anchor(self) -> object:
        return self.connection

    def standing(self) -> Standing:
        return standing_of(self.connection)

    async def execute(self, text: str, values: Any) -> list[Row]:
        cursor = psycopg.AsyncCursor(self.connection, row_factory=tuple_row)
        cursor.adapters.register_dumper(int, Int8BinaryDumper)
        await cursor.execute(text, values)
        return await cursor.fetchall() if cursor.description else []


def standing_of(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> Standing:
    """How the transaction stands, by what the driver says."""
    status = connection.info.transaction_status
    if status == TransactionStatus.INERROR:
        return Standing.FAILED
    if status == TransactionStatus.IDLE and connection.autocommit:
        return Standing.ALONE
    return Standing.OPEN

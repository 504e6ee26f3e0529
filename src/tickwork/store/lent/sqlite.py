"""sqlite3: the connection of the standard library."""

from __future__ import annotations

import sqlite3
from typing import Any

from tickwork.store.dialect import Row
from tickwork.store.lent.lent import Lent, Standing

#: Python 3.12's word for "as before": the driver begins by itself at the first write.
LEGACY = -1


class LentSqlite(Lent):
    """A ``sqlite3.Connection``.

    With the driver's default (``isolation_level=""``) a verb outside a transaction opens one, as any write does, and
    the user commits it; it is begun immediate, so it waits for other writers instead of failing.
    """

    store, style = "sqlite", "named"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @property
    def anchor(self) -> object:
        return self.connection

    def standing(self) -> Standing:
        return standing_of(self.connection)

    def execute(self, text: str, values: Any) -> list[Row]:
        cursor = self.connection.cursor()
        cursor.row_factory = None  # the user's own may make anything of a row
        return cursor.execute(text, values or {}).fetchall()


def standing_of(connection: Any) -> Standing:
    """How the transaction of a SQLite connection stands, by what the driver says."""
    if connection.in_transaction:
        return Standing.OPEN
    autocommit = getattr(connection, "autocommit", LEGACY)
    if autocommit is False:
        return Standing.OPENS
    return Standing.ALONE if autocommit is True or connection.isolation_level is None else Standing.OPENS

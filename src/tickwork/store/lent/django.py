"""Django: a connection or its alias; inside ``atomic()`` it joins, outside each verb is a transaction of its own."""

from __future__ import annotations

from typing import Any

from tickwork.errors import InvalidInput
from tickwork.store.dialect import Row
from tickwork.store.lent.lent import Lent, Standing


class LentDjango(Lent):
    """A Django database connection, as ``django.db.connections[alias]`` has it."""

    style = "pyformat"

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.store = str(connection.vendor)
        if self.store not in ("sqlite", "postgresql"):
            raise InvalidInput("connection", self.store, "a Django connection to SQLite or PostgreSQL")

    @classmethod
    def of_alias(cls, alias: str) -> LentDjango:
        """Return the connection of that alias in Django's settings."""
        from django.db import connections

        if alias not in connections:
            raise InvalidInput("alias", alias, f"one of Django's databases: {', '.join(connections)}")
        return cls(connections[alias])

    @property
    def anchor(self) -> object:
        return self.connection

    def standing(self) -> Standing:
        if self.connection.needs_rollback:
            return Standing.FAILED
        if self.connection.in_atomic_block or not self.connection.get_autocommit():
            return Standing.OPEN
        return Standing.ALONE

    def execute(self, text: str, values: Any) -> list[Row]:
        with self.connection.cursor() as cursor:
            cursor.execute(text, values)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

"""aiosqlite: sqlite3 in a thread of its own, awaited."""

from __future__ import annotations

from typing import Any

from tickwork.store.dialect import Row
from tickwork.store.lent.concurrently import AsyncLent
from tickwork.store.lent.lent import Standing
from tickwork.store.lent.sqlite import standing_of


class LentAiosqlite(AsyncLent):
    """An ``aiosqlite.Connection``; it stands to transactions as ``sqlite3`` does."""

    store, style = "sqlite", "named"

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @property
    def anchor(self) -> object:
        return self.connection

    def standing(self) -> Standing:
        return standing_of(self.connection)

    async def execute(self, text: str, values: Any) -> list[Row]:
        cursor = await self.connection.cursor()
        try:
            cursor.row_factory = None
            await cursor.execute(text, values or {})
            return [tuple(row) for row in await cursor.fetchall()]
        finally:
            await cursor.close()

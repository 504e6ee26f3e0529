"""asyncpg: its connections, and those that its pool hands out."""

from __future__ import annotations

from typing import Any

from tickwork.store.dialect import Row
from tickwork.store.lent.concurrently import AsyncLent
from tickwork.store.lent.lent import Standing


class LentAsyncpg(AsyncLent):
    """An ``asyncpg.Connection``; outside ``connection.transaction()`` each verb is a transaction of its own."""

    store, style = "postgresql", "numeric"

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @property
    def anchor(self) -> object:
        return self.connection

    def standing(self) -> Standing:
        return Standing.OPEN if self.connection.is_in_transaction() else Standing.ALONE

    async def execute(self, text: str, values: Any) -> list[Row]:
        if values is None:
            await self.connection.execute(text)
            return []
        return [tuple(record) for record in await self.connection.fetch(text, *values)]

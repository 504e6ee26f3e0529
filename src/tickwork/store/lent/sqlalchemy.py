"""SQLAlchemy: sessions and connections, sync and async; always through SQLAlchemy, never its driver's connection.

A session begins lazily. A statement that went round it, on the driver's own connection, would come before the
transaction and outlive its rollback. The driver's connection is only looked at, to learn how it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from tickwork.errors import InvalidInput
from tickwork.store.book import Style
from tickwork.store.dialect import Identity, Row
from tickwork.store.lent.lent import Lent, Loan, Standing, Steps, taken
from tickwork.store.lent.sqlite import standing_of

Result = TypeVar("Result")

_REMEMBERED = "tickwork.identity"
#: SQLAlchemy's name for how its driver writes parameters, and ours.
_STYLES: dict[str, Style] = {"qmark": "qmark", "named": "named", "pyformat": "pyformat", "numeric_dollar": "numeric"}


class LentSqlalchemy(Lent):
    """A ``sqlalchemy.Connection``."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.store = str(connection.dialect.name)
        style = _STYLES.get(connection.dialect.paramstyle)
        if self.store not in ("sqlite", "postgresql") or style is None:
            raise InvalidInput(
                "connection",
                f"{self.store}+{connection.dialect.driver}",
                "SQLite through sqlite3 or aiosqlite, or PostgreSQL through psycopg, psycopg2 or asyncpg",
            )
        self.style = style

    @property
    def anchor(self) -> object:
        return self.connection.connection.dbapi_connection

    def remembered(self) -> Identity | None:
        found: Identity | None = self.connection.info.get(_REMEMBERED)
        return found

    def remember(self, identity: Identity) -> None:
        self.connection.info[_REMEMBERED] = identity  # lives as long as the driver's connection in its pool

    def standing(self) -> Standing:
        if not self.connection.in_transaction():
            self.connection.begin()  # as the first statement would; the engine's listeners have their say here
        driver = self.connection.connection
        if self.store == "sqlite":
            return standing_of(driver.driver_connection)
        return Standing.ALONE if driver.dbapi_connection.autocommit else Standing.OPEN

    def execute(self, text: str, values: Any) -> list[Row]:
        result = self.connection.exec_driver_sql(text, values)
        return [tuple(row) for row in result.fetchall()] if result.returns_rows else []


class LentSession(Loan):
    """A ``sqlalchemy.orm.Session``: the connection that it holds, or takes now."""

    def __init__(self, session: Any) -> None:
        self.session = session

    def opened(self) -> Lent:
        return LentSqlalchemy(self.session.connection())


class LentAsyncSqlalchemy(Loan):
    """An ``AsyncSession`` or ``AsyncConnection``: the same verbs on the sync one inside it."""

    def __init__(self, lent: Any, inside: type[Loan]) -> None:
        self.lent, self.inside = lent, inside

    @classmethod
    def session(cls, lent: Any) -> LentAsyncSqlalchemy:
        return cls(lent, LentSession)

    @classmethod
    def connection(cls, lent: Any) -> LentAsyncSqlalchemy:
        return cls(lent, LentSqlalchemy)

    def opened(self) -> Lent:
        raise NotImplementedError("it is opened inside its greenlet: see perform")

    async def perform(self, steps: Callable[[Loan], Steps[Result]], ready: Callable[[], None]) -> Any:
        """Take the steps inside SQLAlchemy's greenlet."""
        await asyncio.to_thread(ready)
        make: Callable[[Any], Loan] = self.inside
        return await self.lent.run_sync(lambda sync: taken(steps(make(sync))))

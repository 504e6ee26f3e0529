"""Everything that a user may hold and lend: ten kinds of connection behind one face.

Each borrower opens a connection of its kind and begins, commits, fails and reads as its users do. Its methods are
awaited where the kind is asynchronous; :func:`play` drives a tale through either.
"""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Borrower:
    """A connection of one kind, not yet open."""

    kind = ""
    stores: tuple[str, ...] = ("sqlite", "postgresql")
    is_async = False

    def __init__(self, url: str, *, autocommit: bool = False) -> None:
        self.url, self.autocommit = url, autocommit
        self.store = url.partition(":")[0]
        self.path = url.removeprefix("sqlite:///")
        self.held: Any = None
        self.engine: Any = None

    @property
    def lent(self) -> Any:
        """What is handed to ``app.on``."""
        return self.held

    async def open(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        await settled(self.held.close())

    async def execute(self, sql: str) -> Any:
        return await settled(self.held.execute(sql))

    async def begin(self) -> None:
        await self.execute("begin")

    async def commit(self) -> None:
        await settled(self.held.commit())

    async def rollback(self) -> None:
        await settled(self.held.rollback())

    async def savepoint(self) -> None:
        await self.execute("savepoint mine")

    async def back_to_savepoint(self) -> None:
        await self.execute("rollback to savepoint mine")

    async def begin_repeatable(self) -> None:
        await self.begin()
        await self.execute("set transaction isolation level repeatable read")


async def settled(answer: Any) -> Any:
    """Await what is awaitable."""
    return await answer if inspect.isawaitable(answer) else answer


def play(borrower: Borrower, tale: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run a tale: on an event loop for an asynchronous borrower, else without one (Django insists)."""
    if borrower.is_async:
        return asyncio.run(tale())
    told = tale()
    try:
        told.send(None)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    raise AssertionError("a synchronous borrower waited for something")


class Sqlite3(Borrower):
    kind, stores = "sqlite3", ("sqlite",)

    async def open(self) -> None:
        self.held = sqlite3.connect(self.path, isolation_level=None if self.autocommit else "DEFERRED")


class Aiosqlite(Borrower):
    kind, stores, is_async = "aiosqlite", ("sqlite",), True

    async def open(self) -> None:
        import aiosqlite

        self.held = await aiosqlite.connect(self.path, isolation_level=None if self.autocommit else "")


class Psycopg(Borrower):
    kind, stores = "psycopg", ("postgresql",)

    async def open(self) -> None:
        import psycopg

        self.held = psycopg.connect(self.url, autocommit=self.autocommit)

    async def begin(self) -> None:
        return None


class PsycopgAsync(Psycopg):
    kind, is_async = "psycopg-async", True

    async def open(self) -> None:
        import psycopg

        self.held = await psycopg.AsyncConnection.connect(self.url, autocommit=self.autocommit)


class Asyncpg(Borrower):
    kind, stores, is_async = "asyncpg", ("postgresql",), True

    async def open(self) -> None:
        import asyncpg

        self.held = await asyncpg.connect(self.url)

    async def commit(self) -> None:
        await self.execute("commit")

    async def rollback(self) -> None:
        await self.execute("rollback")


class Connection(Borrower):
    kind = "sqlalchemy-connection"
    driver = "psycopg"

    def engine_url(self) -> str:
        return self.url.replace("postgresql:", f"postgresql+{self.driver}:", 1)

    def settings(self) -> dict[str, Any]:
        return {"isolation_level": "AUTOCOMMIT"} if self.autocommit else {}

    def listen(self, engine: Any) -> None:
        """On SQLite the transactions are begun by us, as SQLAlchemy's manual advises for savepoints."""
        if self.store == "sqlite" and not self.autocommit:
            from sqlalchemy import event

            @event.listens_for(engine, "connect")
            def connected(connection: Any, record: Any) -> None:
                connection.isolation_level = None

            @event.listens_for(engine, "begin")
            def begun(connection: Any) -> None:
                connection.exec_driver_sql("begin")

    async def open(self) -> None:
        from sqlalchemy import create_engine

        self.engine = create_engine(self.engine_url(), **self.settings())
        self.listen(self.engine)
        self.held = self.engine.connect()

    async def close(self) -> None:
        self.held.close()
        self.engine.dispose()

    async def execute(self, sql: str) -> Any:
        from sqlalchemy import text

        return await settled(self.held.execute(text(sql)))

    async def begin(self) -> None:
        return None


class Session(Connection):
    kind = "sqlalchemy-session"

    async def open(self) -> None:
        from sqlalchemy import create_engine
        from sqlalchemy.orm import Session as OrmSession

        self.engine = create_engine(self.engine_url(), **self.settings())
        self.listen(self.engine)
        self.held = OrmSession(self.engine)


class AsyncConnection(Connection):
    kind, is_async, driver = "sqlalchemy-async-connection", True, "psycopg"

    def engine_url(self) -> str:
        return super().engine_url().replace("sqlite:", "sqlite+aiosqlite:", 1)

    async def open(self) -> None:
        from sqlalchemy.ext.asyncio import create_async_engine

        self.engine = create_async_engine(self.engine_url(), **self.settings())
        self.listen(self.engine.sync_engine)
        self.held = await self.take()

    async def take(self) -> Any:
        return await self.engine.connect()

    async def close(self) -> None:
        await self.held.close()
        await self.engine.dispose()


class AsyncSession(AsyncConnection):
    kind, driver = "sqlalchemy-async-session", "asyncpg"

    async def take(self) -> Any:
        from sqlalchemy.ext.asyncio import AsyncSession as OrmAsyncSession

        return OrmAsyncSession(self.engine)


class Django(Borrower):
    kind = "django"

    async def open(self) -> None:
        from django.db import connections

        self.alias = django_alias(self.url)
        self.held = connections[self.alias]
        self._open: list[Any] = []

    @property
    def lent(self) -> Any:
        return self.alias

    async def close(self) -> None:
        self.held.close()

    async def execute(self, sql: str) -> Any:
        with self.held.cursor() as cursor:
            cursor.execute(sql)

    async def begin(self) -> None:
        from django.db import transaction

        self._open = [transaction.atomic(using=self.alias)]
        self._open[0].__enter__()

    async def commit(self) -> None:
        self._open.pop().__exit__(None, None, None)

    async def rollback(self) -> None:
        self.held.needs_rollback = True
        self._open.pop().__exit__(None, None, None)


KINDS: dict[str, type[Borrower]] = {
    each.kind: each
    for each in (
        Sqlite3,
        Aiosqlite,
        Psycopg,
        PsycopgAsync,
        Asyncpg,
        Session,
        Connection,
        AsyncSession,
        AsyncConnection,
        Django,
    )
}


def django_alias(url: str) -> str:
    """Return the alias of a database in Django's settings, which are made here if nobody made any."""
    from urllib.parse import urlsplit

    import django
    from django.conf import settings
    from django.db import connections

    if not settings.configured:
        settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
        django.setup()
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        described: dict[str, Any] = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix("sqlite:///"),
        }
    else:
        described = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.path.lstrip("/"),
            "USER": parts.username or "",
            "PASSWORD": parts.password or "",
            "HOST": parts.hostname or "",
            "PORT": parts.port or "",
        }
    alias = f"lent_{abs(hash(url))}"
    connections.databases[alias] = connections.configure_settings({"default": described})["default"]
    return alias


__all__ = ["KINDS", "Borrower", "play", "settled"]

"""From what a user lends to the class that knows it. Nothing is imported before such an object arrives."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

from tickwork.errors import InvalidInput
from tickwork.store.lent.lent import Loan

#: (package, class) -> our module and what makes the loan. Subclasses are known by their bases.
KINDS: dict[tuple[str, str], tuple[str, str]] = {
    ("sqlite3", "Connection"): ("sqlite", "LentSqlite"),
    ("psycopg", "Connection"): ("psycopg", "LentPsycopg"),
    ("psycopg", "AsyncConnection"): ("psycopg", "LentPsycopgAsync"),
    ("asyncpg", "Connection"): ("asyncpg", "LentAsyncpg"),
    ("asyncpg", "PoolConnectionProxy"): ("asyncpg", "LentAsyncpg"),
    ("aiosqlite", "Connection"): ("aiosqlite", "LentAiosqlite"),
    ("sqlalchemy", "Session"): ("sqlalchemy", "LentSession"),
    ("sqlalchemy", "scoped_session"): ("sqlalchemy", "LentSession"),
    ("sqlalchemy", "Connection"): ("sqlalchemy", "LentSqlalchemy"),
    ("sqlalchemy", "AsyncSession"): ("sqlalchemy", "LentAsyncSqlalchemy.session"),
    ("sqlalchemy", "async_scoped_session"): ("sqlalchemy", "LentAsyncSqlalchemy.session"),
    ("sqlalchemy", "AsyncConnection"): ("sqlalchemy", "LentAsyncSqlalchemy.connection"),
    ("django", "BaseDatabaseWrapper"): ("django", "LentDjango"),
    ("django", "ConnectionProxy"): ("django", "LentDjango"),
    ("builtins", "str"): ("django", "LentDjango.of_alias"),
    ("tickwork", "OwnTransaction"): ("own", "loan_of_own"),
}


def loan_of(lent: Any) -> Loan:
    """Return the loan of whatever a user lends; raises InvalidInput for what nobody knows.

    >>> import sqlite3
    >>> type(loan_of(sqlite3.connect(":memory:"))).__name__
    'LentSqlite'
    """
    maker = _maker(type(lent))  # type: ignore[arg-type]
    if maker is None:
        raise InvalidInput(
            "connection",
            lent,
            "a SQLAlchemy Session, Connection, AsyncSession or AsyncConnection, a Django connection or its alias, a "
            "psycopg connection (sync or async), an asyncpg, sqlite3 or aiosqlite connection, or a task's own transaction",
        )
    return maker(lent)


@lru_cache(maxsize=64)
def _maker(kind: type) -> Callable[[Any], Loan] | None:
    """Return what makes a loan of objects of this class, None where nobody knows them."""
    for base in kind.__mro__:
        found = KINDS.get((base.__module__.partition(".")[0], base.__name__))
        if found is not None:
            module, path = found
            made: Any = import_module(f"tickwork.store.lent.{module}")
            for name in path.split("."):
                made = getattr(made, name)
            maker: Callable[[Any], Loan] = made
            return maker
    return None

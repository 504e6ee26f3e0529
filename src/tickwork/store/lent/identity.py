"""Whether a lent connection leads to the database that the application was given.

A file is told by device and inode, whatever it is called; a server by its cluster's system identifier and the
database's name. (The schema stands in each statement.) Asked once per connection; a role that may not read the
cluster's identifier is compared by the database's name alone.
"""

from __future__ import annotations

import os
from typing import Any

from tickwork.errors import WrongDatabase
from tickwork.store.dialect import Identity
from tickwork.store.lent.lent import Lent, Steps
from tickwork.store.store import Store


def admitted(store: Store, lent: Lent) -> Steps[None]:
    """Raise WrongDatabase unless the connection leads to this store."""
    mine = store.identity
    if lent.store != mine.kind:
        raise WrongDatabase(
            f"this connection leads to {lent.store}, the application was given {_named(store)}. Lend a connection to "
            "the application's own database, or give Tickwork the address of this one"
        )
    theirs = lent.remembered()
    if theirs is None:
        theirs = yield from (_file(store, lent) if lent.store == "sqlite" else _server(store, lent, mine))
        lent.remember(theirs)
    if not _same(mine, theirs):
        raise WrongDatabase(
            f"this connection leads to another database ({theirs}) than the one that the application was given "
            f"({_named(store)}, which is {mine}). Lend a connection to that database, or give Tickwork the address of "
            "this one"
        )


def _file(store: Store, lent: Lent) -> Steps[Identity]:
    path = (yield from _one(store, lent, "current_database")) or ""
    if not path:
        return Identity("sqlite", ("memory", "of this connection alone"))
    status = os.stat(path)  # noqa: PTH116 - a third of the time, for every verb on sqlite3
    return Identity("sqlite", (str(status.st_dev), str(status.st_ino)))


def _server(store: Store, lent: Lent, mine: Identity) -> Steps[Identity]:
    may = yield from _one(store, lent, "may_identify")
    cluster = (yield from _one(store, lent, "cluster")) if may else "unknown"
    database = yield from _one(store, lent, "current_database")
    return Identity("postgresql", (str(cluster), str(database), mine.parts[-1]))


def _one(store: Store, lent: Lent, name: str) -> Steps[Any]:
    """Ask for one value; it is the last column (a pragma has others before it)."""
    statement = store.dialect.book[name]
    rows = yield lambda: lent.execute(statement.written_in(lent.style), lent.arguments(statement, {}))
    return rows[0][-1]


def _same(mine: Identity, theirs: Identity) -> bool:
    if mine.kind == "postgresql" and "unknown" in (mine.parts[0], theirs.parts[0]):
        return mine.parts[1:] == theirs.parts[1:]
    return mine == theirs


def _named(store: Store) -> str:
    path: str | None = getattr(store.dialect, "path", None)
    return path or "PostgreSQL"

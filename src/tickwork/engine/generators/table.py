"""An application's own tables, read through our connection: SQL of the application's with parameters as ``:name``.

The text is written once, in PostgreSQL's words as everywhere in this house, and turned for SQLite: casts (``x::text``)
are dropped there. ``:now`` is the database's time in microseconds. ``:moment`` and ``:naive`` are the same time as models keep
it: on PostgreSQL a timestamp with zone, or one without (in UTC); on SQLite the text that SQLAlchemy and Django write.
"""

from __future__ import annotations

import re
from typing import Any

from tickwork.errors import InvalidInput
from tickwork.store.book import Statement
from tickwork.store.dialect import Dialect
from tickwork.store.own import OwnTransaction
from tickwork.store.store import Store
from tickwork.watch import Instant, from_instant

_NAME = re.compile(r'(?:[A-Za-z_]\w{0,62}|"[^"\x00]{1,62}")(?:\.(?:[A-Za-z_]\w{0,62}|"[^"\x00]{1,62}"))?\Z')


def identifier(name: str, field: str) -> str:
    """Check the name of a table or column that stands in our own SQL.

    >>> identifier("shop.request", "table")
    'shop.request'
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise InvalidInput(field, name, "the name of a table or column, as in SQL")
    return name


def times(dialect: Dialect, now: Instant) -> dict[str, Any]:
    """Return an instant in the forms in which applications store it."""
    at = from_instant(now)
    if dialect.locks_rows:
        return {"now": now, "moment": at, "naive": at.replace(tzinfo=None)}
    text = at.strftime("%Y-%m-%d %H:%M:%S.%f")
    return {"now": now, "moment": text, "naive": text}


def statement(dialect: Dialect, text: str) -> Statement:
    """Return the application's SQL in the words of a dialect."""
    return Statement("application", dialect.turn(text).strip().rstrip(";"), frozenset(), writes=True, source="")


def told(dialect: Dialect, own: OwnTransaction, text: str, now: Instant, **values: Any) -> list[dict[str, Any]]:
    """Run one statement and return its rows by the names of their columns (none where it returns nothing)."""
    cursor = _run(dialect, own, text, now, values)
    if cursor.description is None:
        return []
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def changed(dialect: Dialect, own: OwnTransaction, text: str, now: Instant, **values: Any) -> int:
    """Run one statement that changes rows, and return how many."""
    return int(_run(dialect, own, text, now, values).rowcount)


def _run(dialect: Dialect, own: OwnTransaction, text: str, now: Instant, values: dict[str, Any]) -> Any:
    said = statement(dialect, text)
    known = {**values, **times(dialect, now)}
    try:
        given = {name: known[name] for name in said.parameters}
    except KeyError as missing:
        raise InvalidInput("parameter", str(missing), f"one of :{', :'.join(sorted(known))}") from None
    dialect.tell("application")
    return own.execute(said.written_in(dialect.style), given)


def read(store: Store, text: str, now: Instant, **values: Any) -> list[dict[str, Any]]:
    """Read an application's table in a transaction of its own that changes nothing."""
    with store.begin("worker", reading=True, handing=True) as transaction:
        return told(store.dialect, OwnTransaction(transaction, store.identity), text, now, **values)

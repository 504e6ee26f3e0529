"""What an error on a lent connection means, whichever layers it came through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tickwork.errors import StoreError
from tickwork.store.dialect import Dialect

FAILED = (
    "this transaction has failed: an earlier statement in it raised an error, and the database takes nothing more in it. "
    "Roll it back (or back to a savepoint) and begin anew"
)
#: PostgreSQL's code, and the names under which SQLAlchemy and Django say the same.
_FAILED_CODE = "25P02"
_FAILED_NAMES = frozenset({"PendingRollbackError", "TransactionManagementError"})


def translated(dialect: Dialect, error: BaseException, *, lent: bool) -> StoreError | None:
    """Return the error in our words, or None where it is none of the database's."""
    for each in _layers(error):
        if isinstance(each, StoreError):
            return each
        if type(each).__name__ in _FAILED_NAMES or getattr(each, "sqlstate", None) == _FAILED_CODE:
            return StoreError(FAILED)
        known = dialect.trouble(each, lent=lent) or dialect.trouble(_like_psycopg(each), lent=lent)
        if known is not None:
            return known
    return None


def _layers(error: BaseException) -> Iterator[BaseException]:
    """The error itself, what a library wrapped, and what that was raised from."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [getattr(each, "orig", None), each.__cause__]


def _like_psycopg(error: BaseException) -> BaseException:
    """An error of another driver for PostgreSQL as psycopg would raise it: both carry the same code."""
    code = getattr(error, "sqlstate", None)
    if not isinstance(code, str):
        return error
    from psycopg import errors

    try:
        return errors.lookup(code)(str(error))
    except KeyError:
        return errors.DatabaseError(str(error))

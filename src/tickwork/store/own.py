"""The task's own transaction, as a handler is given it: what it writes here commits together with its completion.

The task is held by its token before the handler is called, and deleted and archived after it returned, all in this one
transaction. So the effects exist exactly once: with the completion, or not at all. It ends with the run: a handler that
ends it earlier has not succeeded, and one whose lease was lost is not even called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from tickwork.errors import StoreError
from tickwork.store.dialect import Identity, Transaction


class OwnTransaction:
    """The transaction in which the task of this run is completed; lend it with ``app.on(transaction)``.

    ``execute`` and ``cursor`` are those of the driver (``sqlite3`` or psycopg), in its own style of parameters;
    ``connection`` is the driver's connection, for libraries that want one. ``commit``, ``rollback`` and ``close`` are
    refused: the run's end decides.
    """

    def __init__(self, transaction: Transaction, identity: Identity) -> None:
        self._transaction, self.identity = transaction, identity

    @property
    def connection(self) -> Any:
        """The driver's own connection, in this transaction."""
        return self._transaction.connection  # type: ignore[attr-defined]

    def execute(self, statement: Any, parameters: Any = ()) -> Any:
        """Run one statement on the application's own tables; return the driver's cursor."""
        return self.connection.execute(statement, parameters)

    def executemany(self, statement: Any, rows: Sequence[Any]) -> Any:
        """Run one statement for many rows; return the driver's cursor."""
        cursor = self.connection.cursor()
        cursor.executemany(statement, rows)
        return cursor

    def cursor(self, *arguments: Any, **settings: Any) -> Any:
        """Return a cursor of the driver's."""
        return self.connection.cursor(*arguments, **settings)

    def commit(self) -> NoReturn:
        """Refused, as are rollback and close: raises StoreError."""
        raise StoreError(
            "the task's own transaction ends with its run: return to commit it, raise to roll it back; what must stay "
            "whatever happens is written in a transaction of the application's own"
        )

    rollback = close = commit

    @property
    def open(self) -> bool:
        """Whether it is still the one that was begun for the run, as far as the driver knows."""
        return self._transaction.stands

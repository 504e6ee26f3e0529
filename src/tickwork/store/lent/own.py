"""The task's own transaction, lent back to the application: it leads to our database, nobody has to ask."""

from __future__ import annotations

from typing import Any

from tickwork.store.dialect import Identity
from tickwork.store.lent.lent import Lent
from tickwork.store.own import OwnTransaction


def loan_of_own(transaction: OwnTransaction) -> Lent:
    """Return the loan of the connection inside, which is known to be ours."""
    if transaction.identity.kind == "sqlite":
        from tickwork.store.lent.sqlite import LentSqlite as Driver
    else:
        from tickwork.store.lent.psycopg import LentPsycopg as Driver  # type: ignore[assignment]

    class Own(Driver):
        """A connection of our own."""

        def __init__(self, connection: Any, identity: Identity) -> None:
            super().__init__(connection)
            self.identity = identity

        def remembered(self) -> Identity:
            return self.identity

    return Own(transaction.connection, transaction.identity)

"""Counts what our store sends: statements and commits, as the dialect tells them."""

from __future__ import annotations

from tickwork.store.store import Store


class Counted:
    """The counts of one store, from when it was made."""

    def __init__(self, store: Store) -> None:
        self.statements = self.commits = 0
        store.dialect.on_statement = self._count

    def _count(self, name: str) -> None:
        if name == "commit":
            self.commits += 1
        elif name != "begin":
            self.statements += 1

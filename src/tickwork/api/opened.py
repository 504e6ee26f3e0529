"""An application's database: opened when it is first needed, checked once, brought up to date, agreed upon.

What the program and its tables must agree on is asked before anything else is said to the database.
"""

from __future__ import annotations

import threading

from tickwork.api import agreement, assembly
from tickwork.api.settings import Settings
from tickwork.engine.tasks.registry import Registry
from tickwork.store.store import Store
from tickwork.watch import Watch


class Opened:
    """The settings, the store and the handlers that everything else of an application uses."""

    def __init__(self, settings: Settings, watch: Watch | None) -> None:
        self.settings, self.handlers = settings, Registry()
        #: The database behind it all: ``app.store.supports(...)`` says what it can do.
        self.store: Store = assembly.store_of(settings, watch)
        self._desk = assembly.own_desk(self.store, settings, self.handlers, self._ready)
        self._checked, self._checking = False, threading.RLock()

    def migrate(self) -> list[str]:
        """Bring the tables up to date (``tickwork db upgrade``); return the steps that were taken."""
        taken = self.store.migrate()
        agreement.agree(self.store, self.settings)
        agreement.check(self.store, self.settings)
        self._checked = True
        return taken

    def agree(self) -> None:
        """Make this application's shared settings those of the database, for every process that starts from now on."""
        self.store.check_schema()
        agreement.agree(self.store, self.settings, anew=True)

    @property
    def namespace(self) -> str:
        """Whose triggers and tasks these are."""
        return self.settings.namespace

    def ready_for_loans(self) -> None:
        """Find out once, on a connection of our own, which database this is and whether the tables fit.

        On SQLite the file is looked at and no connection is opened: the lent one may hold the only write lock.
        """
        if self.store.dialect.locks_rows:
            self._ready()
        _ = self.store.identity

    def _ready(self) -> None:
        """Check once that the tables are those of this program."""
        if not self._checked:
            with self._checking:
                if not self._checked:
                    self.store.check_schema()
                    agreement.check(self.store, self.settings)
                    self._checked = True

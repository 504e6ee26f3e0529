"""Daemon and worker turned by hand: what :mod:`tickwork.testing` is made of."""

from __future__ import annotations

from tickwork.engine.tasks.worker import Worker
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.store.store import Store
from tickwork.watch import Instant


class Hand:
    """Takes the turns that threads would take, in the caller's thread, by the store's watch."""

    def __init__(self, store: Store, worker: Worker) -> None:
        self.store, self.worker = store, worker
        self.daemon = TriggerDaemon(store)

    def run_due(self) -> None:
        """Fire what is due, run what is ready, until neither leaves anything: a task may put triggers and tasks."""
        assert self.store.watch is not None
        while True:
            self.daemon.run_due(self.store.watch.now())
            if not self.worker.run_due():
                return

    def next_at(self) -> Instant | None:
        """When the next event is due or the next task may run, after now."""
        with self.store.read() as transaction:
            row = transaction.one("next_stop")
        return None if row is None else min((at for at in row if at is not None), default=None)

"""Daemon and worker turned by hand: what :mod:`tickwork.testing` is made of."""

from __future__ import annotations

from tickwork.engine.jobs.controller import JobController
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.store.store import Store
from tickwork.watch import Instant


class Hand:
    """Takes the turns that threads would take, in the caller's thread, by the store's watch."""

    def __init__(self, store: Store, worker: Worker) -> None:
        self.store, self.worker = store, worker
        self.daemon = TriggerDaemon(store)
        self.controller = JobController(store)

    def run_due(self) -> None:
        """Fire what is due, run what is ready, until nothing leaves anything: a task may put triggers and tasks."""
        assert self.store.watch is not None
        while True:
            now = self.store.watch.now()
            self.daemon.run_due(now)
            self.controller.hear("")
            self.controller.run_due(now)
            if not self.worker.run_due():
                return

    def next_at(self) -> Instant | None:
        """When the next event is due, the next job fires, or the next task may run, after now."""
        with self.store.read() as transaction:
            row = transaction.one("next_stop")
        stops = [*(row or ()), self.controller.next_wakeup]
        return min((at for at in stops if at is not None), default=None)

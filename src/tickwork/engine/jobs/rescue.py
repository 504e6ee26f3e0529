"""Ends the runs of workers that are gone: a lease that stood still for its length on our own steady clock, or is no more.

The wall's clock has no say, so a stepped one ends no run of a live worker. A run that is ended leaves *error* (or what
the job's retries say), never an eternal *running*; a claim that had not begun is given back and leaves nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from tickwork.engine.jobs.decision import end_of_lost
from tickwork.engine.jobs.memory import Memory
from tickwork.errors import StoreError
from tickwork.model.lease import Sightings
from tickwork.model.lease import Standing as LeaseStanding
from tickwork.store import jobs
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import Instant

log = logging.getLogger("tickwork.jobs")


class Rescue:
    """Watches the leases of runs; *steady* is a clock that nobody sets, in microseconds."""

    def __init__(self, store: Store, scope: Scope, memory: Memory, steady: Callable[[], Instant]) -> None:
        self.store, self.scope, self.memory, self.steady = store, scope, memory, steady
        self.lost = self.failures = 0
        self._sightings = Sightings()

    def look(self, standing: Sequence[jobs.Standing]) -> None:
        """Take in where all jobs stand, and end what is lost."""
        leased = {each.lease: each for each in standing if each.lease is not None}
        alive = [
            LeaseStanding(token, each.renewals, each.length)
            for token, each in leased.items()
            if each.renewals is not None and each.length is not None
        ]
        ended = {lease.token for lease in self._sightings.ended(alive, self.steady())}
        for token, each in leased.items():
            if each.renewals is None or token in ended:
                try:
                    self._end(each, token)
                except StoreError as error:
                    self.failures += 1
                    log.warning("the lost run of job %d could not be ended yet: %s", each.id, error)

    def _end(self, each: jobs.Standing, token: int) -> None:
        with self.store.begin("controller") as transaction:
            row = jobs.lock(transaction, [each.id]).get(each.id)
            if row is None or row.lease != token or not jobs.end_lease(transaction, token, each.renewals):
                return
            parsed = self.memory.readings.read(row)
            words = end_of_lost(row.state, None if parsed is None else parsed.descriptor)
            if words:
                row = transaction.perform(jobs.append(self.scope, row, words, role="controller", lease=None))
            else:
                row = jobs.hold_lease(transaction, row, None)
        self.lost += 1
        log.warning("the worker of job %s is gone; the job is %s", row.name, row.status)
        self.memory.place(row)

"""Rescue: tasks whose worker has gone are given back, by anybody who has watched their lease stand still.

Every worker runs a rescuer; they do not know each other and need no leader, since a lease is locked before it is
ended and passed over when somebody else holds it. A rescuer that has just started must watch a lease for its length
first. The wall clock has no say (see :mod:`tickwork.model.lease`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from tickwork.engine.loop import POLL_ATTENDED
from tickwork.engine.tasks.notice import notice_of_lost
from tickwork.model.lease import LENGTH, Sightings, Standing
from tickwork.store import lanes, leases, workers
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.rescue")

EVERY = 5 * SECOND
#: A process that is so far behind the newest sign of life is watched.
BEHIND = 30 * SECOND
#: A process that has not been seen for so long is forgotten, with the handlers that it knew.
GONE_AFTER = 3 * LENGTH


class Rescue:
    """Looks at every lease and every worker; its turns are told the time of a steady clock."""

    name = "rescue"

    def __init__(
        self,
        store: Store,
        ring: Callable[[], None] = lambda: None,
        leases: Sightings | None = None,
        workers: Sightings | None = None,
    ) -> None:
        self.store, self.ring = store, ring
        self.leases, self.workers = leases or Sightings(), workers or Sightings()
        self.rescued = 0
        self.attended = False
        """Whether somebody rings when there is something to watch."""
        self.watching = True
        """Whether there was anything to watch at the last look."""

    def turn(self, now: Instant) -> Instant:
        """End the leases that have stood still, each in a transaction of its own."""
        with self.store.begin("worker", reading=True) as transaction:
            standing = leases.standing(transaction)
            seen = [Standing(number, at, GONE_AFTER) for number, at in workers.seen(transaction)]
            unclaimed = lanes.unclaimed(transaction)
        for lease in self.leases.ended(standing, now):
            self._end(lease)
        for gone in self.workers.ended(seen, now):
            with self.store.begin("worker") as transaction:
                removed = workers.remove(transaction, gone.token)
            if removed:
                log.warning("worker %d has not been seen for %d s: it is forgotten", gone.token, GONE_AFTER // SECOND)
        if unclaimed:
            self._recall()
        newest = max((each.renewals for each in seen), default=0)
        self.watching = bool(standing) or any(newest - each.renewals > BEHIND for each in seen)
        if not self.watching and self.attended:
            return now + POLL_ATTENDED
        return now + min(EVERY, min((lease.length for lease in standing), default=EVERY) // 3 or EVERY)

    def _recall(self) -> None:
        """Take the places of limits from tasks that were let in and that nobody serves."""
        with self.store.begin("worker") as transaction:
            recalled = lanes.recall(transaction)
        if recalled:
            self.ring()

    def _end(self, lease: Standing) -> None:
        with self.store.begin("worker") as transaction:
            rescued = leases.rescue(transaction, lease, notice_of_lost)
        if rescued is not None and (rescued.again or rescued.lost):
            self.rescued += rescued.again + rescued.lost
            self.ring()
            log.warning(
                "a lease of worker %d ran out: %d tasks wait again, %d are lost",
                rescued.worker_id, rescued.again, rescued.lost,
            )  # fmt: skip

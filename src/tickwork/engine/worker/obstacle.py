"""What keeps a worker from taking more work, by name: a replica of the database that has fallen too far behind.

Whoever reads from replicas wants them fresh, and a queue that is worked off at full speed is what leaves them behind. A
worker that was told how far they may lag claims nothing while one lags further, says so, and goes on by itself. What
runs already goes on. (A database that takes no writes is an obstacle by itself: see the loop.)
"""

from __future__ import annotations

import logging

from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.worker")

#: How often a worker looks.
LOOK_EVERY = 1 * SECOND


class Obstacle:
    """Looks for replicas that lag further than allowed, once a second and only where somebody said how far they may."""

    def __init__(self, store: Store, longest_lag: int | None) -> None:
        self.store, self.longest_lag = store, longest_lag
        self.reason: str | None = None
        self._looked_at: Instant | None = None

    def stands(self, now: Instant) -> bool:
        """Say whether something stands in the way; *now* is of a steady clock."""
        if self.longest_lag is None or not self.store.dialect.locks_rows:
            return False
        if self._looked_at is None or now - self._looked_at >= LOOK_EVERY:
            self._looked_at = now
            self._look(self.longest_lag)
        return self.reason is not None

    def _look(self, longest: int) -> None:
        with self.store.begin("worker", reading=True) as transaction:
            row = transaction.one("lagging_replica", longest=longest)
        found = None if row is None else f"replica-lag: {row[0] or 'a replica'} is {row[1] / SECOND:.1f} s behind"
        if found is not None and self.reason is None:
            log.warning("no more work is taken: %s, %g s are allowed", found, longest / SECOND)
        elif found is None and self.reason is not None:
            log.info("work is taken again: no replica lags")
        self.reason = found

"""The heartbeat of a worker: renews its leases, says that it is alive, and learns what others have asked.

A renewal touches the rows of leases, never a row per task. A lease that is not there any more was ended by a
rescuer: the tasks under it belong to others now, and the pump is told. Long runs are marked in passing, so that a
rescuer knows for certain that they were running.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from tickwork.engine.tasks.pump import Pump
from tickwork.model.lease import RENEW_EVERY
from tickwork.store import claims, leases, workers
from tickwork.store.dialect import Transaction
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.worker")

#: How often running tasks learn that somebody asked to cancel them.
CANCELS_EVERY = 1 * SECOND


class Heartbeat:
    """Beats for one worker. Its turns are told the time of a steady clock: a wall clock that is set delays no beat."""

    name = "heartbeat"

    def __init__(self, pump: Pump, renewed: Callable[[], None] = lambda: None) -> None:
        self.pump, self.renewed = pump, renewed
        self.every = min(RENEW_EVERY, pump.appetite.lease // 3)
        self._beat_at: Instant | None = None
        self._marked: set[int] = set()

    def turn(self, now: Instant) -> Instant:
        """Beat when it is time; look for cancel requests in between while something is running."""
        if self._beat_at is None or now >= self._beat_at:
            self._beat(now)
            self._beat_at = now + self.every
        elif self.pump.running.now:
            self._look_for_cancels()
        return min(self._beat_at, now + CANCELS_EVERY)

    def _beat(self, now: Instant) -> None:
        pump = self.pump
        number, tokens = pump.incarnation(), pump.holdings.tokens
        with pump.store.begin("worker") as transaction:
            standing = leases.renew(transaction, tokens) if tokens else set()
            self._mark_long_runs(transaction)
            alive = workers.see(transaction, number)
            if pump.registry:
                taken_up = claims.take_up_unhandled(transaction, list(pump.registry))
                pump.foreign = workers.foreign_handlers(transaction, pump.registry)
                pump.rung = pump.rung or bool(taken_up)
        for token in set(tokens) - standing:
            if token in pump.holdings.tokens:  # not settled meanwhile
                pump.lose(token)
        if pump.running.now:
            self._look_for_cancels()
        if not alive:
            self.renewed()

    def _mark_long_runs(self, transaction: Transaction) -> None:
        running = self.pump.running.now.copy()
        unmarked = [
            claimed
            for claimed, _ in running.values()
            if not claimed.marked and not claimed.must_be_marked and claimed.id not in self._marked
        ]
        if unmarked:
            claims.mark_started(transaction, unmarked)
        self._marked = self._marked.intersection(running) | {claimed.id for claimed in unmarked}

    def _look_for_cancels(self) -> None:
        ids = list(self.pump.running.now)
        with self.pump.store.begin("worker", reading=True) as transaction:
            self.pump.running.signs.cancelled |= claims.cancels_asked(transaction, ids)

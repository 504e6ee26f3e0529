"""The heartbeat of a worker: renews its leases, says that it is alive, and learns what others have asked.

A renewal touches the rows of leases, never a row per task. A lease that is not there any more was ended by a
rescuer: the tasks under it belong to others now, and the pump is told. Long runs are marked in passing, so that a
rescuer knows for certain that they were running.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from tickwork.engine.tasks.pump import Pump
from tickwork.model.lease import RENEW_EVERY
from tickwork.store import claims, leases, pressure, workers
from tickwork.store.pressure import Said
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.worker")

#: How often running tasks learn that somebody asked to cancel them.
CANCELS_EVERY = 1 * SECOND
#: How often a worker that has nothing in its hands says that it is there, and how often it asks who knows which handlers.
IDLE_EVERY, LEARN_EVERY = 20 * SECOND, 120 * SECOND


class Heartbeat:
    """Beats for one worker. Its turns are told the time of a steady clock: a wall clock that is set delays no beat."""

    name = "heartbeat"

    def __init__(self, pump: Pump, renewed: Callable[[], None] = lambda: None) -> None:
        self.pump, self.renewed = pump, renewed
        self.every = min(RENEW_EVERY, pump.appetite.lease // 3)
        self._beat_at: Instant | None = None
        self._learned_at: Instant | None = None
        self._marked: set[int] = set()

    def turn(self, now: Instant) -> Instant:
        """Beat when it is time; look for cancel requests in between while something is running."""
        if self._beat_at is None or now - self._beat_at >= self._every:
            self._beat(now)
            self._beat_at = now
        else:
            self._look_around()
        return min(self._beat_at + self._every, now + min(CANCELS_EVERY, self.every))  # a claim is noticed in time

    @property
    def _every(self) -> int:
        return self.every if self.pump.holdings.tokens else max(self.every, IDLE_EVERY)

    def _beat(self, now: Instant) -> None:
        """Renew first, in a transaction that touches nothing else: it waits for nobody's row but its own leases."""
        pump = self.pump
        number, tokens = pump.incarnation(), pump.holdings.tokens
        with pump.store.begin("worker") as transaction:
            standing = leases.renew(transaction, tokens) if tokens else set()
            alive = workers.see(transaction, number)
        for token in set(tokens) - standing:
            if token in pump.holdings.tokens:  # not settled meanwhile
                pump.lose(token)
        self._mark_long_runs()
        if self._learned_at is None or now - self._learned_at >= LEARN_EVERY:
            self._learn_handlers()
            self._learned_at = now
        self._look_around()
        if not alive:
            self.renewed()

    def _mark_long_runs(self) -> None:
        running = self.pump.running.now.copy()
        unmarked = [
            claimed
            for claimed, _ in running.values()
            if not claimed.marked and not claimed.must_be_marked and claimed.id not in self._marked
        ]
        if unmarked:
            with self.pump.store.begin("worker") as transaction:
                claims.mark_running(transaction, unmarked)
        self._marked = self._marked.intersection(running) | {claimed.id for claimed in unmarked}

    def _learn_handlers(self) -> None:
        """What other workers know is left to them; what nobody knew and we know waits again."""
        pump = self.pump
        with pump.store.begin("worker", reading=True) as transaction:
            pump.foreign = workers.foreign_handlers(transaction, pump.registry)
            unhandled = claims.unhandled(transaction, list(pump.registry))
        if unhandled:
            with pump.store.begin("worker") as transaction:
                claims.take_up_unhandled(transaction, list(pump.registry))
            pump.rung = True

    def _look_around(self) -> None:
        """Write down what running handlers have said, and learn what others ask of them."""
        running = self.pump.running
        self.speak()
        if not running.now:
            return
        with self.pump.store.begin("worker", reading=True) as transaction:
            asked = claims.cancels_asked(transaction, list(running.now))
            running.rest.look(transaction, self.pump.watch.steady.now())
        for task in asked - running.signs.cancelled:
            running.signs.cancelled.add(task)
            for executor in self.pump.executors:
                executor.stop(task)

    def speak(self) -> None:
        """Write down what running handlers have said: how far they are, and which kinds of work must rest."""
        noted, rest = self.pump.running.signs.progress, self.pump.running.rest
        words = [Said(task, *noted.pop(task)) for task in list(noted)]
        if words or rest.unwritten:
            self._tell(words)

    def _tell(self, words: Sequence[Said]) -> None:
        rest, number = self.pump.running.rest, self.pump.incarnation()
        with self.pump.store.begin("worker") as transaction:
            pressure.note_progress(transaction, words)
            said = rest.write(transaction, number)
            if said:
                pressure.forget(transaction)
        rest.written(said)

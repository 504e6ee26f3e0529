"""The heartbeat of a worker: renews the leases of all its sources, says that it is alive, and has them look after what runs.

A renewal touches the rows of leases, never a row per piece of work. A lease that is not there any more was ended by a
rescuer: the work under it belongs to others now, and its source is told.

Where nothing is in the worker's hands there is nothing to look after, and the heartbeat rests until its next sign of life or
until something begins and rouses it: an idle process is woken seldom.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from tickwork.engine.loop import Bell
from tickwork.engine.worker.pump import Pump
from tickwork.engine.worker.source import Source
from tickwork.errors import ReadOnlyStore, StoreUnavailable
from tickwork.model.lease import RENEW_EVERY
from tickwork.store import generators as rows
from tickwork.store import leases, workers
from tickwork.store.dialect import Transaction
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.worker")

#: How often running work learns what others ask of it.
LOOK_EVERY = 1 * SECOND
#: How long a lease that is gone is not held for lost, in seconds, while it may be that its work was just settled.
SETTLING_SECONDS = 5.0
#: How often a worker that has nothing in its hands says that it is there: a little before every second look of the watchman
#: of its process, which on SQLite hears the commit and looks then, not twice.
IDLE_EVERY = 19 * SECOND


class Heartbeat:
    """Beats for one worker. Its turns are told the time of a steady clock: a wall clock that is set delays no beat."""

    name = "heartbeat"

    def __init__(self, pump: Pump, renewed: Callable[[], None] = lambda: None) -> None:
        self.pump, self.renewed = pump, renewed
        shortest = min((seat.source.lease for seat in pump.seats.values()), default=pump.hands.appetite.lease)
        self.every = min(RENEW_EVERY, pump.hands.appetite.lease // 3, shortest // 3)
        self._beat_at: Instant | None = None
        self._bell: Bell | None = None
        self._resting = self._roused = False
        pump.began = self._rouse

    def rest_until(self, bell: Bell) -> None:
        """Rest while nothing is in hand: *bell* wakes whoever takes the turns."""
        self._bell = bell

    def turn(self, now: Instant) -> Instant:
        """Beat when it is time; look for what is asked of running work in between, if any is."""
        soon = now + min(LOOK_EVERY, self.every)  # a claim is noticed in time
        if self._roused:
            self._roused = False
            return soon  # what begins just now wants neither yet
        self._resting = self._bell is not None  # said before it is known, so that nothing begins between unseen
        busy = not self.pump.empty
        beat = self._beat_at is None or now - self._beat_at >= self._every
        if beat:
            self._beat()
            self._beat_at = now
        for seat in self.pump.seats.values():
            self._tend(seat.source, now, beat=beat)
        assert self._beat_at is not None
        if self._resting and not busy:
            return self._beat_at + self._every
        self._resting = False
        return min(self._beat_at + self._every, soon)

    def _rouse(self) -> None:
        """Something begins: its lease will want to be renewed, and somebody may ask something of it."""
        if self._resting and self._bell is not None:
            self._resting, self._roused = False, True
            self._bell.ring()

    @property
    def _every(self) -> int:
        return self.every if self._tokens() else max(self.every, IDLE_EVERY)

    def _tend(self, source: Source, now: Instant, *, beat: bool) -> None:
        """Let a source look after what runs of it; what goes wrong there delays no renewal."""
        try:
            source.tend(now, beat=beat)
        except (StoreUnavailable, ReadOnlyStore):
            raise
        except Exception:
            log.exception("%s could not look after what runs of it", source.name)

    def speak(self) -> None:
        """Write down what is only known here: what running work has said, and how much was done."""
        for seat in self.pump.seats.values():
            seat.source.speak()
        if any(seat.done or seat.failed for seat in self.pump.seats.values()):
            with self.pump.store.begin("worker") as transaction:
                self._count(transaction)

    def _beat(self) -> None:
        """Renew first, in a transaction that touches nothing else: it waits for nobody's row but its own leases."""
        pump = self.pump
        number, tokens = pump.number(), self._tokens()
        with pump.store.begin("worker") as transaction:
            standing = leases.renew(transaction, tokens) if tokens else set()
            alive = workers.see(transaction, number)
        if gone := set(tokens) - standing:
            pump.between.wait(
                min(SETTLING_SECONDS, self.every / SECOND)
            )  # the other leases wait for their next renewal
            for token in gone & set(self._tokens()):  # else it was settled meanwhile
                pump.lose(token)
        if any(seat.done or seat.failed for seat in pump.seats.values()):
            with pump.store.begin("worker") as transaction:
                self._count(transaction)
        if not alive:
            self.renewed()

    def _tokens(self) -> list[int]:
        return [token for seat in self.pump.seats.values() for token in seat.holdings.tokens]

    def _count(self, transaction: Transaction) -> None:
        """Add up in the sources' own rows, now and then, so that nobody waits for a counter."""
        at = self.pump.watch.now()
        for name, seat in sorted(self.pump.seats.items()):
            done, failed = seat.counted()
            if done or failed:
                rows.count(transaction, seat.source.namespace, name, done, failed, at)

"""A worker for a while: it draws work until nothing is ready, enough was run, or somebody says stop.

Its pump is driven by the caller, so there is no moment in which it is not known whether there is something left; the
handlers run on threads, the heartbeat and the rescue beside them. Work that outlives its process is found by the next
one: a rescuer must have watched a lease stand still for its length, and a process that lives for a second cannot, so
what it has seen is written down for the next one on the same steady clock (the same boot of the same host).
"""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from tickwork.engine.loop import Runner
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.rescue import Rescue
from tickwork.engine.tasks.worker import GRACE_SECONDS, Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.worker.settling import Ended
from tickwork.engine.worker.source import Source
from tickwork.errors import StoreError
from tickwork.model.lease import Sightings
from tickwork.model.outcome import Outcome
from tickwork.store import claims, settings
from tickwork.store.claims import Subscription
from tickwork.store.store import Store
from tickwork.watch import SECOND

log = logging.getLogger("tickwork.worker")

#: The sources whose runs are limited.
COUNTED = frozenset({"queue", "jobs"})
BOOT = Path("/proc/sys/kernel/random/boot_id")
#: How long a closing worker waits between two looks at what still runs, in seconds.
LOOK_SECONDS = 0.05


class Sighted(msgspec.Struct, frozen=True):
    """What a rescuer on one host had seen, and during which boot: its steady clock means nothing after another."""

    boot: str
    leases: dict[int, tuple[int, int]] = {}
    workers: dict[int, tuple[int, int]] = {}


class BoundedWorker(Worker):
    """A worker whose turns are taken by the caller of :meth:`drive`; *limit* runs at most, None: as many as there are."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        subscription: Subscription,
        appetite: Appetite,
        limit: int | None = None,
        sources: Sequence[Source] = (),
    ) -> None:
        super().__init__(store, registry, subscription, appetite, sources=sources, name="tick")
        self.limit, self.outcomes, self.beside = limit, Counter[str](), Counter[str]()
        self._appetite = self.pump.hands.appetite
        self._recall()

    @property
    def idle(self) -> bool:
        """Whether nothing is in its hands and nothing was left to claim at the last look."""
        return self.pump.idle

    @property
    def empty(self) -> bool:
        """Whether nothing is in its hands, whatever there may be to claim."""
        return self.pump.empty

    def begin(self) -> None:
        """Register; rescue what a process before this one left; start the heartbeat and the rescue on threads."""
        self.number()
        self.rescue.turn(self.steady.now())
        self._runners = [Runner(loop, self.steady) for loop in (self.pump, self.heartbeat, self.rescue)]
        for runner in self._runners[1:]:
            runner.start()

    def drive(self, longest: float) -> None:
        """Take one turn here, then wait until something has finished or is due, at most *longest* seconds."""
        if self.limit is not None:
            self.pump.hands.appetite = replace(self._appetite, batch=min(self._appetite.batch, self._left(self.limit)))
        self.pump.plan.rung = self.pump.drawing.stale = True
        now = self.steady.now()
        again_at = self.pump.turn(now)
        if self.idle:
            return
        pause = longest if again_at is None else min(longest, max(0, again_at - now) / SECOND)
        self._runners[0].bell.wait(pause)

    def stop(self, grace: float = GRACE_SECONDS) -> bool:
        """Stop as any worker does; its own turns are taken here."""
        self.pump.close()
        until = time.monotonic() + grace
        try:
            while not self.idle and not self._hurry.is_set() and time.monotonic() < until:
                self.drive(LOOK_SECONDS)
        except StoreError as error:
            log.warning("what has run cannot be written down just now: %s", error)
        if self.idle:
            self._emptied.set()
        gentle = super().stop(0)
        self._note()
        return gentle

    def _left(self, limit: int) -> int:
        """How many more may be claimed; what finishes while this is worked out counts twice rather than not at all."""
        counted = [seat for name, seat in self.pump.seats.items() if name in COUNTED]
        finished = sum(len(seat.settling) for seat in counted)
        return max(0, limit - self.counted - max(0, sum(seat.holdings.size for seat in counted) - finished))

    @property
    def counted(self) -> int:
        """How many runs of tasks and jobs have ended."""
        return self.outcomes.total() + self.beside["jobs"]

    def finished(self, source: str, outcome: Ended) -> None:
        """Count how tasks ended, and how many runs there were of every other source; not what was cut off."""
        if self.cutting_off:
            pass
        elif isinstance(outcome, Outcome):
            self.outcomes[outcome.outcome] += 1
        else:
            self.beside[source] += 1
        super().finished(source, outcome)

    def lacks_handlers(self) -> bool:
        """Whether there is work that is ready, or was kept aside, and that nobody here can do."""
        with self.store.begin("worker", reading=True) as transaction:
            served = self.queue.subscription
            return claims.look(transaction, served).anything or claims.anything_unhandled(transaction, served)

    # ---------------------------------------------------------------------------------------- from one tick to the next

    def _recall(self) -> None:
        """Take over what the process before this one has seen."""
        with self.store.begin("worker", reading=True) as transaction:
            text = settings.note(transaction, _name())
        self._noted = text
        if text is None or self.store.watch is not None:
            return
        seen = msgspec.json.decode(text, type=Sighted)
        if seen.boot == _boot():
            self.rescue = self.rescuer = Rescue(self.store, self.ring, Sightings(seen.leases), Sightings(seen.workers))

    def _note(self) -> None:
        """Write down what was seen, for the next one; where nothing stands there is nothing to write."""
        leases, workers = self.rescue.leases.since, self.rescue.workers.since
        workers.pop(self._number or 0, None)
        if not _boot() or not (leases or workers or self._noted):
            return
        text = msgspec.json.encode(Sighted(_boot(), leases, workers)).decode()
        if text == self._noted:
            return
        try:
            with self.store.begin("worker") as transaction:
                settings.write(transaction, _name(), text)
        except StoreError as error:
            log.warning("what was seen of the leases of others cannot be written down: %s", error)


def _name() -> str:
    return f"sightings of {socket.gethostname()}"


def _boot() -> str:
    """Return the number of this boot, or nothing where the system does not tell."""
    try:
        return BOOT.read_text("ascii").strip()
    except OSError:
        return ""

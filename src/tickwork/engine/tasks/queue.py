"""The queue: the task table as a source of work, from 1 to 9999. It claims by bound, many tasks under one lease.

A turn of the worker settles the outcomes that have gathered and claims the next batch under a new token, both in one
transaction: with batches of a hundred that is four statements for a hundred tasks, ``begin`` and ``commit`` among them.
While nothing is ready it is one cheap look that writes nothing.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from typing import ClassVar

from tickwork.engine.tasks.gate import Gate
from tickwork.engine.tasks.halving import settle_in_halves
from tickwork.engine.tasks.letters import Letters
from tickwork.engine.tasks.low_water import LowWater
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.running import Running
from tickwork.engine.tasks.telling import tell_claimed, tell_laid_aside, tell_settled
from tickwork.engine.tasks.units import NAME, Job, Stranger, TaskUnit, units_of
from tickwork.engine.worker.settling import Ended
from tickwork.engine.worker.source import Employer, Outlook, Settled, Source, Upkeep, Wish
from tickwork.model import outcome as outcomes
from tickwork.model.generator import Offer, Range
from tickwork.model.lease import LENGTH
from tickwork.model.outcome import Outcome
from tickwork.model.work import Claimed
from tickwork.store import archive, claims, lanes, leases, pressure, workers
from tickwork.store.archive import Settlement
from tickwork.store.claims import NOTHING_FOREIGN, Foreign, Subscription
from tickwork.store.dialect import Transaction
from tickwork.store.pressure import Said
from tickwork.store.ranges import NO_LOWS
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.worker")

#: How many outcomes one transaction settles at most.
SETTLED_AT_ONCE = 1_000
#: How often it asks who knows which handlers.
LEARN_EVERY = 120 * SECOND
#: What a worker serves where nobody says.
EVERYTHING = Subscription()


class Queue(Source):
    """Claims and settles tasks for one worker, of the namespaces and queues to which it subscribes."""

    name = NAME
    range = Range(1, 9_999)
    settles = SETTLED_AT_ONCE
    about = "The task table: what was put, and what triggers have put."
    by_bound: ClassVar[bool] = True
    hints: ClassVar[tuple[str, ...]] = ("task",)

    def __init__(
        self, registry: Registry, subscription: Subscription = EVERYTHING, lease: int = LENGTH, namespace: str = ""
    ) -> None:
        self.registry, self.subscription, self.lease, self.namespace = registry, subscription, lease, namespace
        self.foreign = NOTHING_FOREIGN
        self.gate, self.water = Gate(), LowWater()
        self.widest = max((handler.batch or 1 for handler in registry.values()), default=1)
        self._marked: set[int] = set()
        self._learned_at: Instant | None = None
        self.runs: Running
        self.letters: Letters

    def join(self, worker: Employer) -> None:
        super().join(worker)

        def finished(outcome: Outcome) -> None:
            worker.finished(NAME, outcome)

        self.letters = Letters(worker.store)
        self.runs = Running(worker.store, self.registry, worker.watch, finished, worker.number)

    @property
    def serves(self) -> str:
        return self.subscription.told

    def register(self, transaction: Transaction, number: int) -> None:
        workers.register_handlers(transaction, number, self.registry.known)
        said = lanes.declare(transaction, self.registry.limits, f"{socket.gethostname()}:{os.getpid()}")
        for change in said:
            log.warning("a limit is another one from now on, for all workers: %s", change)
        claims.take_up_unhandled(transaction, number)
        self.foreign = Foreign(workers.foreign_handlers(transaction, self.registry))

    # ------------------------------------------------------------------------------------------------------- asking

    def look(self, now: Instant) -> Outlook:
        self.water.keep(self.worker.store, now, looking=True)
        with self.worker.store.begin("worker", reading=True) as transaction:
            seen = claims.look(transaction, self.subscription, self.water.lows)
            if seen.ready:
                self.runs.rest.look(transaction, now)
        self.letters.seen(now, any_there=seen.letters)
        best, next_at = seen.best if seen.ready else None, seen.next_at
        if best is None and (again_in := self.water.again_in(now)) is not None:
            next_at = min(seen.at + again_in, seen.at + again_in if next_at is None else next_at)
        return Outlook(seen.at, self.range.best if self.gate.sees(seen, now) else best, next_at)

    @property
    def bounded(self) -> bool:
        """What has waited long may be more urgent than its number says: then only the ranking tells."""
        return not self.subscription.ageing

    def best(self, now: Instant) -> int | None:
        with self.worker.store.begin("worker", reading=True) as transaction:
            seen = claims.look(transaction, self.subscription, self.water.lows)
        return seen.best if seen.ready else self.range.worst

    def offers(self, limit: int, now: Instant) -> Sequence[Offer]:
        steadily = self.worker.watch.steady.now()
        if self.gate.opens(steadily):
            with self.worker.store.begin("worker") as transaction:
                let_in = self.gate.open(transaction, steadily)
            if let_in:
                self.water.doubt()
        self.water.keep(self.worker.store, steadily, looking=True)
        with self.worker.store.begin("worker", reading=True) as transaction:
            found = claims.ready(transaction, self.subscription, limit, self.foreign, self.water.lows)
        return [Offer(str(each.id), max(1, each.priority), each.available_at) for each in found]

    def rest_until(self, now: Instant) -> Instant:
        """It is looked at before it is asked, so it never rests."""
        return now

    # --------------------------------------------------------------------------------------------- taking and ending

    def claim(self, transaction: Transaction, wish: Wish) -> Sequence[TaskUnit]:
        """Claim, and in the same transaction lay aside what no worker can run."""
        worst = self.subscription.priority_at_most
        if self.bounded:
            worst = min(worst, wish.worst)
        asked = claims.Wish(wish.token, wish.worker_id, self.lease, wish.size, wish.starts, self.foreign)
        lows = self.water.lows
        if self.gate.open(transaction, self.worker.watch.steady.now()):  # whoever was let in may have waited long
            lows = NO_LOWS
            self.water.doubt()
        haul = claims.claim(transaction, self.subscription.down_to(worst), asked, lows)
        claimed: list[Claimed] = self.gate.through(haul)
        claimed = self.fit(transaction, wish.token, claimed)
        if (length := self._longest_lease(claimed)) > self.lease:
            leases.lengthen(transaction, wish.token, length)
        return self.units(claimed)

    def fit(self, transaction: Transaction, token: int, claimed: list[Claimed]) -> list[Claimed]:
        """Lay aside what no worker can run, of tasks that were claimed just now; return the others."""
        readers = self.registry.readers
        strange = [each for each in claimed if readers[each.handler, each.payload_version] is None]
        return self._lay_aside(transaction, token, claimed, strange) if strange else claimed

    def units(self, claimed: Sequence[Claimed]) -> Sequence[TaskUnit]:
        """Return claimed tasks as what executors run; those that only another worker can run are given back."""
        readers, runs = self.registry.readers, self.runs
        known = [
            Job(each, handler, runs)
            for each in claimed
            if (handler := readers[each.handler, each.payload_version]) is not None
        ]
        units = units_of(known)
        if len(known) == len(claimed):
            return units
        ours = {job.claimed.id for job in known}
        return [*units, *(Stranger(each, runs) for each in claimed if each.id not in ours)]

    def taken(self, units: Sequence[TaskUnit]) -> None:  # type: ignore[override]
        self.water.claimed()
        tell_claimed([unit.claimed for unit in units])

    def recall(self, transaction: Transaction, wish: Wish) -> Sequence[TaskUnit]:
        return self.units(claims.held_under(transaction, wish.token))

    def settle(self, transaction: Transaction, batch: Sequence[Outcome], finished: Sequence[int]) -> Settled:
        settlement = archive.settle(transaction, self.worker.number(), batch, finished)
        return self._judged(batch, settlement)

    def expect(self, batch: Sequence[Outcome], now: Instant) -> bool:
        """Places that tasks under limits give back are for others at once."""
        self.gate.hear(batch)
        return self.gate.opens(now)

    def settle_apart(self, batch: Sequence[Outcome], finished: Sequence[int]) -> Settled:
        settlement = settle_in_halves(self.worker.store, self.worker.number(), batch)
        with self.worker.store.begin("worker") as transaction:
            leases.drop(transaction, finished)
        return self._judged(batch, settlement)

    def settled(self, batch: Sequence[Outcome]) -> Instant | None:
        tell_settled(batch)
        self.runs.signs.cancelled.difference_update(outcome.id for outcome in batch)
        again_at = min((each.available_at for each in batch if each.available_at is not None), default=None)
        if again_at is not None:
            self.water.sink(again_at)
        if any(outcome.snoozed for outcome in batch):
            return 0  # or awakened while it ran, so ready by now: look
        return again_at

    def upkeep(self, now: Instant) -> Upkeep:
        """Open what members of groups have left; what is released by that, or let in by a lane, is drawn next."""
        self.water.keep(self.worker.store, now)
        kept = self.letters.turn(now, busy=bool(self.runs.now))
        moments = [at for at in (kept.again_at, self.gate.rests_until) if at is not None and at > now]
        return Upkeep(kept.more or self.gate.opens(now), min(moments, default=None))

    def _judged(self, batch: Sequence[Outcome], settlement: Settlement) -> Settled:
        self.letters.left(any_left=settlement.letters)
        if settlement.discarded:
            ids = ", ".join(f"{NAME}/{outcome.id}" for outcome in settlement.discarded[:10])
            log.warning(
                "%d results came to nothing, their lease was lost or they were settled before: %s",
                len(settlement.discarded), ids,
            )  # fmt: skip
        held = {(outcome.id, outcome.token) for outcome in settlement.held_up}
        later: list[Ended] = [each for each in batch if (each.id, each.token) in held] if held else []
        return Settled(later, sum(outcome.outcome in _FAILED for outcome in batch))

    def _lay_aside(
        self, transaction: Transaction, token: int, claimed: Sequence[Claimed], strange: Sequence[Claimed]
    ) -> list[Claimed]:
        aside = claims.lay_aside_unhandled(transaction, token, sorted(each.id for each in strange))
        tell_laid_aside([each for each in strange if each.id in aside], self.registry)
        left = [each for each in claimed if each.id not in aside]
        if not left:
            leases.drop(transaction, [token])
        left_to_others = {
            f"{each.handler} {each.payload_version}"
            for each in strange
            if each.id not in aside and each.handler in self.registry
        }
        payloads = tuple(sorted(left_to_others.union(self.foreign.payloads)))
        self.foreign = Foreign(workers.foreign_handlers(transaction, self.registry), payloads)
        return left

    def _longest_lease(self, claimed: Sequence[Claimed]) -> int:
        """Return the longest lease that a handler of this batch asked for: the whole batch is granted it."""
        names = {each.handler for each in claimed} & self.registry.keys()
        return max((self.registry[name].lease or 0 for name in names), default=0)

    # ------------------------------------------------------------------------------------------------- while it runs

    @property
    def running(self) -> int:
        return len(self.runs.now) - self.runs.grouped

    def tend(self, now: Instant, *, beat: bool) -> None:
        """Write down what running handlers have said, and learn what others ask of them; long runs are marked in passing.

        A mark tells a rescuer for certain that the task was running.
        """
        if beat:
            self._mark_long_runs()
        if beat and (self._learned_at is None or now - self._learned_at >= LEARN_EVERY):
            self._learn_handlers()
            self._learned_at = now
        self.speak()
        if not self.runs.now:
            return
        with self.worker.store.begin("worker", reading=True) as transaction:
            asked = claims.cancels_asked(transaction, list(self.runs.now))
            self.runs.rest.look(transaction, now)
        for task in asked - self.runs.signs.cancelled:
            self.runs.signs.cancelled.add(task)
            self.worker.stop_one(f"{NAME}/{task}")

    def speak(self) -> None:
        """Write down what running handlers have said: how far they are, and which kinds of work must rest."""
        noted, rest = self.runs.signs.progress, self.runs.rest
        words = [Said(task, *noted.pop(task)) for task in list(noted)]
        if not words and not rest.unwritten:
            return
        number = self.worker.number()
        with self.worker.store.begin("worker") as transaction:
            pressure.note_progress(transaction, words)
            said = rest.write(transaction, number)
            if said:
                pressure.forget(transaction)
        rest.written(said)

    def lose(self, token: int) -> None:
        self.runs.signs.lost.add(token)

    def interrupt(self) -> None:
        at = self.worker.watch.now()
        for claimed, started_at in list(self.runs.now.values()):
            self.runs.signs.lost.add(claimed.token)
            job = Job(claimed, self.registry[claimed.handler], self.runs)
            self.worker.finished(NAME, self.runs.told(job, outcomes.interrupted(claimed, started_at, at)))

    def close(self) -> None:
        self.runs.processes.close()

    def _mark_long_runs(self) -> None:
        running = self.runs.now.copy()
        unmarked = [
            claimed
            for claimed, _ in running.values()
            if not claimed.marked and not claimed.must_be_marked and claimed.id not in self._marked
        ]
        if unmarked:
            with self.worker.store.begin("worker") as transaction:
                claims.mark_running(transaction, unmarked)
        self._marked = self._marked.intersection(running) | {claimed.id for claimed in unmarked}

    def _learn_handlers(self) -> None:
        """What other workers know is left to them; what nobody could run and we can waits again."""
        number = self.worker.number()
        with self.worker.store.begin("worker", reading=True) as transaction:
            self.foreign = Foreign(workers.foreign_handlers(transaction, self.registry))
            unhandled = claims.unhandled(transaction, number)
        if unhandled:
            with self.worker.store.begin("worker") as transaction:
                claims.take_up_unhandled(transaction, number)
            self.worker.ring()


#: The outcomes that are counted as failures in the queue's own row.
_FAILED = frozenset({"failed", "gave up", "lost"})

"""The heart of a worker: one loop that settles what has run and claims what is to run, in one transaction.

A turn settles the outcomes that have gathered and, where there is room, claims the next batch under a new token. Both
in one transaction: with batches of a hundred that is four statements for a hundred tasks, ``begin`` and ``commit``
among them. While nothing is ready a turn is one cheap look that writes nothing.

When the acknowledgement of a commit is lost, the token says what happened: it is asked about before anything else is
claimed, and outcomes are settled again, which comes to nothing where it had happened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tickwork.engine.tasks.executors import Executor
from tickwork.engine.tasks.gate import Gate
from tickwork.engine.tasks.obstacle import Obstacle
from tickwork.engine.tasks.pool import UNSTARTED, Holdings, Pace, Prefetch
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.running import DatabaseWatch, Running
from tickwork.engine.tasks.settling import LINGER, Settling, settle_in_halves
from tickwork.engine.tasks.telling import tell_claimed, tell_settled
from tickwork.engine.tasks.units import Job
from tickwork.errors import StatementRefused, StoreError
from tickwork.model import outcome as outcomes
from tickwork.model.lease import LENGTH, new_token
from tickwork.model.outcome import Outcome
from tickwork.model.work import Claimed
from tickwork.store import archive, claims, groups, leases, workers
from tickwork.store.archive import Settlement
from tickwork.store.claims import Subscription, Wish
from tickwork.store.dialect import Transaction
from tickwork.store.groups import Tended
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.worker")

#: How many outcomes one transaction settles at most.
SETTLED_AT_ONCE = 1_000
#: How long to leave alone what somebody else has locked, in microseconds.
HELD_FOR = 100_000
#: A loop that is kept busy by outcomes still looks for work so often.
LOOK_EVERY = 1 * SECOND
#: A worker that is busy, and so does not look, asks so often whether ends of groups' members lie about.
TEND_EVERY = 10 * SECOND
#: How many transactions one turn spends on them at most.
ROUNDS = 20


@dataclass(frozen=True)
class Appetite:
    """How much a worker takes: places to run in, the largest batch, the usual lease in microseconds."""

    concurrency: int = 10
    batch: int = 500
    lease: int = LENGTH
    replica_lag: int | None = None
    """How far a replica may be behind, in microseconds, before no more is taken; None: nobody looks."""


class Pump:
    """Claims and settles for one worker."""

    name = "worker"

    def __init__(
        self,
        store: Store,
        registry: Registry,
        subscription: Subscription,
        appetite: Appetite,
        watch: DatabaseWatch,
        settling: Settling,
        running: Running,
        plain: Executor,
        coroutines: Executor,
        incarnation: Callable[[], int],
    ) -> None:
        self.store, self.registry, self.subscription, self.appetite = store, registry, subscription, appetite
        self.watch, self.settling, self.running = watch, settling, running
        self.executors = (plain, coroutines)
        self.incarnation = incarnation
        self.holdings, self.gate = Holdings(), Gate()
        self.foreign: tuple[str, ...] = ()
        self.obstacle = Obstacle(store, appetite.replica_lag)
        self.claiming = True
        self.rung = True
        """Somebody outside said that there may be work."""
        self.stirred = False
        """Somebody inside has finished something."""
        self._flowing = False
        self._looked_at: Instant | None = None
        self._next_at: Instant | None = None
        self._doubtful: int | None = None
        self._queued_since: Instant | None = None
        self._held_until: Instant = 0
        self._letters = False
        """Members of groups have ended; their letters are to be opened."""
        self._tended_at: Instant = 0
        self._tend_at: Instant = 0
        widest = max((handler.batch or 1 for handler in registry.values()), default=1)
        self._ahead, self._pace = Prefetch(appetite.batch, least=widest - 1), Pace()

    @property
    def idle(self) -> bool:
        """Whether nothing is in the worker's hands and nothing was left to claim at the last look."""
        return not self.holdings.size and not self.settling and not (self._flowing and self.claiming)

    @property
    def wants_more(self) -> bool:
        """Whether what was claimed ahead runs low while there is more to claim."""
        return self._flowing and self.queued <= self._ahead.size // 2

    @property
    def queued(self) -> int:
        """How many claimed tasks have not begun."""
        return sum(executor.queued for executor in self.executors)

    def turn(self, now: Instant) -> Instant | None:
        """Settle what has gathered and claim what there is room for; *now* is of a steady clock."""
        stirred, self.stirred = self.stirred, False
        if self._doubtful is not None:
            self._ask_about(self._doubtful, now)
        self._give_back_unstarted(now)
        queued = self.queued
        due = now >= self._held_until and self.settling.due(
            now, min(self.appetite.batch, SETTLED_AT_ONCE), more_to_come=queued > 0
        )
        batch = self.settling.take(SETTLED_AT_ONCE) if due else []
        self.gate.hear(batch)
        free = self.claiming and not self.obstacle.stands(now)
        size = self._room(queued) if free and self._is_hungry(now, busy=stirred or bool(batch)) else 0
        if size and not batch and not self._flowing and not self._anything_ready(now):
            size = 0
        if batch or size:
            self._exchange(batch, size, now)
        if self._letters or (self.holdings.size and now - self._tended_at >= TEND_EVERY):
            self._tend(now)
        return self._again_at(now)

    def adopt(self, claimed: Sequence[Claimed], now: Instant) -> None:
        """Take in what was claimed elsewhere, under a token of this worker's."""
        self._begin(claimed, now)

    def close(self) -> None:
        """Claim no more, and give back what has not begun."""
        self.claiming = self._flowing = False
        self._release([job.claimed for executor in self.executors for job in executor.take_back()])

    # ------------------------------------------------------------------------------------------------- what to do

    def _room(self, queued: int) -> int:
        """How many to claim: up to the free places and what will be run at once after them."""
        if queued > self._ahead.size // 2:
            return 0
        open_tasks = queued + len(self.running.now) - self.running.grouped
        return max(0, min(self.appetite.batch, self.appetite.concurrency + self._ahead.size - open_tasks))

    def _is_hungry(self, now: Instant, *, busy: bool) -> bool:
        """Say whether it is time to look for work: there was some, somebody rang, or nothing else woke us (a poll)."""
        if self._flowing or self.rung or not busy or self.gate.opens(now):
            return True
        if self._next_at is not None and now >= self._next_at:
            return True
        return self._looked_at is None or now - self._looked_at >= LOOK_EVERY

    def _anything_ready(self, now: Instant) -> bool:
        self.rung = False
        with self.store.begin("worker", reading=True) as transaction:
            outlook = claims.look(transaction, self.subscription)
            if outlook.ready:
                self.running.rest.look(transaction, now)
        self.watch.learn(outlook.at, now)
        self._looked_at = now
        self._next_at = None if outlook.next_at is None else self.watch.steadily(outlook.next_at)
        if not outlook.letters:
            self._tended_at = now
        elif now >= self._tend_at:
            self._tend(now)
        return outlook.ready > 0 or self._flowing or self.gate.sees(outlook, now)

    def _again_at(self, now: Instant) -> Instant | None:
        if self.obstacle.reason is not None:
            return now + (LINGER if self.settling else LOOK_EVERY)
        if (self._flowing or (self.claiming and self.gate.opens(now))) and self._room(self.queued):
            return now
        moments = [self._tend_at] if self._tend_at > now else []
        if self._next_at is not None and self.claiming and self._room(self.queued):
            moments.append(self._next_at)  # without room it is looked at when something has finished
        if self.settling:
            moments.append(max(now + LINGER, self._held_until))
        if self._queued_since is not None:
            moments.append(self._queued_since + UNSTARTED)
        if self.gate.rests_until > now and self._room(self.queued):
            moments.append(self.gate.rests_until)
        return min(moments, default=None)

    # --------------------------------------------------------------------------------------------- doing it, at once

    def _exchange(self, batch: Sequence[Outcome], size: int, now: Instant) -> None:
        """Settle a batch and claim another in one transaction."""
        number = self.incarnation()  # before the transaction: it may have one of its own
        wish = self._wish(number, size, now) if size else None
        claimed: list[Claimed] = []
        settlement = Settlement(0)
        if wish is not None:
            self.rung, self._doubtful = False, wish.token
        try:
            with self.store.begin("worker") as transaction:
                if batch:
                    finished = self.holdings.finished_by(batch)
                    settlement = archive.settle(transaction, number, batch, finished)
                if wish is not None:
                    self.gate.open(transaction, now)
                    claimed = self._claim(transaction, wish)
        except StatementRefused:
            self._doubtful = None
            settlement = self._settle_in_halves(batch)
        except BaseException:
            self.settling.put_back(batch)
            raise
        self._doubtful = None
        self._settled(batch, settlement, now)
        if wish is not None:
            self._looked_at, self._flowing = now, bool(claimed) or self.gate.opens(now)
            if not claimed:
                self._next_at = now  # a claim does not see what is delayed behind what it took: look once more
            self._begin(claimed, now)

    def _tend(self, now: Instant) -> None:
        """Open what members of groups have left, in transactions of their own; what is released now is claimed next."""
        self._letters, self._tended_at, self._tend_at = False, now, 0
        tended = Tended()
        try:
            for _ in range(ROUNDS):
                with self.store.begin("worker") as transaction:
                    tended = groups.tend(transaction)
                if tended.released:
                    self._flowing = self.rung = True
                if not tended.again:
                    break
        except StoreError as error:
            log.warning("the ends of members of groups could not be counted just now: %s", error)
            tended = Tended(left=True)  # what was taken in that transaction lies there again
        if tended.left or tended.again:
            self._tend_at = now + LOOK_EVERY

    def _wish(self, number: int, size: int, now: Instant) -> Wish:
        starts = max(0, self.appetite.concurrency - len(self.running.now) - self.queued)
        self._ahead.after(*self._pace.read(now))
        token = new_token(self.watch.now())
        return Wish(token, number, self.appetite.lease, size, starts, self.foreign)

    def _claim(self, transaction: Transaction, wish: Wish) -> list[Claimed]:
        """Claim, and in the same transaction put aside what no worker can run."""
        claimed: list[Claimed] = self.gate.through(claims.claim(transaction, self.subscription, wish))
        strange = {each.id for each in claimed if each.handler not in self.registry}
        if strange:
            aside = claims.lay_aside_unhandled(transaction, wish.token, sorted(strange))
            log.warning("%d tasks have a handler that no worker knows: they are kept as unhandled", len(aside))
            claimed = [each for each in claimed if each.id not in aside]
            if not claimed:
                leases.drop(transaction, [wish.token])
            self.foreign = workers.foreign_handlers(transaction, self.registry)
        if (length := self._longest_lease(claimed)) > wish.length:
            leases.lengthen(transaction, wish.token, length)
        return claimed

    def _longest_lease(self, claimed: Sequence[Claimed]) -> int:
        """Return the longest lease that a handler of this batch asked for: the whole batch is granted it."""
        names = {each.handler for each in claimed} & self.registry.keys()
        return max((self.registry[name].lease or 0 for name in names), default=0)

    def _begin(self, claimed: Sequence[Claimed], now: Instant) -> None:
        """Hand what was claimed to the executors."""
        if not claimed:
            return
        self.watch.learn(claimed[0].claimed_at, now)
        self.holdings.take(claimed[0].token, len(claimed))
        if not self.claiming:  # told to stop while the claim was under way
            self._release(claimed)
            return
        self._release([each for each in claimed if each.handler not in self.registry])  # another worker knows them
        jobs = [Job(each, self.registry[each.handler]) for each in claimed if each.handler in self.registry]
        tell_claimed([job.claimed for job in jobs])
        for executor, coroutines in zip(self.executors, (False, True), strict=True):
            if mine := [job for job in jobs if job.handler.is_async is coroutines]:
                executor.submit(mine)

    def _settled(self, batch: Sequence[Outcome], settlement: Settlement, now: Instant) -> None:
        if settlement.held_up:
            held = {(outcome.id, outcome.token) for outcome in settlement.held_up}
            self.settling.put_back(settlement.held_up)
            self._held_until = now + HELD_FOR
            batch = [outcome for outcome in batch if (outcome.id, outcome.token) not in held]
        self._letters = self._letters or settlement.letters
        self.holdings.let_go(batch)
        tell_settled(batch)
        self._expect(batch)
        self._pace.count(len(batch))
        self.running.signs.cancelled.difference_update(outcome.id for outcome in batch)
        if settlement.discarded:
            ids = ", ".join(str(outcome.id) for outcome in settlement.discarded[:10])
            log.warning(
                "%d results came to nothing, their lease was lost or they were settled before: tasks %s",
                len(settlement.discarded), ids,
            )  # fmt: skip

    def _expect(self, batch: Sequence[Outcome]) -> None:
        """What waits for its next run wakes us then, as far as we know of it."""
        again = [outcome.available_at for outcome in batch if outcome.available_at is not None]
        if again:
            asleep = any(outcome.snoozed for outcome in batch)  # or awakened while it ran, so ready by now: look
            soonest = 0 if asleep else self.watch.steadily(min(again))
            self._next_at = soonest if self._next_at is None else min(self._next_at, soonest)

    def _settle_in_halves(self, batch: Sequence[Outcome]) -> Settlement:
        try:
            settlement = settle_in_halves(self.store, self.incarnation(), batch)
            with self.store.begin("worker") as transaction:
                leases.drop(transaction, self.holdings.finished_by(batch))
        except BaseException:
            self.settling.put_back(batch)
            raise
        return settlement

    # --------------------------------------------------------------------------------------------- less usual things

    def _ask_about(self, token: int, now: Instant) -> None:
        """A commit's answer was lost: if the claim happened, take it."""
        with self.store.begin("worker", reading=True) as transaction:
            claimed = claims.held_under(transaction, token)
        self._doubtful = None
        if claimed:
            log.info("a claim whose answer was lost had happened: %d tasks are taken up", len(claimed))
        self._begin(claimed, now)

    def _give_back_unstarted(self, now: Instant) -> None:
        """Give back what has lain here for a second without beginning: another worker may be free."""
        if not self.queued or len(self.running.now) - self.running.grouped < self.appetite.concurrency:
            self._queued_since = None
        elif self._queued_since is None:
            self._queued_since = now
        elif now - self._queued_since >= UNSTARTED:
            self._queued_since, self._ahead.size = None, 0
            self._release([job.claimed for executor in self.executors for job in executor.take_back()])

    def _release(self, claimed: Sequence[Claimed]) -> None:
        """Give back what has not begun."""
        at = self.watch.now()
        for each in claimed:
            self.settling.add(outcomes.released(each, at))

    def lose(self, token: int) -> None:
        """A lease was lost: what runs under it is told, its results are discarded."""
        self.running.signs.lost.add(token)
        log.warning("a lease was lost with %d tasks; their results will be discarded", self.holdings.lose(token))
        for executor in self.executors:
            executor.cancel(token)

    def interrupt(self) -> None:
        """Give back at once what is still running; what its handlers do from now on comes to nothing."""
        at = self.watch.now()
        for claimed, started_at in list(self.running.now.values()):
            self.running.signs.lost.add(claimed.token)
            job = Job(claimed, self.registry[claimed.handler])
            self.settling.add(self.running.told(job, outcomes.interrupted(claimed, started_at, at)))

"""Draws work from generators by rank, claims it, has it run, and writes down what became of it.

A turn asks as few generators as will do (:mod:`tickwork.model.ranking`). A generator that raises when it is asked is
logged, left alone for a while by all workers, and stops nobody. Work is claimed in one short transaction per
generator, run on a hand of the worker, and ended in another, or in the run's own. A claim is renewed while its run
goes on; of a worker that died the claim ends, whoever watched it, and the work is offered again with the loss counted.
Nothing is written while there is nothing to do.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.work import Work
from tickwork.errors import LeaseLost
from tickwork.model import ranking
from tickwork.model.generator import (
    ASKED_IN_VAIN,
    REALTIME,
    Again,
    Kept,
    Offer,
    Over,
    Park,
    Rest,
    Verdict,
    checked,
    judged,
)
from tickwork.model.lease import LENGTH, RENEW_EVERY, new_token
from tickwork.model.outcome import Failure
from tickwork.model.ranking import Candidate, Choice
from tickwork.signals import Decline, GiveUp, RetryAfter, Snooze
from tickwork.store import generators as rows
from tickwork.store import leases
from tickwork.store.dialect import Transaction
from tickwork.store.generators import Terms
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import Instant, to_duration

log = logging.getLogger("tickwork.generators")

#: How much more is asked for than is wanted, since some may be in hand already; and the most that is ever asked for.
SPARE, MOST = 16, 100_000


@dataclass(frozen=True)
class Hands:
    """How many pieces of work at once, and how many of the hands wait for what is urgent (real time)."""

    size: int = 4
    reserved: int = 0
    urgent: int = REALTIME


class GeneratorPump:
    """A loop that draws from the generators of one namespace, and of the database."""

    name = "generators"

    def __init__(
        self,
        store: Store,
        namespace: str,
        generators: Iterable[Generator],
        execute: Callable[[Work], None],
        hands: Hands | None = None,
        *,
        enlist: Callable[[], int] = lambda: 0,
        better: Callable[[], int | None] = lambda: None,
        token: Callable[[Instant], int] = new_token,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.store, self.namespace, self.execute = store, namespace, execute
        self.hands = Hands() if hands is None else hands
        self.enlist, self.better, self.token, self.chance = enlist, better, token, chance
        self.generators: dict[str, Generator] = {}
        self.running: dict[int, Work] = {}
        self.claiming = True
        self.worker_id: int | None = None
        self.asked: Counter[str] = Counter()
        self._turns: dict[str, int] = {}
        self._served = 0
        self._rests: dict[str, tuple[Instant, Instant | None]] = {}
        self._heads: dict[str, Kept] = {}
        self._at: Instant = 0
        self._made: set[str] = set()
        self._renewed_at: Instant | None = None
        self._shown_at: Instant | None = None
        self._counts: dict[str, list[int]] = {}
        self._guard = threading.Lock()
        for generator in generators:
            self.add(generator)

    def add(self, generator: Generator) -> None:
        """Draw from one more generator."""
        where = "" if generator.everywhere else self.namespace
        generator.bind(self.store, Scope.of(self.store.dialect, where, wake=True))
        self.generators[generator.name] = generator

    # -------------------------------------------------------------------------------------------------------- turns

    def turn(self, now: Instant) -> Instant | None:
        """Renew what runs, and hand out what there are hands for; *now* again while there may be more."""
        self._tend(now)
        free = self.hands.size - len(self.running)
        if free <= 0 or not self.claiming or not self.generators:
            return self._again_at(now, idle=False)
        works = self._claim(self._choose(free), now)
        for work in works:
            self._execute(work)
        if works and self.hands.size > len(self.running):
            return now
        return self._again_at(now, idle=not works)

    def run_due(self, now: Callable[[], Instant], limit: int = 1_000_000) -> int:
        """Take turns until nothing more is offered (with hands that run at once); return how many runs there were."""
        runs = 0
        while runs < limit:
            before = self._served
            self._rests.clear()
            self.turn(now())
            if self._served == before:
                break
            runs += self._served - before
        self.flush()
        return runs

    def _again_at(self, now: Instant, *, idle: bool) -> Instant | None:
        moments = []
        if self.running:
            self._renewed_at = now if self._renewed_at is None else self._renewed_at
            moments.append(self._renewed_at + RENEW_EVERY)
        if idle:
            moments += [now + max(0, until - self._at) for until, _ in list(self._rests.values())]
        return min(moments, default=None)

    # ----------------------------------------------------------------------------------------------------- choosing

    def _choose(self, free: int) -> list[Choice]:
        with self.store.read() as transaction:
            self._at, found = rows.heads(transaction, [self.namespace, ""])
        self._heads = {head.name: head.kept for head in found}
        usual = max(0, self.hands.size - self.hands.reserved - self._usual_in_hand())
        candidates = [each for each in self._candidates() if usual or each.best <= self.hands.urgent]
        if not candidates:
            return []
        chosen = ranking.choose(candidates, self._ask, free, self._at)
        chosen = ranking.taken(chosen, free, usual, self.hands.urgent)
        bar = self.better() if chosen else None
        return chosen if bar is None else [each for each in chosen if each.priority <= bar]

    def _usual_in_hand(self) -> int:
        return sum(work.priority > self.hands.urgent for work in list(self.running.values()))

    def _candidates(self) -> list[Candidate]:
        found = []
        for name, generator in self.generators.items():
            head = self._heads.get(name)
            if head is not None and not head.may_be_had(self._at):
                continue
            until, woken_at = self._rests.get(name, (self._at, None))
            if until > self._at and woken_at == (None if head is None else head.woken_at):
                continue
            try:
                best = generator.best(self._at)
            except Exception as error:
                self._trouble(name, error)
                continue
            best = generator.range.best if best is None else max(best, generator.range.best)
            found.append(Candidate(name, best, self._turns.get(name, 0)))
        return found

    def _ask(self, name: str, limit: int) -> Sequence[Offer]:
        """Ask one generator, inside its own error boundary; what cannot be had is left out."""
        generator = self.generators[name]
        self.asked[name] += 1
        try:
            offers = self._offered(generator, limit)
        except Exception as error:
            self._trouble(name, error)
            return []
        head = self._heads.get(name)
        if head is not None and head.failures:
            with self.store.begin("worker") as transaction:
                transaction.run("generator_is_well", namespace=generator.scope.namespace, name=name)
        if not offers:
            woken_at = None if head is None else head.woken_at
            self._rests[name] = (self._rest_until(generator), woken_at)
        return offers

    def _offered(self, generator: Generator, limit: int) -> list[Offer]:
        wanted = limit + SPARE
        while True:
            found = [checked(each, generator.name, generator.range) for each in self._drawn(generator, wanted)]
            offers = self._to_be_had(generator, found)
            if len(offers) >= limit or len(found) < wanted or wanted >= MOST:
                return sorted(offers, key=lambda each: (each.priority, self._due(each), each.identifier))[:limit]
            wanted *= 4

    def _drawn(self, generator: Generator, wanted: int) -> list[Offer]:
        return list(islice(generator.offers(wanted, self._at), wanted))

    def _due(self, offer: Offer) -> Instant:
        return self._at if offer.due_at is None else offer.due_at

    def _to_be_had(self, generator: Generator, offers: list[Offer]) -> list[Offer]:
        if not offers:
            return []
        keys = {offer.identifier for offer in offers}
        where = (generator.scope.namespace, generator.name)
        with self.store.read() as transaction:
            kept = rows.named(transaction, *where, keys)
            parked = rows.parked(transaction, *where, keys)
        usable: dict[str, Offer] = {}
        for offer in offers:
            key = offer.identifier
            if key in kept and not kept[key].may_be_had(self._at):
                continue
            if key in parked and parked[key].source == offer.source:
                continue
            usable.setdefault(key, offer)
        return list(usable.values())

    def _rest_until(self, generator: Generator) -> Instant:
        said = generator.next_wake_at(self._at)
        if said is not None:
            return said
        until = self._at + generator.every
        with self.store.read() as transaction:
            row = transaction.one("next_wake_of_generator", namespace=generator.scope.namespace, name=generator.name)
        return until if row is None or row[0] is None else min(until, row[0])

    def _trouble(self, name: str, error: Exception) -> None:
        """A generator raised when it was asked: it is left alone, by everybody, a little longer each time."""
        head = self._heads.get(name)
        failures = 0 if head is None else head.failures
        after = ASKED_IN_VAIN.wait(failures + 1, 0.5)
        log.error(
            "the generator %s raised when it was asked; it is left alone for %g s", name, after / 1e6, exc_info=error
        )
        self._rests[name] = (self._at + after, None if head is None else head.woken_at)
        generator = self.generators[name]
        with self.store.begin("worker") as transaction:
            self._make(transaction, generator)
            transaction.run(
                "generator_in_trouble",
                namespace=generator.scope.namespace,
                name=name,
                error=Failure.of(error).encode(),
                after=after,
            )

    # ------------------------------------------------------------------------------------------------------ claiming

    def _claim(self, chosen: Sequence[Choice], now: Instant) -> list[Work]:
        if not chosen:
            return []
        if self.worker_id is None:
            self.worker_id = self.enlist()
        by_generator: dict[str, list[Choice]] = {}
        for choice in chosen:
            by_generator.setdefault(choice.generator, []).append(choice)
        place = {(choice.generator, choice.identifier): number for number, choice in enumerate(chosen)}
        works = [work for name, choices in by_generator.items() for work in self._claim_of(name, choices, now)]
        return sorted(works, key=lambda work: place[work.generator, work.identifier])

    def _claim_of(self, name: str, choices: Sequence[Choice], now: Instant) -> list[Work]:
        generator = self.generators[name]
        terms = Terms(generator.scope.namespace, name, generator.lease, generator.limit, generator.attempts)
        offers = {choice.identifier: choice.offer for choice in choices}
        tokens = [self.token(now) for _ in offers]
        with self.store.begin("worker") as transaction:
            self._make(transaction, generator)
            taken = rows.take(transaction, terms, offers, self.worker_id or 0, tokens)
        if not taken.claims and not taken.parked:  # somebody else was quicker, or the limit is reached
            head = self._heads.get(name)
            self._rests[name] = (self._at + generator.every, None if head is None else head.woken_at)
        self._served += len(taken.claims)
        if taken.claims:
            self._turns[name] = self._served
        self._made.add(name)
        works = [Work(self.store, generator.scope, claim) for claim in taken.claims]
        self.running.update({work.claim.token: work for work in works})
        return works

    def _make(self, transaction: Transaction, generator: Generator) -> None:
        if generator.name not in self._made:
            about = {"about": generator.about, "best": generator.range.best, "worst": generator.range.worst}
            text = msgspec.json.encode({**about, "limit": generator.limit}).decode()
            rows.make(transaction, generator.scope.namespace, generator.name, text)

    # ------------------------------------------------------------------------------------------------------- running

    def _execute(self, work: Work) -> None:
        try:
            self.execute(work)
        except Exception as error:  # an executor that breaks is the run's failure, not the loop's
            self.finish(work, error=error)

    def call(self, work: Work) -> None:
        """Run a piece of work in the caller's thread, and write down what became of it."""
        try:
            answer: Any = self.generators[work.generator].run(work)
        except BaseException as error:  # a run that calls sys.exit() ends itself, not the worker
            self.finish(work, error=error)
        else:
            self.finish(work, answer)

    def finish(self, work: Work, answer: Any = None, error: BaseException | None = None) -> None:
        """End a piece of work; where another worker has it by now, nothing is written."""
        try:
            verdict = self._verdict(work, answer, error)
            if not work.ended or (work.lent and error is not None):
                with self.store.begin("worker") as transaction:
                    if work.unwritten is not None:
                        transaction.perform(rows.remember(work.scope, work.claim, work.state))
                    transaction.perform(rows.end(work.scope, work.claim, verdict))
            elif work.lent:
                with self.store.begin("worker") as transaction:
                    transaction.run("end_work_lease", token=work.claim.token)
            self._count(work.generator, verdict)
        except LeaseLost as lost:
            log.warning("%s", lost)
        finally:
            with self._guard:
                self.running.pop(work.claim.token, None)
            self._rests.pop(work.generator, None)

    def _verdict(self, work: Work, answer: Any, error: BaseException | None) -> Verdict:
        claim, generator = work.claim, self.generators[work.generator]
        if error is None:
            verdict = answer if isinstance(answer, (Rest, Over, Again, Park)) else Over()
        else:
            verdict = self._judged(work, error)
        try:
            return generator.on_outcome(claim, verdict)
        except Exception:
            log.exception("the generator %s could not say what becomes of %s", generator.name, claim.name)
            return verdict

    def _judged(self, work: Work, error: BaseException) -> Verdict:
        generator = self.generators[work.generator]
        if isinstance(error, Snooze):
            return Rest(to_duration(error.delay, "delay"))
        if isinstance(error, Decline):
            return Over()
        text = Failure.of(error.__cause__ or error if isinstance(error, GiveUp) else error).encode()
        if isinstance(error, GiveUp):
            return Park(error.reason or "its run gave up", text)
        if isinstance(error, RetryAfter):
            return Again(max(0, to_duration(error.delay, "delay")), text)
        log.warning("%s failed in run %d: %r", work.name, work.attempt, error)
        return judged(work.claim, repr(error), text, generator.backoff, generator.attempts, self.chance())

    # ------------------------------------------------------------------------------------------------------- tending

    def _tend(self, now: Instant) -> None:
        """Show that the worker lives, renew its claims, and tell runs whose claim was lost."""
        if self._shown_at is None or not 0 <= now - self._shown_at < LENGTH:
            self.flush()
            self._shown_at = now
        with self._guard:
            running = dict(self.running)
        if not running:
            self._renewed_at = None
        elif self._renewed_at is None:
            self._renewed_at = now
        elif not 0 <= now - self._renewed_at < RENEW_EVERY:
            with self.store.begin("worker") as transaction:
                stand = leases.renew(transaction, running)
            self._renewed_at = now
            for token in running.keys() - stand:
                running[token].stopping.set()

    def _count(self, name: str, verdict: Verdict) -> None:
        with self._guard:
            count = self._counts.setdefault(name, [0, 0])
            count[isinstance(verdict, (Again, Park))] += 1

    def flush(self) -> None:
        """Write down how much was done, and that the worker lives; nothing where there is nothing to say."""
        with self._guard:
            counts, self._counts = self._counts, {}
        if not counts and not self.worker_id:
            return
        with self.store.begin("worker") as transaction:
            if self.worker_id:
                transaction.all("see_worker", id=self.worker_id)
            for name, (done, failed) in sorted(counts.items()):
                where = self.generators[name].scope.namespace
                values = {"done": done, "failed": failed, "served_at": self._at}
                transaction.run("count_work", namespace=where, name=name, **values)

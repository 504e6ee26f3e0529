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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tickwork.engine.generators.drawing import Drawing
from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.verdicts import verdict_on
from tickwork.engine.generators.work import Work
from tickwork.errors import LeaseLost
from tickwork.model import ranking
from tickwork.model.generator import REALTIME, Again, Park, Verdict
from tickwork.model.lease import LENGTH, RENEW_EVERY, new_token
from tickwork.model.ranking import Choice
from tickwork.store import generators as rows
from tickwork.store import leases
from tickwork.store.generators import Terms
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.generators")

#: When what was left for later, since tasks of people waited, is looked at again.
WITHHELD_FOR = 10 * SECOND


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
        self.store, self.execute = store, execute
        self.hands = Hands() if hands is None else hands
        self.enlist, self.better, self.token, self.chance = enlist, better, token, chance
        self.drawing = Drawing(store, namespace)
        self.running: dict[int, Work] = {}
        self.claiming = True
        self.worker_id: int | None = None
        self._renewed_at: Instant | None = None
        self._shown_at: Instant | None = None
        self._withheld = False
        """Whether something was left for later, since tasks of people waited."""
        self._counts: dict[str, list[int]] = {}
        self._guard = threading.Lock()
        for generator in generators:
            self.drawing.add(generator)
        self._renew_every = min([RENEW_EVERY, *(each.lease // 3 for each in self.drawing.generators.values())])

    # -------------------------------------------------------------------------------------------------------- turns

    def turn(self, now: Instant) -> Instant | None:
        """Renew what runs, and hand out what there are hands for; *now* again while there may be more."""
        self._tend(now)
        free = self.hands.size - len(self.running)
        if free <= 0 or not self.claiming or not self.drawing.generators:
            return self._again_at(now, idle=False)
        works = self._claim(self._choose(free), now)
        for work in works:
            self._execute(work)
        if works and self.hands.size > len(self.running):
            return now
        return self._again_at(now, idle=not works)

    def run_due(
        self, now: Callable[[], Instant], limit: int = 1_000_000, going_on: Callable[[], bool] = lambda: True
    ) -> int:
        """Take turns until nothing more is offered (with hands that run at once); return how many runs there were."""
        runs = 0
        while runs < limit and going_on():
            before = self.drawing.served
            self.drawing.rested()
            self.turn(now())
            if self.drawing.served == before:
                break
            runs += self.drawing.served - before
        self.flush()
        return runs

    def _again_at(self, now: Instant, *, idle: bool) -> Instant | None:
        moments = []
        if self.running:
            self._renewed_at = now if self._renewed_at is None else self._renewed_at
            moments.append(self._renewed_at + self._renew_every)
        if idle:
            moments += [now + rest for rest in self.drawing.rests]
        if self._withheld:
            moments.append(now + WITHHELD_FOR)
        if self.worker_id and self._shown_at is not None:
            moments.append(self._shown_at + LENGTH)  # who gives no sign of life is forgotten
        return min(moments, default=None)

    # ------------------------------------------------------------------------------------------------------ claiming

    def _choose(self, free: int) -> list[Choice]:
        urgent = self.hands.urgent
        in_hand = sum(work.priority > urgent for work in list(self.running.values()))
        usual = max(0, self.hands.size - self.hands.reserved - in_hand)
        chosen = self.drawing.choose(free) if usual else self.drawing.choose(free, worst=urgent)
        chosen = ranking.taken(chosen, free, usual, urgent)
        bar = self.better() if chosen else None
        found = chosen if bar is None else [each for each in chosen if each.priority <= bar]
        self._withheld = len(found) < len(chosen)
        return found

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
        generator = self.drawing.generators[name]
        terms = Terms(generator.scope.namespace, name, generator.lease, generator.limit, generator.attempts)
        offers = {choice.identifier: choice.offer for choice in choices}
        tokens = [self.token(now) for _ in offers]
        with self.store.begin("worker") as transaction:
            self.drawing.make(transaction, generator)
            taken = rows.take(transaction, terms, offers, self.worker_id or 0, tokens)
        self.drawing.made(name)
        if taken.claims or not taken.parked:
            self.drawing.was_served(name, len(taken.claims))
        works = [Work(self.store, generator.scope, claim) for claim in taken.claims]
        with self._guard:
            self.running.update({work.claim.token: work for work in works})
        return works

    # ------------------------------------------------------------------------------------------------------- running

    def _execute(self, work: Work) -> None:
        try:
            self.execute(work)
        except Exception as error:  # an executor that breaks is the run's failure, not the loop's
            self.finish(work, error=error)

    def call(self, work: Work) -> None:
        """Run a piece of work in the caller's thread, and write down what became of it."""
        try:
            answer: Any = self.drawing.generators[work.generator].run(work)
        except BaseException as error:  # a run that calls sys.exit() ends itself, not the worker
            self.finish(work, error=error)
        else:
            self.finish(work, answer)

    def finish(self, work: Work, answer: Any = None, error: BaseException | None = None) -> None:
        """End a piece of work; where another worker has it by now, nothing is written."""
        try:
            verdict = verdict_on(self.drawing.generators[work.generator], work, answer, error, self.chance)
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
            self.drawing.ended(work.generator)

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
        elif not 0 <= now - self._renewed_at < self._renew_every:
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
                where = self.drawing.generators[name].scope.namespace
                values = {"done": done, "failed": failed, "served_at": self.drawing.at}
                transaction.run("count_work", namespace=where, name=name, **values)

"""A generator as a worker's source of work: asked, claimed under rows of its keys, ended as its runs say.

What cannot be had (in hand, waiting, paused, parked with the same source) is left out of its offers, and it is asked for
more until there is enough. Each piece is claimed under a token of its own and ended in a transaction of its own, or in
the run's.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.verdicts import verdict_on
from tickwork.engine.generators.work import Work
from tickwork.engine.worker.source import Settled, Source, Wish
from tickwork.engine.worker.units import Unit
from tickwork.errors import LeaseLost, StatementRefused
from tickwork.model.generator import Again, Offer, Park, Verdict, checked
from tickwork.store import generators as rows
from tickwork.store import leases
from tickwork.store.dialect import Transaction
from tickwork.store.generators import Terms
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import Instant

log = logging.getLogger("tickwork.generators")

#: How much more is asked for than is wanted, since some may be in hand already; and the most that is ever asked for.
SPARE, MOST = 16, 100_000
#: How long work waits whose end could not be written down as it was said, in microseconds.
REFUSED_PAUSE = 60_000_000


@dataclass(frozen=True, slots=True)
class EndedWork:
    """How a run ended, ready to be written down; without a verdict it had not begun, or was cut off: it counts as nothing."""

    work: Work
    verdict: Verdict | None
    raised: bool = False

    @property
    def token(self) -> int:
        return self.work.claim.token


class WorkUnit:
    """A piece of generated work, ready to be run."""

    __slots__ = ("source", "work")
    size = 1
    is_async = False

    def __init__(self, source: Generated, work: Work) -> None:
        self.source, self.work = source, work

    @property
    def name(self) -> str:
        return self.work.name

    @property
    def identifier(self) -> str:
        return self.work.identifier

    @property
    def token(self) -> int:
        return self.work.claim.token

    @property
    def priority(self) -> int:
        return self.work.priority

    @property
    def claimed_at(self) -> Instant:
        return self.work.claim.claimed_at

    def run(self) -> None:
        self.source.run(self.work)

    async def run_async(self) -> None:
        """Generators run on threads."""
        self.source.run(self.work)

    def give_back(self) -> None:
        self.source.end(EndedWork(self.work, None))


class Generated(Source):
    """Draws from one generator for one worker."""

    def __init__(
        self, store: Store, namespace: str, generator: Generator, chance: Callable[[], float] = random.random
    ) -> None:
        self.store, self.generator, self.chance = store, generator, chance
        self.name, self.range, self.limit = generator.name, generator.range, generator.limit
        self.namespace = "" if generator.everywhere else namespace
        self.lease, self.every, self.about = generator.lease, generator.every, generator.about
        self.hints = generator.hints  # type: ignore[misc]
        self.works: dict[int, Work] = {}
        """What is in hand, by its token."""
        self._running: set[int] = set()
        generator.bind(store, Scope.of(store.dialect, self.namespace, wake=True))

    # ------------------------------------------------------------------------------------------------------- asking

    def best(self, now: Instant) -> int | None:
        return self.generator.best(now)

    def offers(self, limit: int, now: Instant) -> Sequence[Offer]:
        wanted = limit + SPARE
        while True:
            drawn = islice(self.generator.offers(wanted, now), wanted)
            found = [checked(each, self.name, self.range) for each in drawn]
            offers = self._to_be_had(found, now)
            if len(offers) >= limit or len(found) < wanted or wanted >= MOST:
                return sorted(offers, key=lambda each: (each.priority, _due(each, now), each.identifier))[:limit]
            wanted *= 4

    def rest_until(self, now: Instant) -> Instant:
        said = self.generator.next_wake_at(now)
        if said is not None:
            return said
        until = now + self.every
        with self.store.read() as transaction:
            row = transaction.one("next_wake_of_generator", namespace=self.namespace, name=self.name)
        return until if row is None or row[0] is None else min(until, row[0])

    def _to_be_had(self, offers: Sequence[Offer], now: Instant) -> list[Offer]:
        if not offers:
            return []
        keys = {offer.identifier for offer in offers}
        with self.store.read() as transaction:
            kept = rows.named(transaction, self.namespace, self.name, keys)
            parked = rows.parked(transaction, self.namespace, self.name, keys)
        usable: dict[str, Offer] = {}
        for offer in offers:
            key = offer.identifier
            if key in kept and not kept[key].may_be_had(now):
                continue
            if key in parked and parked[key].source == offer.source:
                continue
            usable.setdefault(key, offer)
        return list(usable.values())

    # --------------------------------------------------------------------------------------------- taking and ending

    def claim(self, transaction: Transaction, wish: Wish) -> Sequence[Unit]:
        generator = self.generator
        terms = Terms(self.namespace, self.name, generator.lease, generator.limit, generator.attempts)
        offers = {choice.identifier: choice.offer for choice in wish.choices}
        taken = rows.take(transaction, terms, offers, wish.worker_id, wish.tokens)
        self.spoiled = taken.parked
        return [WorkUnit(self, Work(self.store, generator.scope, claim)) for claim in taken.claims]

    def taken(self, units: Sequence[Unit]) -> None:
        for unit in units:
            assert isinstance(unit, WorkUnit)
            self.works[unit.token] = unit.work

    def run(self, work: Work) -> None:
        """Run a piece of work in the caller's thread, and hand over what became of it."""
        token = work.claim.token
        self._running.add(token)
        answer, error = None, None
        try:
            answer = self.generator.run(work)
        except BaseException as raised:  # a run that calls sys.exit() ends itself, not the worker
            error = raised
        verdict = verdict_on(self.generator, work, answer, error, self.chance)
        self._running.discard(token)
        self.end(EndedWork(work, verdict, raised=error is not None))

    def end(self, ended: EndedWork) -> None:
        """Hand over how a piece of work ended."""
        if self.works.pop(ended.token, None) is not None:  # else it was given back meanwhile
            self.worker.finished(self.name, ended)

    def settle(self, transaction: Transaction, batch: Sequence[EndedWork], finished: Sequence[int]) -> Settled:
        failed = 0
        for ended in batch:
            try:
                _write(transaction, ended)
                failed += isinstance(ended.verdict, (Again, Park))
            except LeaseLost as lost:
                log.warning("%s", lost)
        return Settled(failed=failed)

    def settle_apart(self, batch: Sequence[EndedWork], finished: Sequence[int]) -> Settled:
        """What its run wants remembered was refused by the database: it counts as a failure, and nothing is remembered."""
        for ended in batch:
            log.error("%s: what its run left was refused by the database and is not kept", ended.work.name)
            bare = Again(REFUSED_PAUSE, None)
            ended.work.forget()
            try:
                with self.store.begin("worker") as transaction:
                    _write(transaction, EndedWork(ended.work, bare, raised=True))
            except (LeaseLost, StatementRefused) as error:
                log.warning("%s: its end is not written down: %s", ended.work.name, error)
        return Settled(failed=len(batch))

    # ------------------------------------------------------------------------------------------------- while it runs

    @property
    def running(self) -> int:
        return len(self._running)

    def tend(self, now: Instant, *, beat: bool) -> None:
        self.speak()

    def speak(self) -> None:
        leases.speak(self.store, {token: work.words for token, work in list(self.works.items()) if work.words})

    def lose(self, token: int) -> None:
        work = self.works.get(token)
        if work is not None:
            work.stopping.set()

    def closing(self) -> None:
        for work in list(self.works.values()):
            work.stopping.set()

    def interrupt(self) -> None:
        for work in list(self.works.values()):
            self.end(EndedWork(work, None))


def _write(transaction: Transaction, ended: EndedWork) -> None:
    """Write down how a piece of work ended; raises LeaseLost, before anything is written, where another has it by now."""
    work = ended.work
    if ended.verdict is None:
        transaction.perform(rows.give_back(work.scope, work.claim))
    elif not work.ended or (work.lent and ended.raised):
        if work.unwritten is not None:
            transaction.perform(rows.remember(work.scope, work.claim, work.state))
        transaction.perform(rows.end(work.scope, work.claim, ended.verdict))
    elif work.lent:
        transaction.run("end_work_lease", token=work.claim.token)


def _due(offer: Offer, now: Instant) -> Instant:
    return now if offer.due_at is None else offer.due_at


def sources_of(store: Store, namespace: str, generators: Sequence[Generator]) -> list[Source]:
    """Return generators as a worker's sources."""
    found: list[Any] = [Generated(store, namespace, generator) for generator in generators]
    return found

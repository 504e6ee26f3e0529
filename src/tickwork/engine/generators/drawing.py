"""Which work a worker draws next: generators are asked by rank, each inside its own error boundary.

What cannot be had (in hand, waiting, paused, parked with the same source) is left out of a generator's offers, and it is
asked for more until there is enough. One that offers nothing rests until its next wake; somebody who wakes it ends the
rest. One that raises is left alone by all workers, for a second, doubling to an hour.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from itertools import islice

import msgspec

from tickwork.engine.generators.generator import Generator
from tickwork.model import ranking
from tickwork.model.generator import ASKED_IN_VAIN, Kept, Offer, checked
from tickwork.model.outcome import Failure
from tickwork.model.ranking import Candidate, Choice
from tickwork.store import generators as rows
from tickwork.store.dialect import Transaction
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.generators")

#: How much more is asked for than is wanted, since some may be in hand already; and the most that is ever asked for.
SPARE, MOST = 16, 100_000


class Drawing:
    """The generators that one worker draws from, and what it remembers of them between two looks."""

    def __init__(self, store: Store, namespace: str) -> None:
        self.store, self.namespace = store, namespace
        self.generators: dict[str, Generator] = {}
        self.asked: Counter[str] = Counter()
        self.at: Instant = 0
        """The database's time at the last look."""
        self.served = 0
        """How many pieces of work have been claimed."""
        self._turns: dict[str, int] = {}
        self._rests: dict[str, tuple[Instant, Instant | None]] = {}
        self._heads: dict[str, Kept] = {}
        self._made: set[str] = set()

    def add(self, generator: Generator) -> None:
        """Draw from one more generator."""
        where = "" if generator.everywhere else self.namespace
        generator.bind(self.store, Scope.of(self.store.dialect, where, wake=True))
        self.generators[generator.name] = generator

    def choose(self, count: int, worst: int = 9_999) -> list[Choice]:
        """Return up to *count* pieces of work in their order; generators that cannot give as good as *worst* are not asked."""
        with self.store.read() as transaction:
            self.at, found = rows.heads(transaction, [self.namespace, ""])
        self._heads = {head.name: head.kept for head in found}
        candidates = [each for each in self._candidates() if each.best <= worst]
        return ranking.choose(candidates, self._ask, count, self.at) if candidates else []

    def was_served(self, name: str, count: int) -> None:
        """Remember whose turn it was; nothing served: somebody else was quicker, or its limit is reached, so it rests."""
        if count:
            self.served += count
            self._turns[name] = self.served
        else:
            self._rest(name, self.at + self.generators[name].every)

    def ended(self, name: str) -> None:
        """A piece of its work has ended: it may be asked again."""
        self._rests.pop(name, None)

    def rested(self) -> None:
        """Ask everybody again."""
        self._rests.clear()

    @property
    def rests(self) -> list[int]:
        """For how long each resting generator still rests, in microseconds."""
        return [max(0, until - self.at) for until, _ in list(self._rests.values())]

    def make(self, transaction: Transaction, generator: Generator) -> None:
        """See to it that a generator has its own row."""
        if generator.name not in self._made:
            about = {"about": generator.about, "best": generator.range.best, "worst": generator.range.worst}
            text = msgspec.json.encode({**about, "limit": generator.limit}).decode()
            rows.make(transaction, generator.scope.namespace, generator.name, text)

    def made(self, name: str) -> None:
        """Its own row has been committed."""
        self._made.add(name)

    # ------------------------------------------------------------------------------------------------------- asking

    def _candidates(self) -> list[Candidate]:
        found = []
        for name, generator in self.generators.items():
            head = self._heads.get(name)
            if (head is not None and not head.may_be_had(self.at)) or self._is_resting(name):
                continue
            try:
                best = generator.best(self.at)
            except Exception as error:
                self._trouble(name, error)
                continue
            best = generator.range.best if best is None else max(best, generator.range.best)
            found.append(Candidate(name, best, self._turns.get(name, 0)))
        return found

    def _ask(self, name: str, limit: int) -> Sequence[Offer]:
        generator, head = self.generators[name], self._heads.get(name)
        self.asked[name] += 1
        try:
            offers = self._offered(generator, limit)
            if not offers:
                self._rest(name, self._rest_until(generator))
        except Exception as error:
            self._trouble(name, error)
            return []
        if head is not None and head.failures:
            with self.store.begin("worker") as transaction:
                transaction.run("generator_is_well", namespace=generator.scope.namespace, name=name)
        return offers

    def _offered(self, generator: Generator, limit: int) -> list[Offer]:
        wanted = limit + SPARE
        while True:
            drawn = islice(generator.offers(wanted, self.at), wanted)
            found = [checked(each, generator.name, generator.range) for each in drawn]
            offers = self._to_be_had(generator, found)
            if len(offers) >= limit or len(found) < wanted or wanted >= MOST:
                return sorted(offers, key=lambda each: (each.priority, self._due(each), each.identifier))[:limit]
            wanted *= 4

    def _due(self, offer: Offer) -> Instant:
        return self.at if offer.due_at is None else offer.due_at

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
            if key in kept and not kept[key].may_be_had(self.at):
                continue
            if key in parked and parked[key].source == offer.source:
                continue
            usable.setdefault(key, offer)
        return list(usable.values())

    # ------------------------------------------------------------------------------------------------------ resting

    def _is_resting(self, name: str) -> bool:
        until, woken_at = self._rests.get(name, (self.at, None))
        return until > self.at and woken_at == self._woken_at(name)

    def _rest(self, name: str, until: Instant) -> None:
        self._rests[name] = (until, self._woken_at(name))

    def _woken_at(self, name: str) -> Instant | None:
        head = self._heads.get(name)
        return None if head is None else head.woken_at

    def _rest_until(self, generator: Generator) -> Instant:
        said = generator.next_wake_at(self.at)
        if said is not None:
            return said
        until = self.at + generator.every
        with self.store.read() as transaction:
            row = transaction.one("next_wake_of_generator", namespace=generator.scope.namespace, name=generator.name)
        return until if row is None or row[0] is None else min(until, row[0])

    def _trouble(self, name: str, error: Exception) -> None:
        head, generator = self._heads.get(name), self.generators[name]
        after = ASKED_IN_VAIN.wait(1 if head is None else head.failures + 1, 0.5)
        seconds = after / SECOND
        log.error("the generator %s raised when it was asked; it is left alone for %g s", name, seconds, exc_info=error)
        self._rest(name, self.at + after)
        values = {"namespace": generator.scope.namespace, "name": name, "error": Failure.of(error).encode()}
        with self.store.begin("worker") as transaction:
            self.make(transaction, generator)
            transaction.run("generator_in_trouble", **values, after=after)

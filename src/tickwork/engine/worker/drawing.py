"""Which work a worker draws next: sources are asked by rank, each inside its own error boundary.

One that offers nothing rests until its next wake; somebody who wakes it ends the rest. One that raises is left alone by
all workers, for a second, doubling to an hour. Each source has a row of its own, with its pause, its troubles and its
counts; the rows are read once a second, and when somebody says that one has changed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from tickwork.engine.worker.database_watch import DatabaseWatch
from tickwork.engine.worker.source import Source
from tickwork.model import ranking
from tickwork.model.generator import ASKED_IN_VAIN, Kept, Offer
from tickwork.model.outcome import Failure
from tickwork.model.ranking import Candidate, Choice
from tickwork.store import generators as rows
from tickwork.store.dialect import Transaction
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.generators")

#: How often the sources' own rows are read while nobody says that one has changed.
LOOK_EVERY = 1 * SECOND


class Drawing:
    """The sources that one worker draws from, and what it remembers of them between two looks."""

    def __init__(self, store: Store, namespace: str, sources: Sequence[Source], watch: DatabaseWatch) -> None:
        self.store, self.watch = store, watch
        self.sources = {source.name: source for source in sources}
        self.asked: Counter[str] = Counter()
        self.served = 0
        """How many pieces of work have been claimed."""
        self.stale = True
        """Somebody said that a source's row has changed."""
        self._namespaces = sorted({namespace, *(source.namespace for source in sources)})
        self._looked_at: Instant | None = None
        self._turns: dict[str, int] = {}
        self._woken: Counter[str] = Counter()
        self._rests: dict[str, tuple[Instant, Instant | None]] = {}
        self._heads: dict[str, Kept] = {}

    # ------------------------------------------------------------------------------------------------------- looking

    def look(self, now: Instant) -> None:
        """Read the sources' own rows where that is due; *now* is of the steady clock."""
        if not self.stale and self._looked_at is not None and 0 <= now - self._looked_at < LOOK_EVERY:
            return
        self.stale = False
        with self.store.read() as transaction:
            at, found = rows.heads(transaction, self._namespaces)
        self.watch.learn(at, now)
        self._looked_at = now
        mine = {(source.namespace, source.name) for source in self.sources.values()}
        self._heads = {head.name: head.kept for head in found if (head.namespace, head.name) in mine}

    def awake(self, at: Instant) -> list[Source]:
        """Return the sources that may be asked now."""
        return [source for name, source in self.sources.items() if self._may_be_asked(name, at)]

    def may_give(self, name: str, at: Instant) -> bool:
        """Whether nobody has paused it, and it is in no trouble."""
        head = self._heads.get(name)
        return head is None or head.may_be_had(at)

    def rests(self, at: Instant) -> list[Instant]:
        """Until when each resting source rests, by the database's clock."""
        return [until for name, (until, _) in list(self._rests.items()) if until > at and self.may_give(name, at)]

    # ------------------------------------------------------------------------------------------------------ choosing

    def choose(self, count: int, at: Instant, worst: int, known: Mapping[str, int] | None = None) -> list[Choice]:
        """Return up to *count* pieces of work in their order; nobody is asked who cannot give as good as *worst*.

        *known*: the best of those who have just said it.
        """
        candidates = [each for each in self._candidates(at, known or {}) if each.best <= worst]

        def ask(name: str, limit: int) -> Sequence[Offer]:
            return self._ask(name, limit, at)

        chosen = ranking.choose(candidates, ask, count, at) if candidates else []
        return [each for each in chosen if each.priority <= worst]

    def was_served(self, name: str, count: int) -> None:
        """Remember whose turn it was."""
        self.served += count
        self._turns[name] = self.served

    def rest(self, name: str, until: Instant) -> None:
        """Leave it alone until then, or until somebody wakes it."""
        self._rests[name] = (until, self._woken_at(name))

    def wake(self, name: str) -> None:
        """It may be asked again: a piece of its work has ended, or somebody says that there is more."""
        self._woken[name] += 1
        self._rests.pop(name, None)

    def rested(self) -> None:
        """Ask everybody again."""
        self._rests.clear()

    # ------------------------------------------------------------------------------------------------------- asking

    def _may_be_asked(self, name: str, at: Instant) -> bool:
        until, woken_at = self._rests.get(name, (at, None))
        resting = until > at and woken_at == self._woken_at(name)
        return not resting and self.may_give(name, at)

    def _candidates(self, at: Instant, known: Mapping[str, int]) -> list[Candidate]:
        found = []
        for source in self.awake(at):
            try:
                best = known[source.name] if source.name in known else source.best(at)
            except Exception as error:
                self._trouble(source, error, at)
                continue
            best = source.range.best if best is None else max(best, source.range.best)
            found.append(Candidate(source.name, best, self._turns.get(source.name, 0)))
        return found

    def _ask(self, name: str, limit: int, at: Instant) -> Sequence[Offer]:
        source, head = self.sources[name], self._heads.get(name)
        self.asked[name] += 1
        woken = self._woken[name]
        try:
            offers = source.offers(limit, at)
            if not offers and woken == self._woken[name]:  # else somebody spoke while it was asked
                self.rest(name, source.rest_until(at))
        except Exception as error:
            self._trouble(source, error, at)
            return []
        if head is not None and head.failures:
            with self.store.begin("worker") as transaction:
                transaction.run("generator_is_well", namespace=source.namespace, name=name)
            self.stale = True
        return offers

    def _woken_at(self, name: str) -> Instant | None:
        head = self._heads.get(name)
        return None if head is None else head.woken_at

    def _trouble(self, source: Source, error: Exception, at: Instant) -> None:
        head, name = self._heads.get(source.name), source.name
        after = ASKED_IN_VAIN.wait(1 if head is None else head.failures + 1, 0.5)
        seconds = after / SECOND
        log.error("the generator %s raised when it was asked; it is left alone for %g s", name, seconds, exc_info=error)
        self.rest(name, at + after)
        values = {"namespace": source.namespace, "name": name, "error": Failure.of(error).encode()}
        with self.store.begin("worker") as transaction:
            make(transaction, source)
            transaction.run("generator_in_trouble", **values, after=after)
        self.stale = True


def make(transaction: Transaction, source: Source) -> None:
    """See to it that a source has its own row."""
    about = {"about": source.about, "best": source.range.best, "worst": source.range.worst, "limit": source.limit}
    rows.make(transaction, source.namespace, source.name, msgspec.json.encode(about).decode())

"""Collecting what is no longer needed, a slice at a time, each collector in turn, at the lowest priority.

When each collector is to look again stands in the database: a restart sweeps nothing again. A slice that was full is
followed by the others' slices and then by the next one; one that was not full ends the sweep, and the collector rests
for its interval, longer each time that it found nothing, up to a limit of hours. One that raises waits by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.work import Work
from tickwork.errors import ConfigurationError
from tickwork.model import limits
from tickwork.model.generator import RETENTION, Offer, Rest, Verdict
from tickwork.model.retry import Backoff
from tickwork.store.dialect import Transaction
from tickwork.watch import HOUR, MINUTE, SECOND, Instant, to_duration

#: How long a collector rests after a sweep, and the most that it rests if it keeps finding nothing.
INTERVAL, LONGEST = 4 * HOUR, 24 * HOUR
SLICE = 1_000


@dataclass(frozen=True, eq=False)
class Collector:
    """Removes what is no longer needed: ``collect(work, now, limit)`` removes at most *limit* and returns how many."""

    name: str
    collect: Callable[[Work, Instant, int], int]
    interval: int = INTERVAL
    slice: int = SLICE
    longest: int = LONGEST
    """The most that it rests if it keeps finding nothing."""
    wanted: Callable[[Transaction, Instant], bool] | None = None
    """Whether there can be anything, by when it swept last: where it can be read, nothing is claimed in vain."""

    @classmethod
    def of(
        cls, name: str, collect: Callable[[Work, Instant, int], int], *, every: Any = 4 * 3600, batch: int = SLICE
    ) -> Collector:
        """Check and return a collector; *every* in seconds or a timedelta. Raises InvalidInput."""
        interval = to_duration(every, "every")
        if interval < SECOND:
            raise ConfigurationError("every", every, "a duration of at least a second")
        limits.text(name, "collector", limits.NAME_LENGTH)
        return cls(name, collect, interval, limits.number(batch, "batch", 1, 1_000_000))


class Collection(Generator):
    """Runs collectors in turn, a slice at a time, with what it knows of each in the database."""

    def __init__(self, name: str, collectors: Iterable[Collector] = (), **settings: Any) -> None:
        usual = Backoff(first=MINUTE, cap=INTERVAL)
        given = {"priority": RETENTION, "limit": 1, "attempts": None, "backoff": usual, "every": 600.0, **settings}
        super().__init__(name, **given)
        self.collectors: dict[str, Collector] = {}
        for collector in collectors:
            self.add(collector)

    def add(self, collector: Collector) -> None:
        """Collect one more thing; raises ConfigurationError for a name that is taken."""
        if collector.name in self.collectors:
            raise ConfigurationError("collector", collector.name, "a name that is not taken")
        self.collectors[collector.name] = collector

    def offers(self, limit: int, now: Instant) -> Iterable[Offer]:
        with self.store.read() as transaction:
            rows = transaction.all("named_keys", **self._where, keys=sorted(self.collectors))
            served = {row[0]: row[8] or 0 for row in rows}
            wanted = [each.name for each in self.collectors.values() if self._wanted(each, transaction, served)]
        offers = [Offer(name, self.range.best, served.get(name, 0)) for name in wanted]
        return sorted(offers, key=lambda offer: (offer.due_at, offer.identifier))

    def run(self, work: Work) -> Verdict | None:
        collector = self.collectors[work.identifier]
        removed = collector.collect(work, work.claim.claimed_at, collector.slice)
        known = {"removed": int(work.state.get("removed", 0)) + removed, "last": removed}
        swept = int(work.state.get("swept", 0)) + removed
        if removed >= collector.slice:
            return Rest(0, {**known, "swept": swept, "in_vain": work.state.get("in_vain", 0)})
        in_vain = 0 if swept else int(work.state.get("in_vain", 0)) + 1
        rest = min(collector.interval * 2 ** max(0, in_vain - 1), max(collector.longest, collector.interval))
        return Rest(rest, {**known, "swept": 0, "in_vain": min(in_vain, 32)})

    @staticmethod
    def _wanted(collector: Collector, transaction: Transaction, served: dict[str, Instant]) -> bool:
        return collector.wanted is None or collector.wanted(transaction, served.get(collector.name, 0))

    @property
    def _where(self) -> dict[str, str]:
        return {"namespace": self.scope.namespace, "name": self.name}


class Retention(Collection):
    """Collects what Tickwork itself no longer needs, and what applications have registered."""

    everywhere: ClassVar[bool] = True

    def __init__(self, collectors: Iterable[Collector] = (), **settings: Any) -> None:
        super().__init__("retention", collectors, **settings)

"""What people do with generators: register them, list, show, pause, resume, wake; list and release parked work.

A generator is registered in code, where its worker runs; its state, its pauses and its parked work are rows, so they
are seen and changed from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from tickwork.api.desk import Desk
from tickwork.engine.generators import expiry, retention
from tickwork.engine.generators.bulk import BulkWork
from tickwork.engine.generators.collection import Collection, Collector, Retention
from tickwork.engine.generators.expiry import Expiry
from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.source import sources_of
from tickwork.engine.generators.work import Work
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.worker.worker import Worker
from tickwork.errors import ConfigurationError, NotFound
from tickwork.model.expiry import ExpiryRule
from tickwork.model.generator import Kept, Over, Parked, Verdict
from tickwork.store import generators as rows
from tickwork.store.dialect import Verb
from tickwork.store.generators import Head
from tickwork.store.store import Store
from tickwork.watch import Instant

Kind = TypeVar("Kind", bound=Generator)
#: The names of those that are always there.
TAKEN = frozenset({"queue", "jobs", "bulk", "retention"})
#: How many keys are shown of one generator.
SHOWN = 100


@dataclass(frozen=True, slots=True)
class GeneratorSeen:
    """One generator as people see it."""

    name: str
    state: str
    """``active``, ``paused`` or ``in trouble`` (it raised when it was asked)."""
    best: int | None
    worst: int | None
    limit: int | None
    about: str
    done: int
    failed: int
    served_at: Instant | None
    next_wake_at: Instant | None
    paused_at: Instant | None
    error: str | None


@dataclass(frozen=True, slots=True)
class GeneratorPage:
    """One generator whole: itself, what is remembered of its keys, and its parked work."""

    generator: GeneratorSeen
    keys: tuple[Kept, ...]
    parked: tuple[Parked, ...]


class Generators:
    """The generators of one application; behind a lent desk, their verbs in the user's transaction."""

    def __init__(self, desk: Desk, store: Store, namespace: str) -> None:
        self._desk, self._store, self._namespace = desk, store, namespace
        self.registered: dict[str, Generator] = {}
        self._kept: Mapping[str, timedelta | float | None] = {}
        self._collectors: list[Collector] = []

    # -------------------------------------------------------------------------------------------------- registering

    def add(self, generator: Kind) -> Kind:
        """Have the workers of this application draw from a generator; raises ConfigurationError for a name that is taken."""
        if generator.name in self.registered or generator.name in TAKEN:
            raise ConfigurationError("generator", generator.name, "a name that is not taken")
        self.registered[generator.name] = generator
        return generator

    def keep(self, **kept: timedelta | float | None) -> None:
        """Say how long Tickwork's own rows are kept, in seconds or timedeltas; None: for ever.

        Args:
            **kept: archive (14 days), failed (90: gave up and lost), attempts (90), ledger (30), triggers (30: cancelled
                ones), versions (30), workers, requests, generators (1 each).

        Raises:
            ConfigurationError: a word that is not one of these, or a time of nothing or less.
        """
        retention.collectors(kept)
        self._kept = kept

    def collect(
        self,
        name: str,
        remove: Callable[[Any, Instant, int], int],
        *,
        every: timedelta | float = 4 * 3600,
        batch: int = 1_000,
    ) -> None:
        """Have something of the application's own collected, at the lowest priority.

        *remove(transaction, now, limit)* removes at most *limit* rows and returns how many; the transaction commits after
        it. It is called again at once while its slices are full, then after *every*; it rests longer while it finds
        nothing. Raises InvalidInput.
        """

        def collect(work: Work, now: Instant, limit: int) -> int:
            with work.transaction() as own:
                return remove(own, now, limit)

        self._collectors.append(Collector.of(name, collect, every=every, batch=batch))

    def expire(self, rule: ExpiryRule, *, every: timedelta | float = 3600, batch: int = expiry.BATCH) -> ExpiryRule:
        """Have rows removed that are past their time, every so often, *batch* at a time; return the rule.

        Reads hide them from their time on by ``rule.visible()``, whether they have been removed or not.
        """
        found = self.registered.get("expiry")
        generator = found if isinstance(found, Expiry) else self.add(Expiry())
        generator.add_rule(rule, every=every, batch=batch)
        return rule

    def purge(self, rule: ExpiryRule, limit: int = 1_000_000, batch: int = expiry.BATCH) -> int:
        """Remove rows that are past their time now, on demand; return how many."""
        removed = 0
        while removed < limit:
            slice_ = expiry.purge(self._store, rule, self._desk.now(), min(batch, limit - removed))
            removed += slice_
            if slice_ < batch:
                break
        return removed

    def all(self) -> list_of[Generator]:
        """Return what a worker of this application draws from, beside the queue and jobs: what was registered, and retention."""
        collectors = [*retention.collectors(self._kept), *self._collectors]
        return [*self.registered.values(), BulkWork(), Retention(collectors)]

    def by_hand(self) -> list_of[Generator]:
        """Return what is drawn from when time is wound by hand: the same, but nothing that was kept is removed."""
        return [*self.registered.values(), BulkWork()]

    @property
    def asked_every(self) -> list[int]:
        """How often the application's own must be asked at least, in microseconds; an expiry rule's time stands in its row."""
        own = [each.every for each in self.registered.values() if not isinstance(each, Collection)]
        return [*own, *(each.interval for each in self._collectors)]

    # ------------------------------------------------------------------------------------------------------- working

    def run_due(self, limit: int | None = None) -> int:
        """Do what generators offer now, in this thread, until nothing more is offered; return how many runs there were.

        At most *limit* of them. For tests; workers do it all the time, and so does ``app.tick()``.
        """
        sources = sources_of(self._store, self._namespace, self.all())
        worker = Worker(self._store, sources, Appetite(1), namespace=self._namespace, name="by hand", at_once=True)
        try:
            return worker.run_due(limit)
        finally:
            worker.stop(0)

    def end(self, work: Work, verdict: Verdict | None = None) -> Any:
        """Say that a piece of work is over (or what else becomes of it), in this transaction; raises LeaseLost.

        With ``app.on(session).generators.end(work)`` the application's own transaction decides: effects and end commit
        together, or neither does.
        """
        said = Over() if verdict is None else verdict
        work.ended_in(getattr(said, "state", None))
        return self._desk.perform(lambda: rows.end(work.scope, work.claim, said, lent=True))

    def remember(self, work: Work, state: dict[str, Any]) -> Any:
        """Replace what is remembered of a piece of work, in this transaction; return the new version. Raises LeaseLost."""
        return self._desk.perform(lambda: rows.remember(work.scope, work.claim, state))

    # --------------------------------------------------------------------------------------------------------- state

    def state(self, name: str, key: str) -> Any:
        """Return what a generator remembers of a key, with its version; None where that is nothing."""

        def verb() -> Verb[Kept | None]:
            found = yield from rows.reading(self._desk.scope, name, [key])
            return found[0] if found else None

        return self._desk.look(verb)

    def swap(self, name: str, key: str, state: dict[str, Any], version: int) -> Any:
        """Replace what is remembered of a key if it still has that version (0: nothing yet); return the new version.

        Raises TryAgain where somebody else was first, InvalidInput for what JSON cannot say.
        """
        return self._desk.perform(lambda: rows.swap(self._desk.scope, name, key, state, version))

    # ------------------------------------------------------------------------------------------------------ operating

    def show(self, name: str) -> GeneratorPage:
        """Return one generator whole; raises NotFound."""

        def verb() -> Verb[GeneratorPage]:
            heads = yield from rows.listing(self._desk.scope)
            for head in heads:
                if head.name == name:
                    keys = yield from rows.keys(head.namespace, name, "", SHOWN)
                    parked = yield from rows.listing_parked(self._desk.scope, name, SHOWN)
                    return GeneratorPage(seen_of(head), tuple(keys), tuple(parked))
            raise NotFound(f"there is no generator {name!r}: tickwork generator list")

        return self._desk.look(verb)

    def pause(self, name: str, key: str = "") -> Any:
        """Hand out nothing more of a generator, or of one key of it; what runs goes on. Raises NotFound."""
        return self._desk.perform(lambda: rows.pause(self._desk.scope, name, key))

    def resume(self, name: str, key: str = "") -> Any:
        """Undo a pause; raises NotFound."""
        return self._desk.perform(lambda: rows.resume(self._desk.scope, name, key))

    def wake(self, name: str, key: str = "") -> Any:
        """Have a generator, and one key of it, looked at now instead of later; return how many rows were told."""
        return self._desk.perform(lambda: rows.wake(self._desk.scope, name, key))

    def parked(self, name: str | None = None, limit: int = 1_000) -> list[Parked]:
        """List work that failed for good, what has been parked longest first."""
        return self._desk.look(lambda: rows.listing_parked(self._desk.scope, name, limit))

    def release(self, name: str, identifier: str | None = None) -> list[str]:
        """Let parked work be offered again (None: all of a generator); return what was released."""
        return self._desk.perform(lambda: rows.release(self._desk.scope, name, identifier))

    # last in its class, where the word still means the type
    def list(self) -> list[GeneratorSeen]:
        """List the generators that workers have drawn from, by name."""
        return [seen_of(head) for head in self._desk.look(lambda: rows.listing(self._desk.scope))]


list_of = list


def seen_of(head: Head) -> GeneratorSeen:
    """Return a generator's own row as people see it."""
    kept = head.kept
    about: dict[str, Any] = msgspec.json.decode(kept.about)
    state = "paused" if kept.paused_at is not None else "in trouble" if kept.failures else "active"
    return GeneratorSeen(
        head.name,
        state,
        about.get("best"),
        about.get("worst"),
        about.get("limit"),
        about.get("about", ""),
        kept.done,
        kept.failed,
        kept.served_at,
        kept.next_wake_at,
        kept.paused_at,
        kept.error,
    )

"""A field for tales about generators: a store whose watch is wound by hand, a worker's pump, and an application's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.source import EndedWork, Generated, WorkUnit
from tickwork.engine.generators.work import Work
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.worker.drawing import Drawing
from tickwork.engine.worker.executors import AtOnce
from tickwork.engine.worker.worker import Worker
from tickwork.model.generator import Offer, Over, Verdict
from tickwork.store.store import Store
from tickwork.watch import ManualWatch

START = datetime(2026, 3, 2, 10, 0, tzinfo=timezone.utc)


class Given(Generator):
    """Offers what a test says, and notes what was run."""

    def __init__(
        self, name: str, offers: Any, priority: Any = 2000, run: Callable[[Work], Any] | None = None, **more: Any
    ):
        super().__init__(name, priority=priority, **more)
        self.given, self.do = offers, run
        self.ran: list[str] = []

    def offers(self, limit: int, now: int) -> Iterable[Offer]:
        found = self.given(limit, now) if callable(self.given) else self.given
        return list(found)[:limit]

    def run(self, work: Work) -> Verdict | None:
        self.ran.append(work.identifier)
        return None if self.do is None else self.do(work)


def once(*identifiers: str, priority: int = 2000) -> Callable[[int, int], list[Offer]]:
    """Offers that vanish when they have been run, as those of a table do."""
    left = list(identifiers)

    def offers(limit: int, now: int) -> list[Offer]:
        return [Offer(each, priority, due_at=0) for each in left][:limit]

    offers.left = left  # type: ignore[attr-defined]
    return offers


class Held(AtOnce):
    """Hands that take work and do not begin, until a test says so."""

    def __init__(self) -> None:
        self.units: list[WorkUnit] = []

    @property
    def usual(self) -> int:  # type: ignore[override]
        return sum(unit.priority > 1_000 for unit in self.units)

    def submit(self, units: Any) -> None:
        self.units.extend(units)
        for unit in units:
            unit.source._running.add(unit.token)


class Draws:
    """A worker that draws from generators alone, turned by hand; what a turn has run it has settled, too."""

    def __init__(self, store: Store, generators: Iterable[Generator], hands: int, reserved: int, at_once: bool) -> None:
        appetite = Appetite(hands, reserve=reserved)
        sources = [Generated(store, "default", each, chance=lambda: 0.5) for each in generators]
        self.worker = Worker(store, sources, appetite, namespace="default", at_once=True)
        self.held = Held()
        if not at_once:
            self.worker.pump.hands.executors = (self.held, self.held)

    @property
    def drawing(self) -> Drawing:
        return self.worker.pump.drawing

    @property
    def running(self) -> dict[int, Work]:
        """What is in hand, by its token."""
        return {unit.token: unit.work for unit in self.held.units}

    def turn(self, now: int) -> int | None:
        again_at = self.worker.pump.turn(now)
        self.worker.pump.settle_all(now)
        return again_at

    def run_due(self, _: Any = None) -> int:
        return self.worker.run_due()

    def call(self, work: Work) -> None:
        """Let a piece of work that was taken run, and settle it."""
        self._out_of_hand(work).run()
        self.worker.pump.settle_all(self.worker.steady.now())

    def finish(self, work: Work) -> None:
        """The same, as if it had run well."""
        source = self._out_of_hand(work).source
        source._running.discard(work.claim.token)
        source.end(EndedWork(work, Over()))
        self.worker.pump.settle_all(self.worker.steady.now())

    def _out_of_hand(self, work: Work) -> WorkUnit:
        (unit,) = [unit for unit in self.held.units if unit.token == work.claim.token]
        self.held.units.remove(unit)
        return unit


class Field:
    """One store, its time, and workers whose runs happen at once."""

    def __init__(self, store: Store, at: datetime = START) -> None:
        self.store, self.watch = store, ManualWatch(at)
        store.watch = self.watch

    def pump(self, *generators: Generator, hands: int = 1, reserved: int = 0, at_once: bool = True) -> Draws:
        return Draws(self.store, generators, hands, reserved, at_once)

    def run_due(self, *generators: Generator, hands: int = 1) -> int:
        return self.pump(*generators, hands=hands).run_due()

    def later(self, by: timedelta | float) -> None:
        self.watch.wind(by)

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """Read or write an application's tables (or ours, as ``tickwork.x``)."""
        with self.store.begin("installer", handing=True) as transaction:
            cursor = transaction.connection.execute(self.store.dialect.turn(text))  # type: ignore[attr-defined]
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def one(self, text: str) -> Any:
        return self.sql(text)[0][0]

    def keys(self, name: str) -> list[tuple[Any, ...]]:
        """Key, state, failures, lease of a generator's keys."""
        where = f"where name = '{name}' and key <> '' order by key"
        return self.sql(f"select key, state, failures, lease from tickwork.generator {where}")

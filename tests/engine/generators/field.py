"""A field for tales about generators: a store whose watch is wound by hand, a worker's pump, and an application's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.pump import GeneratorPump, Hands
from tickwork.engine.generators.work import Work
from tickwork.model.generator import Offer, Verdict
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


class Field:
    """One store, its time, and pumps whose runs happen at once."""

    def __init__(self, store: Store, at: datetime = START) -> None:
        self.store, self.watch = store, ManualWatch(at)
        store.watch = self.watch

    def pump(self, *generators: Generator, hands: int = 1, reserved: int = 0, at_once: bool = True) -> GeneratorPump:
        def execute(work: Work) -> None:
            if at_once:
                pump.call(work)

        pump = GeneratorPump(self.store, "default", generators, execute, Hands(hands, reserved))
        return pump

    def run_due(self, *generators: Generator, hands: int = 1) -> int:
        return self.pump(*generators, hands=hands).run_due(self.watch.now)

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

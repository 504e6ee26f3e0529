"""A scene: an application, a daemon and a watch that is wound by hand, on one store. Nothing sleeps."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from tickwork import Tickwork
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.engine.triggers.stopwatch import Stopwatch
from tickwork.model.action import PutTask
from tickwork.watch import ManualWatch, from_instant

START = datetime(2026, 3, 2, 10, 0, tzinfo=timezone.utc)
WORK = PutTask("work", "{}")


class Patient(Stopwatch):
    """A turn's time is never up: what a tale expects of one turn does not depend on how busy the machine is."""

    def check(self, key: str) -> bool:
        return False


class Scene:
    """Everything a tale about triggers needs."""

    def __init__(self, url: str, at: datetime = START, batch: int = 1_000) -> None:
        self.url = url
        self.watch = ManualWatch(at)
        self.app = Tickwork(url, watch=self.watch)
        self.store = self.app.store
        self.daemon = TriggerDaemon(self.store, batch)
        self.daemon.firings.stopwatch = Patient

    def close(self) -> None:
        self.app.close()

    @property
    def now(self) -> datetime:
        return from_instant(self.watch.now())

    def wind(self, by: timedelta | float) -> None:
        """Move the watch on and let the daemon do what is due."""
        self.watch.wind(by)
        self.work()

    def work(self) -> None:
        self.daemon.run_due(self.watch.now())

    def put(self, key: str, clock: Any, action: Any = WORK, **terms: Any) -> Any:
        return self.app.trigger(key, clock, action, unchecked=True, **terms)

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """Read (or, as a test may, spoil) rows directly; tables are written ``tickwork.task``."""
        with self.store.begin("installer") as transaction:
            connection: Any = getattr(transaction, "connection")  # noqa: B009  (each dialect's own)
            cursor = connection.execute(self.store.dialect.turn(text))
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def ledger(self, key: str) -> list[tuple[Any, ...]]:
        """Outcome, planned time, slots of a trigger's firings, in order."""
        return [
            (outcome, from_instant(planned_at), slots)
            for outcome, planned_at, slots in self.sql(
                "select f.outcome, f.planned_at, f.slots from tickwork.firing f join tickwork.trigger t"
                f" on t.id = f.trigger_id where t.key = '{key}' order by f.generation, f.planned_at"
            )
        ]

    def fired(self, key: str) -> list[datetime]:
        return [planned_at for outcome, planned_at, _ in self.ledger(key) if outcome == "fired"]

    def tasks(self, key: str | None = None) -> list[tuple[Any, ...]]:
        """Trigger key, planned time, previous time, payload of the tasks that firings put, in order."""
        which = "" if key is None else f" and trigger_key = '{key}'"
        return self.sql(
            "select trigger_key, planned_at, previous_at, payload from tickwork.task"
            f" where trigger_id is not null{which} order by id"
        )

    def event(self, key: str) -> dict[str, Any]:
        names = (
            "last_at",
            "next_at",
            "due_at",
            "firings",
            "failures",
            "error",
            "set_aside_at",
            "version",
            "planned_at",
        )
        rows = self.sql(
            f"select {', '.join('e.' + name for name in names)} from tickwork.event e join tickwork.trigger t"
            f" on t.id = e.trigger_id where t.key = '{key}'"
        )
        return dict(zip(names, rows[0], strict=True)) if rows else {}

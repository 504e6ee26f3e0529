"""A store with a watch wound by hand, and the tools to put tasks on it, run them and look at what became of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tickwork.engine.tasks.handler import Handler
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.model.action import PutTask
from tickwork.model.task import NewTask
from tickwork.store import tasks
from tickwork.store.claims import Subscription
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import SECOND, ManualWatch, to_instant

NOON = to_instant(1_800_000_000 * SECOND)


class Archived(NamedTuple):
    id: int
    outcome: str
    attempt: int
    lost: int
    snoozes: int
    reason: str | None
    result: Any
    error: Any


class Waiting(NamedTuple):
    id: int
    state: str
    attempt: int
    lost: int
    available_at: int
    lease: int | None


class Shop:
    """One store at noon."""

    def __init__(self, store: Store, at: int = NOON, *, wakes: bool = False) -> None:
        self.wakes = wakes
        self.store, self.watch = store, ManualWatch(at)
        store.watch = self.watch

    def put(
        self, action: Any, *, namespace: str = "default", at: Any = None, delay: Any = None, **treatment: Any
    ) -> int:
        """Put a task through the application's own verb; return its id."""
        new = NewTask.of(PutTask.of(action) if isinstance(action, str) else action, at, delay, treatment)  # type: ignore[arg-type]
        scope = Scope.of(self.store.dialect, namespace, wake=self.wakes)
        put = self.store.perform("application", lambda: tasks.put(scope, new.columns()))
        assert put.id is not None
        return put.id

    def cancel(self, task: int) -> str:
        """Cancel through the application's own verb; return its answer."""
        scope = Scope.of(self.store.dialect, "default", wake=self.wakes)
        return self.store.perform("application", lambda: tasks.cancel(scope, task, reason=None, by="test")).did

    def worker(self, registry: Registry | dict[str, Any], appetite: Appetite | None = None, **reach: Any) -> Worker:
        """Make a worker without threads; a dict of functions is registered as it stands."""
        if isinstance(registry, dict):
            registry = registered(**registry)
        return Worker(self.store, registry, Subscription(**reach), appetite or Appetite(), at_once=True)

    def wind(self, seconds: float) -> None:
        self.watch.wind(seconds)

    def ask(self, sql: str) -> list[Any]:
        """Look at the tables directly."""
        with self.store.read() as transaction:
            rows: list[Any] = transaction.connection.execute(self.store.dialect.turn(sql)).fetchall()  # type: ignore[attr-defined]
        return rows

    @property
    def archive(self) -> dict[int, Archived]:
        rows = self.ask("select id, outcome, attempt, lost, snoozes, reason, result, error from tickwork.archive")
        return {row[0]: Archived._make((*row[:6], _read(row[6]), _read(row[7]))) for row in rows}

    @property
    def tasks(self) -> dict[int, Waiting]:
        rows = self.ask("select id, state, attempt, lost, available_at, lease from tickwork.task order by id")
        return {row[0]: Waiting(*row) for row in rows}

    @property
    def leases(self) -> list[Any]:
        return self.ask("select token, length, renewals, expires_at from tickwork.lease order by token")

    def attempts(self, task: int) -> list[tuple[int, str, Any]]:
        rows = self.ask(f"select attempt, outcome, error from tickwork.attempt where task_id = {task} order by id")
        return [(attempt, outcome, _read(error)) for attempt, outcome, error in rows]


def registered(**functions: Callable[..., Any]) -> Registry:
    """Register functions under the names of the arguments, with the usual settings."""
    registry = Registry()
    for name, function in functions.items():
        registry.add(name, function)
    return registry


def _read(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


__all__ = ["NOON", "Archived", "Handler", "Shop", "Waiting", "registered"]

"""A yard in which everything that gives work stands beside each other: the queue, jobs, generators; and one worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.engine.generators.field import Field, Given, Held
from tests.engine.jobs.yard import Yard
from tests.support.shop import Shop
from tickwork.engine.generators.jobs import Jobs
from tickwork.engine.generators.source import Generated
from tickwork.engine.tasks.job_calls import JobCalls
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.worker import Worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.worker.source import Source
from tickwork.model.generator import Offer
from tickwork.model.job import Descriptor
from tickwork.store import job_orders
from tickwork.store.claims import Subscription
from tickwork.store.job_runs import JobRuns
from tickwork.store.store import Store


class Works:
    """One store whose watch is wound by hand; what has begun is noted by its name, ``generator/identifier``."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.yard = Yard(store)
        self.shop = Shop(store)
        self.field = Field(store)
        self.watch = self.field.watch
        self.yard.watch = self.shop.watch = self.watch
        self.began: list[str] = []
        self.registry = Registry()
        self.registry.add("note", self._note)
        self.registry.add("sweep", self._sweep)

    def _note(self, task: Any) -> None:
        self.began.append(f"queue/{task.id}")

    def _sweep(self, task: Any) -> None:
        self.began.append(task.identifier)

    def task(self, **treatment: Any) -> str:
        """Put a task; return the name of its work."""
        return f"queue/{self.shop.put('note', **treatment)}"

    def job(self, name: str, **terms: Any) -> str:
        """Schedule a one-shot job; return the name of its work."""
        self.yard.perform(job_orders.declare(self.yard.scope, name, Descriptor("sweep", None, **terms)))
        return f"jobs/{name}"

    def shelf(self, name: str, *offers: Offer, priority: Any = (1, 9_999), **more: Any) -> Given:
        """Make a generator whose offers vanish when they have been run."""
        left = list(offers)

        def run(work: Any) -> None:
            self.began.append(work.name)
            left[:] = [each for each in left if each.identifier != work.identifier]

        shelf = Given(name, lambda limit, now: sorted(left, key=lambda each: each[1:3])[:limit], priority, run, **more)
        shelf.left = left  # type: ignore[attr-defined]
        return shelf

    def worker(self, *generators: Given, jobs: bool = True, **appetite: Any) -> Worker:
        """One worker that draws from all of them, and runs at once what it has drawn."""
        sources: list[Source] = [Generated(self.store, "default", each) for each in generators]
        if jobs:
            sources.append(Jobs(JobRuns(self.store, namespaces=("default",)), JobCalls(self.registry), "default"))
        served = Subscription(("default",))
        return Worker(self.store, self.registry, served, Appetite(**appetite), sources=sources, at_once=True)


def counted(store: Store, act: Callable[[], Any]) -> list[str]:
    """Return the statements that are run meanwhile."""
    said: list[str] = []
    store.dialect.on_statement = said.append
    try:
        act()
    finally:
        store.dialect.on_statement = None
    return said


__all__ = ["Held", "Works", "counted"]

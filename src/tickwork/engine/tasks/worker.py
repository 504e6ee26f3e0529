"""A worker that draws from the queue, and from whatever other sources it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tickwork.engine.tasks.copy import Load
from tickwork.engine.tasks.queue import EVERYTHING, Queue
from tickwork.engine.tasks.registry import Registry
from tickwork.engine.tasks.rescue import Rescue
from tickwork.engine.tasks.running import Running
from tickwork.engine.worker import worker
from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.worker.source import Source
from tickwork.engine.worker.worker import GRACE_SECONDS, USUAL
from tickwork.store.claims import Subscription
from tickwork.store.store import Store
from tickwork.watch import Watch

__all__ = ["GRACE_SECONDS", "Worker"]


class Worker(worker.Worker):
    """One worker of one process: the queue is its lead, *sources* are the others."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        subscription: Subscription = EVERYTHING,
        appetite: Appetite = USUAL,
        *,
        sources: Sequence[Source] = (),
        name: str = "",
        steady: Watch | None = None,
        at_once: bool = False,
    ) -> None:
        namespace = next(iter(subscription.namespaces), "")
        self.queue = Queue(registry, subscription, appetite.lease, namespace)
        appetite = replace(appetite, worst=subscription.priority_at_most)
        self.rescue = Rescue(store, self.ring)
        super().__init__(
            store,
            (self.queue, *sources),
            appetite,
            namespace=namespace,
            name=name,
            steady=steady,
            at_once=at_once,
            rescue=self.rescue,
        )

    @property
    def runs(self) -> Running:
        """What runs tasks."""
        return self.queue.runs

    def load(self) -> Load:
        """How busy this worker is."""
        return Load(
            self.running, self.pump.hands.appetite.concurrency, self.pump.wants_more or self.pump.hands.queued > 0
        )

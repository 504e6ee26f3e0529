"""Removes rows that are past their time, a slice at a time, one sweep after another for each rule.

Reads do not wait for it: they hide such rows by the rule's own filter (:mod:`tickwork.model.expiry`). A sweep ends with
the first slice that is not full. It runs by itself every so often, when it is woken, and when somebody calls
:func:`purge`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tickwork.engine.generators import table
from tickwork.engine.generators.collection import Collection, Collector
from tickwork.engine.generators.work import Work
from tickwork.model.expiry import ExpiryRule
from tickwork.store.own import OwnTransaction
from tickwork.store.store import Store
from tickwork.watch import Instant

BATCH = 100


def purge(store: Store, rule: ExpiryRule, now: Instant, limit: int) -> int:
    """Remove at most *limit* rows that are past their time, in a transaction of its own; return how many."""
    with store.begin("worker", handing=True) as transaction:
        return table.changed(store.dialect, OwnTransaction(transaction, store.identity), rule.removal, now, n=limit)


class Expiry(Collection):
    """Removes rows of applications' tables that are past their time."""

    def __init__(self, rules: Iterable[ExpiryRule] = (), *, name: str = "expiry", **settings: Any) -> None:
        super().__init__(name, **settings)
        self.rules: dict[str, ExpiryRule] = {}
        for rule in rules:
            self.add_rule(rule)

    def add_rule(self, rule: ExpiryRule, *, every: Any = 3600, batch: int = BATCH) -> None:
        """Remove by one more rule, every so many seconds, so many rows at a time. Raises InvalidInput."""

        def collect(work: Work, now: Instant, limit: int) -> int:
            return purge(work.store, rule, now, limit)

        self.add(Collector.of(rule.name, collect, every=every, batch=batch))
        self.rules[rule.name] = rule

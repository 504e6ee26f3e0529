"""Whether there is work for processes that are not there: two cheap looks that write nothing, and a probe per ready range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tickwork.store import claims, workers
from tickwork.store.claims import Foreign, Subscription
from tickwork.store.dialect import Transaction
from tickwork.watch import Instant


class Prospect(NamedTuple):
    """The database's time, whether somebody is needed now, and when the next task will be ready."""

    at: Instant
    needed: bool
    next_at: Instant | None


def look(
    transaction: Transaction, served: Subscription, handlers: Sequence[str], since: Instant, worker_id: int
) -> Prospect:
    """Look for tasks, jobs, bulks, and generators that were woken after *since*; what others alone can do is no work.

    *worker_id*: who looks, under which is registered what its processes know.
    """
    outlook = claims.look(transaction, served)
    needed = outlook.letters or outlook.openings or (outlook.ready > 0 and _any_task(transaction, served, handlers))
    if not needed:
        names = {"namespaces": list(served.namespaces), "handlers": list(handlers), "worker_id": worker_id}
        needed = transaction.one("anything_but_tasks", **names, since=since) is not None
    return Prospect(outlook.at, needed, outlook.next_at)


def _any_task(transaction: Transaction, served: Subscription, handlers: Sequence[str]) -> bool:
    foreign = Foreign(workers.foreign_handlers(transaction, handlers))
    return bool(claims.ready(transaction, served, 1, foreign))

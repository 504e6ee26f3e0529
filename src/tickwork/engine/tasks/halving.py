"""A batch of outcomes of which the database refuses something: a value that it refuses spoils no batch.

It is halved until the bad outcome stands alone, and that one is settled without its value.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from tickwork.errors import StatementRefused
from tickwork.model.outcome import Failure, Outcome, storable
from tickwork.model.retry import Backoff
from tickwork.store import archive
from tickwork.store.archive import Settlement
from tickwork.store.store import Store

log = logging.getLogger("tickwork.worker")


def settle_in_halves(store: Store, worker_id: int, batch: Sequence[Outcome]) -> Settlement:
    """Settle a batch of which the database has refused something; its leases are dropped afterwards, by the caller."""
    try:
        with store.begin("worker") as transaction:
            return archive.settle(transaction, worker_id, batch, [])
    except StatementRefused as refused:
        if len(batch) == 1:
            return _bare(store, worker_id, batch[0], refused)
    middle = len(batch) // 2
    first, second = (settle_in_halves(store, worker_id, half) for half in (batch[:middle], batch[middle:]))
    return Settlement(
        first.settled + second.settled,
        first.discarded + second.discarded,
        first.held_up + second.held_up,
        first.letters or second.letters,
    )


def _bare(store: Store, worker_id: int, outcome: Outcome, refused: StatementRefused) -> Settlement:
    """Settle one outcome without the values that came from outside."""
    log.error("task %d: what its run left was refused by the database and is not kept: %s", outcome.id, refused)
    error = Failure("StatementRefused", "the database refused the error's text").encode() if outcome.error else None
    if outcome.follow_ups and outcome.outcome == "done":  # without its follow-ups the run has not succeeded
        return _failed(store, worker_id, outcome, refused)
    reason = "what its run left was refused by the database"
    with store.begin("worker") as transaction:
        bare = outcome._replace(result=None, error=error, reason=reason, follow_ups=())
        return archive.settle(transaction, worker_id, [bare], [])


def _failed(store: Store, worker_id: int, outcome: Outcome, refused: StatementRefused) -> Settlement:
    error = Failure("StatementRefused", storable(f"a follow-up was refused by the database: {refused}", 2_000)).encode()
    again_at = outcome.ended_at + Backoff(jitter=0.0).wait(outcome.attempt, 0.5)
    failed = outcome._replace(outcome="failed", result=None, error=error, available_at=again_at, follow_ups=())
    with store.begin("worker") as transaction:
        return archive.settle(transaction, worker_id, [failed], [])

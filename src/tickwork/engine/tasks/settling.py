"""Outcomes on their way into the database: gathered from the executors, settled in batches.

An outcome is kept here until a commit was acknowledged. When an acknowledgement is lost the batch is settled again:
what was settled the first time is no longer ours, and comes to nothing. A value that the database refuses spoils no
batch: it is halved until the bad outcome stands alone, and that one is settled without its value.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

from tickwork.errors import StatementRefused
from tickwork.model.outcome import Failure, Outcome, storable
from tickwork.model.retry import Backoff
from tickwork.store import archive
from tickwork.store.archive import Settlement
from tickwork.store.store import Store
from tickwork.watch import Instant

log = logging.getLogger("tickwork.worker")

#: How long an outcome may wait for others while more are on their way, in microseconds.
LINGER = 5_000


class Settling:
    """The outcomes that are not settled yet. Executors add, the pump takes."""

    def __init__(self) -> None:
        self._pending: deque[Outcome] = deque()
        self._waiting_since: Instant | None = None

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, outcome: Outcome) -> None:
        self._pending.append(outcome)

    def take(self, limit: int) -> list[Outcome]:
        """Take up to *limit* outcomes, the oldest first."""
        pending = self._pending
        self._waiting_since = None
        return [pending.popleft() for _ in range(min(limit, len(pending)))]

    def put_back(self, batch: Sequence[Outcome]) -> None:
        """They could not be settled just now."""
        self._pending.extendleft(reversed(batch))

    def due(self, now: Instant, batch: int, *, more_to_come: bool) -> bool:
        """Say whether to settle now, or to wait a moment for others."""
        if not self._pending:
            return False
        if len(self._pending) >= batch or not more_to_come:
            return True
        if self._waiting_since is None:
            self._waiting_since = now
        return now - self._waiting_since >= LINGER


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

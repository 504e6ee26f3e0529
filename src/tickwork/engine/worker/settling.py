"""Outcomes on their way into the database: gathered from the executors, settled in batches.

An outcome is kept here until a commit was acknowledged. When an acknowledgement is lost the batch is settled again:
what was settled the first time is no longer ours, and comes to nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from tickwork.watch import Instant

#: How long an outcome may wait for others while more are on their way, in microseconds.
LINGER = 5_000


class Ended(Protocol):
    """How one piece of work ended; each source has its own kind of it."""

    @property
    def token(self) -> int: ...


class Settling:
    """The outcomes of one source that are not settled yet. Executors add, the pump takes."""

    def __init__(self) -> None:
        self._pending: deque[Ended] = deque()
        self._waiting_since: Instant | None = None

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, outcome: Ended) -> None:
        self._pending.append(outcome)

    def take(self, limit: int) -> list[Ended]:
        """Take up to *limit* outcomes, the oldest first."""
        pending = self._pending
        self._waiting_since = None
        return [pending.popleft() for _ in range(min(limit, len(pending)))]

    def peek(self, limit: int) -> list[Ended]:
        """Look at those that :meth:`take` would take."""
        return list(self._pending)[:limit]  # copied in one go: an executor may add while somebody walks along

    def put_back(self, batch: Sequence[Ended]) -> None:
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

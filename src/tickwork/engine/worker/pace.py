"""What a worker holds: the batches that it has claimed and not settled yet, and how much it may claim ahead.

A batch is known by the token of its lease. A lease is dropped with the settling of its last piece, in the same
transaction; until then it is renewed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tickwork.engine.worker.settling import Ended
from tickwork.engine.worker.units import Unit
from tickwork.watch import MICROSECOND, SECOND, Instant

#: A worker claims ahead what it will have run within this time, so that nothing waits long in its hands.
AHEAD = SECOND // 5
#: What was claimed ahead and has not begun by then is given back, for another worker may be free.
UNSTARTED = 1 * SECOND


class Holdings:
    """The open batches: how many pieces of each token are not settled yet. Touched by the pump alone."""

    def __init__(self) -> None:
        self._open: dict[int, int] = {}

    @property
    def tokens(self) -> list[int]:
        """The leases to renew."""
        return list(self._open)

    @property
    def size(self) -> int:
        """How many pieces are in the worker's hands."""
        return sum(self._open.values())

    def take_all(self, units: Iterable[Unit]) -> None:
        """These were claimed, each under its token."""
        held = self._open
        for unit in units:
            token = unit.token
            held[token] = held.get(token, 0) + unit.size

    def finished_by(self, batch: Sequence[Ended]) -> list[int]:
        """Return the tokens whose last tasks are in this batch, in order."""
        counts = Counter(outcome.token for outcome in batch)
        return sorted(token for token, count in counts.items() if self._open.get(token, 0) <= count)

    def let_go(self, batch: Iterable[Ended]) -> None:
        """These outcomes are settled, or came to nothing."""
        for token, count in Counter(outcome.token for outcome in batch).items():
            left = self._open.get(token, 0) - count
            if left > 0:
                self._open[token] = left
            else:
                self._open.pop(token, None)

    def lose(self, token: int) -> int:
        """Forget a batch whose lease was lost; return how many pieces that were."""
        return self._open.pop(token, 0)


class Prefetch:
    """How many tasks to claim ahead of the free places: as many as are run in a fifth of a second.

    A worker of slow tasks claims none ahead, so none lies in its hands while another worker is free; one of quick
    tasks claims by the hundred; one with a batch handler claims at least enough for one of its calls.

    >>> ahead = Prefetch(limit=1000)
    >>> ahead.size, ahead.after(finished=10, within=1_000), ahead.after(finished=10, within=10_000_000)
    (0, 1000, 0)
    """

    def __init__(self, limit: int, least: int = 0) -> None:
        self.limit, self.least, self.size = limit, min(least, limit), min(least, limit)

    def after(self, finished: int, within: int) -> int:
        """Learn from the last stretch: so many tasks were finished within so many microseconds."""
        rate = finished * AHEAD // max(within, MICROSECOND)
        self.size = max(self.least, min(self.limit, rate))
        return self.size


class Pace:
    """Counts what was finished since it was last asked."""

    def __init__(self) -> None:
        self.finished, self.since = 0, 0

    def count(self, finished: int) -> None:
        self.finished += finished

    def read(self, now: Instant) -> tuple[int, int]:
        """Return how many were finished in how long, and start anew."""
        read = (self.finished, now - self.since)
        self.finished, self.since = 0, now
        return read

"""A source at a worker's table: the outcomes that are not settled yet, what is in hand of it, what was counted."""

from __future__ import annotations

from tickwork.engine.worker.pace import Holdings
from tickwork.engine.worker.settling import Settling
from tickwork.engine.worker.source import Source, Wish
from tickwork.watch import Instant


class Seat:
    """What one worker knows of one source. The pump alone touches it, but for outcomes, which any thread adds."""

    def __init__(self, source: Source) -> None:
        self.source, self.name = source, source.name
        self.settling, self.holdings = Settling(), Holdings()
        self.doubt: Wish | None = None
        """A claim of which it is not known whether it happened."""
        self.held_until: Instant = 0
        self.upkeep_at: Instant | None = None
        """When its source wants to do what it does beside."""
        self.done = self.failed = 0

    @property
    def empty(self) -> bool:
        """Whether nothing of it is in hand."""
        return not self.holdings.size and not self.settling

    def counted(self) -> tuple[int, int]:
        """Return how many runs ended well and how many failed since the last time."""
        counts = (self.done, self.failed)
        self.done = self.failed = 0
        return counts

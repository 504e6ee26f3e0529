"""How long a turn may work on clocks before it commits what it has.

No clock of ours takes long; one from an entry point may. It measures elapsed time, which is no *now*: what a turn
decides never depends on it, only how much of a batch it takes.
"""

from __future__ import annotations

import logging
import time

log = logging.getLogger("tickwork.triggers")

BUDGET_SECONDS = 0.2


class Stopwatch:
    """Started when a turn begins to ask clocks."""

    def __init__(self) -> None:
        self._began = self._lap = time.monotonic()

    def spent(self) -> int:
        """Return the microseconds since the start."""
        return round((time.monotonic() - self._began) * 1_000_000)

    def check(self, key: str) -> bool:
        """Return whether the budget is used up; name the trigger whose clock alone used half of it."""
        lap, self._lap = self._lap, time.monotonic()
        if self._lap - lap > BUDGET_SECONDS / 2:
            log.warning("the clock of trigger %s took %.0f ms to answer", key, (self._lap - lap) * 1_000)
        return self._lap - self._began > BUDGET_SECONDS

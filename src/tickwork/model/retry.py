"""How long a task waits after a failure: 15 s doubling to an hour, give or take 20 %.

Pure: the chance is handed in, and the wait is counted from the moment of the failure, not from the claim.
"""

from __future__ import annotations

import msgspec

from tickwork.errors import InvalidInput
from tickwork.watch import HOUR, SECOND, to_duration

#: A snooze is at least this long, so that a handler that says "not now" for ever does not spin.
SHORTEST_SNOOZE = 5 * SECOND


class Backoff(msgspec.Struct, frozen=True):
    """Exponential waits, in microseconds; *jitter* is the share by which a wait may be shorter or longer.

    >>> [Backoff(jitter=0.0).wait(attempt, chance=0.5) // SECOND for attempt in (1, 2, 3, 9, 50)]
    [15, 30, 60, 3600, 3600]
    >>> Backoff().wait(1, chance=0.0) / SECOND, Backoff().wait(1, chance=1.0) / SECOND
    (12.0, 18.0)
    """

    first: int = 15 * SECOND
    growth: float = 2.0
    cap: int = HOUR
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if self.first < 0:
            raise InvalidInput("first", self.first, "a duration of 0 or more")
        if not self.growth >= 1:
            raise InvalidInput("growth", self.growth, "a factor of 1 or more")
        if not 0 <= self.jitter <= 1:
            raise InvalidInput("jitter", self.jitter, "a share from 0 to 1")

    def wait(self, attempt: int, chance: float) -> int:
        """Return the wait after the failure of run number *attempt*; *chance* lies between 0 and 1."""
        steps = min(attempt - 1, 64)  # beyond that every growth has reached its cap, or never will
        plain = min(float(self.cap), self.first * self.growth**steps)
        return round(plain * (1 + self.jitter * (2 * chance - 1)))


def checked_wait(wait: object) -> int:
    """Return what a handler's own back-off said, as microseconds; a wait in the past means at once.

    >>> checked_wait(300), checked_wait(-60)
    (300000000, 0)
    """
    return max(0, to_duration(wait, "backoff"))  # type: ignore[arg-type]

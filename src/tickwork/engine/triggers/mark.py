"""The low-water mark: below it nothing is due, so a scan need not walk what lies there.

A long transaction of anybody keeps dead index entries alive, and a scan from the bottom walks them again and again.
A mark is a cursor, and *written is not committed*: so it rises only to a bound that was taken before the scan (the
start of the oldest transaction of a daemon that writes, less a second), and only after a scan that began at the mark
or at the bottom, committed, and was not cut by its limit. It is dropped when the database's clock stands lower than
before. Rows that an application holds do not hold it back; a scan from the bottom finds them, at most one period
after their release.

It lives in memory. Losing it costs one scan from the bottom, never a firing.
"""

from __future__ import annotations

from dataclasses import dataclass

from tickwork.watch import FIRST_INSTANT, SECOND, Instant

MARGIN = 1 * SECOND
BOTTOM_EVERY = 10 * SECOND
BOTTOM_SHARE = 0.05
BOUND_EVERY = 1 * SECOND
#: A scan from the bottom that found nothing due and took no longer saves nothing by a mark.
CHEAP = 5_000


@dataclass
class Mark:
    """The mark of one daemon. Every instant here is the database's clock; ``cost`` is in microseconds."""

    low: Instant = FIRST_INSTANT
    _bound: Instant | None = None
    _bound_at: Instant = FIRST_INSTANT
    _clock: Instant = FIRST_INSTANT
    _bottom_at: Instant = FIRST_INSTANT
    _bottom_cost: int = 0

    def see(self, clock: Instant) -> None:
        """Look at the database's clock; one that steps back drops the mark."""
        if clock < self._clock:
            self.drop()
        self._clock = clock

    def drop(self) -> None:
        """Begin again at the bottom."""
        self.low, self._bound, self._bound_at, self._bottom_at = FIRST_INSTANT, None, FIRST_INSTANT, FIRST_INSTANT

    @property
    def wants_bound(self) -> bool:
        """Whether a new bound should be taken before the next scan."""
        return self._clock - self._bound_at >= BOUND_EVERY

    def bound(self, oldest: Instant | None) -> None:
        """Take the bound: the oldest instant at which a daemon's open transaction may have written; None: unknown."""
        self._bound, self._bound_at = oldest, self._clock

    def start(self) -> Instant:
        """Where the next scan begins: at the mark, or now and then at the bottom."""
        return FIRST_INSTANT if self._clock - self._bottom_at >= self._period else self.low

    @property
    def bottom_in(self) -> int | None:
        """How long until a scan should begin at the bottom; None where the mark hides nothing."""
        return None if self.low == FIRST_INSTANT else max(0, self._bottom_at + self._period - self._clock)

    @property
    def _period(self) -> int:
        return max(BOTTOM_EVERY, int(self._bottom_cost / BOTTOM_SHARE))

    def idle(self, start: Instant, cost: int) -> None:
        """A look from *start* found nothing due; where the bottom costs next to nothing no mark need hide anything."""
        self.scanned(start, cut=False, cost=cost)
        if start == FIRST_INSTANT and cost < CHEAP:
            self.low = FIRST_INSTANT

    def scanned(self, start: Instant, *, cut: bool, cost: int) -> None:
        """A scan from *start* has committed; raise the mark if it went to the end."""
        if start == FIRST_INSTANT:
            self._bottom_at, self._bottom_cost = self._clock, cost
        if not cut and self._bound is not None and start <= self.low:
            self.low = max(self.low, self._bound - MARGIN)
            self._bound = None

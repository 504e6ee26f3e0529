"""An interval clock: elapsed time for machines, the same number of microseconds between any two occurrences.

It knows no zones and no calendar: ``Every(timedelta(days=1))`` is 24 hours, and drifts by an hour on the wall when
the clocks are moved. For *nine in the morning, each day* take :class:`tickwork.clocks.Daily`.

Occurrences stand on a grid. Without an anchor the grid runs through ``since`` (when the trigger was created or given
this clock), so a late firing never shifts those that follow, and the first occurrence comes one period after
``since``. With an anchor the grid begins at the anchor, and the anchor is its first occurrence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from tickwork.clocks.clock import Clock
from tickwork.clocks.describe import say_duration, say_instant
from tickwork.clocks.stored import Stored
from tickwork.clocks.timeofday import read_instant
from tickwork.errors import InvalidClock, InvalidInput
from tickwork.watch import FIRST_INSTANT, LAST_INSTANT, Instant, from_duration, to_duration

_ALLOWED = "a timedelta or a number of seconds, at least a microsecond and less than 10,000 years"


@dataclass(frozen=True, init=False, repr=False, slots=True)
class Every(Clock):
    """Fires every *period* (a timedelta or seconds, one microsecond or more), on a grid through *anchor* or ``since``.

    >>> from datetime import datetime, timedelta, timezone
    >>> since = datetime(2026, 1, 1, tzinfo=timezone.utc)
    >>> Every(timedelta(minutes=90)).next(since=since).isoformat()
    '2026-01-01T01:30:00+00:00'
    >>> Every(-5)
    Traceback (most recent call last):
    tickwork.errors.InvalidClock: period: -5 is not allowed; expected a timedelta or a number of seconds, at least a \
microsecond and less than 10,000 years
    """

    period: int
    anchor: Instant | None
    kind: ClassVar[str] = "every"
    reaches_back: ClassVar[bool] = True

    def __init__(self, period: timedelta | float, anchor: datetime | Instant | None = None) -> None:
        try:
            span = to_duration(period, "period")
        except InvalidInput:
            raise InvalidClock("period", period, _ALLOWED) from None
        if not 1 <= span <= LAST_INSTANT - FIRST_INSTANT:
            raise InvalidClock("period", period, _ALLOWED)
        object.__setattr__(self, "period", span)
        object.__setattr__(self, "anchor", None if anchor is None else read_instant(anchor, "anchor"))

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        anchor, period = self.anchor, self.period
        if after is None:
            after = since
        if anchor is None:
            anchor = since
        elif after < anchor:
            return anchor
        found = after + period - (after - anchor) % period
        return found if found <= LAST_INSTANT else None

    def prev_at(self, before: Instant, since: Instant) -> Instant | None:
        if self.anchor is not None and before <= self.anchor:
            return None
        origin = since if self.anchor is None else self.anchor
        found = before - 1 - (before - 1 - origin) % self.period
        return found if found >= FIRST_INSTANT else None

    def params(self) -> Mapping[str, Any]:
        return {"period": self.period} if self.anchor is None else {"period": self.period, "anchor": self.anchor}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        period = stored.whole("period", "whole microseconds, 1 or more")
        anchor = stored.whole("anchor", "whole microseconds since the epoch", default=None)
        stored.done()
        return cls(from_duration(period) if 0 < period <= LAST_INSTANT - FIRST_INSTANT else period, anchor)

    def describe(self) -> str:
        said = f"every {say_duration(self.period)}"
        return said if self.anchor is None else f"{said}, counted from {say_instant(self.anchor)}"

    def __repr__(self) -> str:
        anchor = "" if self.anchor is None else f", anchor={self.anchor}"
        return f"Every({from_duration(self.period)!r}{anchor})"

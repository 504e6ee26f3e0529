"""The ancestor's own two calendars, and the way in for clocks that were written there.

``PhorgeDaily`` and ``PhorgeMonthly`` work in UTC from the last occurrence alone, exactly as Phorge's daily routine
and subscription clocks do: the first firing comes one step *after* the start, and a changed start counts from the
last occurrence's day. New rules want :class:`tickwork.clocks.Daily` and :class:`tickwork.clocks.Monthly`. Epoch 0 is
a time like any other here; in the ancestor it meant *none* and fired without end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from tickwork.clocks.calendar import month_length, month_of, month_start
from tickwork.clocks.clock import Clock
from tickwork.clocks.describe import say_number, say_time
from tickwork.clocks.every import Every
from tickwork.clocks.never import Never
from tickwork.clocks.once import Once
from tickwork.clocks.stored import Stored
from tickwork.clocks.timeofday import read_instant
from tickwork.errors import InvalidClock
from tickwork.watch import DAY, LAST_INSTANT, SECOND, Instant


@dataclass(frozen=True, init=False, slots=True)
class PhorgeDaily(Clock):
    """Fires on the day after the last occurrence (or after *start*), at *start*'s time of day, in UTC.

    >>> from datetime import datetime, timezone
    >>> PhorgeDaily(datetime(2015, 3, 5, 16, tzinfo=timezone.utc)).next(since=0)
    1425657600000000
    """

    start: Instant
    kind: ClassVar[str] = "phorge-daily"

    def __init__(self, start: datetime | Instant) -> None:
        object.__setattr__(self, "start", read_instant(start, "start"))

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        last = self.start if after is None else after
        return _known((last // DAY + 1) * DAY + self.start % DAY)

    def following(self, at: Instant, since: Instant) -> Instant | None:
        at = max(at, self.start)
        return _known(at + DAY - (at - self.start) % DAY)

    def params(self) -> Mapping[str, Any]:
        return {"start": self.start}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        return cls(_stored_start(cls.kind, params))

    def describe(self) -> str:
        return f"every day at {say_time(self.start % DAY // SECOND)}, UTC"


@dataclass(frozen=True, init=False, slots=True)
class PhorgeMonthly(Clock):
    """Fires in the month after the last occurrence (or after *start*), on *start*'s day and time of day, in UTC.

    A day that the month does not have is its last day; the day does not stick there.
    """

    start: Instant
    kind: ClassVar[str] = "phorge-monthly"

    def __init__(self, start: datetime | Instant) -> None:
        object.__setattr__(self, "start", read_instant(start, "start"))

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        last = self.start if after is None else after
        return _known(self._in_month(month_of(last // DAY)[0] + 1))

    def following(self, at: Instant, since: Instant) -> Instant | None:
        at = max(at, self.start)
        month = month_of(at // DAY)[0]
        found = self._in_month(month)
        return _known(found if found > at else self._in_month(month + 1))

    def params(self) -> Mapping[str, Any]:
        return {"start": self.start}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        return cls(_stored_start(cls.kind, params))

    def describe(self) -> str:
        day = month_of(self.start // DAY)[1]
        return f"on the {say_number(day)} of every month at {say_time(self.start % DAY // SECOND)}, UTC"

    def _in_month(self, month: int) -> Instant:
        day = min(month_of(self.start // DAY)[1], month_length(month))
        return (month_start(month) + day - 1) * DAY + self.start % DAY


def from_ancestor(clock: str, properties: Mapping[str, Any]) -> Clock:
    """Build a clock from the ancestor's name of it and its properties (``period``, ``epoch``, ``start``, in seconds).

    *clock* is ``never``, ``one-time``, ``metronomic``, ``daily`` or ``monthly``. A row with a period below one second
    ran once a second there, and does so here. Properties that do not fit raise InvalidClock by name.

    >>> from_ancestor("metronomic", {"period": 33}).describe()
    'every 33 seconds'
    """
    stored = Stored(clock, properties)
    built: Clock
    if clock == "never":
        built = Never()
    elif clock == "one-time":
        built = Once(stored.whole("epoch", "whole seconds since the epoch") * SECOND)
    elif clock == "metronomic":
        built = Every(max(1, stored.whole("period", "whole seconds")))
    elif clock in ("daily", "monthly"):
        start = stored.whole("start", "whole seconds since the epoch") * SECOND
        built = PhorgeDaily(start) if clock == "daily" else PhorgeMonthly(start)
    else:
        raise InvalidClock("clock", clock, "never, one-time, metronomic, daily or monthly")
    stored.done()
    return built


def _stored_start(kind: str, params: Mapping[str, Any]) -> Instant:
    stored = Stored(kind, params)
    start: int = stored.whole("start", "whole microseconds since the epoch")
    stored.done()
    return start


def _known(instant: Instant) -> Instant | None:
    return instant if instant <= LAST_INSTANT else None

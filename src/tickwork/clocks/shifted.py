"""A clock moved by a fixed span: a reminder 15 minutes before a meeting that recurs, a series put an hour later.

Without a zone the span is elapsed time. With one it is wall-clock time: a series moved "by a day and two hours" keeps
its local times through the year.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Self

from tickwork.clocks.clock import Clock
from tickwork.clocks.combined import read_clock, stored_clock
from tickwork.clocks.describe import say_span
from tickwork.clocks.recurrence.vtimezone import zone_of
from tickwork.clocks.stored import Stored
from tickwork.errors import InvalidClock
from tickwork.watch import DAY, FIRST_INSTANT, LAST_INSTANT, SECOND, Instant, from_duration, to_duration

#: Around a move of the clocks wall-clock shifts may change the order of occurrences, never by more than this.
SWAY = 2 * DAY
MOST_STEPS = 10_000


@dataclass(frozen=True, init=False)
class Shifted(Clock):
    """Fires *by* (a timedelta or seconds; negative: before) after each occurrence of *clock*.

    *zone* makes it a shift along the wall clock of that zone; a time in a gap moves on by the gap's length.

    >>> from datetime import datetime, timezone
    >>> from tickwork.clocks import Cron
    >>> reminder = Shifted(Cron("0 9 * * 1"), timedelta(minutes=-15))
    >>> [f"{at:%a %H:%M}" for at in reminder.preview(2, since=datetime(2026, 1, 1, tzinfo=timezone.utc))]
    ['Mon 08:45', 'Mon 08:45']
    """

    clock: Clock
    by: int
    zone: str | None
    kind: ClassVar[str] = "shifted"

    def __init__(self, clock: Clock, by: timedelta | float, zone: str | None = None) -> None:
        if not isinstance(clock, Clock):
            raise InvalidClock("clock", clock, "a clock")
        object.__setattr__(self, "clock", clock)
        object.__setattr__(self, "by", to_duration(by, "by"))
        object.__setattr__(self, "zone", None if zone is None else zone_of(zone).name)

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        if after is not None:
            return self.following(after, since)
        first = self.clock.next_at(None, since)
        if first is not None and self._is_single(first, since):
            return _known(self._moved(first))  # as with a one-time clock: late is better than never
        return self.following(since, since)

    def _is_single(self, first: Instant, since: Instant) -> bool:
        return self.clock.following(first, since) is None and self.clock.prev_at(first, since) is None

    def following(self, at: Instant, since: Instant) -> Instant | None:
        if self.zone is None:
            found = self.clock.following(at - self.by, since)
            return None if found is None else _known(found + self.by)
        best: Instant | None = None
        source = self.clock.following(at - self.by - SWAY, since)
        for _ in range(MOST_STEPS):
            if source is None or (best is not None and source + self.by - SWAY > best):
                break
            moved = self._moved(source)
            if moved > at and (best is None or moved < best):
                best = moved
            source = self.clock.following(source, since)
        if best is None and source is not None:
            raise InvalidClock(
                "clock", self.clock.describe(), f"a clock that fires less than {MOST_STEPS:,} times in four days"
            )
        return _known(best)

    def prev_at(self, before: Instant, since: Instant) -> Instant | None:
        if self.zone is not None:
            return super().prev_at(before, since)
        found = self.clock.prev_at(before - self.by, since)
        return None if found is None else _known(found + self.by)

    def _moved(self, at: Instant) -> Instant:
        if self.zone is None:
            return at + self.by
        zone = zone_of(self.zone)
        second, rest = divmod(at, SECOND)
        seconds, more = divmod(rest + self.by, SECOND)
        return zone.to_utc(zone.to_local(second) + seconds)[0] * SECOND + more

    def resolve(self, key: str, at: Instant) -> Clock:
        return Shifted(self.clock.resolve(key, at), from_duration(self.by), self.zone)

    def params(self) -> Mapping[str, Any]:
        return {"clock": stored_clock(self.clock), "by": self.by, "zone": self.zone}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        clock = read_clock("clock", stored.value("clock", "a clock"))
        by = stored.whole("by", "whole microseconds")
        zone = stored.value("zone", default=None)
        stored.done()
        if abs(by) > 10**17:
            raise InvalidClock("by", by, "whole microseconds, at most 3,000 years")
        return cls(clock, from_duration(by), zone)

    def describe(self) -> str:
        side = "before" if self.by < 0 else "after"
        wall = "" if self.zone is None else f" on the wall clock of {self.zone}"
        return f"{say_span(abs(self.by))} {side}{wall}: {self.clock.describe()}"


def _known(instant: Instant | None) -> Instant | None:
    """Return the instant, or ``None`` where it was moved out of the years that there are."""
    return instant if instant is not None and FIRST_INSTANT <= instant <= LAST_INSTANT else None

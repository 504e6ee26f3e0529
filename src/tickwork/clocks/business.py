"""So many business days before something: the payroll run three working days before the last of the month.

Business days are the days that are neither a weekend nor a holiday. The time of day stays as it is; only the day moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tickwork.clocks.calendar import DAY_SECONDS
from tickwork.clocks.clock import Clock
from tickwork.clocks.combined import read_clock, stored_clock
from tickwork.clocks.dayset import DaySet
from tickwork.clocks.recurrence.rule import WEEKDAYS
from tickwork.clocks.recurrence.vtimezone import zone_of
from tickwork.clocks.stored import Stored
from tickwork.errors import InvalidClock
from tickwork.watch import DAY, SECOND, Instant

#: Occurrences looked at for one answer: a clock that fires more often than this in a few days is none for people.
MOST_STEPS = 10_000
#: A year without a business day: then there are none.
LONGEST_CLOSURE = 400


@dataclass(frozen=True, init=False)
class BusinessDaysBefore(Clock):
    """Fires *days* business days before each occurrence of *clock*, at the same local time in *zone*.

    It counts back from the occurrence's day, whatever that is: one business day before a Saturday is Friday. With
    ``days=0`` an occurrence on a business day stays, and another one moves back to the last business day before it.
    *holidays* are further days off, *weekend* the days off of each week. An occurrence that would land on one already
    fired is passed over. Raises InvalidClock for what cannot be counted.

    >>> from datetime import datetime, timezone
    >>> from tickwork.clocks import Cron
    >>> payroll = BusinessDaysBefore(Cron("0 9 L * *"), 2)
    >>> [f"{at:%a %d %b}" for at in payroll.preview(3, since=datetime(2026, 1, 1, tzinfo=timezone.utc))]
    ['Thu 29 Jan', 'Thu 26 Feb', 'Fri 27 Mar']
    """

    clock: Clock
    days: int
    zone: str
    holidays: DaySet | None
    weekend: tuple[str, ...]
    kind: ClassVar[str] = "business-days-before"

    def __init__(
        self,
        clock: Clock,
        days: int,
        *,
        zone: str = "UTC",
        holidays: DaySet | None = None,
        weekend: Iterable[str] = ("SA", "SU"),
    ) -> None:
        if not isinstance(clock, Clock):
            raise InvalidClock("clock", clock, "a clock")
        if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= 250:
            raise InvalidClock("days", days, "a whole number from 0 to 250")
        if holidays is not None and not isinstance(holidays, DaySet):
            raise InvalidClock("holidays", holidays, "a set of days, for instance Holidays")
        off = tuple(weekend) if not isinstance(weekend, str) else (weekend,)
        if any(day not in WEEKDAYS for day in off) or len(set(off)) > 6:
            raise InvalidClock("weekend", off, f"some of {', '.join(WEEKDAYS)}, not all of them")
        settle = object.__setattr__
        settle(self, "clock", clock)
        settle(self, "days", days)
        settle(self, "zone", zone_of(zone).name)
        settle(self, "holidays", holidays)
        settle(self, "weekend", tuple(sorted(set(off), key=WEEKDAYS.index)))

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        return self.following(since if after is None else after, since)

    def following(self, at: Instant, since: Instant) -> Instant | None:
        best: Instant | None = None
        best_day = 0
        source = self.clock.following(at - 2 * DAY, since)
        for _ in range(MOST_STEPS):
            if source is None:
                break
            day, moved = self._moved(source)
            if best is not None and day > best_day:
                break  # days move back in step: whatever comes later lands later
            if moved is not None and moved > at and (best is None or moved < best):
                best, best_day = moved, day
            source = self.clock.following(source, since)
        if best is None and source is not None:
            raise InvalidClock(
                "clock", self.clock.describe(), f"a clock that fires less than {MOST_STEPS:,} times in two days"
            )
        return best

    def _moved(self, at: Instant) -> tuple[int, Instant | None]:
        zone = zone_of(self.zone)
        local = zone.to_local(at // SECOND)
        day = self._back(local // DAY_SECONDS)
        if day is None:
            return local // DAY_SECONDS, None
        (utc, *_) = zone.to_utc(day * DAY_SECONDS + local % DAY_SECONDS)
        return day, utc * SECOND + at % SECOND

    def _back(self, day: int) -> int | None:
        """Return the day so many business days before; ``None`` where there is a year without one."""
        left = self.days
        closed = 0
        while left or not self._works(day):
            working = self._works(day)
            day -= 1
            closed = 0 if working else closed + 1
            if closed > LONGEST_CLOSURE:
                return None
            if left and self._works(day):
                left -= 1
        return day

    def _works(self, day: int) -> bool:
        if WEEKDAYS[(day + 3) % 7] in self.weekend:
            return False
        return self.holidays is None or self.holidays.next_day(day) != day

    def resolve(self, key: str, at: Instant) -> Clock:
        resolved = self.clock.resolve(key, at)
        return BusinessDaysBefore(resolved, self.days, zone=self.zone, holidays=self.holidays, weekend=self.weekend)

    def params(self) -> Mapping[str, Any]:
        return {
            "clock": stored_clock(self.clock),
            "days": self.days,
            "zone": self.zone,
            "holidays": None if self.holidays is None else stored_clock(self.holidays),
            "weekend": list(self.weekend),
        }

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        clock = read_clock("clock", stored.value("clock", "a clock"))
        days, zone = stored.whole("days"), stored.text("zone")
        inside = stored.value("holidays", default=None)
        weekend = stored.value("weekend", default=("SA", "SU"))
        stored.done()
        holidays = None if inside is None else read_clock("holidays", inside)
        if holidays is not None and not isinstance(holidays, DaySet):
            raise InvalidClock("holidays", inside, "a set of days, for instance of kind holidays")
        if not isinstance(weekend, (list, tuple)):
            raise InvalidClock("weekend", weekend, "a list of weekdays")
        return cls(clock, days, zone=zone, holidays=holidays, weekend=weekend)

    def describe(self) -> str:
        count = "1 business day" if self.days == 1 else f"{self.days} business days"
        said = f"{count} before: {self.clock.describe()}"
        return said if self.holidays is None else f"{said} (days off: {self.holidays.describe()})"

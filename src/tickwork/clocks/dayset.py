"""A set of days in a zone: holidays, the days of a fair. Other clocks ask it whether a moment falls on one of them.

As a clock a set of days fires at the beginning of each. In an exclusion or an intersection it counts for the whole
day: ``Cron("0 9 * * *").except_(holidays)`` leaves out 09:00 on a holiday, though the holiday fires at midnight.
"""

from __future__ import annotations

from abc import abstractmethod

from tickwork.clocks.calendar import DAY_SECONDS, LAST_DAY
from tickwork.clocks.clock import Clock
from tickwork.clocks.zone import Zone
from tickwork.watch import SECOND, Instant


class DaySet(Clock):
    """The base of sets of days. A subclass knows its zone and searches its days (counted from 1970-01-01)."""

    @abstractmethod
    def tz(self) -> Zone:
        """Return the zone in which days begin and end."""

    @abstractmethod
    def next_day(self, day: int) -> int | None:
        """Return the first day of the set that is not before *day*."""

    def covers(self, at: Instant) -> bool:
        """Tell whether the moment falls on one of the days."""
        day = self.tz().to_local(at // SECOND) // DAY_SECONDS
        return self.next_day(day) == day

    def turns_at(self, at: Instant) -> Instant:
        """Return the beginning of the first day after the moment that differs: in the set if this one is not."""
        zone = self.tz()
        day = zone.to_local(at // SECOND) // DAY_SECONDS
        inside = self.next_day(day) == day
        while inside and self.next_day(day) == day:
            day += 1
        if not inside:
            found = self.next_day(day)
            day = LAST_DAY + 1 if found is None else found
        return max(day_begins(zone, day) * SECOND, at + 1)

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        utc = (since if after is None else after) // SECOND + 1
        zone = self.tz()
        day = self.next_day(zone.to_local(utc) // DAY_SECONDS)
        while day is not None:  # at most twice: today's beginning is over, tomorrow's is not
            begins = day_begins(zone, day)
            if begins >= utc:
                return begins * SECOND
            day = self.next_day(day + 1)
        return None


def day_begins(zone: Zone, day: int) -> int:
    """Return the first instant (UTC seconds) at which the local clock shows the day, or a later one.

    Midnight comes twice or not at all in some zones, and a whole day is missing in a few: then the day begins at the
    first of the two, or where the clocks go on.
    """
    local = day * DAY_SECONDS
    part = zone.segment(local - 2 * 16 * 3600)
    while part.end + part.offset <= local:
        following = zone.segment(part.end)
        if part.end + following.offset >= local:  # the clocks jump over midnight
            return part.end
        part = following
    return max(local - part.offset, part.start)

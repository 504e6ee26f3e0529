"""The days on which something stands in a calendar file: whose office is closed writes it there."""

from __future__ import annotations

from datetime import datetime, timezone

from tickwork.clocks.holidays import Holidays
from tickwork.clocks.timeofday import write_date
from tickwork.clocks.zone import Zone
from tickwork.model.ics.reading import read_ics
from tickwork.watch import SECOND, to_duration, to_instant

#: An event that fires more often than this in so many years is no holiday.
MOST_DAYS = 10_000


def days_of(data: bytes | str, *, zone: str, first_year: int, last_year: int, name: str) -> Holidays:
    """Return every local day of *zone*, in the years from first to last, on which an event of the calendar lasts.

    Raises InvalidInput for a broken event, InvalidClock where there is no such day.

    >>> closed = '''BEGIN:VCALENDAR
    ... BEGIN:VEVENT
    ... UID:christmas
    ... DTSTART;VALUE=DATE:20201225
    ... DTEND;VALUE=DATE:20201227
    ... RRULE:FREQ=YEARLY
    ... END:VEVENT
    ... END:VCALENDAR'''
    >>> days_of(closed, zone="Europe/Berlin", first_year=2026, last_year=2027, name="closed").days
    ('2026-12-25', '2026-12-26', '2027-12-25', '2027-12-26')
    """
    place = Zone.get(zone)
    low, high = (to_instant(datetime(year, 1, 1, tzinfo=timezone.utc)) for year in (first_year, last_year + 1))
    days: set[str] = set()
    for event in read_ics(data, zone=zone).events:
        lasts = max(to_duration(event.duration, "duration") // SECOND, 1)
        for at in event.clock.between(low - lasts * SECOND, high, limit=MOST_DAYS):
            local = place.to_local(at // SECOND)
            days.update(write_date(day) for day in range(local // 86_400, (local + lasts - 1) // 86_400 + 1))
    return Holidays((day for day in days if first_year <= int(day[:4]) <= last_year), zone=place.name, name=name)

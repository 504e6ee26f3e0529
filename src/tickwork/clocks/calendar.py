"""The calendar in whole numbers: days, months, weekdays, and the search through some days with some times on each.

Cron, recurrence rules and the daily to yearly clocks all search here; the sets of days stand in
:mod:`tickwork.clocks.days`, those of times in :mod:`tickwork.clocks.times`. Days count from 1970-01-01 (day 0, negative
before), weekdays from Sunday (0) to Saturday (6), months from year 0 (``year * 12 + month - 1``). Nothing here knows
zones or UTC: local time is a plain line of seconds, 86,400 to each day (:mod:`tickwork.clocks.wall` ties it to UTC).

Every search ends: the Gregorian calendar repeats itself after 400 years, so a set of days without a day in 400 years
has none at all, and nothing is looked for beyond the year 9999.
"""

from __future__ import annotations

from datetime import date
from typing import Protocol

DAY_SECONDS = 86_400
#: 0001-01-01 and 9999-12-31.
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
#: What the standard library's dates count more: 0001-01-01 is its day 1.
EPOCH_ORDINAL = 719_163
_from_ordinal = date.fromordinal
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def is_leap(year: int) -> bool:
    """Tell whether the year has a 29 February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(index: int) -> int:
    """Return the number of days in the month (counted ``year * 12 + month - 1``)."""
    year, month = divmod(index, 12)
    return 29 if month == 1 and is_leap(year) else _LENGTHS[month]


def month_start(index: int) -> int:
    """Return the day number of the month's first day."""
    year, month = divmod(index, 12)
    past = year - 1
    days = past * 365 + past // 4 - past // 100 + past // 400 + _BEFORE[month] - 719_162
    return days + 1 if month > 1 and is_leap(year) else days


def day_of(year: int, month: int, day: int) -> int:
    """Return the day number of a date.

    >>> day_of(1970, 1, 1), day_of(2026, 1, 1)
    (0, 20454)
    """
    return month_start(year * 12 + month - 1) + day - 1


def month_of(day: int) -> tuple[int, int]:
    """Return the month that holds the day, and the day of that month (from 1).

    >>> month_of(day_of(2024, 2, 29)) == (2024 * 12 + 1, 29)
    True
    """
    if FIRST_DAY <= day <= LAST_DAY:
        found = _from_ordinal(day + EPOCH_ORDINAL)
        return found.year * 12 + found.month - 1, found.day
    index = (day + 719_528) * 4800 // 146_097  # by the mean length of a month: at most one too few or too many
    start = month_start(index)
    if start > day:
        index -= 1
        start = month_start(index)
    elif day - start >= 28 and day - start >= month_length(index):
        start += month_length(index)
        index += 1
    return index, day - start + 1


def year_of(day: int) -> int:
    """Return the year that holds the day."""
    return _from_ordinal(day + EPOCH_ORDINAL).year if FIRST_DAY <= day <= LAST_DAY else month_of(day)[0] // 12


def weekday_of(day: int) -> int:
    """Return the day's weekday: 0 is Sunday."""
    return (day + 4) % 7


class LocalRule(Protocol):
    """A set of local times, searched in both directions: what :mod:`tickwork.clocks.wall` ties to UTC."""

    def next_local(self, at: int) -> int | None:
        """Return the first local second of the set that is not before *at*."""

    def prev_local(self, at: int) -> int | None:
        """Return the last local second of the set that is not after *at*."""


class Times(Protocol):
    """A set of times of day, as seconds after midnight, searched in both directions."""

    first: int
    last: int

    def next_time(self, at: int) -> int:
        """Return the first time that is not before *at*, or -1."""

    def prev_time(self, at: int) -> int:
        """Return the last time that is not after *at*, or -1."""


class Days(Protocol):
    """A set of days, searched in both directions."""

    def next_day(self, day: int) -> int | None:
        """Return the first day of the set that is not before *day*."""

    def prev_day(self, day: int) -> int | None:
        """Return the last day of the set that is not after *day*."""


class Calendar:
    """Some days, some times on each of them: the rule of cron and of the daily, weekly, monthly and yearly clocks."""

    __slots__ = ("day_found", "days", "times")

    def __init__(self, days: Days, times: Times) -> None:
        self.days, self.times = days, times
        self.day_found = FIRST_DAY - 1  # the day of the last answer: a dense rule asks for the same day many times

    def next_local(self, at: int) -> int | None:
        today = at // 86_400
        day = today if today == self.day_found else self.days.next_day(today)
        if day == today:
            self.day_found = today
            time = self.times.next_time(at - today * 86_400)
            if time >= 0:
                return today * 86_400 + time
            day = self.days.next_day(today + 1)
        return None if day is None else day * 86_400 + self.times.first

    def prev_local(self, at: int) -> int | None:
        today = at // 86_400
        day = self.days.prev_day(today)
        if day == today:
            time = self.times.prev_time(at - today * 86_400)
            if time >= 0:
                return today * 86_400 + time
            day = self.days.prev_day(today - 1)
        return None if day is None else day * 86_400 + self.times.last

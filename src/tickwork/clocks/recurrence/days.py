"""The days that a rule's date parts pick (RFC 5545, 3.3.10), one mask of 366 bits for each shape of year.

What the rule leaves out is taken from DTSTART first: "information, not contained in the rule, necessary to determine
the various recurrence instance start time and dates are derived from the Start Time (DTSTART)". So YEARLY;BYWEEKNO=20
falls on DTSTART's weekday, and YEARLY;BYMONTHDAY=29 in DTSTART's month. A calendar year has one of few shapes (its
first weekday, and which of three years in a row are leap years), so no mask is worked out twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from tickwork.clocks.calendar import LAST_DAY, is_leap, month_length, month_of, month_start, year_of
from tickwork.clocks.recurrence.rule import Rule, Skip

LAST_YEAR = 9999
#: Years whose masks are kept by year, too.
MOST_YEARS = 64
#: One bit a week, for a year and a week.
EVERY_SEVENTH = sum(1 << 7 * week for week in range(54))
#: For a common and for a leap year: each month's first day, counted from 0, and its length.
MONTHS_OF = tuple(
    tuple(
        (month_start(year * 12 + month) - month_start(year * 12), month_length(year * 12 + month))
        for month in range(12)
    )
    for year in (2001, 2000)
)


def weekday(day: int) -> int:
    """Return the weekday of a day counted from 1970-01-01; Monday is 0."""
    return (day + 3) % 7


@cache
def year_start(year: int) -> int:
    """Return the number of 1 January."""
    return month_start(year * 12)


@cache
def shape_of(year: int) -> tuple[int, bool, bool, bool]:
    """Return all that a year's mask depends on: its first weekday, and which of three years are leap years."""
    return weekday(year_start(year)), is_leap(year - 1), is_leap(year), is_leap(year + 1)


@lru_cache(maxsize=4096)
def week_year_start(year: int, week_start: int) -> int:
    """Return the first day of week 1: the first week with four days of the year in it, weeks beginning as told."""
    fourth = year_start(year) + 3
    return fourth - (weekday(fourth) - week_start) % 7


def week_year_of(day: int, week_start: int) -> int:
    """Return the year to which the day's week belongs."""
    year = year_of(day)
    if day >= week_year_start(year + 1, week_start):
        return year + 1
    return year if day >= week_year_start(year, week_start) else year - 1


class DateParts(NamedTuple):
    """What picks a rule's days, and nothing else of it: rules that differ in their hours or their end share their days."""

    by_month: tuple[int, ...]
    by_week_no: tuple[int, ...]
    by_year_day: tuple[int, ...]
    by_month_day: tuple[int, ...]
    by_day: tuple[tuple[int, int], ...]
    week_start: int
    #: 2MO is the second Monday of a month (RFC 5545, 3.3.10, note 2) and not of the year.
    nth_of_month: bool


def date_parts(rule: Rule, start_day: int) -> DateParts:
    """Return the date parts of a rule, those written out that it takes from DTSTART."""
    months, month_days, days, freq = rule.by_month, rule.by_month_day, rule.by_day, rule.freq
    picks_days = month_days or rule.by_year_day or days
    if freq == "YEARLY":
        index, of_month = month_of(start_day)
        if not picks_days and rule.by_week_no:
            days = ((0, weekday(start_day)),)
        elif not picks_days:
            month_days = (of_month,)
        if month_days and not (months or rule.by_year_day or rule.by_week_no):
            months = (index % 12 + 1,)
    elif freq == "MONTHLY" and not picks_days:
        month_days = (month_of(start_day)[1],)
    elif freq == "WEEKLY" and not days:
        days = ((0, weekday(start_day)),)
    nth_of_month = freq == "MONTHLY" or (freq == "YEARLY" and bool(rule.by_month))
    return DateParts(months, rule.by_week_no, rule.by_year_day, month_days, days, rule.week_start, nth_of_month)


def completed(rule: Rule, start_day: int) -> Rule:
    """Return the rule with the date parts that it takes from DTSTART written out."""
    full = date_parts(rule, start_day)
    return rule._replace(by_month=full.by_month, by_month_day=full.by_month_day, by_day=full.by_day)


@lru_cache(maxsize=4096)
def days_of(parts: DateParts) -> Days:
    """Return the days that the parts pick; who asks for the same ones shares them, masks and all."""
    return Days(parts)


class Days:
    """All days that the date parts of a rule let through, INTERVAL left aside."""

    def __init__(self, parts: DateParts) -> None:
        self.parts = parts
        self.every = not any(parts[:5])
        self._masks: dict[tuple[int, bool, bool, bool], int] = {}
        self._years: dict[int, int] = {}  # the same by year, for the years that were asked for last

    def mask(self, year: int) -> int:
        """Return the year's days as bits; bit 0 is 1 January."""
        shape = shape_of(year)
        mask = self._masks.get(shape)
        if mask is None:
            mask = self._masks[shape] = self._work_out(year)
        if len(self._years) >= MOST_YEARS:
            self._years.clear()
        self._years[year] = mask
        return mask

    def holds(self, day: int) -> bool:
        """Tell whether the rule lets the day through."""
        if self.every:
            return True
        year = year_of(day)
        return bool(self.mask(year) >> (day - year_start(year)) & 1)

    def next_day(self, day: int) -> int | None:
        """Return the first day of the rule that is not before *day*."""
        if day > LAST_DAY:
            return None
        if self.every:
            return day
        first = year = year_of(day)
        mask = (self._years.get(year) or self.mask(year)) >> (day - year_start(year))
        while not mask:
            year += 1
            if year > LAST_YEAR or year > first + 400:  # the calendar repeats itself after 400 years
                return None
            mask = self._years.get(year) or self.mask(year)
            day = year_start(year)
        return day + (mask & -mask).bit_length() - 1

    def between(self, low: int, high: int) -> list[int]:
        """List the rule's days from *low* (included) to *high* (not included)."""
        if self.every:
            return list(range(low, high))
        found: list[int] = []
        year = year_of(low)
        start = year_start(year)
        while start < high:
            mask = self.mask(year)
            if start < low:
                mask = mask >> (low - start) << (low - start)
            if start + 366 > high:
                mask &= (1 << (high - start)) - 1
            while mask:
                lowest = mask & -mask
                found.append(start + lowest.bit_length() - 1)
                mask ^= lowest
            year += 1
            start = year_start(year)
        return found

    def _work_out(self, year: int) -> int:
        rule, start = self.parts, year_start(year)
        length = year_start(year + 1) - start
        mask = (1 << length) - 1
        if rule.by_month:
            mask &= self._months(year, rule.by_month)
        if rule.by_week_no:
            mask &= self._weeks(year)
        if rule.by_year_day:
            mask &= _bits((n - 1 if n > 0 else length + n for n in rule.by_year_day), length)
        if rule.by_month_day:
            mask &= self._month_days(year)
        if rule.by_day:
            mask &= self._weekdays(year, length)
        return mask

    def _months(self, year: int, months: tuple[int, ...]) -> int:
        places = MONTHS_OF[is_leap(year)]
        mask = 0
        for month in months:
            start, length = places[month - 1]
            mask |= ((1 << length) - 1) << start
        return mask

    def _month_days(self, year: int) -> int:
        wanted, mask = self.parts.by_month_day, 0
        for start, length in MONTHS_OF[is_leap(year)]:
            for n in wanted:
                if 0 < n <= length:
                    mask |= 1 << start + n - 1
                elif 0 < -n <= length:
                    mask |= 1 << start + length + n
        return mask

    def _weeks(self, year: int) -> int:
        """Mark the days whose week is listed; the first and the last days may be in a neighbour's week."""
        start, length = year_start(year), year_start(year + 1) - year_start(year)
        mask = 0
        for week_year in (year - 1, year, year + 1):
            first = week_year_start(week_year, self.parts.week_start)
            weeks = (week_year_start(week_year + 1, self.parts.week_start) - first) // 7
            for n in self.parts.by_week_no:
                number = n - 1 if n > 0 else weeks + n
                if 0 <= number < weeks:
                    place = first + 7 * number - start
                    mask |= 127 << place if place >= 0 else 127 >> -place
        return mask & ((1 << length) - 1)

    def _weekdays(self, year: int, length: int) -> int:
        start = year_start(year)
        if not self.parts.nth_of_month or not any(nth for nth, _ in self.parts.by_day):
            return self._weekdays_within(start, length)
        mask = 0
        for first, size in MONTHS_OF[is_leap(year)]:
            mask |= self._weekdays_within(start + first, size) << first
        return mask

    def _weekdays_within(self, start: int, length: int) -> int:
        mask = 0
        for nth, day in self.parts.by_day:
            first = (day - weekday(start)) % 7
            places = range(first, length, 7)
            if nth == 0:
                mask |= (EVERY_SEVENTH << first) & ((1 << length) - 1)
            elif abs(nth) <= len(places):
                mask |= 1 << places[nth - 1 if nth > 0 else nth]
        return mask


class MovedDays:
    """The days of a yearly or monthly rule with SKIP (RFC 7529, 4.1): one that does not exist moves to a neighbour.

    BACKWARD takes the last day before it that exists, FORWARD the first after it; BYDAY and BYWEEKNO have their say
    after the move.
    """

    def __init__(self, parts: DateParts, skip: Skip) -> None:
        self.parts = parts
        self._beyond = skip == "FORWARD"
        unmoved = parts._replace(by_month=(), by_month_day=(), by_year_day=())
        self._others = days_of(unmoved) if parts.by_day or parts.by_week_no else None

    def of_year(self, year: int) -> list[int]:
        """List the days that the rule gives for a year; the first and the last may lie just outside it."""
        months = self.parts.by_month or tuple(range(1, 13))
        return self._picked(year, tuple(year * 12 + month - 1 for month in months))

    def of_month(self, index: int) -> list[int]:
        """List the days that the rule gives for a month."""
        if self.parts.by_month and index % 12 + 1 not in self.parts.by_month:
            return []
        return self._picked(index // 12, (index,))

    def _picked(self, year: int, months: tuple[int, ...]) -> list[int]:
        rule = self.parts
        days: set[int] | None = None
        if rule.by_year_day:
            length = year_start(year + 1) - year_start(year)
            days = {self._placed(n, year_start(year), length) for n in rule.by_year_day}
            if rule.by_month:
                days = {day for day in days if month_of(day)[0] % 12 + 1 in rule.by_month}
        if rule.by_month_day:
            placed = {self._placed(n, month_start(i), month_length(i)) for i in months for n in rule.by_month_day}
            days = placed if days is None else days & placed
        assert days is not None, "SKIP matters only where days are numbered"
        if self._others is not None:
            days = {day for day in days if self._others.holds(day)}
        return sorted(days)

    def _placed(self, n: int, start: int, length: int) -> int:
        place = n - 1 if n > 0 else length + n
        if place >= length:  # too late: the last day, or the first of what follows
            place = length if self._beyond else length - 1
        elif place < 0:  # counted from the end, too early: the first day, or the last of what is before
            place = 0 if self._beyond else -1
        return start + place


def _bits(places: Iterable[int], length: int) -> int:
    mask = 0
    for place in places:
        if 0 <= place < length:
            mask |= 1 << place
    return mask

"""The calendar in whole numbers: days, months, sets of days and of times of day, and a bounded search through them.

Cron, recurrence rules and the daily to yearly clocks all search here. Days count from 1970-01-01 (day 0, negative
before), weekdays from Sunday (0) to Saturday (6), months from year 0 (``year * 12 + month - 1``). Nothing here knows
zones or UTC: local time is a plain line of seconds, 86,400 to each day (:mod:`tickwork.clocks.wall` ties it to UTC).

Every search ends: the Gregorian calendar repeats itself after 400 years, so a set of days without a day in 400 years
has none at all, and nothing is looked for beyond the year 9999.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

DAY_SECONDS = 86_400
#: 0001-01-01 and 9999-12-31.
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
_FIRST_MONTH, _LAST_MONTH = 12, 9999 * 12 + 11
_CYCLE_MONTHS = 400 * 12
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
    index = (day + 719_528) * 4800 // 146_097  # by the mean length of a month: at most one too few or too many
    start = month_start(index)
    if start > day:
        index -= 1
        start = month_start(index)
    elif day - start >= 28 and day - start >= month_length(index):
        start += month_length(index)
        index += 1
    return index, day - start + 1


def weekday_of(day: int) -> int:
    """Return the day's weekday: 0 is Sunday."""
    return (day + 4) % 7


class LocalRule(Protocol):
    """A set of local times, searched in both directions: what :mod:`tickwork.clocks.wall` ties to UTC."""

    def next_local(self, at: int) -> int | None:
        """Return the first local second of the set that is not before *at*."""

    def prev_local(self, at: int) -> int | None:
        """Return the last local second of the set that is not after *at*."""


class Days(Protocol):
    """A set of days, searched in both directions."""

    def next_day(self, day: int) -> int | None:
        """Return the first day of the set that is not before *day*."""

    def prev_day(self, day: int) -> int | None:
        """Return the last day of the set that is not after *day*."""


class EveryDay:
    """Every *step*-th day, counted from *anchor*; none before *first*."""

    __slots__ = ("anchor", "first", "step")

    def __init__(self, step: int = 1, anchor: int = 0, first: int = FIRST_DAY) -> None:
        self.step, self.anchor, self.first = step, anchor, first

    def next_day(self, day: int) -> int | None:
        if day < self.first:  # noqa: PLR1730 - the hot path: max() is a call
            day = self.first
        found = day + (self.anchor - day) % self.step
        return found if found <= LAST_DAY else None

    def prev_day(self, day: int) -> int | None:
        found = day - (day - self.anchor) % self.step
        return found if found >= self.first else None


class Weekdays:
    """The days of a week (bit 0 is Sunday), in every *step*-th week counted from the one that holds *anchor*."""

    __slots__ = ("ahead", "behind", "days", "first", "step", "week")

    def __init__(self, mask: int, step: int = 1, anchor: int = 0, first: int = FIRST_DAY, week_start: int = 1) -> None:
        self.days = tuple(d for d in range(7) if mask >> d & 1)
        self.step, self.first = step, first
        self.week = anchor - (weekday_of(anchor) - week_start) % 7  # the first day of the anchor's week
        self.ahead = tuple(min((d - w) % 7 for d in self.days) for w in range(7))
        self.behind = tuple(min((w - d) % 7 for d in self.days) for w in range(7))

    def next_day(self, day: int) -> int | None:
        if day < self.first:  # noqa: PLR1730 - the hot path: max() is a call
            day = self.first
        found = day + self.ahead[(day + 4) % 7]
        if self.step > 1 and (found - self.week) // 7 % self.step:
            week = (found - self.week) // 7
            start = self.week + 7 * (week + -week % self.step)
            found = start + self.ahead[(start + 4) % 7]
        return found if found <= LAST_DAY else None

    def prev_day(self, day: int) -> int | None:
        found = day - self.behind[(day + 4) % 7]
        if self.step > 1 and (found - self.week) // 7 % self.step:
            week = (found - self.week) // 7
            last = self.week + 7 * (week - week % self.step) + 6
            found = last - self.behind[(last + 4) % 7]
        return found if found >= self.first else None


class MonthDays:
    """Days that a rule picks from each month: *pick(weekday of the 1st, length)* gives a mask, bit 0 is the 1st.

    *months* is a mask of the months that count (bit 0 is January), *years* a rising sequence where not all count,
    *step* and *anchor* take every n-th month counted from a month. The picks are remembered: a month has one of 28
    shapes.
    """

    __slots__ = ("anchor", "first", "held", "months", "pick", "shapes", "step", "years")

    def __init__(
        self,
        pick: Callable[[int, int], int],
        *,
        months: int = 0xFFF,
        years: Sequence[int] | None = None,
        step: int = 1,
        anchor: int = 0,
        first: int = FIRST_DAY,
    ) -> None:
        self.pick, self.months, self.step, self.anchor, self.first = pick, months, step, anchor, first
        self.years = tuple(years) if years is not None else None
        self.shapes: dict[int, int] = {}
        self.held = (0, 0, 0)  # the month of the last answer: first day, first day after it, mask

    def mask(self, index: int, start: int) -> int:
        """Return the mask of the month that starts on day *start*."""
        shape = (start + 4) % 7 << 5 | month_length(index)
        mask = self.shapes.get(shape)
        if mask is None:
            mask = self.shapes[shape] = self.pick(shape >> 5, shape & 31)
        return mask

    def next_day(self, day: int) -> int | None:
        begins, ends, mask = self.held
        if begins <= day < ends:
            mask >>= day - begins
            if mask:
                return day + (mask & -mask).bit_length() - 1
        index, of_month = month_of(max(day, self.first))
        found = self._next_month(index)
        if found is None:
            return None
        if found > index:
            index, of_month = found, 1
        limit = index + _CYCLE_MONTHS * self.step
        while True:
            start = month_start(index)
            full = self.mask(index, start)
            mask = full >> (of_month - 1)
            if mask:
                if start >= self.first:
                    self.held = (start, start + month_length(index), full)
                return start + of_month + (mask & -mask).bit_length() - 2
            found, of_month = self._next_month(index + 1), 1
            if found is None or found > limit:
                return None
            index = found

    def prev_day(self, day: int) -> int | None:
        index, of_month = month_of(min(day, LAST_DAY))
        found = self._prev_month(index)
        if found is None:
            return None
        if found < index:
            index, of_month = found, 31
        limit = index - _CYCLE_MONTHS * self.step
        while True:
            start = month_start(index)
            mask = self.mask(index, start) & ((1 << of_month) - 1)
            if mask:
                day = start + mask.bit_length() - 1
                return day if day >= self.first else None
            found, of_month = self._prev_month(index - 1), 31
            if found is None or found < limit:
                return None
            index = found

    def ever(self) -> bool:
        """Tell whether there is such a day at all, in any year of the calendar that is allowed."""
        if self.years is not None:
            spans = [(year * 12, year * 12 + 12) for year in self.years]
        else:  # 28 years in a row have every shape of year, but a step may pass over them: then look at all 400
            spans = [(2000 * 12, (2028 if self.step == 1 else 2400) * 12)]
        return any(
            self.months >> (index % 12) & 1
            and (index - self.anchor) % self.step == 0
            and self.mask(index, month_start(index))
            for low, high in spans
            for index in range(low, high)
        )

    def _next_month(self, index: int) -> int | None:
        for _ in range(_CYCLE_MONTHS):
            if self.years is not None:
                place = bisect_left(self.years, index // 12)
                if place == len(self.years):
                    return None
                index = max(index, self.years[place] * 12)
            if index > _LAST_MONTH:
                return None
            if self.months >> (index % 12) & 1 and (index - self.anchor) % self.step == 0:
                return index
            index += 1 if self.step == 1 else (self.anchor - index - 1) % self.step + 1
        return None

    def _prev_month(self, index: int) -> int | None:
        for _ in range(_CYCLE_MONTHS):
            if self.years is not None:
                place = bisect_right(self.years, index // 12)
                if place == 0:
                    return None
                index = min(index, self.years[place - 1] * 12 + 11)
            if index < _FIRST_MONTH:
                return None
            if self.months >> (index % 12) & 1 and (index - self.anchor) % self.step == 0:
                return index
            index -= 1 if self.step == 1 else (index - self.anchor - 1) % self.step + 1
        return None


class Times:
    """Times of day as seconds after midnight: a product of minutes of the day and seconds of the minute."""

    __slots__ = ("first", "flat", "last", "minutes", "seconds")

    def __init__(self, minutes: tuple[int, ...], seconds: tuple[int, ...]) -> None:
        self.minutes, self.seconds = minutes, seconds
        self.first = minutes[0] * 60 + seconds[0]
        self.last = minutes[-1] * 60 + seconds[-1]
        small = len(seconds) == 1 or len(minutes) * len(seconds) <= 1440
        self.flat = tuple(m * 60 + s for m in minutes for s in seconds) if small else None

    def next_time(self, at: int) -> int:
        """Return the first time that is not before *at*, or -1."""
        if at > self.last:
            return -1
        if self.flat is not None:
            return self.flat[bisect_left(self.flat, at)]
        minute, second = divmod(at, 60)
        place = bisect_left(self.minutes, minute)
        if self.minutes[place] == minute:
            if second <= self.seconds[-1]:
                return minute * 60 + self.seconds[bisect_left(self.seconds, second)]
            place += 1
        return self.minutes[place] * 60 + self.seconds[0]

    def prev_time(self, at: int) -> int:
        """Return the last time that is not after *at*, or -1."""
        if at < self.first:
            return -1
        if self.flat is not None:
            return self.flat[bisect_right(self.flat, at) - 1]
        minute, second = divmod(at, 60)
        place = bisect_right(self.minutes, minute) - 1
        if self.minutes[place] == minute:
            if second >= self.seconds[0]:
                return minute * 60 + self.seconds[bisect_right(self.seconds, second) - 1]
            place -= 1
        return self.minutes[place] * 60 + self.seconds[-1]


class TimeList:
    """A few times of day as seconds after midnight, rising: 09:00 and 17:30."""

    __slots__ = ("first", "flat", "last")

    def __init__(self, times: tuple[int, ...]) -> None:
        self.flat, self.first, self.last = times, times[0], times[-1]

    def next_time(self, at: int) -> int:
        return self.flat[bisect_left(self.flat, at)] if at <= self.last else -1

    def prev_time(self, at: int) -> int:
        return self.flat[bisect_right(self.flat, at) - 1] if at >= self.first else -1


class Calendar:
    """Some days, some times on each of them: the rule of cron and of the daily, weekly, monthly and yearly clocks."""

    __slots__ = ("day_found", "days", "times")

    def __init__(self, days: Days, times: Times | TimeList) -> None:
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


@lru_cache(maxsize=4096)
def times_of(hours: tuple[int, ...], minutes: tuple[int, ...], seconds: tuple[int, ...] = (0,)) -> Times:
    """Return the times of day with these hours, minutes and seconds; equal ones are shared."""
    return Times(tuple(h * 60 + m for h in hours for m in minutes), seconds)

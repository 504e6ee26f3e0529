"""Days of a month as rules name them: the 31st, the last, the second Tuesday, the weekday nearest to the 15th.

A month has one of 28 shapes: the weekday of its first day, and its length. Each rule here answers for a shape with a
mask of days (bit 0 is the 1st), which :class:`tickwork.clocks.days.MonthDays` searches. Cron, the monthly and the
yearly clock share these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from tickwork.clocks.describe import WEEKDAYS, say_nth, say_number
from tickwork.clocks.timeofday import read_weekday
from tickwork.errors import InvalidClock

ClampPolicy = Literal["last", "skip"]
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
_SHORT = re.compile(r"([a-z]+)#(-?\d)", re.ASCII)
_WORDS = re.compile(r"(?:(\d)(?:st|nd|rd|th)|([a-z]+))\s+([a-z]+)", re.ASCII)
_DAY_ALLOWED = "a day of the month from 1 to 31, from the end as -1 to -31, or text such as 'last friday', 'first weekday', 'MON#2'"
_WORKING = (1, 2, 3, 4, 5)


def nearest_weekday(first: int, length: int, day: int) -> int:
    """Return the Monday to Friday nearest to the day within the month: a Saturday's Friday, a Sunday's Monday.

    The month is never left: Saturday the 1st gives Monday the 3rd, a Sunday at the end the Friday before.
    """
    weekday = (first + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day


def nth_weekday(first: int, length: int, weekdays: Iterable[int], nth: int) -> int:
    """Return the mask of the *nth* of the days that fall on one of *weekdays* (from the end if negative), or 0."""
    wanted = set(weekdays)
    days = [day for day in range(1, length + 1) if (first + day - 1) % 7 in wanted]
    place = nth - 1 if nth > 0 else len(days) + nth
    return 1 << (days[place] - 1) if 0 <= place < len(days) else 0


class DayOfMonth:
    """One day of the month: a number, counted from either end, or the n-th weekday."""

    __slots__ = ("nth", "number", "weekdays")

    def __init__(self, number: int = 0, weekdays: tuple[int, ...] = (), nth: int = 0) -> None:
        self.number, self.weekdays, self.nth = number, weekdays, nth

    def mask(self, first: int, length: int, clamp: ClampPolicy) -> int:
        """Return the mask for a month whose first day has the weekday *first*."""
        if self.weekdays:
            return nth_weekday(first, length, self.weekdays, self.nth)
        day = self.number if self.number > 0 else length + 1 + self.number
        if 1 <= day <= length:
            return 1 << (day - 1)
        if clamp == "skip":
            return 0
        return 1 << (length - 1) if day > length else 1

    def written(self) -> int | str:
        """Return the day as it is stored."""
        if not self.weekdays:
            return self.number
        name = "WEEKDAY" if self.weekdays == _WORKING else WEEKDAYS[self.weekdays[0]][:3].upper()
        return f"{name}#{self.nth}"

    def describe(self) -> str:
        if self.weekdays:
            name = "weekday" if self.weekdays == _WORKING else WEEKDAYS[self.weekdays[0]]
            return f"{say_nth(self.nth)} {name}"
        return say_number(self.number) if self.number > 0 else f"{say_nth(self.number)} day"


def read_day(value: Any, field: str = "day") -> DayOfMonth:
    """Read one day of the month.

    >>> read_day("second tuesday").written(), read_day(-1).written(), read_day("last weekday").written()
    ('TUE#2', -1, 'WEEKDAY#-1')
    """
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= abs(value) <= 31:
        return DayOfMonth(number=value)
    if isinstance(value, str):
        word = value.strip().lower()
        short, long = _SHORT.fullmatch(word), _WORDS.fullmatch(word)
        if short:
            name, nth = short[1], int(short[2])
        elif long:
            name, nth = long[3], int(long[1]) if long[1] else _ORDINALS.get(long[2], 0)
        else:
            name, nth = "", 0
        if name == "day" and nth == -1:
            return DayOfMonth(number=-1)
        if name == "weekday" and 1 <= abs(nth) <= 20:
            return DayOfMonth(weekdays=_WORKING, nth=nth)
        if name and 1 <= abs(nth) <= 5:
            try:
                return DayOfMonth(weekdays=(read_weekday(name),), nth=nth)
            except InvalidClock:
                pass
    raise InvalidClock(field, value, _DAY_ALLOWED)


def read_days(value: Any, field: str = "day") -> tuple[int | str, ...]:
    """Read one or several days, each once, and return them as they are stored."""
    parts = [value] if isinstance(value, (int, str)) or not isinstance(value, Iterable) else list(value)
    written = tuple(dict.fromkeys(read_day(part, field).written() for part in parts))
    if not written:
        raise InvalidClock(field, value, "at least one day of the month")
    return written


def check_clamp(clamp: str) -> ClampPolicy:
    """Return the policy for a day that a short month does not have, or refuse it."""
    if clamp == "last":
        return "last"
    if clamp == "skip":
        return "skip"
    raise InvalidClock("clamp", clamp, "'last' (the last day of a short month) or 'skip'")


class PickDays:
    """Picks some days from each month: what the monthly and the yearly clock hand to the search."""

    __slots__ = ("clamp", "days")

    def __init__(self, days: Iterable[int | str], clamp: ClampPolicy) -> None:
        self.days, self.clamp = tuple(read_day(day) for day in days), clamp

    def __call__(self, first: int, length: int) -> int:
        mask = 0
        for day in self.days:
            mask |= day.mask(first, length, self.clamp)
        return mask

"""The fields of a cron expression, read one by one; an error names the field, the value and what is allowed.

Numbers, names, ``*``, lists, ranges (also backwards: FRI-MON, 22-6), steps (``*/5``, ``10-50/20``, ``5/15``), and what
only the day fields know: ``?``, ``L``, ``L-3``, ``LW``, ``15W``, ``5L``, ``MON#2``, ``MON#-1``. A field that begins
with ``*`` (or is ``?``) counts as unrestricted: that is Debian's rule, and decides how the two day fields combine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tickwork.clocks.dayofmonth import nearest_weekday
from tickwork.clocks.describe import MONTHS, WEEKDAYS
from tickwork.errors import InvalidClock

_MONTH_NAMES = {name[:3].upper(): number for number, name in enumerate(MONTHS, 1)}
_DAY_NAMES = {name[:3].upper(): number for number, name in enumerate(WEEKDAYS)}


@dataclass(frozen=True, slots=True, eq=False)
class FieldKind:
    """What one field may hold: numbers from *low* to *high*, *size* of them, and names for some."""

    name: str
    low: int
    high: int
    size: int
    names: dict[str, int]
    wraps: bool = True

    def allowed(self) -> str:
        numbers = f"a number from {self.low} to {self.high}"
        names = list(self.names)
        return f"{numbers}, or {names[0]} to {names[-1]}" if names else numbers


SECOND = FieldKind("second", 0, 59, 60, {})
MINUTE = FieldKind("minute", 0, 59, 60, {})
HOUR = FieldKind("hour", 0, 23, 24, {})
DAY = FieldKind("day of month", 1, 31, 31, {})
MONTH = FieldKind("month", 1, 12, 12, _MONTH_NAMES)
WEEKDAY = FieldKind("day of week", 0, 7, 7, _DAY_NAMES)
YEAR = FieldKind("year", 1970, 2199, 230, {}, wraps=False)

_LAST_DAY = re.compile(r"L(?:-(\d{1,2}))?(W)?", re.ASCII)
_NEAREST = re.compile(r"(\d{1,2})W", re.ASCII)
_LAST_WEEKDAY = re.compile(r"([A-Z0-9]+)L", re.ASCII)
_NTH_WEEKDAY = re.compile(r"([A-Z0-9]+)#(-?\d)", re.ASCII)


def starred(text: str) -> bool:
    """Tell whether the field is unrestricted for the day rule, and an hour field for the rule of wildcard hours."""
    return text.startswith(("*", "?"))


@lru_cache(maxsize=1024)  # a crontab says 0, * and */5 in line after line
def read_numbers(kind: FieldKind, text: str) -> tuple[int, ...]:
    """Return the numbers that a field stands for, rising.

    >>> read_numbers(HOUR, "22-2,9-17/4")
    (0, 1, 2, 9, 13, 17, 22, 23)
    """
    if text == "*":
        return tuple(range(kind.low, kind.low + kind.size))
    found: set[int] = set()
    for term in text.split(","):
        found |= _term(kind, term)
    return tuple(sorted(found))


def _term(kind: FieldKind, term: str) -> set[int]:
    base, slash, step_text = term.partition("/")
    step = _step(kind, term, step_text) if slash else 1
    if base == "*":
        numbers = range(kind.low, kind.high + 1)
    elif "-" in base:
        numbers = _range(kind, base)
    else:
        low = _number(kind, base)
        numbers = range(low, kind.high + 1) if slash else range(low, low + 1)
    chosen = set(numbers[::step])
    if kind is WEEKDAY:
        return {number % 7 for number in chosen}
    return {number if number <= kind.high else number - kind.size for number in chosen}


def _range(kind: FieldKind, base: str) -> range:
    """Return a range that may run past the field's end: 22-2 is 22 to 26, and comes round in the caller."""
    low_text, _, high_text = base.partition("-")
    low, high = _number(kind, low_text), _number(kind, high_text)
    if low == high:
        return range(low, low + 1)
    if kind is WEEKDAY and low == 7:
        low = 0
    if low <= high:
        return range(low, high + 1)
    if not kind.wraps:
        raise InvalidClock(kind.name, base, "a range that runs forward")
    return range(low, high + kind.size + 1)


def _number(kind: FieldKind, text: str) -> int:
    if text in kind.names:
        return kind.names[text]
    if text.isascii() and text.isdigit() and len(text.lstrip("0")) <= 4:
        number = int(text)
        if kind.low <= number <= kind.high:
            return number
    raise InvalidClock(kind.name, text, kind.allowed())


def _step(kind: FieldKind, term: str, text: str) -> int:
    if text.isascii() and text.isdigit() and len(text.lstrip("0")) <= 4 and int(text) > 0:
        if int(text) <= kind.size:
            return int(text)
        why = f"a step of at most {kind.size}: a longer one does not reach into the next turn (try @every)"
        raise InvalidClock(kind.name, term, why)
    raise InvalidClock(kind.name, term, f"a step from 1 to {kind.size} after the slash")


@dataclass(frozen=True, slots=True)
class DayField:
    """The day-of-month field: plain days, days counted from the end, and those that seek the nearest weekday."""

    numbers: tuple[int, ...]
    from_end: tuple[int, ...]
    nearest: tuple[int, ...]
    nearest_from_end: tuple[int, ...]
    starred: bool

    def mask(self, first: int, length: int) -> int:
        """Return the mask of the days (bit 0 is the 1st) in a month of that shape."""
        mask = sum(1 << (day - 1) for day in self.numbers if day <= length)
        for back in self.from_end:
            if back < length:
                mask |= 1 << (length - back - 1)
        days = [day for day in self.nearest if day <= length]
        days += [length - back for back in self.nearest_from_end if back < length]
        for day in days:
            mask |= 1 << (nearest_weekday(first, length, day) - 1)
        return mask

    @property
    def every_day(self) -> bool:
        return len(self.numbers) == 31


_ALL_DAYS = DayField(tuple(range(1, 32)), (), (), (), starred=True)


@lru_cache(maxsize=1024)
def read_days(text: str) -> DayField:
    """Read the day-of-month field."""
    if text == "*":
        return _ALL_DAYS
    plain: list[str] = []
    from_end: set[int] = set()
    nearest: set[int] = set()
    nearest_from_end: set[int] = set()
    for term in text.split(","):
        last, near = _LAST_DAY.fullmatch(term), _NEAREST.fullmatch(term)
        if last:
            back = int(last[1] or 0)
            if back > 30:
                raise InvalidClock(DAY.name, term, "L-1 to L-30")
            (nearest_from_end if last[2] else from_end).add(back)
        elif near:
            nearest.add(_number(DAY, near[1]))
        elif term == "?" and text == "?":
            plain.append("*")
        else:
            plain.append(term)
    numbers = read_numbers(DAY, ",".join(plain)) if plain else ()
    ends = tuple(sorted(from_end)), tuple(sorted(nearest)), tuple(sorted(nearest_from_end))
    return DayField(numbers, *ends, starred(text))


@dataclass(frozen=True, slots=True)
class WeekdayField:
    """The day-of-week field: plain weekdays (0 is Sunday), and the n-th of the month (negative from its end)."""

    numbers: tuple[int, ...]
    nth: tuple[tuple[int, int], ...]
    starred: bool

    def mask(self, first: int, length: int) -> int:
        """Return the mask of the days (bit 0 is the 1st) in a month of that shape."""
        mask = 0
        for weekday in self.numbers:
            for day in range((weekday - first) % 7, length, 7):
                mask |= 1 << day
        for weekday, nth in self.nth:
            days = range((weekday - first) % 7, length, 7)
            place = nth - 1 if nth > 0 else len(days) + nth
            if 0 <= place < len(days):
                mask |= 1 << days[place]
        return mask

    @property
    def every_day(self) -> bool:
        return len(self.numbers) == 7


_ALL_WEEKDAYS = WeekdayField(tuple(range(7)), (), starred=True)


@lru_cache(maxsize=1024)
def read_weekdays(text: str) -> WeekdayField:
    """Read the day-of-week field."""
    if text == "*":
        return _ALL_WEEKDAYS
    plain: list[str] = []
    nth: set[tuple[int, int]] = set()
    for term in text.split(","):
        last, numbered = _LAST_WEEKDAY.fullmatch(term), _NTH_WEEKDAY.fullmatch(term)
        if term == "L":
            raise InvalidClock(WEEKDAY.name, term, "a weekday before L, such as 5L: the month's last Friday")
        if last:
            nth.add((_number(WEEKDAY, last[1]) % 7, -1))
        elif numbered:
            which = int(numbered[2])
            if not 1 <= abs(which) <= 5:
                raise InvalidClock(WEEKDAY.name, term, "a number from 1 to 5, or -1 to -5, after #")
            nth.add((_number(WEEKDAY, numbered[1]) % 7, which))
        elif term == "?" and text == "?":
            plain.append("*")
        else:
            plain.append(term)
    numbers = read_numbers(WEEKDAY, ",".join(plain)) if plain else ()
    return WeekdayField(numbers, tuple(sorted(nth)), starred(text))

"""Times of day, weekdays and dates as people write them, read once into whole numbers.

A time of day is ``"09:00"``, ``"09:00:30"`` or a :class:`datetime.time` without a zone; a clock takes one of them or
several. A weekday is a name (``"MON"``, ``"monday"``) or a number: 1 is Monday, 7 and 0 are Sunday (so it is in cron
and in ISO 8601).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

from tickwork.clocks.calendar import day_of, month_of
from tickwork.clocks.describe import MONTHS, WEEKDAYS, say_time
from tickwork.errors import InvalidClock, InvalidInput
from tickwork.watch import Instant, to_instant

TimeOfDay = str | time
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_TIME_ALLOWED = "a time of day such as '09:00' or '09:00:30', from 00:00 to 23:59:59, without a zone"


def read_time(value: TimeOfDay, field: str = "time") -> int:
    """Return the time of day in seconds after midnight.

    >>> read_time("09:30")
    34200
    """
    if isinstance(value, time):
        if value.tzinfo is not None or value.microsecond:
            raise InvalidClock(field, value, _TIME_ALLOWED)
        return value.hour * 3600 + value.minute * 60 + value.second
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found:
        hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
        if hour < 24 and minute < 60 and second < 60:
            return hour * 3600 + minute * 60 + second
    raise InvalidClock(field, value, _TIME_ALLOWED)


def read_times(value: TimeOfDay | Iterable[TimeOfDay], field: str = "time") -> tuple[int, ...]:
    """Return one or several times of day, rising and each once."""
    if isinstance(value, (str, time)) or not isinstance(value, Iterable):
        return (read_time(value, field),)
    times = tuple(sorted({read_time(each, field) for each in value}))
    if not times:
        raise InvalidClock(field, value, "at least one time of day")
    return times


def write_times(times: tuple[int, ...]) -> str | list[str]:
    """Return times of day as they are stored: one as text, several as a list."""
    written = [say_time(each) for each in times]
    return written[0] if len(written) == 1 else written


def read_weekday(value: Any, field: str = "weekdays") -> int:
    """Return the weekday, 0 for Sunday."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 7:
        return value % 7
    if isinstance(value, str):
        word = value.strip().lower()
        for number, name in enumerate(WEEKDAYS):
            if word in (name.lower(), name.lower()[:3]):
                return number
    raise InvalidClock(field, value, "a weekday: MON to SUN, or 1 (Monday) to 7 (Sunday)")


def read_weekdays(value: Any, field: str = "weekdays") -> tuple[int, ...]:
    """Return weekdays, Monday first: from names, numbers, ``"MON-FRI"``, ``"MON,WED"``, ``"weekdays"``, ``"weekend"``."""
    if isinstance(value, str):
        parts: list[Any] = [part for part in value.replace(" ", ",").split(",") if part]
    elif isinstance(value, Iterable):
        parts = list(value)
    else:
        parts = [value]
    found: set[int] = set()
    for part in parts:
        if isinstance(part, str) and part.lower() in ("weekday", "weekdays"):
            found |= {1, 2, 3, 4, 5}
        elif isinstance(part, str) and part.lower() == "weekend":
            found |= {6, 0}
        elif isinstance(part, str) and "-" in part:
            low, high = (read_weekday(end, field) for end in part.split("-", 1))
            found |= {(low + n) % 7 for n in range((high - low) % 7 + 1)}
        else:
            found.add(read_weekday(part, field))
    if not found:
        raise InvalidClock(field, value, "at least one weekday: MON to SUN")
    return tuple(sorted(found, key=lambda day: (day - 1) % 7))


def read_instant(value: datetime | Instant, field: str) -> Instant:
    """Return an instant from a datetime with a zone, or whole microseconds; a refusal is an InvalidClock."""
    try:
        return to_instant(value, field)
    except InvalidInput as refused:
        raise InvalidClock(field, refused.value, refused.allowed) from None


def read_month(value: Any, field: str = "month") -> int:
    """Return the month from 1 to 12, from a number or a name."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 12:
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        for number, name in enumerate(MONTHS, 1):
            if word in (name.lower(), name.lower()[:3]):
                return number
    raise InvalidClock(field, value, "a month: 1 to 12, or JAN to DEC")


def read_start(value: Any, field: str = "start") -> int | None:
    """Return a local date as a day number, from a date or ``YYYY-MM-DD``."""
    if value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return day_of(value.year, value.month, value.day)
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found:
        try:
            read = date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            pass
        else:
            return day_of(read.year, read.month, read.day)
    raise InvalidClock(field, value, "a local date such as '2026-01-31', without a time")


def write_date(day: int) -> str:
    """Return a day number as ``YYYY-MM-DD``."""
    index, of_month = month_of(day)
    return f"{index // 12:04}-{index % 12 + 1:02}-{of_month:02}"


def read_every(value: Any, unit: str) -> int:
    """Return a step of 1 to 1,000."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise InvalidClock("every", value, f"a whole number of {unit} from 1 to 1,000")
    return value

"""A slow reference for wall-clock rules that shares no code with the engine.

It knows one way only: look at every day of a stretch, ask whether the expression's text allows it, try every second
of the day that the text allows, and let ``zoneinfo`` say which instants that local time stands for. Zones are read
from the tzdata package's files, so the host's own database never has a say.
"""

from __future__ import annotations

import calendar
import importlib.resources
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone from the package's file, never from the host."""
    place = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with place.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def seconds(at: datetime) -> int:
    """Return whole seconds since the epoch, also for years that time stamps do not like."""
    gone = at - EPOCH
    return gone.days * 86_400 + gone.seconds


@lru_cache(maxsize=20_000)
def real_instants(local: datetime, tz: ZoneInfo) -> list[int]:
    """Return the instants at which the zone's clocks really show this naive local time, rising."""
    found = set()
    for fold in (0, 1):
        utc = local.replace(tzinfo=tz, fold=fold).astimezone(UTC)
        if utc.astimezone(tz).replace(tzinfo=None) == local:
            found.add(seconds(utc))
    return sorted(found)


@lru_cache(maxsize=100_000)
def instants(local: datetime, tz: ZoneInfo, gap: str, fold: str) -> list[int]:
    """Return what a fixed local time stands for under the two policies."""
    found = real_instants(local, tz)
    if not found:
        # PEP 495: in a gap fold=0 reads the clock as it stood before the gap, so the time moves on by its length.
        return [seconds(local.replace(tzinfo=tz, fold=0).astimezone(UTC))] if gap == "shift" else []
    return {"first": found[:1], "last": found[-1:], "both": found}[fold]


def days(first: date, last: date) -> Iterator[date]:
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


def fires(
    locals_on: Iterable[datetime], name: str, low: int, high: int, gap: str = "shift", fold: str = "first"
) -> list[int]:
    """Return the instants from *low* (included) to *high* (not included), in seconds, each once."""
    tz = zone(name)
    found: set[int] = set()
    offsets = {
        (EPOCH + timedelta(seconds=utc)).astimezone(tz).utcoffset() or timedelta(0)
        for utc in range(low - 2 * 86_400, high + 2 * 86_400, 6 * 3600)
    }  # an instant is a local time less one of these, so a local time further off need not be tried
    first = (EPOCH + timedelta(seconds=low) + min(offsets)).replace(tzinfo=None)
    last = (EPOCH + timedelta(seconds=high) + max(offsets)).replace(tzinfo=None)
    for local in locals_on:
        if first <= local <= last:
            found.update(instants(local, tz, gap, fold))
    return sorted(at for at in found if low <= at < high)


# ------------------------------------------------------------------------------------------------------------ cron's text


def cron_fires(expression: str, name: str, low: int, high: int, gap: str = "shift", fold: str = "first") -> list[int]:
    """Return what a cron expression (5, 6 or 7 fields) does from *low* to *high* (seconds), by trying everything."""
    parts = expression.upper().split()
    if len(parts) == 5:
        parts = ["0", *parts]
    years = parts[6] if len(parts) == 7 else "*"
    hours = [hour for hour in range(24) if number_in(parts[2], hour, 0, 23, ())]
    minutes = [minute for minute in range(60) if number_in(parts[1], minute, 0, 59, ())]
    ticks = [second for second in range(60) if number_in(parts[0], second, 0, 59, ())]
    begin = (EPOCH + timedelta(seconds=low)).date() - timedelta(days=2)
    end = (EPOCH + timedelta(seconds=high)).date() + timedelta(days=2)
    locals_on = (
        datetime(day.year, day.month, day.day, hour, minute, second)
        for day in days(begin, end)
        if number_in(parts[4], day.month, 1, 12, MONTH_NAMES)
        and (years == "*" or number_in(years, day.year, 1970, 2199, ()))
        and day_in(parts[3], parts[5], day)
        for hour in hours
        for minute in minutes
        for second in ticks
    )
    if parts[2].startswith("*"):
        return fires(locals_on, name, low, high, gap="skip", fold="both")
    return fires(locals_on, name, low, high, gap, fold)


def day_in(month_text: str, week_text: str, day: date) -> bool:
    """Tell whether both (a field begins with a star) or either of the day fields allow the day."""
    of_month = any(month_term(term, day) for term in month_text.split(","))
    of_week = any(week_term(term, day) for term in week_text.split(","))
    if month_text[0] in "*?" or week_text[0] in "*?":
        return of_month and of_week
    return of_month or of_week


def month_term(term: str, day: date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    if term == "?":
        return True
    if term.startswith("L"):
        wanted = length - (int(term[2:].rstrip("W")) if "-" in term else 0)
        if wanted < 1:
            return False
        return day == working_day_near(day, wanted) if term.endswith("W") else day.day == wanted
    if term.endswith("W"):
        return int(term[:-1]) <= length and day == working_day_near(day, int(term[:-1]))
    return number_in(term, day.day, 1, 31, ())


def working_day_near(day: date, wanted: int) -> date:
    """Return the nearest Monday to Friday of the same month: by trying one day away, then two."""
    for away in (0, -1, 1, -2, 2):
        try:
            tried = day.replace(day=wanted + away)
        except ValueError:
            continue
        if tried.weekday() < 5:
            return tried
    raise AssertionError(wanted)


def week_term(term: str, day: date) -> bool:
    if term == "?":
        return True
    if "#" in term:
        name, nth = term.split("#")
        if not week_term(name, day):
            return False
        alike = [
            each for each in range(1, 32) if is_date(day, each) and day.replace(day=each).weekday() == day.weekday()
        ]
        place = alike.index(day.day)
        return place + 1 == int(nth) or place - len(alike) == int(nth)
    if term.endswith("L"):
        return week_term(term[:-1], day) and not is_date(day, day.day + 7)
    number = day.isoweekday()
    candidates = [number] if number < 7 else [0, 7]
    return any(number_in(term, each, 0, 7, DAY_NAMES, around=7) for each in candidates)


def is_date(day: date, number: int) -> bool:
    return number <= calendar.monthrange(day.year, day.month)[1]


def number_in(text: str, number: int, low: int, high: int, names: tuple[str, ...], around: int = 0) -> bool:
    """Tell whether one number stands in a field's text, by walking along every term."""
    return any(number in walked(term, low, high, names, around) for term in text.split(","))


@lru_cache(maxsize=20_000)
def walked(term: str, low: int, high: int, names: tuple[str, ...], around: int) -> set[int]:
    """Walk along a term as a person would with a finger on the clock face."""

    def read(word: str) -> int:
        return names.index(word) + low if word in names else int(word)

    base, _, step = term.partition("/")
    if base == "?":
        base = "*"
    if base == "*":
        first, last = low, high
    elif "-" in base:
        first, last = (read(word) for word in base.split("-"))
    else:
        first = read(base)
        last = high if step else first
    if around and first == 7 and last != 7:
        first = 0
    steps = [first]
    while steps[-1] != last:
        following = steps[-1] + 1
        if following > high:
            following = low
        if around and following == 7 and last < first:
            following = 0  # going round the week 7 and 0 are one day
        steps.append(following)
    return set(steps[:: int(step) if step else 1])

"""A slow reference for recurrence rules that shares no code with the engine: every day from DTSTART on is looked at.

Dates by :mod:`datetime`, weeks by counting days, offsets by :mod:`zoneinfo` on the ``tzdata`` package's own files.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from functools import cache
from importlib import resources
from itertools import groupby
from zoneinfo import ZoneInfo

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
UTC = timezone.utc


@cache
def package_zone(name: str) -> ZoneInfo:
    """The zone as the tzdata package has it, whatever the system's database says."""
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def reference(
    rule: str, start: datetime, zone: str, *, horizon: datetime, gap: str = "shift", fold: str = "first"
) -> Iterator[datetime]:
    """Yield the occurrences in UTC, rising, up to those of the local time *horizon*."""
    parts = dict(piece.split("=") for piece in rule.split(";"))
    tz = package_zone(zone)
    if parts["FREQ"] in ("HOURLY", "MINUTELY", "SECONDLY"):
        found = _elapsed(parts, start, tz, horizon)
        yield from _limited(parts, found, tz)
        return
    local = _dated(parts, start, horizon)
    if "COUNT" in parts:
        if gap == "skip":
            local = (at for at in local if _instants(at, tz, gap, fold))
        local = (at for at, _ in zip(local, range(int(parts["COUNT"])), strict=False))
    instants: set[datetime] = set()
    waiting: list[datetime] = []
    for at in local:
        waiting += _instants(at, tz, gap, fold)
        ready = sorted({instant for instant in waiting if instant.replace(tzinfo=None) < at - timedelta(hours=40)})
        waiting = [instant for instant in waiting if instant not in ready]
        for instant in ready:
            if not _past_until(parts, instant, tz):
                yield instant
    instants = set(waiting)
    yield from (instant for instant in sorted(instants) if not _past_until(parts, instant, tz))


def _limited(parts: dict[str, str], found: Iterator[datetime], tz: ZoneInfo) -> Iterator[datetime]:
    count = int(parts.get("COUNT", 10**9))
    for number, at in enumerate(found):
        if number >= count or _past_until(parts, at, tz):
            return
        yield at


def _past_until(parts: dict[str, str], at: datetime, tz: ZoneInfo) -> bool:
    text = parts.get("UNTIL")
    if text is None:
        return False
    if text.endswith("Z"):
        return at > datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return at > datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=tz).astimezone(UTC)


def _instants(at: datetime, tz: ZoneInfo, gap: str, fold: str) -> list[datetime]:
    first, last = (at.replace(tzinfo=tz, fold=n).astimezone(UTC) for n in (0, 1))
    if first.astimezone(tz).replace(tzinfo=None) != at:  # it does not exist; fold 0 reads it by the offset before
        return [first] if gap == "shift" else []
    if first == last or fold == "first":
        return [first]
    return [last] if fold == "last" else [first, last]


def _listed(parts: dict[str, str], name: str) -> list[int]:
    return sorted({int(text) for text in parts[name].split(",")}) if name in parts else []


def _week_one(year: int, wkst: int) -> date:
    fourth = date(year, 1, 4)
    return fourth - timedelta(days=(fourth.weekday() - wkst) % 7)


def _week_year(day: date, wkst: int) -> int:
    return max(year for year in (day.year - 1, day.year, day.year + 1) if _week_one(year, wkst) <= day)


class Fits:
    """Tells whether a day is one that the date parts of a rule let through, INTERVAL and BYSETPOS left aside."""

    def __init__(self, parts: dict[str, str], start: date) -> None:
        self.freq, self.start = parts["FREQ"], start
        self.wkst = DAYS.index(parts.get("WKST", "MO"))
        self.lists = [set(_listed(parts, name)) for name in ("BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")]
        self.days = set(parts["BYDAY"].split(",")) if "BYDAY" in parts else set()
        self.known: dict[date, bool] = {}

    def __call__(self, day: date) -> bool:
        if day not in self.known:
            self.known[day] = self._judged(day)
        return self.known[day]

    def _judged(self, day: date) -> bool:
        freq, start, wkst, days = self.freq, self.start, self.wkst, self.days
        months, month_days, year_days, weeks = self.lists
        length = (date(day.year + 1, 1, 1) - date(day.year, 1, 1)).days
        month_end = (date(day.year + day.month // 12, day.month % 12 + 1, 1) - timedelta(days=1)).day
        if freq == "YEARLY" and not (month_days or year_days or weeks or days):  # noqa: SIM102
            if (day.day, day.month) != (start.day, start.month if not months else day.month):
                return False
        if freq == "YEARLY" and month_days and not (months or year_days or weeks) and day.month != start.month:
            return False
        if freq == "YEARLY" and weeks and not (month_days or year_days or days) and day.weekday() != start.weekday():
            return False
        if freq == "MONTHLY" and not (month_days or days) and day.day != start.day:
            return False
        if freq == "WEEKLY" and not days and day.weekday() != start.weekday():
            return False
        if months and day.month not in months:
            return False
        if month_days and not {day.day, day.day - month_end - 1} & month_days:
            return False
        nth_day = day.timetuple().tm_yday
        if year_days and not {nth_day, nth_day - length - 1} & year_days:
            return False
        if weeks:
            year = _week_year(day, wkst)
            number = (day - _week_one(year, wkst)).days // 7 + 1
            all_weeks = (_week_one(year + 1, wkst) - _week_one(year, wkst)).days // 7
            if not {number, number - all_weeks - 1} & weeks:
                return False
        if days:
            name = DAYS[day.weekday()]
            in_month = freq == "MONTHLY" or (freq == "YEARLY" and months)
            from_start, from_end = (
                ((day.day - 1) // 7 + 1, -((month_end - day.day) // 7 + 1))
                if in_month
                else ((nth_day - 1) // 7 + 1, -((length - nth_day) // 7 + 1))
            )
            return bool({name, f"{from_start}{name}", f"{from_end}{name}"} & days)
        return True


def _period(day: date, parts: dict[str, str], wkst: int) -> int:
    match parts["FREQ"]:
        case "YEARLY":
            return _week_year(day, wkst) if "BYWEEKNO" in parts else day.year
        case "MONTHLY":
            return day.year * 12 + day.month
        case "WEEKLY":
            return (day - timedelta(days=(day.weekday() - wkst) % 7)).toordinal() // 7
        case _:
            return day.toordinal()


def _dated(parts: dict[str, str], start: datetime, horizon: datetime) -> Iterator[datetime]:
    wkst = DAYS.index(parts.get("WKST", "MO"))
    interval = int(parts.get("INTERVAL", 1))
    times = [
        timedelta(hours=h, minutes=m, seconds=s)
        for h in _listed(parts, "BYHOUR") or [start.hour]
        for m in _listed(parts, "BYMINUTE") or [start.minute]
        for s in _listed(parts, "BYSECOND") or [start.second]
    ]
    zero = _period(start.date(), parts, wkst)
    positions = _listed(parts, "BYSETPOS")
    # the whole of DTSTART's own period counts for BYSETPOS
    first = start.date() - timedelta(days={"YEARLY": 372, "MONTHLY": 31, "WEEKLY": 7}.get(parts["FREQ"], 1))
    last = horizon.date() + timedelta(
        days=372 if parts["FREQ"] == "YEARLY" else 31
    )  # the last period is looked at as a whole
    calendar = (first + timedelta(days=n) for n in range((last - first).days + 1))
    fits = Fits(parts, start.date())
    for period, days in groupby(calendar, key=lambda day: _period(day, parts, wkst)):
        if period < zero or (period - zero) % interval:
            continue
        found = [datetime(day.year, day.month, day.day) + time for day in days if fits(day) for time in times]
        if positions:
            found = [at for n, at in enumerate(found) if n + 1 in positions or n - len(found) in positions]
        yield from (at for at in found if start <= at <= horizon)


def _elapsed(parts: dict[str, str], start: datetime, tz: ZoneInfo, horizon: datetime) -> Iterator[datetime]:
    unit = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}[parts["FREQ"]]
    begin = start.replace(tzinfo=tz).astimezone(UTC)
    rest = (start - datetime(1970, 1, 1)) % timedelta(seconds=unit)
    at = begin - rest
    step = timedelta(seconds=unit * int(parts.get("INTERVAL", 1)))
    positions = _listed(parts, "BYSETPOS")
    hours, minutes, seconds = (_listed(parts, name) for name in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    spread = (unit == 3600 and (minutes or seconds)) or (unit == 60 and seconds)
    if unit == 3600 and spread and not minutes:
        minutes = [start.minute]
    if spread and not seconds:
        seconds = [start.second]
    fits = Fits(parts, start.date())
    end = horizon.replace(tzinfo=tz).astimezone(UTC)
    while at <= end:
        if spread:
            inside = [
                at + timedelta(minutes=m, seconds=s) for m in range(unit // 60) for s in seconds
            ]  # zones of the years since 1972 stand at whole minutes
        else:
            inside = [at + rest]
        found = []
        for instant in inside:
            local = instant.astimezone(tz)
            if hours and local.hour not in hours:
                continue
            if minutes and local.minute not in minutes:
                continue
            if seconds and local.second not in seconds:
                continue
            if fits(local.date()):
                found.append(instant)
        if positions:
            found = [x for n, x in enumerate(found) if n + 1 in positions or n - len(found) in positions]
        yield from (instant for instant in found if begin <= instant <= end)
        at += step

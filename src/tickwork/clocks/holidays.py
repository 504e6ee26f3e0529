"""Holidays: named days in a zone, written out, so that the same clock has the same days on every machine for ever.

Laws change and packages are updated; a stored trigger must not change its mind with them. So the days are asked for
once, when the clock is made, and stored in it. :func:`public_holidays` takes them from the ``holidays`` package
(``pip install 'tickwork[holidays]'``); a calendar file gives them by ``tickwork.model.ics``. When the years run
out, make the clock anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, ClassVar, Self

from tickwork.clocks.calendar import day_of
from tickwork.clocks.dayset import DaySet
from tickwork.clocks.recurrence.vtimezone import zone_of
from tickwork.clocks.stored import Stored
from tickwork.clocks.zone import Zone
from tickwork.errors import ConfigurationError, InvalidClock


@dataclass(frozen=True, init=False)
class Holidays(DaySet):
    """The given *days* in *zone*; *name* says whose they are.

    As a clock it fires at the beginning of each day; ``clock.except_(holidays)`` leaves out whole days.

    >>> from datetime import date, datetime, timezone
    >>> from tickwork.clocks import Cron
    >>> closed = Holidays([date(2026, 12, 25), date(2026, 12, 26)], zone="Europe/Berlin", name="Christmas")
    >>> clock = Cron("0 9 * * *", zone="Europe/Berlin").except_(closed)
    >>> [f"{at:%d %b}" for at in clock.preview(3, since=datetime(2026, 12, 24, tzinfo=timezone.utc))]
    ['24 Dec', '27 Dec', '28 Dec']
    """

    days: tuple[str, ...]
    zone: str
    name: str
    kind: ClassVar[str] = "holidays"

    def __init__(self, days: Iterable[date | str], zone: str = "UTC", name: str = "holidays") -> None:
        if isinstance(days, str) or not isinstance(name, str):
            raise InvalidClock("days" if isinstance(days, str) else "name", days, "a list of dates, and a name as text")
        settle = object.__setattr__
        settle(self, "days", tuple(sorted({_iso(day) for day in days})))
        settle(self, "zone", zone_of(zone).name)
        settle(self, "name", name)
        if not self.days:
            raise InvalidClock("days", days, "one date or more: without any it never fires")

    def tz(self) -> Zone:
        return zone_of(self.zone)

    def next_day(self, day: int) -> int | None:
        numbers = _numbers(self.days)
        place = bisect_left(numbers, day)
        return numbers[place] if place < len(numbers) else None

    def params(self) -> Mapping[str, Any]:
        return {"days": list(self.days), "zone": self.zone, "name": self.name}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        days = stored.value("days", "a list of dates")
        if not isinstance(days, (list, tuple)) or not all(isinstance(day, str) for day in days):
            raise InvalidClock("days", days, "a list of dates as text, such as 2026-12-25")
        clock = cls(days, zone=stored.text("zone"), name=stored.text("name", default="holidays"))
        stored.done()
        return clock

    def describe(self) -> str:
        count = "1 day" if len(self.days) == 1 else f"{len(self.days)} days"
        return f"on {self.name} ({count}, the last one {self.days[-1]}), {self.zone}"


def public_holidays(
    country: str, *, first_year: int, last_year: int, zone: str = "UTC", subdivision: str | None = None
) -> Holidays:
    """Return the public holidays of a country (ISO 3166: ``DE``) or its part (``BY``), both years included.

    Raises ConfigurationError where the ``holidays`` package is not installed, InvalidClock for a country or part that
    it does not know, and for more than 200 years.
    """
    try:
        import holidays
    except ImportError:
        raise ConfigurationError("holidays", None, "the package: pip install 'tickwork[holidays]'") from None
    if not 1 <= first_year <= last_year <= 9999 or last_year - first_year > 200:
        raise InvalidClock("last_year", last_year, f"a year from {first_year} on, at most 200 years after it")
    try:
        found = holidays.country_holidays(country, subdiv=subdivision, years=range(first_year, last_year + 1))
    except (NotImplementedError, AttributeError) as unknown:
        field, value = ("subdivision", subdivision) if subdivision and _knows(country) else ("country", country)
        raise InvalidClock(field, value, f"one that the holidays package knows ({unknown})") from None
    return Holidays(sorted(found), zone=zone, name=f"{country}-{subdivision}" if subdivision else country)


def _knows(country: str) -> bool:
    import holidays

    return country in holidays.list_supported_countries()


def _iso(day: date | str) -> str:
    if isinstance(day, datetime):
        raise InvalidClock("days", day, "dates without a time of day")
    if isinstance(day, date):
        return day.isoformat()
    try:
        return date.fromisoformat(day).isoformat()
    except (TypeError, ValueError):
        raise InvalidClock("days", day, "dates, such as 2026-12-25") from None


@lru_cache(maxsize=256)
def _numbers(days: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(day_of(*(int(part) for part in day.split("-"))) for day in days)

"""A clock in words, as people write it on a command line or in a file: one rule, and what goes with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict, Unpack

from tickwork.clocks import (
    BusinessDaysBefore,
    Clock,
    Daily,
    Every,
    Holidays,
    Monthly,
    Never,
    Once,
    Recurrence,
    Weekly,
    Yearly,
    decode,
    parse_cron,
    public_holidays,
)
from tickwork.errors import InvalidClock, InvalidInput
from tickwork.watch import parse_instant

RULES = ("at", "every", "cron", "daily", "weekly", "monthly", "yearly", "rrule", "clock", "never")
#: Years of holidays that are written into a clock, the present one included.
YEARS_OF_HOLIDAYS = 10


class Words(TypedDict, total=False):
    """What can be said about a clock: one of :data:`RULES`, and the words that go with it."""

    at: datetime | None
    """One instant."""
    every: timedelta | None
    """A period."""
    cron: str | None
    """A cron expression, also ``@daily``, ``@every 90s``, ``CRON_TZ=...``."""
    daily: str | None
    """One or several times of day: ``09:00,17:30``."""
    weekly: str | None
    """Days of the week: ``MON-FRI``, at *time*."""
    monthly: str | None
    """Days of the month: ``31``, ``-1``, ``1,15``, ``last friday``, at *time*."""
    yearly: str | None
    """A date of the year: ``12-24``, ``february 29``, ``november fourth thursday``, at *time*."""
    rrule: str | None
    """A rule of RFC 5545: ``FREQ=WEEKLY;BYDAY=MO``, from *start* on; or a block of lines with its own DTSTART."""
    clock: Mapping[str, Any] | None
    """Any clock as it is stored: its ``kind`` and ``params``."""
    never: bool
    """Not by itself."""
    time: str | None
    """Times of day for weekly, monthly and yearly (midnight unless given)."""
    zone: str | None
    """An IANA zone (UTC unless given)."""
    start: str | None
    """Where steps are counted from: a local date; for every an instant; for rrule its DTSTART, a local time."""
    step: int | None
    """Every so many days, weeks, months or years."""
    gap: str | None
    """``shift`` or ``skip``: what becomes of a local time that does not exist."""
    fold: str | None
    """``first``, ``last`` or ``both``: which of a local time that comes twice."""
    except_holidays: str | None
    """Days to leave out: countries (``DE``, ``US-CA``) or calendar files (``closed.ics``), with commas between."""
    business_days_before: int | None
    """So many business days before each occurrence; holidays are no business days."""
    starting: datetime | None
    """Nothing before this instant."""
    until: datetime | None
    """Nothing after this instant."""
    today: date | None
    """The present, where holidays begin; they are written into the clock for ten years."""


def spoken_clock(**words: Unpack[Words]) -> Clock:
    """Return the clock that was said; :class:`Words` lists what can be.

    Raises InvalidClock where none or several rules were said, or where a word does not go with the rule.

    >>> spoken_clock(monthly="31", time="08:00", zone="Europe/Berlin").describe()
    'on the 31st of every month at 08:00, Europe/Berlin'
    >>> spoken_clock(yearly="12-24", time="16:00").describe()
    'every year on the 24th of December at 16:00, UTC'
    >>> spoken_clock(rrule="FREQ=WEEKLY;INTERVAL=2", start="2026-01-05T09:00", zone="Europe/Berlin").describe()
    'every 2 weeks on Monday at 09:00, Europe/Berlin'
    >>> spoken_clock(daily="09:00", cron="0 9 * * *")
    Traceback (most recent call last):
    tickwork.errors.InvalidClock: clock: 'cron, daily' is not allowed; expected exactly one of at, every, cron, daily, \
weekly, monthly, yearly, rrule, clock, never
    """
    given = {word: value for word, value in words.items() if value is not None and value is not False}
    said = [rule for rule in RULES if rule in given]
    if len(said) != 1:
        raise InvalidClock("clock", ", ".join(said) or None, f"exactly one of {', '.join(RULES)}")
    rule = said[0]
    for word, rules in GOES_WITH.items():
        if word in given and rule not in rules:
            raise InvalidClock(word, given[word], f"no {word}: it goes with {_or(rules)}, not with {rule}")
    return _refined(READ[rule](_Said(given)), given)


@dataclass(frozen=True, slots=True)
class _Said:
    """The words that were given."""

    given: Mapping[str, Any]

    def __getitem__(self, word: str) -> Any:
        return self.given[word]

    @property
    def times(self) -> list[str]:
        return _listed(self.given.get("time", "00:00"))

    @property
    def zone(self) -> str:
        zone: str = self.given.get("zone", "UTC")
        return zone

    @property
    def policies(self) -> dict[str, Any]:
        return {word: self.given[word] for word in ("gap", "fold") if word in self.given}

    @property
    def steps(self) -> dict[str, Any]:
        """Step and start, as the clocks call them, and the policies."""
        named = {"step": "every", "start": "start"}
        return {**{named[word]: self.given[word] for word in named if word in self.given}, **self.policies}


def _every(said: _Said) -> Clock:
    start = said.given.get("start")
    return Every(said["every"], None if start is None else parse_instant(start))


def _yearly(said: _Said) -> Clock:
    month, _, day = said["yearly"].strip().replace("-", " ", 1).partition(" ")
    if not day:
        raise InvalidClock("yearly", said["yearly"], "a month and a day of it: 12-24, february 29")
    named: int | str = int(month) if month.isdigit() else month
    return Yearly(named, [_day(each) for each in _listed(day)], said.times, said.zone, **said.steps)


def _rrule(said: _Said) -> Clock:
    start: str | None = said.given.get("start")
    if start is not None and len(start) == len("2026-01-05T09:00") and start[-3] == ":":
        start += ":00"
    return Recurrence(said["rrule"], start=start, zone=said.given.get("zone"), **said.policies)


def _stored(said: _Said) -> Clock:
    stored = said["clock"]
    if not isinstance(stored, Mapping) or set(stored) != {"kind", "params"}:
        raise InvalidClock("clock", stored, 'an object {"kind": ..., "params": {...}}, as trigger show --json says it')
    return decode(stored["kind"], stored["params"])


#: Rule -> the clock that it makes.
READ: dict[str, Callable[[_Said], Clock]] = {
    "at": lambda said: Once(said["at"]),
    "every": _every,
    "cron": lambda said: parse_cron(said["cron"], said.given.get("zone"), **said.policies),
    "daily": lambda said: Daily(_listed(said["daily"]), said.zone, **said.steps),
    "weekly": lambda said: Weekly(said["weekly"], said.times, said.zone, **said.steps),
    "monthly": lambda said: Monthly(
        [_day(day) for day in _listed(said["monthly"])], said.times, said.zone, **said.steps
    ),
    "yearly": _yearly,
    "rrule": _rrule,
    "clock": _stored,
    "never": lambda said: Never(),
}
_WALL = ("cron", "daily", "weekly", "monthly", "yearly", "rrule")
#: Word -> the rules that it goes with; the words that are not here go with all.
GOES_WITH = {
    "time": ("weekly", "monthly", "yearly"),
    "zone": _WALL,
    "start": ("every", "daily", "weekly", "monthly", "yearly", "rrule"),
    "step": ("daily", "weekly", "monthly", "yearly"),
    "gap": _WALL,
    "fold": _WALL,
}


def _refined(clock: Clock, given: Mapping[str, Any]) -> Clock:
    """Return the clock less its holidays, moved by business days, between its bounds."""
    off = None
    if "except_holidays" in given:
        if "today" not in given:
            raise InvalidInput("today", None, "the present date: holidays are written out from its year on")
        off = days_off(given["except_holidays"], given.get("zone", "UTC"), given["today"].year)
    if "business_days_before" in given:
        zone = given.get("zone", "UTC")
        clock = BusinessDaysBefore(clock, given["business_days_before"], zone=zone, holidays=off)
    elif off is not None:
        clock = clock.except_(off)
    if "starting" in given:
        clock = clock.starting(given["starting"])
    return clock.until(given["until"]) if "until" in given else clock


def days_off(text: str, zone: str, year: int) -> Holidays:
    """Return the holidays of countries (``DE``, ``DE-BY``) and calendar files, from a year on, for ten years.

    Raises ConfigurationError where the package that knows them is not installed, InvalidClock for an unknown country.
    """
    last = year + YEARS_OF_HOLIDAYS - 1
    found: list[Holidays] = []
    for name in _listed(text):
        if name.lower().endswith(".ics"):
            found.append(_days_of_file(name, zone, year, last))
        else:
            country, _, part = name.upper().partition("-")
            found.append(public_holidays(country, first_year=year, last_year=last, zone=zone, subdivision=part or None))
    days = [day for each in found for day in each.days]
    return Holidays(days, zone=zone, name=" and ".join(each.name for each in found))


def _days_of_file(path: str, zone: str, first_year: int, last_year: int) -> Holidays:
    from tickwork.model.ics.days import days_of

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput("except_holidays", path, f"a calendar file that can be read ({error.strerror})") from None
    return days_of(data, zone=zone, first_year=first_year, last_year=last_year, name=Path(path).name)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _day(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdigit() else text


def _or(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

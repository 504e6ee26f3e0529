"""Cron expressions as clocks: five fields, six with seconds first, seven with a year last, in any zone.

The reading is Debian's: a day field that begins with ``*`` is unrestricted, two restricted day fields mean *either*.
0 and 7 are Sunday. On the nights when clocks are moved there are two kinds of rules. Fixed hours (``30 2 * * *``) are
appointments and follow the two policies: by default 02:30 in the gap becomes 03:30, and a time that comes twice counts
once. A wildcard hour (the field begins with ``*``) is a beat: it runs at every real time that matches, twice in the
fold and not at all in the gap. An expression that can never fire is refused when it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, Self

from tickwork.clocks import cronfields as fields
from tickwork.clocks.calendar import Calendar, Days, LocalRule
from tickwork.clocks.clock import Clock
from tickwork.clocks.cronhash import is_hashed, settle
from tickwork.clocks.cronwords import say_cron
from tickwork.clocks.days import EveryDay, MonthDays, Weekdays
from tickwork.clocks.every import Every
from tickwork.clocks.placed import PlacedClock
from tickwork.clocks.stored import Stored
from tickwork.clocks.times import times_of
from tickwork.clocks.wall import FIRST_SECOND, LAST_SECOND, next_utc, prev_utc
from tickwork.clocks.zone import FoldPolicy, GapPolicy
from tickwork.errors import InvalidClock
from tickwork.watch import Instant

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIVE = (fields.MINUTE, fields.HOUR, fields.DAY, fields.MONTH, fields.WEEKDAY)
_KINDS = {5: _FIVE, 6: (fields.SECOND, *_FIVE), 7: (fields.SECOND, *_FIVE, fields.YEAR)}
_FIELDS_ALLOWED = (
    "5 fields (minute, hour, day of month, month, day of week), 6 with seconds first, 7 with a year last, "
    f"or one of {', '.join(MACROS)}"
)
_ZONE_PREFIX = re.compile(r"\s*(?:CRON_TZ|TZ)=(\S+)\s+(.*)", re.DOTALL)
_EVERY = re.compile(r"@every\s+(\S+)", re.IGNORECASE)
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|us|µs|w|d|h|m|s)")
_UNIT_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_LONGEST = 1_000
_EVERY_DAY = EveryDay()


class Compiled(NamedTuple):
    """An expression that has been read: its fields, the local rule, and whether its hours are a beat."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: fields.DayField
    months: tuple[int, ...]
    weekdays: fields.WeekdayField
    years: tuple[int, ...] | None
    rule: Calendar
    beats: bool


@dataclass(frozen=True, init=False, repr=False)
class Cron(PlacedClock):
    """Fires when the wall clock in *zone* matches *expression*.

    *zone* is UTC unless it is given here or as ``CRON_TZ=Zone`` before the fields. *gap* (``shift``, ``skip``) and
    *fold* (``first``, ``last``, ``both``) hold for fixed hours. Raises InvalidClock naming the field.

    >>> from datetime import datetime, timezone
    >>> clock = Cron("*/15 9-17 * * 1-5")
    >>> clock.next(datetime(2026, 1, 2, 17, 45, tzinfo=timezone.utc)).isoformat()
    '2026-01-05T09:00:00+00:00'
    >>> Cron("0 25 * * *")
    Traceback (most recent call last):
    tickwork.errors.InvalidClock: hour: '25' is not allowed; expected a number from 0 to 23
    """

    expression: str
    _compiled: Compiled | None = field(compare=False)
    _gap: GapPolicy = field(compare=False)
    _fold: FoldPolicy = field(compare=False)
    kind: ClassVar[str] = "cron"

    def __init__(self, expression: str, zone: str | None = None, gap: str = "shift", fold: str = "first") -> None:
        named, text = _without_zone(expression)
        if zone is not None and named is not None and zone != named:
            raise InvalidClock("zone", zone, f"the same zone as CRON_TZ={named}, or none")
        self._place(zone or named or "UTC", gap, fold)
        text = _normal(text)
        compiled = None if _hashed(text) else compiled_cron(text)
        if compiled is None:
            compiled_cron(_settled(text, ""))  # refuses what would be refused later, under the trigger's key
        beats = compiled is not None and compiled.beats
        self._set(expression=text, _compiled=compiled, _held=None if compiled is None else compiled.rule)
        self._set(_gap="skip" if beats else self.gap, _fold="both" if beats else self.fold)

    def rule(self, since: Instant) -> LocalRule:
        return self._settled_rule()

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        rule = self._held
        utc = (since if after is None else after) // 1_000_000 + 1
        found = next_utc(self._settled_rule() if rule is None else rule, self._tz, self._gap, self._fold, utc)
        return None if found is None or found > LAST_SECOND else found * 1_000_000

    def prev_at(self, before: Instant, since: Instant) -> Instant | None:
        found = prev_utc(self._settled_rule(), self._tz, self._gap, self._fold, (before - 1) // 1_000_000)
        return None if found is None or found < FIRST_SECOND else found * 1_000_000

    def resolve(self, key: str, at: Instant) -> Clock:
        """Return the clock with every H settled by the key; without an H this is the clock itself.

        >>> Cron("H H(0-5) * * *").resolve("tenant/42/backup", 0).expression
        '36 5 * * *'
        """
        if self._compiled is not None:
            return self
        return Cron(_settled(self.expression, key), self.zone, self.gap, self.fold)

    def params(self) -> Mapping[str, Any]:
        return {"expression": self.expression, **self._place_params()}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        expression = stored.text("expression", "a cron expression")
        place = cls._stored_place(stored)
        stored.done()
        return cls(expression, **place)

    def describe(self) -> str:
        if self._compiled is None:
            return f"cron {self.expression}, where H is settled by the trigger's key, {self.zone}"
        return f"{say_cron(self._compiled)}, {self.zone}"

    def _settled_rule(self) -> Calendar:
        if self._compiled is None:
            raise InvalidClock(
                "cron expression", self.expression, "H settled by a trigger's key: call resolve(key, at)"
            )
        return self._compiled.rule


def parse_cron(text: str, zone: str | None = None, gap: str = "shift", fold: str = "first") -> Clock:
    """Read what may stand in a crontab's time columns: fields, a macro, ``CRON_TZ=``, or ``@every 1h30m``.

    ``@every`` gives an interval clock (its spans: w, d, h, m, s, ms, us), everything else a :class:`Cron`.

    >>> parse_cron("@every 90s").describe()
    'every 90 seconds'
    """
    named, rest = _without_zone(text)
    every = _EVERY.fullmatch(rest.strip())
    if every:
        Cron("* * * * *", zone if named is None else named, gap, fold)  # the zone changes nothing, but is not swallowed
        return Every(_span(every[1]))
    return Cron(text, zone, gap, fold)


@lru_cache(maxsize=8192)
def compiled_cron(text: str) -> Compiled:
    """Read a normal expression (capitals, single spaces, no H); equal ones are read once."""
    parts = text.split(" ")
    if len(parts) == 5:
        parts = ["0", *parts]
    second, minute, hour, day, month, weekday = parts[:6]
    seconds, minutes, hours = (
        fields.read_numbers(fields.SECOND, second),
        fields.read_numbers(fields.MINUTE, minute),
        fields.read_numbers(fields.HOUR, hour),
    )
    days, months, weekdays = (
        fields.read_days(day),
        fields.read_numbers(fields.MONTH, month),
        fields.read_weekdays(weekday),
    )
    years = fields.read_numbers(fields.YEAR, parts[6]) if len(parts) == 7 and parts[6] not in ("*", "?") else None
    chosen = _chosen_days(text, days, months, weekdays, years)
    rule = Calendar(chosen, times_of(hours, minutes, seconds))
    return Compiled(seconds, minutes, hours, days, months, weekdays, years, rule, fields.starred(hour))


def _chosen_days(
    text: str,
    days: fields.DayField,
    months: tuple[int, ...],
    weekdays: fields.WeekdayField,
    years: tuple[int, ...] | None,
) -> Days:
    both = days.starred or weekdays.starred
    if len(months) == 12 and years is None:
        if (days.every_day and weekdays.every_day) or (not both and (days.every_day or weekdays.every_day)):
            return _EVERY_DAY
        if days.every_day and both and not weekdays.nth:
            return _on_weekdays(weekdays.numbers)

    def pick(first: int, length: int) -> int:
        of_month, of_week = days.mask(first, length), weekdays.mask(first, length)
        return of_month & of_week if both else of_month | of_week

    chosen = MonthDays(pick, months=sum(1 << (month - 1) for month in months), years=years)
    if not chosen.ever():
        raise InvalidClock("day of month", text, "a day that its months have: this expression never fires")
    return chosen


@lru_cache(maxsize=128)
def _on_weekdays(numbers: tuple[int, ...]) -> Weekdays:
    return Weekdays(sum(1 << weekday for weekday in numbers))


def _without_zone(text: str) -> tuple[str | None, str]:
    if not isinstance(text, str):
        raise InvalidClock("cron expression", text, _FIELDS_ALLOWED)
    if len(text) > _LONGEST:
        raise InvalidClock("cron expression", text, f"at most {_LONGEST:,} characters")
    found = _ZONE_PREFIX.fullmatch(text)
    return (found[1], found[2]) if found else (None, text)


def _normal(text: str) -> str:
    """Return the expression in capitals with single spaces, macros written out; refuse what is no expression."""
    words = text.split()
    macro = words[0].lower() if len(words) == 1 else ""
    if macro in MACROS:
        return MACROS[macro]
    if macro == "@reboot":
        raise InvalidClock("cron expression", text, "a time: a start of the machine is not one, and fires no clock")
    if words and words[0].lower() == "@every":
        raise InvalidClock(
            "cron expression", text, "fields; an interval is a clock of its own: parse_cron(), or Every()"
        )
    if len(words) not in _KINDS or macro:
        raise InvalidClock("cron expression", text, _FIELDS_ALLOWED)
    return " ".join(words).upper()


def _hashed(text: str) -> bool:
    return any(is_hashed(part) for part in text.split(" "))


def _settled(text: str, key: str) -> str:
    parts = text.split(" ")
    return " ".join(settle(kind, part, key) for kind, part in zip(_KINDS[len(parts)], parts, strict=True))


def _span(text: str) -> float:
    parts = list(_SPAN.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise InvalidClock("@every", text, "a span such as 90s, 5m, 1h30m or 1.5h")
    return sum(float(part[1]) * _UNIT_SECONDS[part[2]] for part in parts)

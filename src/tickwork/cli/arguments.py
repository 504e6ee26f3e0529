"""How durations, instants and JSON are written on the command line.

A duration is ``90s``, ``15m``, ``2h``, ``7d``, ``1h30m``. An instant is RFC 3339 (``2026-06-03T09:00:00Z``), ``now``, or a
duration from now on (``+15m``; ``-2h`` lies in the past).
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import click

from tickwork.errors import InvalidInput
from tickwork.watch import SystemWatch, from_instant, parse_instant, to_instant

_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)")
_UNITS = {
    "us": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def read_duration(text: str) -> timedelta | None:
    """Return the duration that the text says, or None.

    >>> read_duration("1h30m"), read_duration("2 weeks")
    (datetime.timedelta(seconds=5400), None)
    """
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    try:
        return sum((float(number) * _UNITS[unit] for number, unit in parts), timedelta())
    except OverflowError:
        return None


def read_instant(text: str, now: datetime) -> datetime | None:
    """Return the instant that the text says, seen from *now*, or None.

    >>> noon = datetime.fromisoformat("2026-01-01T12:00:00Z")
    >>> read_instant("+15m", noon).isoformat(), read_instant("2026-06-03T09:00:00+02:00", noon).isoformat()
    ('2026-01-01T12:15:00+00:00', '2026-06-03T07:00:00+00:00')
    """
    if text == "now":
        return now
    try:
        span = read_duration(text.removeprefix("+").removeprefix("-"))
        if span is None:
            return from_instant(parse_instant(text))
        return from_instant(to_instant(now - span if text.startswith("-") else now + span))
    except (InvalidInput, OverflowError):
        return None


class Duration(click.ParamType[timedelta]):
    """A duration: 90s, 15m, 2h, 7d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = read_duration(value)
        if found is None:
            self.fail(f"{value!r} is not a duration; write 90s, 15m, 2h, 7d or 1h30m", param, ctx)
        return found


class Moment(click.ParamType[datetime]):
    """An instant: RFC 3339, now, or a duration from now on."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        found = read_instant(value, from_instant(SystemWatch().now()))
        if found is None:
            self.fail(
                f"{value!r} is not an instant; write 2026-06-03T09:00:00Z (a zone must be there), now, +15m or -2h",
                param,
                ctx,
            )
        return found


class Json(click.ParamType[dict[str, Any]]):
    """A JSON object."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        try:
            found = json.loads(value)
        except ValueError as error:
            self.fail(f"{value!r} is not JSON ({error})", param, ctx)
        if not isinstance(found, dict):
            self.fail(f'{value!r} is not a JSON object; write {{"name": "value"}}', param, ctx)
        return found


DURATION, MOMENT, JSON = Duration(), Moment(), Json()

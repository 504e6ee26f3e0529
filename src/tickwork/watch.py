"""A watch tells the time *now*, in microseconds since the epoch, UTC.

Nobody below the engine asks a watch: time is handed in. In production the database's own clock decides
(a watch that is ``None``); where a process must look at a watch it looks at :class:`SystemWatch`. In tests a
:class:`ManualWatch` is wound by hand, and nothing sleeps.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Protocol

from tickwork.errors import InvalidInput

#: An instant: microseconds since 1970-01-01T00:00:00Z.
Instant = int

MICROSECOND = 1
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: The first and the last instant that can be stored: the years 1 to 9999.
FIRST_INSTANT: Instant = -62_135_596_800 * SECOND
LAST_INSTANT: Instant = 253_402_300_800 * SECOND - 1


class Watch(Protocol):
    """Anything that tells the time."""

    def now(self) -> Instant: ...


class SystemWatch:
    """The operating system's clock."""

    def now(self) -> Instant:
        return time.time_ns() // 1000


class SteadyWatch:
    """A watch that nobody sets: it starts anywhere, and only ever goes on. For durations, never for dates."""

    def now(self) -> Instant:
        return time.monotonic_ns() // 1000


class ManualWatch:
    """A watch for tests: it stands still until somebody winds it.

    >>> watch = ManualWatch(datetime(2026, 1, 1, tzinfo=timezone.utc))
    >>> watch.wind(timedelta(minutes=5))
    >>> from_instant(watch.now()).isoformat()
    '2026-01-01T00:05:00+00:00'
    """

    def __init__(self, at: datetime | Instant = EPOCH) -> None:
        self._now = to_instant(at)

    def now(self) -> Instant:
        return self._now

    def wind(self, by: timedelta | float) -> None:
        """Move the hands by *by* (a timedelta or seconds), backwards if negative."""
        self._now += to_duration(by, "by")

    def set(self, at: datetime | Instant) -> None:
        self._now = to_instant(at)


def to_instant(at: datetime | Instant, field: str = "at") -> Instant:
    """Return *at* as an instant; a naive datetime is refused, for nobody knows which zone was meant.

    >>> to_instant(datetime(2026, 1, 1, tzinfo=timezone.utc))
    1767225600000000
    """
    if isinstance(at, datetime):
        if at.tzinfo is None or at.utcoffset() is None:
            raise InvalidInput(field, at.isoformat(), "a datetime with a time zone, for instance tzinfo=timezone.utc")
        gone = at - EPOCH
        instant = (gone.days * 86_400 + gone.seconds) * SECOND + gone.microseconds
    elif isinstance(at, int) and not isinstance(at, bool):
        instant = at
    else:
        raise InvalidInput(field, at, "a datetime with a time zone, or whole microseconds since the epoch")
    if not FIRST_INSTANT <= instant <= LAST_INSTANT:
        raise InvalidInput(field, at, "an instant in the years 1 to 9999")
    return instant


def from_instant(instant: Instant) -> datetime:
    """Return the instant as a datetime in UTC."""
    return EPOCH + timedelta(microseconds=instant)


def to_duration(span: timedelta | float, field: str) -> int:
    """Return a timedelta, or a number of seconds, as whole microseconds."""
    if isinstance(span, timedelta):
        return (span.days * 86_400 + span.seconds) * SECOND + span.microseconds
    if (
        isinstance(span, bool)
        or not isinstance(span, (int, float))
        or span != span
        or span in (float("inf"), float("-inf"))
    ):
        raise InvalidInput(field, span, "a timedelta, or a number of seconds")
    return round(span * SECOND)


def from_duration(span: int) -> timedelta:
    return timedelta(microseconds=span)


def parse_instant(text: str, field: str = "at") -> Instant:
    """Read RFC 3339 text (``2026-01-01T12:00:00Z``); an offset or Z must be there, leap seconds are refused."""
    try:
        return to_instant(datetime.fromisoformat(text), field)
    except InvalidInput:
        raise
    except ValueError:
        raise InvalidInput(field, text, "an instant such as 2026-01-31T12:00:00Z") from None


def show_instant(instant: Instant) -> str:
    """Write an instant as RFC 3339 with Z and microseconds.

    >>> show_instant(1767225600000000)
    '2026-01-01T00:00:00.000000Z'
    """
    return from_instant(instant).strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27)

"""A stamp is a date or a time as iCalendar writes it: a day, a wall-clock time, or an instant in UTC.

Both spellings are read, RFC 5545's (``20260101T090000Z``) and ISO 8601's (``2026-01-01T09:00:00Z``). A stamp is not
yet an instant: that takes a zone.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

from tickwork.clocks.calendar import DAY_SECONDS, day_of
from tickwork.clocks.zone import FoldPolicy, GapPolicy, Zone
from tickwork.errors import InvalidClock

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock arithmetic, no zone is meant
_SHAPE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:T(\d\d):?(\d\d):?(\d\d)(Z?))?", re.ASCII)


class Stamp(NamedTuple):
    """What was written: ``seconds`` since 1970 along the wall clock (or in UTC, where ``kind`` says so)."""

    kind: Literal["date", "local", "utc"]
    seconds: int

    @property
    def day(self) -> int:
        """The day, counted from 1970-01-01."""
        return self.seconds // DAY_SECONDS

    def basic(self) -> str:
        """Write the stamp as RFC 5545 does."""
        return self.iso().replace("-", "").replace(":", "")

    def iso(self) -> str:
        """Write the stamp as ISO 8601 does."""
        moment = (_EPOCH + timedelta(seconds=self.seconds)).isoformat()
        return moment[:10] if self.kind == "date" else moment + ("Z" if self.kind == "utc" else "")

    def instants(self, zone: Zone, gap: GapPolicy = "shift", fold: FoldPolicy = "first") -> tuple[int, ...]:
        """Return the UTC seconds that the stamp stands for in a zone (a date stands for its midnight)."""
        return (self.seconds,) if self.kind == "utc" else zone.to_utc(self.seconds, gap, fold)


def read_stamp(text: str, field: str) -> Stamp:
    """Read a date or a time; *field* is what an error calls it.

    >>> read_stamp("20260101T090000Z", "UNTIL").iso()
    '2026-01-01T09:00:00Z'
    """
    match = _SHAPE.fullmatch(text.strip().upper()) if isinstance(text, str) else None
    if match is None:
        raise InvalidClock(field, text, "a date or time such as 20260131, 20260131T090000 or 20260131T080000Z")
    try:
        found = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        raise InvalidClock(field, text, "a date that exists") from None
    day = day_of(found.year, found.month, found.day)
    if match[4] is None:
        return Stamp("date", day * DAY_SECONDS)
    hour, minute, second = int(match[4]), int(match[5]), int(match[6])
    if hour > 23 or minute > 59 or second > 60:
        raise InvalidClock(field, text, "a time of day from 000000 to 235959")
    # RFC 5545, 3.3.12: whoever keeps no leap seconds reads second 60 as 59.
    return Stamp("utc" if match[7] else "local", day * DAY_SECONDS + hour * 3600 + minute * 60 + min(second, 59))

"""How long things live: ends of days, windows of digests, notices before an end, and spans that are clamped.

These are the small sums that applications with expiring things (blocks, trials, watched pages, group memberships) get
wrong by an hour twice a year. They take a moment and give a moment, in the kind that was given (datetime in UTC, or
microseconds); they are no clocks and know no now.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import overload

from tickwork.clocks.calendar import DAY_SECONDS
from tickwork.clocks.clock import Moment
from tickwork.clocks.dayset import day_begins
from tickwork.clocks.zone import Zone
from tickwork.errors import InvalidInput
from tickwork.watch import DAY, SECOND, Instant, from_duration, from_instant, to_duration, to_instant

#: A term of this length or more is announced a week before its end, a shorter one a day before.
LONG_TERM = 14 * DAY
LONG_NOTICE = 7 * DAY
SHORT_NOTICE = 1 * DAY


def end_of_day(zone: str, at: Moment) -> Moment:
    """Return when the local day that holds the moment is over: the first instant of the next day.

    Raises InvalidInput for an unknown zone or a datetime without one.

    >>> from datetime import datetime, timezone
    >>> noon = datetime(2026, 5, 10, 12, tzinfo=timezone.utc)
    >>> [end_of_day(zone, noon).isoformat() for zone in ("Asia/Kolkata", "America/Los_Angeles")]
    ['2026-05-10T18:30:00+00:00', '2026-05-11T07:00:00+00:00']
    """
    place = Zone.get(zone)
    day = place.to_local(to_instant(at) // SECOND) // DAY_SECONDS
    return _like(at, day_begins(place, day + 1) * SECOND)


def digest_window(zone: str, at: Moment, parts: int = 4) -> tuple[Moment, Moment]:
    """Return beginning and end (not included) of the part of the local day that holds the moment.

    Four parts are quarter days, from 00:00, 06:00, 12:00 and 18:00 on the wall: what happens within one goes into one
    digest. In a night when clocks are moved a window is longer or shorter; windows never overlap and leave no gap.
    Raises InvalidInput where *parts* does not divide 24 hours.

    >>> from datetime import datetime, timezone
    >>> begins, ends = digest_window("Europe/Berlin", datetime(2026, 3, 29, 3, tzinfo=timezone.utc))
    >>> f"{begins:%H:%M} {ends:%H:%M}"  # local 00:00 to 06:00, only five hours long
    '23:00 04:00'
    """
    if isinstance(parts, bool) or not isinstance(parts, int) or parts < 1 or 24 % parts:
        raise InvalidInput("parts", parts, "1, 2, 3, 4, 6, 8, 12 or 24")
    place, instant = Zone.get(zone), to_instant(at)
    length = DAY_SECONDS // parts
    window = place.to_local(instant // SECOND) // length
    begins, ends = (_reached(place, number * length) * SECOND for number in (window, window + 1))
    if instant >= ends:  # the second pass of a fold: the window that begins again has begun already
        begins, ends = ends, _reached(place, (window + 2) * length) * SECOND
    return _like(at, begins), _like(at, ends)


def notice_before(granted_at: Moment, expires_at: Moment, now: Moment | None = None) -> Moment | None:
    """Return when to tell an owner that something ends soon, or ``None`` where it is too late for that.

    A term of 14 days or more is announced 7 days before its end, a shorter one 1 day before. A notice that would lie
    before the grant, or not after *now* (the grant, where it is left out), is not sent.

    >>> from datetime import datetime, timezone
    >>> june = lambda day: datetime(2026, 6, day, tzinfo=timezone.utc)
    >>> notice_before(june(1), june(30), now=june(2)).isoformat()
    '2026-06-23T00:00:00+00:00'
    >>> notice_before(june(1), june(11), now=june(10)) is None
    True
    """
    granted, expires = to_instant(granted_at, "granted_at"), to_instant(expires_at, "expires_at")
    if expires <= granted:
        raise InvalidInput("expires_at", expires_at, "a moment after granted_at")
    notice = expires - (LONG_NOTICE if expires - granted >= LONG_TERM else SHORT_NOTICE)
    if notice <= max(granted, granted if now is None else to_instant(now, "now")):
        return None
    return _like(expires_at, notice)


@overload
def clamped(wanted: timedelta | float | str | None, at_most: timedelta | float) -> timedelta: ...
@overload
def clamped(wanted: timedelta | float | str | None, at_most: None = None) -> timedelta | None: ...
def clamped(wanted: timedelta | float | str | None, at_most: timedelta | float | None = None) -> timedelta | None:
    """Return how long something may live: a timedelta or seconds, ``None`` or ``"infinite"`` for ever.

    More than *at_most* becomes *at_most*, and so does for ever; without *at_most* for ever stays ``None``, which is how
    it is stored. Raises InvalidInput for a span that is not above zero, or another word.

    >>> clamped(timedelta(days=400), at_most=timedelta(days=365)).days
    365
    >>> clamped("infinite") is None
    True
    """
    limit = None if at_most is None else _span(at_most, "at_most")
    if isinstance(wanted, str) and wanted != "infinite":
        raise InvalidInput("wanted", wanted, "a timedelta, seconds, None or 'infinite'")
    if wanted is None or isinstance(wanted, str):
        return None if limit is None else from_duration(limit)
    span = _span(wanted, "wanted")
    return from_duration(span if limit is None else min(span, limit))


def _span(span: timedelta | float, field: str) -> int:
    found = to_duration(span, field)
    if found < 1:
        raise InvalidInput(field, span, "a span above zero")
    return found


def _reached(zone: Zone, local: int) -> int:
    """Return the first instant (UTC seconds) at which the local clock shows this time or a later one that day."""
    day, rest = divmod(local, DAY_SECONDS)
    if rest == 0:
        return day_begins(zone, day)
    found = zone.to_utc(local, "skip", "first")
    return found[0] if found else zone.segment(zone.to_utc(local)[0]).start


def _like(model: Moment, instant: Instant) -> Moment:
    return from_instant(instant) if isinstance(model, datetime) else instant

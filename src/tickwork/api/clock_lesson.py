"""What a clock will do, told so that a person learns it: in words, its next occurrences, and the nights of its zone.

On the nights when clocks on walls are moved the policies have a say. Which nights those are, and what each policy would
do then, is found by asking the same clock with the other policies; nothing is said from a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tickwork.api.clock_words import spoken_clock
from tickwork.clocks import Clock, Zone, decode, encode
from tickwork.clocks.describe import say_list
from tickwork.errors import InvalidClock, InvalidInput
from tickwork.watch import DAY, SECOND, Instant, from_instant, parse_instant, to_instant

#: How far ahead moves of the clocks are looked for.
AHEAD = 366 * DAY
#: A clock that fires more often than this in three days is not told move by move.
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Coming:
    """One occurrence, as an instant and as the clocks of its zone show it."""

    at: Instant
    local: str


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a clock will do."""

    says: str
    kind: str
    zones: tuple[str, ...]
    coming: tuple[Coming, ...]
    nights: tuple[str, ...]
    """A sentence for each night on which the policies have a say; none where they have none."""


def read_clock(text: str, zone: str | None = None, *, gap: str | None = None, fold: str | None = None) -> Clock:
    """Read a clock from one text: a cron expression, a rule of RFC 5545, an instant.

    >>> read_clock("0 9 * * 1-5", "Europe/Berlin").describe()
    'every weekday at 09:00, Europe/Berlin'
    >>> read_clock("DTSTART:20260105T090000 RRULE:FREQ=WEEKLY").describe()
    'every Monday at 09:00, UTC'
    >>> read_clock("2026-06-03T09:00:00Z").describe()
    'once, at 2026-06-03 09:00 UTC'
    """
    if "FREQ=" in text.upper() or text.upper().startswith("DTSTART"):
        lines = "\n".join(text.split())
        return spoken_clock(rrule=lines, zone=zone, gap=gap, fold=fold)
    try:
        at = parse_instant(text)
    except InvalidInput:
        return spoken_clock(cron=text, zone=zone, gap=gap, fold=fold)
    return spoken_clock(at=from_instant(at), zone=zone, gap=gap, fold=fold)


def lesson(clock: Clock, after: datetime | Instant, count: int = 5) -> Lesson:
    r"""Tell what a clock does from a moment on: its next *count* occurrences, and the nights of the year after.

    >>> from tickwork.clocks import Daily
    >>> told = lesson(Daily("02:30", "Europe/Berlin"), datetime.fromisoformat("2026-03-01T00:00:00Z"), 1)
    >>> told.coming[0].local
    'Sun 2026-03-01 02:30 +01:00'
    >>> print(*told.nights, sep="\n")
    Sun 2026-03-29: the clocks of Europe/Berlin skip 02:00 to 03:00; fires at 03:30 (gap shift), not at all with gap skip
    Sun 2026-10-25: the clocks of Europe/Berlin show 02:00 to 03:00 twice; fires at 02:30 the first time (fold first), the second time with fold last, both times with fold both
    """
    since = to_instant(after, "after")
    zones = tuple(sorted(clock.zones()))
    place = Zone.get(zones[0] if len(zones) == 1 else "UTC")
    coming = tuple(Coming(at, local_time(at, place)) for at in clock.preview(count, since=since))
    nights = tuple(told for zone in zones for told in _nights(clock, Zone.get(zone), since))
    return Lesson(clock.describe(), clock.kind, zones, coming, nights)


def local_time(at: Instant, zone: Zone) -> str:
    """Say an instant as the clocks of a zone show it, with their distance from UTC."""
    second = at // SECOND
    offset = zone.offset_at(second)
    sign, ahead = ("-", -offset) if offset < 0 else ("+", offset)
    return f"{_wall(second + offset):%a %Y-%m-%d %H:%M}{_odd(second + offset)} {sign}{ahead // 3600:02}:{ahead // 60 % 60:02}"


def _nights(clock: Clock, zone: Zone, since: Instant) -> Iterator[str]:
    for at, before, after in zone.transitions(since // SECOND, (since + AHEAD) // SECOND):
        told = _gap(clock, at, before, after, since) if after > before else _fold(clock, at, before, after, since)
        if told:
            low, high = sorted((at + before, at + after))
            shown = f"{_clock_time(low)} to {_clock_time(high)}"
            moved = f"skip {shown}" if after > before else f"show {shown} twice"
            yield f"{_wall(low):%a %Y-%m-%d}: the clocks of {zone.name} {moved}; {told}"


def _gap(clock: Clock, at: int, before: int, after: int, since: Instant) -> str:
    shifted, skipped = (_around(clock, at, since, gap=policy) for policy in ("shift", "skip"))
    missing = sorted(shifted - skipped)
    if not missing:
        return ""
    times = say_list([_clock_time(second + after) for second in missing])
    own = getattr(clock, "gap", "shift")
    if own == "skip":
        return f"does not fire (gap skip), at {times} with gap shift"
    return f"fires at {times} (gap shift), not at all with gap skip"


def _fold(clock: Clock, at: int, before: int, after: int, since: Instant) -> str:
    first, last = (_around(clock, at, since, fold=policy) for policy in ("first", "last"))
    twice = sorted(second + before for second in first - last)
    if not twice:
        return ""
    times = say_list([_clock_time(second) for second in twice])
    ways = {"first": "the first time", "last": "the second time", "both": "both times"}
    own = getattr(clock, "fold", "first")
    others = ", ".join(f"{way} with fold {policy}" for policy, way in ways.items() if policy != own)
    return f"fires at {times} {ways[own]} (fold {own}), {others}"


def _around(clock: Clock, at: int, since: Instant, **policy: str) -> set[int]:
    """Return the seconds at which the clock would fire within a day and a half of a move, under another policy."""
    kind, params = encode(clock)
    if not {"gap", "fold"} & set(getattr(clock, "__dataclass_fields__", ())):
        return set()
    try:
        other = decode(kind, {**params, **policy})
        found = other.between((at - 129_600) * SECOND, (at + 129_600) * SECOND, since, limit=MOST)
    except (InvalidClock, InvalidInput):
        return set()
    return {instant // SECOND for instant in found}


def _wall(local: int) -> datetime:
    return from_instant(0) + timedelta(seconds=local)


def _clock_time(local: int) -> str:
    return f"{_wall(local):%H:%M}{_odd(local)}"


def _odd(local: int) -> str:
    return f":{local % 60:02}" if local % 60 else ""

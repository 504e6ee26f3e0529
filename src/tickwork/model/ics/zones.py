"""Which zone a TZID in a calendar file means.

An IANA name wins, also one behind a prefix (``/freeassociation.sourceforge.net/Europe/Berlin``) or with hyphens for its
slashes; then Windows' names; then what the file's own VTIMEZONE says about itself (X-LIC-LOCATION); then the rules of
that VTIMEZONE, written out from 1970 to 2050.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from re import fullmatch

from tickwork.clocks.recurrence import Recurrence
from tickwork.clocks.recurrence.stamp import read_stamp
from tickwork.clocks.recurrence.vtimezone import write_zone
from tickwork.clocks.zone import zone_names
from tickwork.errors import InvalidClock
from tickwork.model.ics.lines import Component, Property
from tickwork.model.ics.windows_zones import iana_of
from tickwork.watch import SECOND, to_instant

WRITTEN_FROM = to_instant(datetime.fromisoformat("1970-01-01T00:00:00Z")) // SECOND
WRITTEN_UNTIL = to_instant(datetime.fromisoformat("2051-01-01T00:00:00Z")) // SECOND
#: Moves of the clocks that one VTIMEZONE may list; a hundred years of two a year are 200.
MOST_MOVES = 2_000


class Zones:
    """The zones of one calendar file, by TZID."""

    def __init__(self, root: Component) -> None:
        self._defined = {zone.text("TZID"): zone for zone in _all(root, "VTIMEZONE")}
        self._found: dict[str, str] = {}

    def name_of(self, tzid: str, prop: Property) -> str:
        """Return the name under which Tickwork knows the zone; *prop* is where it stands."""
        if tzid not in self._found:
            self._found[tzid] = self._look_up(tzid.strip().strip('"'), prop)
        return self._found[tzid]

    def _look_up(self, tzid: str, prop: Property) -> str:
        known = known_zone(tzid)
        if known is not None:
            return known
        defined = self._defined.get(tzid)
        if defined is None:
            raise InvalidClock("TZID", tzid, f"a known time zone, or a VTIMEZONE in the file (line {prop.line})")
        for hint in ("X-LIC-LOCATION", "TZUNTIL-LOCATION"):
            known = known_zone(defined.text(hint)) if defined.text(hint) else None
            if known is not None:
                return known
        return _written_out(tzid, defined)


def known_zone(tzid: str) -> str | None:
    """Return the IANA zone that a name means, or ``None``.

    >>> known_zone("/mozilla.org/20050126_1/Europe/Berlin"), known_zone("W. Europe Standard Time")
    ('Europe/Berlin', 'Europe/Berlin')
    """
    names = zone_names()
    parts = tzid.strip("/").split("/")
    for start in range(len(parts)):
        name = "/".join(parts[start:])
        if name in names and (start == 0 or "/" in name):
            return name
    hyphened = tzid.replace("-", "/", 1)
    if hyphened in names:
        return hyphened
    found = iana_of(tzid)
    return found if found in names else None


def _written_out(tzid: str, zone: Component) -> str:
    moves: dict[int, tuple[int, int]] = {}
    for part in zone.inside:
        if part.name in ("STANDARD", "DAYLIGHT"):
            before, after = (_offset(part, name) for name in ("TZOFFSETFROM", "TZOFFSETTO"))
            for at in _onsets(part, before):
                moves[at] = (before, after)
    if not moves:
        raise InvalidClock("TZID", tzid, f"a VTIMEZONE with STANDARD or DAYLIGHT in it (line {zone.line})")
    rising = sorted(moves.items())
    first = rising[0][1][0]
    for at, (_, after) in rising:
        if at < WRITTEN_FROM:
            first = after
    kept = [(at, after) for at, (_, after) in rising if WRITTEN_FROM <= at < WRITTEN_UNTIL]
    offsets = [first, *(after for _, after in kept)]
    changes = [pair for pair, (old, new) in zip(kept, pairwise(offsets), strict=True) if old != new]
    return write_zone(tzid, first, changes)


def _onsets(part: Component, before: int) -> list[int]:
    """Return when the clocks are set to this part's offset: local times by the offset that held before."""
    start = part.first("DTSTART")
    if start is None:
        raise InvalidClock("DTSTART", None, f"a DTSTART in each part of a VTIMEZONE (line {part.line})")
    begin = read_stamp(start.value, "DTSTART").seconds
    # A rule since 1601 or year 1 is asked from 1970 on; the occurrence before it says what held then.
    found = [begin - before] + [
        read_stamp(value.partition("/")[0], "RDATE").seconds - before
        for prop in part.all("RDATE")
        for value in prop.value.split(",")
    ]
    for prop in part.all("RRULE"):
        clock = Recurrence(_until_on_the_wall(prop.value, before), start=start.value)
        low = max(begin - 1, WRITTEN_FROM - 366 * 86_400) * SECOND
        for at in clock.occurrences(low, low):
            if at // SECOND > WRITTEN_UNTIL or len(found) > MOST_MOVES:
                break
            found.append(at // SECOND - before)
    return found


def _until_on_the_wall(rule: str, before: int) -> str:
    """Return the rule with UNTIL as the wall clock showed it: the rule is expanded along the wall here."""
    until = fullmatch(r"(.*UNTIL=)(\d{8}T\d{6}Z)(.*)", rule)
    if until is None:
        return rule
    stamp = read_stamp(until[2], "UNTIL")
    return f"{until[1]}{stamp._replace(kind='local', seconds=stamp.seconds + before).basic()}{until[3]}"


def _offset(part: Component, name: str) -> int:
    prop = part.first(name)
    found = fullmatch(r"([+-]?)(\d\d)(\d\d)(\d\d)?", prop.value.strip()) if prop else None
    if found is None:
        raise InvalidClock(name, prop.value if prop else None, f"an offset such as +0100 (line {part.line})")
    seconds = int(found[2]) * 3600 + int(found[3]) * 60 + int(found[4] or 0)
    return -seconds if found[1] == "-" else seconds


def _all(component: Component, name: str) -> list[Component]:
    found = [component] if component.name == name else []
    for inside in component.inside:
        found += _all(inside, name)
    return found

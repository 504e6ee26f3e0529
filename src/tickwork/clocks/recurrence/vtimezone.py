"""Zones that no database knows: written out as text, so that a clock which uses one can be stored like any other.

A calendar file may define a zone of its own (VTIMEZONE, RFC 5545, 3.6.5). Where its name is none of IANA's, its moves
are listed and become the zone's name: ``custom:Name:+01:00,2026-03-29T01:00:00Z=+02:00,...``. The list ends where the
reader of the file stopped; after that the clocks of such a zone stand still.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from urllib.parse import quote

from tickwork.clocks.recurrence.stamp import Stamp, read_stamp
from tickwork.clocks.zone import KNOWN, Zone
from tickwork.errors import InvalidClock

PREFIX = "custom:"
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)


def zone_of(name: str, field: str = "zone") -> Zone:
    """Return an IANA zone, a fixed offset, or a zone that is written out.

    >>> zone_of("custom:Lab:+01:00,2026-03-29T01:00:00Z=+02:00").offset_at(1_800_000_000)
    7200
    """
    if type(name) is str:
        known = KNOWN.get(name)
        if known is not None:
            return known
        if name.startswith(PREFIX):
            return _written_out(name, field)
    return Zone.get(name, field)


def write_zone(label: str, offset: int, moves: Iterable[tuple[int, int]]) -> str:
    """Return the name of a zone that stands at *offset* first and moves to an offset at each instant (UTC seconds)."""
    listed = ",".join(f"{Stamp('utc', at).iso()}={_shown(to)}" for at, to in moves)
    return f"{PREFIX}{quote(label, safe='')}:{_shown(offset)}{',' if listed else ''}{listed}"


@lru_cache(maxsize=256)
def _written_out(name: str, field: str) -> Zone:
    _, _, rest = name[len(PREFIX) :].partition(":")
    first, *moves = rest.split(",")
    transitions, offsets = [], [_seconds(first, name, field)]
    for move in moves:
        at, _, offset = move.partition("=")
        transitions.append(read_stamp(at, field).seconds)
        offsets.append(_seconds(offset, name, field))
    if any(b <= a for a, b in pairwise(transitions)):
        raise InvalidClock(field, name, "a zone whose moves are listed in order")
    return Zone(name, transitions, offsets)


def _seconds(text: str, name: str, field: str) -> int:
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise InvalidClock(field, name, "a zone written out as custom:Name:+01:00,2026-03-29T01:00:00Z=+02:00")
    seconds = int(found[2]) * 3600 + int(found[3]) * 60 + int(found[4] or 0)
    return -seconds if found[1] == "-" else seconds


def _shown(offset: int) -> str:
    minutes, second = divmod(abs(offset), 60)
    text = f"{'-' if offset < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{second:02}" if second else text

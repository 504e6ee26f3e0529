"""A block is the lines of an event that make its recurrence set: DTSTART, RRULE, RDATE, EXDATE (RFC 5545, 3.8.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tickwork.clocks.recurrence.stamp import Stamp, read_stamp
from tickwork.clocks.recurrence.vtimezone import zone_of
from tickwork.errors import InvalidClock

_LINE = re.compile(r"(DTSTART|RRULE|RDATE|EXDATE|EXRULE)((?:;[A-Z-]+=(?:\"[^\"]*\"|[^\";:]*))*):(.*)", re.IGNORECASE)
_PARAMETER = re.compile(r";([A-Za-z-]+)=(?:\"([^\"]*)\"|([^\";:]*))")


@dataclass
class Block:
    """What the lines said, before anything is worked out from it."""

    start: Stamp | None = None
    zone: str | None = None
    rules: list[str] = field(default_factory=list)
    dates: list[Stamp] = field(default_factory=list)
    excluded: list[Stamp] = field(default_factory=list)


def read_block(texts: Iterable[str]) -> Block:
    """Read lines in any order; a line without a property's name is a rule.

    Raises InvalidClock for what cannot be read, and for EXRULE, which RFC 5545 took out of the standard.
    """
    block = Block()
    texts = list(texts)
    for text in texts:
        if not isinstance(text, str) or ":" in text or "\n" in text:
            break
    else:  # the usual case: rules and nothing else
        block.rules = [text for text in texts if text.strip()]
        return block
    lines = [line for text in texts for line in _unfolded(text)]
    matches = [(line, _LINE.fullmatch(line)) for line in lines]
    for wanted in ("DTSTART", ""):  # DTSTART first: its zone is the zone of the others
        for line, match in matches:
            name = match[1].upper() if match else "RRULE"
            if (name == "DTSTART") == bool(wanted):
                _take(block, name, match[2] if match else "", match[3] if match else line)
    return block


def in_zone(stamp: Stamp, theirs: str | None, ours: str | None) -> Stamp:
    """Return a wall-clock stamp of another zone as an instant in UTC; ours, dates and UTC stay as they are."""
    if stamp.kind != "local" or theirs is None or theirs == ours:
        return stamp
    return Stamp("utc", stamp.instants(zone_of(theirs))[0])


def _unfolded(text: str) -> list[str]:
    if not isinstance(text, str):
        raise InvalidClock("rule", text, "the text of a rule, or lines DTSTART, RRULE, RDATE and EXDATE")
    return [line.strip() for line in re.sub(r"\r?\n[ \t]", "", text).splitlines() if line.strip()]


def _take(block: Block, name: str, parameters: str, value: str) -> None:
    if name == "EXRULE":
        raise InvalidClock(
            "EXRULE", value, "EXDATE, or clock.except_(another): RFC 5545 withdrew EXRULE (appendix A.3)"
        )
    if name == "RRULE":
        block.rules.append(value)
        return
    said = {found[1].upper(): found[2] or found[3] for found in _PARAMETER.finditer(parameters)}
    zone = zone_of(said["TZID"], "TZID").name if "TZID" in said else None
    if name == "DTSTART":
        if block.start is not None:
            raise InvalidClock("DTSTART", value, "one DTSTART only (RFC 5545, 3.6.1)")
        block.start = read_stamp(value, "DTSTART")
        block.zone = "UTC" if block.start.kind == "utc" else zone
        return
    for part in value.split(","):
        stamp = read_stamp(part.partition("/")[0], name)  # of a period only its start matters here
        (block.dates if name == "RDATE" else block.excluded).append(in_zone(stamp, zone, block.zone))

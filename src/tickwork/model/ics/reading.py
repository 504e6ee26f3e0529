"""Reads a calendar file (.ics, RFC 5545) into events whose clocks can become triggers.

Reading is pure: nothing is put. Keys come from UID and RECURRENCE-ID, so reading a newer edition of the same file and
putting its events by key updates what is there and doubles nothing; ``cancelled`` names what should go. Of several
editions of one event in a file the one with the highest SEQUENCE counts (RFC 5546, 2.1.4), the last of equals.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from tickwork.clocks.recurrence.vtimezone import zone_of
from tickwork.errors import InvalidInput
from tickwork.model.ics.event import IcsEvent, IcsProblem, IcsReading
from tickwork.model.ics.lines import Component, Property, read_tree
from tickwork.model.ics.series import Part, Settings, events_of
from tickwork.model.ics.zones import Zones, known_zone

#: Messages of guests about an event (RFC 5546, 1.4): they change nothing by themselves.
ANSWERS = ("REPLY", "REFRESH", "COUNTER", "DECLINECOUNTER")


def read_ics(data: bytes | str, *, zone: str | None = None, keep_going: bool = False) -> IcsReading:
    """Return the events of a calendar file.

    *zone* is the zone of floating times and whole days; without it the file's X-WR-TIMEZONE, else UTC. With *keep_going*
    an event that is broken stands in ``problems`` with its UID and line, and the others are kept.

    Raises InvalidInput for the first broken event unless *keep_going*, ConfigurationError where the ``icalendar``
    package (extra ``ics``) is not installed.

    >>> reading = read_ics('''BEGIN:VCALENDAR
    ... BEGIN:VEVENT
    ... UID:standup
    ... DTSTART;TZID=Europe/Berlin:20260105T093000
    ... RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR
    ... SUMMARY:Stand-up
    ... BEGIN:VALARM
    ... TRIGGER:-PT10M
    ... END:VALARM
    ... END:VEVENT
    ... END:VCALENDAR''')
    >>> reading.events[0].clock.describe()
    'every weekday at 09:30, Europe/Berlin'
    >>> reading.events[0].alarms[0].clock.describe()
    '10 minutes before: every weekday at 09:30, Europe/Berlin'
    """
    root = read_tree(data)
    floating = zone_of(zone).name if zone is not None else _own_zone(root) or "UTC"
    settings = Settings(Zones(root), floating)
    problems: list[IcsProblem] | None = [] if keep_going else None
    events: list[IcsEvent] = []
    cancelled: list[str] = []
    uids: set[str] = set()
    for uid, components in _by_uid(root, problems).items():
        parts = [part for component in components if (part := _part(uid, component, settings, problems)) is not None]
        parts = _newest(parts)
        if not parts:
            continue
        uids.add(uid)
        try:
            found, gone = events_of(uid, parts)
        except InvalidInput as wrong:
            _report(IcsProblem(uid, parts[0].line, str(wrong)), wrong, problems)
            continue
        events += found
        cancelled += gone
    for number, line in _unreadable(root):
        if problems is not None:
            problems.append(IcsProblem("", number, f"no line of a calendar: {line[:60]!r}"))
    return IcsReading(tuple(events), tuple(problems or ()), tuple(cancelled), frozenset(uids))


def _part(uid: str, component: Component, settings: Settings, problems: list[IcsProblem] | None) -> Part | None:
    try:
        return Part(component, settings)
    except InvalidInput as wrong:
        _report(IcsProblem(uid, component.line, str(wrong)), wrong, problems)
        return None


def _report(problem: IcsProblem, wrong: InvalidInput, problems: list[IcsProblem] | None) -> None:
    if problems is None:
        raise InvalidInput(f"event {problem.uid!r}, line {problem.line}: {wrong.field}", wrong.value, wrong.allowed)
    problems.append(problem)


def _by_uid(root: Component, problems: list[IcsProblem] | None) -> dict[str, list[Component]]:
    found: dict[str, list[Component]] = {}
    for method, event in _events(root, ""):
        if method in ANSWERS:
            continue
        if method == "ADD":
            wrong = InvalidInput("METHOD", method, "PUBLISH, REQUEST or CANCEL: what ADD adds to is not in the file")
            _report(IcsProblem(event.text("UID"), event.line, str(wrong)), wrong, problems)
            continue
        if method == "CANCEL" and event.first("STATUS") is None:
            event.properties.append(Property("STATUS", {}, "CANCELLED", event.line))
        found.setdefault(event.text("UID") or _uid_of(event), []).append(event)
    return found


def _events(component: Component, method: str) -> Iterator[tuple[str, Component]]:
    if component.name == "VEVENT":
        yield method, component
        return
    method = component.text("METHOD").upper() or method
    for inside in component.inside:
        yield from _events(inside, method)


def _uid_of(event: Component) -> str:
    """Return a name for an event without UID: the same lines have the same name."""
    said = "\n".join(
        f"{prop.name}:{prop.value}" for prop in event.properties if prop.name not in ("DTSTAMP", "CREATED")
    )
    return f"no-uid-{sha256(said.encode()).hexdigest()[:16]}"


def _newest(parts: list[Part]) -> list[Part]:
    """Return each part of a series once: of several editions the newest."""
    kept: dict[str, Part] = {}
    for part in parts:
        name = "" if part.replaces is None else part.replaces.value.strip()
        old = kept.get(name)
        if old is None or _sequence(part) >= _sequence(old):
            kept[name] = part
    return list(kept.values())


def _sequence(part: Part) -> int:
    text = part.component.text("SEQUENCE")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


def _own_zone(root: Component) -> str | None:
    for calendar in root.inside:
        if calendar.text("X-WR-TIMEZONE"):
            return known_zone(calendar.text("X-WR-TIMEZONE"))
    return None


def _unreadable(component: Component) -> Iterator[tuple[int, str]]:
    yield from component.unreadable
    for inside in component.inside:
        yield from _unreadable(inside)

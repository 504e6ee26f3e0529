"""One UID's components, the series and its changed occurrences (RECURRENCE-ID), as clocks that never say one thing twice.

A changed occurrence is taken out of its series and stands alone. RANGE=THISANDFUTURE ends the series there; what
follows is the same series moved along the wall clock by as much as that occurrence was moved, until the next such cut
(RFC 5545, 3.8.4.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from re import fullmatch

from tickwork.clocks.bounded import Bounded
from tickwork.clocks.clock import Clock
from tickwork.clocks.combined import Union
from tickwork.clocks.once import Once
from tickwork.clocks.recurrence import Recurrence
from tickwork.clocks.recurrence.block import in_zone
from tickwork.clocks.recurrence.stamp import Stamp, read_stamp
from tickwork.clocks.recurrence.vtimezone import zone_of
from tickwork.clocks.shifted import Shifted
from tickwork.errors import InvalidClock, InvalidInput
from tickwork.model.ics.event import IcsAlarm, IcsEvent
from tickwork.model.ics.lines import Component, Property
from tickwork.model.ics.zones import Zones
from tickwork.watch import SECOND

_DURATION = r"([+-]?)P(?:(\d+)W|(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?)"
#: Repetitions of one alarm (REPEAT) that are taken.
MOST_REPEATS = 100


@dataclass(frozen=True)
class Settings:
    """What holds for the whole file: its zones, and the zone of floating times."""

    zones: Zones
    floating: str


class Part:
    """One VEVENT: its start, and what it says about itself."""

    def __init__(self, component: Component, settings: Settings) -> None:
        self.component, self._settings = component, settings
        self.cancelled = component.text("STATUS").upper() == "CANCELLED"
        start = component.first("DTSTART") or (component.first("RECURRENCE-ID") if self.cancelled else None)
        if start is None and self.cancelled:
            start = Property("DTSTART", {}, "19700101", component.line)  # nothing of it but the UID is needed
        if start is None:
            raise InvalidInput("DTSTART", None, f"a DTSTART: the event begins on line {component.line}")
        self.start, self.zone = self._stamp(start)
        self.line = component.line
        self.replaces = component.first("RECURRENCE-ID")
        self.and_future = bool(self.replaces and self.replaces.parameters.get("RANGE", "").upper() == "THISANDFUTURE")

    def recurs(self) -> bool:
        return any(self.component.first(name) for name in ("RRULE", "RDATE"))

    def clock(self, taken_out: list[Stamp]) -> Clock:
        """Return the clock of this part's own lines, less what other parts replace."""
        if next(self.component.all("EXRULE"), None) is not None:
            raise InvalidInput("EXRULE", self.component.text("EXRULE"), "EXDATE (RFC 5545, appendix A.3)")
        if not self.recurs():
            return Once(self.start.instants(zone_of(self.zone))[0] * SECOND)
        excluded = [*self._stamps("EXDATE"), *taken_out]
        return Recurrence(
            [f"RRULE:{rule.value}" for rule in self.component.all("RRULE")],
            start=self.start.iso(),
            zone=self.zone,
            dates=[stamp.iso() for stamp in self._stamps("RDATE")],
            except_dates=[stamp.iso() for stamp in excluded],
        )

    def replaced(self, series: Part | None) -> Stamp:
        """Return the time of the occurrence that this part replaces, as its series counts time."""
        assert self.replaces is not None
        stamp, zone = self._stamp(self.replaces)
        if series is not None and series.start.kind == "date" and stamp.kind != "date":
            return Stamp(
                "date", stamp.seconds // 86_400 * 86_400
            )  # Exchange: midnight in its own zone, the day is meant
        return stamp if series is None else in_zone(stamp, zone, series.zone)

    def duration(self) -> timedelta:
        end, said = self.component.first("DTEND"), self.component.first("DURATION")
        if said is not None:
            return read_duration(said)
        if end is None:
            return timedelta(days=1) if self.start.kind == "date" else timedelta(0)
        stamp, zone = self._stamp(end)
        length = stamp.instants(zone_of(zone))[0] - self.start.instants(zone_of(self.zone))[0]
        if stamp.kind == "date" and self.start.kind == "date":
            length = stamp.seconds - self.start.seconds
        return timedelta(seconds=max(length, 0))

    def event(self, key: str, uid: str, clock: Clock) -> IcsEvent:
        duration = self.duration()
        return IcsEvent(
            key=key,
            uid=uid,
            clock=clock,
            zone=self.zone,
            start_at=self.start.instants(zone_of(self.zone))[0] * SECOND,
            summary=self.component.text("SUMMARY"),
            description=self.component.text("DESCRIPTION"),
            location=self.component.text("LOCATION"),
            duration=duration,
            all_day=self.start.kind == "date",
            alarms=tuple(_alarms(self.component, key, clock, duration)),
            line=self.line,
        )

    def _stamp(self, prop: Property, value: str | None = None) -> tuple[Stamp, str]:
        text = (prop.value if value is None else value).strip()
        try:
            stamp = read_stamp(text, prop.name)
        except InvalidClock as wrong:
            raise InvalidInput(prop.name, text, f"{wrong.allowed} (line {prop.line})") from None
        if stamp.kind == "utc":
            return stamp, "UTC"
        if stamp.kind == "local" and "TZID" in prop.parameters:
            return stamp, self._settings.zones.name_of(prop.parameters["TZID"], prop)
        return stamp, self._settings.floating

    def _stamps(self, name: str) -> list[Stamp]:
        found = []
        for prop in self.component.all(name):
            for value in prop.value.split(","):
                if value.strip():
                    stamp, zone = self._stamp(prop, value.partition("/")[0])
                    found.append(in_zone(stamp, zone, self.zone))
        return found


def events_of(uid: str, parts: list[Part]) -> tuple[list[IcsEvent], list[str]]:
    """Return the events of one UID, and the keys of those that are cancelled."""
    series = next((part for part in parts if part.replaces is None), None)
    changed = [(part.replaced(series), part) for part in parts if part.replaces is not None]
    cuts = sorted(((at, part) for at, part in changed if part.and_future), key=lambda cut: cut[0].seconds)
    alone = [(at, part) for at, part in changed if not part.and_future]
    events: list[IcsEvent] = []
    cancelled: list[str] = []
    if series is not None:
        whole = _rest(series, [at for at, _ in alone])
        if series.cancelled:
            cancelled.append(uid)
        elif whole is not None:
            events.append(series.event(uid, uid, _between(whole, None, cuts[:1], series)))
        for number, (at, part) in enumerate(cuts):
            key = f"{uid}/{at.iso()}/future"
            if part.cancelled or series.cancelled:
                cancelled.append(key)
            elif part.recurs():
                events.append(
                    part.event(key, uid, _between(part.clock([]), None, cuts[number + 1 : number + 2], series))
                )
            elif whole is not None:
                stretch = _between(whole, at, cuts[number + 1 : number + 2], series)
                moved = part.start.seconds - _on_the_wall(at, series)
                events.append(part.event(key, uid, Shifted(stretch, moved, zone=series.zone) if moved else stretch))
    for at, part in alone if series is not None else changed:
        key = f"{uid}/{at.iso()}"
        if part.cancelled:
            cancelled.append(key)
        else:
            events.append(part.event(key, uid, part.clock([])))
    return events, cancelled


def _rest(series: Part, taken_out: list[Stamp]) -> Clock | None:
    """Return the series without the occurrences that stand alone; ``None`` where nothing is left."""
    if not series.recurs():
        own = series.start.instants(zone_of(series.zone))
        return None if any(at.instants(zone_of(series.zone)) == own for at in taken_out) else series.clock([])
    try:
        return series.clock(taken_out)
    except InvalidClock as never:
        if taken_out and "fires at least once" in never.allowed:
            series.clock([])  # it has occurrences, only that each of them was changed
            return None
        raise


def _between(clock: Clock, first: Stamp | None, cuts: list[tuple[Stamp, Part]], series: Part) -> Clock:
    """Return the clock from one cut to before the next."""
    if first is None and not cuts:
        return clock
    begin = None if first is None else _instant(first, series)
    end = None if not cuts else _instant(cuts[0][0], series) - 1
    return Bounded(clock, begin, end)


def _instant(at: Stamp, series: Part) -> int:
    return at.instants(zone_of(series.zone))[0] * SECOND


def _on_the_wall(at: Stamp, series: Part) -> int:
    return zone_of(series.zone).to_local(at.seconds) if at.kind == "utc" and series.zone != "UTC" else at.seconds


def _alarms(component: Component, key: str, clock: Clock, duration: timedelta) -> list[IcsAlarm]:
    found = []
    for number, alarm in enumerate(inside for inside in component.inside if inside.name == "VALARM"):
        trigger = alarm.first("TRIGGER")
        if trigger is None:
            raise InvalidInput("TRIGGER", None, f"a TRIGGER in the VALARM (line {alarm.line})")
        offset, reminder = _reminder(trigger, clock, duration)
        found.append(
            IcsAlarm(
                key=f"{key}/alarm/{number + 1}",
                clock=_repeated(alarm, reminder),
                offset=offset,
                action=alarm.text("ACTION").upper() or "DISPLAY",
                description=alarm.text("DESCRIPTION"),
            )
        )
    return found


def _reminder(trigger: Property, clock: Clock, duration: timedelta) -> tuple[timedelta | None, Clock]:
    if fullmatch(r"\d{8}T\d{6}Z?", trigger.value.strip()):
        return None, Once(read_stamp(trigger.value, "TRIGGER").seconds * SECOND)
    offset = read_duration(trigger)
    if trigger.parameters.get("RELATED", "START").upper() == "END":
        offset += duration
    return offset, Shifted(clock, offset) if offset else clock


def _repeated(alarm: Component, clock: Clock) -> Clock:
    repeat, every = alarm.first("REPEAT"), alarm.first("DURATION")
    if repeat is None or every is None or not repeat.value.strip().isdigit():
        return clock
    step = read_duration(every)
    times = min(int(repeat.value), MOST_REPEATS)
    return Union(clock, *(Shifted(clock, step * n) for n in range(1, times + 1))) if step and times else clock


def read_duration(prop: Property) -> timedelta:
    """Read a duration such as ``-PT15M`` (RFC 5545, 3.3.6)."""
    found = fullmatch(_DURATION, prop.value.strip().upper())
    if found is None or not any(found.groups()[1:]) or any(len(part or "") > 7 for part in found.groups()):
        raise InvalidInput(prop.name, prop.value, f"a duration such as -PT15M (line {prop.line})")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    span = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -span if found[1] == "-" else span

"""The recurrence set of RFC 5545, 3.8.5: what several rules and RDATEs give, less the EXDATEs, as instants in UTC.

Built once for equal recurrences and shared; it only remembers what it has counted for COUNT, so threads may share it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

from tickwork.clocks.calendar import DAY_SECONDS
from tickwork.clocks.recurrence.dated import DatedRule
from tickwork.clocks.recurrence.elapsed import UNITS, ElapsedRule
from tickwork.clocks.recurrence.rule import Rule
from tickwork.clocks.recurrence.stamp import Stamp
from tickwork.clocks.recurrence.vtimezone import zone_of
from tickwork.clocks.wall import next_utc
from tickwork.clocks.zone import FoldPolicy, GapPolicy, Zone
from tickwork.errors import InvalidClock


class Said(NamedTuple):
    """What a recurrence says: its rules, DTSTART and zone, RDATEs and EXDATEs, and the two policies."""

    rules: tuple[Rule, ...]
    start: Stamp
    zone: str
    dates: tuple[Stamp, ...]
    excluded: tuple[Stamp, ...]
    gap: GapPolicy
    fold: FoldPolicy


class Occurrences:
    """The instants of a recurrence, searched forward in whole UTC seconds."""

    def __init__(self, said: Said) -> None:
        rules, start, name, dates, excluded, self._gap, self._fold = said
        zone = self._zone = zone_of(name)
        self._all_day = start.kind == "date"
        begins = start.instants(zone)[0]
        self._sources = [self._source(rule, start, begins) for rule in rules]
        listed = dates if rules else (start, *dates)
        self._dates = (
            sorted({at for date in listed for at in date.instants(zone, self._gap, self._fold)}) if listed else []
        )
        self._days_out: set[int] = set()
        self._out: set[int] = set()
        if excluded:
            self._leave_out(excluded)
        # The usual case is one rule, nothing added, nothing taken out.
        alone = len(rules) == 1 and not (dates or excluded)
        self._search = self._sources[0] if alone else None
        #: The first occurrence of all, or ``None`` where there is none.
        before = begins - DAY_SECONDS if not self._dates else min(begins - DAY_SECONDS, self._dates[0])
        self.first = self._next_allowed(before) if self._search is None else self._search(before)

    def next_utc(self, utc: int) -> int | None:
        """Return the first occurrence that is not before an instant."""
        first = self.first
        if first is None or utc <= first:
            return first
        return self._next_allowed(utc) if self._search is None else self._search(utc)

    def _leave_out(self, excluded: tuple[Stamp, ...]) -> None:
        """Note the EXDATEs: whole days, or instants; one that names a time in a gap names the shifted occurrence."""
        zone = self._zone
        for stamp in excluded:
            if self._all_day or stamp.kind == "date":
                local = stamp.seconds if stamp.kind != "utc" else zone.to_local(stamp.seconds)
                self._days_out.add(local // DAY_SECONDS)
            else:
                self._out.update(stamp.instants(zone, "shift", "both"))

    def _next_allowed(self, utc: int) -> int | None:
        while True:  # ends: each turn passes an EXDATE, and there are only so many
            found = self._next(utc)
            if found is None:
                return None
            if self._days_out:
                day = self._zone.to_local(found) // DAY_SECONDS
                if day in self._days_out:
                    utc = max(found + 1, min(self._zone.to_utc((day + 1) * DAY_SECONDS)))
                    continue
            if found not in self._out:
                return found
            utc = found + 1

    def _next(self, utc: int) -> int | None:
        best: int | None = None
        for source in self._sources:
            found = source(utc)
            if found is not None and (best is None or found < best):
                best = found
        if self._dates:
            place = bisect_left(self._dates, utc)
            if place < len(self._dates) and (best is None or self._dates[place] < best):
                return self._dates[place]
        return best

    def _source(self, rule: Rule, start: Stamp, begins: int) -> Callable[[int], int | None]:
        zone, gap, fold = self._zone, self._gap, self._fold
        if rule.freq in UNITS:
            if self._all_day:
                raise InvalidClock("FREQ", rule.freq, "DAILY or slower where DTSTART is a date (RFC 5545, 3.3.10)")
            elapsed = ElapsedRule(rule, begins, zone)
            if rule.until is not None:
                elapsed.end_with(last_instant(rule.until, zone))
            return elapsed.next_utc
        exists = None if gap == "shift" else lambda local: bool(zone.to_utc(local, "skip", fold))
        dated = DatedRule(rule, start.seconds, all_day=self._all_day, exists=exists)
        search = partial(next_utc, dated, zone, gap, fold)
        if rule.until is None:
            return search
        if rule.until.kind != "utc":
            dated.end_with(rule.until.seconds + (DAY_SECONDS - 1 if rule.until.kind == "date" else 0))
            return search
        last = last_instant(rule.until, zone)
        if self._all_day:  # Google writes UNTIL=20261231T225959Z for days: the local day counts
            last = max(last, min(zone.to_utc(zone.to_local(last) // DAY_SECONDS * DAY_SECONDS)))
        dated.end_with(last + DAY_SECONDS)  # whatever the offset: past that the search need not look

        def until(utc: int) -> int | None:
            found = search(utc)
            return None if found is None or found > last else found

        return until


def last_instant(until: Stamp, zone: Zone) -> int:
    """Return the last instant that UNTIL allows; a date allows its whole day."""
    if until.kind == "date":
        return max(zone.to_utc(until.seconds + DAY_SECONDS)) - 1
    return max(until.instants(zone, "shift", "both"))


@lru_cache(maxsize=4096)
def occurrences_of(said: Said) -> Occurrences:
    """Return the recurrence set of what a recurrence says; equal ones share it."""
    return Occurrences(said)

"""The recurrence set of RFC 5545, 3.8.5: what several rules and RDATEs give, less the EXDATEs, as instants in UTC.

Built once for equal recurrences and shared; it only remembers what it has counted for COUNT, so threads may share it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache

from tickwork.clocks.calendar import DAY_SECONDS, FIRST_DAY
from tickwork.clocks.recurrence.dated import DatedRule
from tickwork.clocks.recurrence.elapsed import UNITS, ElapsedRule
from tickwork.clocks.recurrence.rule import Rule
from tickwork.clocks.recurrence.stamp import Stamp
from tickwork.clocks.recurrence.vtimezone import zone_of
from tickwork.clocks.wall import next_utc
from tickwork.clocks.zone import FoldPolicy, GapPolicy, Zone
from tickwork.errors import InvalidClock

BEFORE_ALL = FIRST_DAY * DAY_SECONDS


class Occurrences:
    """The instants of a recurrence, searched forward in whole UTC seconds."""

    def __init__(
        self,
        rules: tuple[Rule, ...],
        start: Stamp,
        zone: Zone,
        dates: tuple[Stamp, ...],
        excluded: tuple[Stamp, ...],
        *,
        gap: GapPolicy,
        fold: FoldPolicy,
    ) -> None:
        self._zone, self._gap, self._fold = zone, gap, fold
        self._all_day = start.kind == "date"
        self._sources = [self._source(rule, start) for rule in rules]
        listed = dates if rules else (start, *dates)
        self._dates = sorted({at for date in listed for at in date.instants(zone, gap, fold)})
        by_day = [stamp for stamp in excluded if self._all_day or stamp.kind == "date"]
        self._days_out = {
            (stamp.seconds if stamp.kind != "utc" else zone.to_local(stamp.seconds)) // DAY_SECONDS for stamp in by_day
        }
        # An EXDATE is matched as an instant; one that names a time in a gap names the shifted occurrence.
        self._out = {at for stamp in excluded if stamp not in by_day for at in stamp.instants(zone, "shift", "both")}

        #: Returns the first occurrence that is not before an instant (UTC seconds).
        self.next_utc: Callable[[int], int | None] = self._next_allowed
        if len(self._sources) == 1 and not (self._dates or self._out or self._days_out):
            self.next_utc = self._sources[0]  # the usual case: one rule, nothing added, nothing taken out

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

    def _source(self, rule: Rule, start: Stamp) -> Callable[[int], int | None]:
        zone, gap, fold = self._zone, self._gap, self._fold
        if rule.freq in UNITS:
            if self._all_day:
                raise InvalidClock("FREQ", rule.freq, "DAILY or slower where DTSTART is a date (RFC 5545, 3.3.10)")
            elapsed = ElapsedRule(rule, start.instants(zone)[0], zone)
            if rule.until is not None:
                elapsed.end_with(last_instant(rule.until, zone))
            return elapsed.next_utc
        exists = None if gap == "shift" else lambda local: bool(zone.to_utc(local, "skip", fold))
        dated = DatedRule(rule, start.seconds, all_day=self._all_day, exists=exists)
        begin = start.instants(zone)[0] - DAY_SECONDS  # nothing lies before: the search need not begin earlier
        if rule.until is None or rule.until.kind != "utc":
            if rule.until is not None:
                dated.end_with(rule.until.seconds + (DAY_SECONDS - 1 if rule.until.kind == "date" else 0))
            return lambda utc: next_utc(dated, zone, gap, fold, max(begin, utc))
        last = last_instant(rule.until, zone)
        if self._all_day:  # Google writes UNTIL=20261231T225959Z for days: the local day counts
            last = max(last, min(zone.to_utc(zone.to_local(last) // DAY_SECONDS * DAY_SECONDS)))
        dated.end_with(last + DAY_SECONDS)  # whatever the offset: past that the search need not look

        def until(utc: int) -> int | None:
            found = next_utc(dated, zone, gap, fold, max(utc, begin))
            return None if found is None or found > last else found

        return until


def last_instant(until: Stamp, zone: Zone) -> int:
    """Return the last instant that UNTIL allows; a date allows its whole day."""
    if until.kind == "date":
        return max(zone.to_utc(until.seconds + DAY_SECONDS)) - 1
    return max(until.instants(zone, "shift", "both"))


@lru_cache(maxsize=4096)
def occurrences_of(
    rules: tuple[Rule, ...],
    start: Stamp,
    zone: str,
    dates: tuple[Stamp, ...],
    excluded: tuple[Stamp, ...],
    *,
    gap: GapPolicy,
    fold: FoldPolicy,
) -> Occurrences:
    """Return the recurrence set of what a :class:`Recurrence` keeps; equal ones are shared."""
    return Occurrences(rules, start, zone_of(zone), dates, excluded, gap=gap, fold=fold)

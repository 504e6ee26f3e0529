"""Wall-clock time as instants: what a set of local times means in a zone whose clocks are moved.

A *gap* is the local time that does not exist when clocks are put forward, a *fold* the local time that comes twice
when they are put back. The two policies say what a rule with fixed local times does there:

- gap ``shift``: the time moves on by the length of the gap (02:30 becomes 03:30); ``skip``: it is left out.
- fold ``first``, ``last``: the first or the second of the two instants; ``both``: each of them.

The answers rise strictly in UTC. Two local times that stand for one instant (02:30 and 03:30 on the night of a gap)
are one occurrence. The search goes from one move of the clocks to the next and is bounded: the zone's rules and the
calendar repeat after 400 years.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from tickwork.clocks.calendar import LocalRule
from tickwork.clocks.clock import Clock
from tickwork.clocks.zone import BEGINNING, END, FURTHEST, FoldPolicy, GapPolicy, Zone
from tickwork.watch import FIRST_INSTANT, LAST_INSTANT, Instant

LAST_SECOND = LAST_INSTANT // 1_000_000
FIRST_SECOND = FIRST_INSTANT // 1_000_000
#: Segments looked at before a rule that only ever falls into gaps is given up: two a year for 400 years, and a margin.
MOST_SEGMENTS = 2_000
#: Further ahead than any two offsets of one zone lie apart, in seconds.
FAR = 2 * FURTHEST


def next_utc(rule: LocalRule, zone: Zone, gap: GapPolicy, fold: FoldPolicy, utc: int) -> int | None:
    """Return the rule's first instant that is not before *utc* (UTC seconds), or ``None``."""
    hit = zone.hit
    if not hit[0] <= utc < hit[1]:
        hit = zone.segment(utc)
    start, end, offset, before, after, calm_from, calm_until = hit
    if utc >= calm_from:  # the usual case: nothing is moved between here and the answer
        local = rule.next_local(utc + offset)
        if local is None:
            if utc < calm_until:
                return None
        elif local - offset < calm_until:
            return local - offset
        elif utc < calm_until and local - offset - utc > FAR:
            # Far ahead, on a calm day: no fold between here and there turns the wall clock back to before *utc*.
            there = zone.peek(local - offset)
            if there[5] <= local - there[2] < there[6]:
                return local - there[2]
    for _ in range(MOST_SEGMENTS):
        start, end, offset, before, after, _, _ = zone.segment(utc)
        lowest = max(utc, start + before - offset) if fold == "first" and before > offset else utc
        local = rule.next_local(lowest + offset)
        until = end - (offset - after) if fold == "last" and after < offset else end
        best = local - offset if local is not None and local - offset < until else None
        if gap == "shift" and before < offset and utc < start + offset - before:
            missing = rule.next_local(utc + before)
            if missing is not None and missing < start + offset and (best is None or missing - before < best):
                best = missing - before
        if best is not None or end >= END or end > LAST_SECOND:
            return best
        if utc == start:  # a whole segment has nothing: leap to where the next local time can be
            if local is None:
                return None
            utc = max(end, local - FURTHEST)
        else:
            utc = end
    return None


def prev_utc(rule: LocalRule, zone: Zone, gap: GapPolicy, fold: FoldPolicy, utc: int) -> int | None:
    """Return the rule's last instant that is not after *utc* (UTC seconds), or ``None``."""
    for _ in range(MOST_SEGMENTS):
        start, end, offset, before, after, _, _ = zone.segment(utc)
        highest = min(utc, end - (offset - after) - 1) if fold == "last" and after < offset else utc
        local = rule.prev_local(highest + offset)
        since = start + before - offset if fold == "first" and before > offset else start
        best = local - offset if local is not None and local - offset >= since else None
        if gap == "shift" and before < offset:
            missing = rule.prev_local(min(utc, start + offset - before - 1) + before)
            if missing is not None and missing - before >= start and (best is None or missing - before > best):
                best = missing - before
        if best is not None or start <= BEGINNING or start < FIRST_SECOND:
            return best
        if utc == end - 1:
            if local is None:
                return None
            utc = min(start - 1, local + FURTHEST)
        else:
            utc = start - 1
    return None


class WallClock(Clock):
    """The base of clocks with local times in a zone: give the local rule, the search in UTC is done here."""

    #: A frozen subclass has these, and may leave the two policies to others (cron's wildcard hours).
    gap: GapPolicy
    fold: FoldPolicy
    reaches_back: ClassVar[bool] = False

    @abstractmethod
    def tz(self) -> Zone:
        """Return the zone of the local times."""

    @abstractmethod
    def rule(self, since: Instant) -> LocalRule:
        """Return the local rule; only a clock of every n-th day, week or month looks at *since*."""

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        utc = (since if after is None else after) // 1_000_000 + 1
        found = next_utc(self.rule(since), self.tz(), self.gap, self.fold, utc)
        return None if found is None or found > LAST_SECOND else found * 1_000_000

    def prev_at(self, before: Instant, since: Instant) -> Instant | None:
        found = prev_utc(self.rule(since), self.tz(), self.gap, self.fold, (before - 1) // 1_000_000)
        return None if found is None or found < FIRST_SECOND else found * 1_000_000

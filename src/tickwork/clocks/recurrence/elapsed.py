"""Rules by the hour and faster (HOURLY, MINUTELY, SECONDLY), stepped in elapsed time.

Every third hour is every 10,800 seconds, also in the night when clocks are moved: the hour that comes twice is two
hours, the hour that does not exist is none. BYHOUR, BYDAY and the other BYxxx parts look at what the local clock shows
at each step. So no gap or fold policy is needed here, and no occurrence is doubled or lost.

The search leaps. From the period that holds the question it goes to the next one whose local hour (minute, second) is
allowed, worked out by modular arithmetic; from a day that is not allowed to the next that is; and it stops at each
move of the clocks only because the sums change there.
"""

from __future__ import annotations

from bisect import bisect_left
from math import gcd

from tickwork.clocks.calendar import DAY_SECONDS, LAST_DAY
from tickwork.clocks.recurrence.dated import chosen_places, whole_seconds
from tickwork.clocks.recurrence.days import date_parts, days_of
from tickwork.clocks.recurrence.rule import Rule
from tickwork.clocks.zone import Zone

UNITS = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}
#: Periods looked at before a rule is given up: only one whose steps never meet its days comes so far.
MOST_PERIODS = 20_000
_LAST_SECOND = (LAST_DAY + 1) * DAY_SECONDS - 1


class ElapsedRule:
    """The instants (UTC seconds) of one rule from DTSTART on, COUNT and UNTIL kept."""

    def __init__(self, rule: Rule, start: int, zone: Zone) -> None:
        """Take DTSTART as an instant in UTC seconds."""
        self._rule, self._start, self._zone = rule, start, zone
        self._unit = UNITS[rule.freq]
        self._step = self._unit * rule.interval
        self._rest = (start + zone.offset_at(start)) % self._unit  # DTSTART's place in its period
        self._base = start - self._rest
        self._within = _within(rule, self._rest)
        self._units = _allowed_units(rule)
        self._orbits: dict[tuple[int, bool], list[int]] = {}
        days = days_of(date_parts(rule, 0))  # by the hour and faster nothing is taken from DTSTART
        self._days = None if days.every else days
        self._last = _LAST_SECOND
        self._counted = (0, 0)  # before that step lie so many occurrences
        self._day_counts: dict[int, int] = {}  # how many occurrences a day has, by where its first step begins
        self._left_to_count = rule.count is not None
        self._plain = self._days is None and self._units is None and not rule.by_set_pos and self._within is None

    def end_with(self, last: int) -> None:
        """Let no occurrence be later than the instant *last* (UTC seconds)."""
        self._last = min(self._last, last)

    def next_utc(self, utc: int) -> int | None:
        """Return the first occurrence that is not before *utc*."""
        found = self._next(max(utc, self._start))
        if found is None or found > self._last:
            return None
        if self._left_to_count:
            self._count_to(found)
        return None if found > self._last else found

    def _next(self, utc: int) -> int | None:
        step = (utc - self._base) // self._step
        if self._plain:
            found = self._base + step * self._step + self._rest
            found = found if found >= utc else found + self._step
            return found if found <= self._last else None
        for _ in range(MOST_PERIODS):
            for found in self._instants(step):
                if found >= utc:
                    return found
            step = self._leap(step + 1)
            if self._base + step * self._step > self._last:
                return None
        return None

    def _instants(self, step: int) -> list[int]:
        """List the occurrences of one period, those before DTSTART included."""
        begin = self._base + step * self._step
        end = begin + self._unit
        part = self._zone.segment(begin)
        local = begin + part.offset
        if self._within is None:  # the one instant that DTSTART's own place gives
            at = begin + self._rest
            found = [at] if self._allows((at + self._zone.offset_at(at)) // self._unit) else []
        elif end <= part.end and local % self._unit == 0:
            found = [begin + second for second in self._within] if self._allows(local // self._unit) else []
        else:
            found = self._pieced(begin, end)
        if self._rule.by_set_pos:
            found = [found[place] for place in chosen_places(self._rule.by_set_pos, len(found))]
        return found

    def _pieced(self, begin: int, end: int) -> list[int]:
        """The same where the local hour turns within the period: clocks were moved by no whole number of hours."""
        assert self._within is not None
        found = []
        while begin < end:
            part = self._zone.segment(begin)
            number = (begin + part.offset) // self._unit
            start = number * self._unit - part.offset
            until = min(start + self._unit, part.end, end)
            if self._allows(number):
                found += [start + second for second in self._within if begin <= start + second < until]
            begin = until
        return found

    def _allows(self, number: int) -> bool:
        """Tell whether the local hour (minute, second), counted from 1970, is one of the rule's."""
        day, place = divmod(number, DAY_SECONDS // self._unit)
        return (self._units is None or place in self._units) and (self._days is None or self._days.holds(day))

    def _leap(self, step: int) -> int:
        """Return the first step from *step* on that may have an occurrence; steps that cannot are passed over."""
        per_day = DAY_SECONDS // self._unit
        begin = self._base + step * self._step
        part = self._zone.segment(begin)
        first, rest = divmod(begin + part.offset, self._unit)
        last = first + (1 if rest else 0)
        if self._days is not None and not self._days.holds(first // per_day):
            if not rest or not self._days.holds(last // per_day):
                day = self._days.next_day(last // per_day)
                goal = part.end if day is None else min(day * DAY_SECONDS - part.offset, part.end)
                return self._reaching(step, goal if day is not None else _LAST_SECOND + self._step)
        elif self._units is not None:
            further = self._steps_to_unit(first % per_day, bool(rest))
            if further is None or begin + further * self._step >= part.end:
                return self._reaching(step, part.end)
            return step + further
        return step

    def _reaching(self, step: int, utc: int) -> int:
        """Return the first step, none before *step*, whose period ends after the instant."""
        return max(step, -((self._base + self._unit - 1 - utc) // self._step))

    def _steps_to_unit(self, place: int, straddles: bool) -> int | None:
        """Return how many steps lead from a place in the day to an allowed one.

        Steps of INTERVAL walk round the day in an orbit: places with the same rest by the greatest common divisor,
        each visited once. An allowed place's number along the orbit comes from the modular inverse.
        """
        assert self._units is not None
        around = DAY_SECONDS // self._unit
        common = gcd(self._rule.interval, around)
        length = around // common
        inverse = pow(self._rule.interval // common, -1, length) if length > 1 else 0
        orbit = self._orbits.get((place % common, straddles))
        if orbit is None:
            allowed = self._units | {(unit - 1) % around for unit in self._units} if straddles else self._units
            numbers = (unit // common * inverse % length for unit in allowed if unit % common == place % common)
            orbit = self._orbits[place % common, straddles] = sorted(numbers)
        if not orbit:
            return None
        number = place // common * inverse % length
        at = bisect_left(orbit, number)
        return (orbit[at] if at < len(orbit) else orbit[0] + length) - number

    def _count_to(self, found: int) -> None:
        """Count until COUNT is reached or *found* is known to be within it."""
        count = self._rule.count
        assert count is not None
        if self._plain:
            self.end_with(self._start + (count - 1) * self._step)
            self._left_to_count = False
            return
        step, before = self._counted
        goal = (found - self._base) // self._step
        while step <= goal:
            steps, number = self._whole_days(step, goal, count - before - 1)
            if steps:
                step, before = step + steps, before + number
                self._counted = (step, before)
                continue
            here = [at for at in self._instants(step) if at >= self._start]
            if before + len(here) >= count:
                self.end_with(here[count - before - 1])
                self._left_to_count = False
                return
            before += len(here)
            step = self._day_begun(step + 1)
            self._counted = (step, before)

    def _day_begun(self, step: int) -> int:
        """Return the first step from *step* on that may have an occurrence, or an earlier one with which its day begins."""
        leapt = self._leap(step)
        begin = self._base + leapt * self._step
        part = self._zone.segment(begin)
        first = leapt - (begin + part.offset) % DAY_SECONDS // self._step
        return first if first >= step and self._base + first * self._step >= part.start else leapt

    def _whole_days(self, step: int, goal: int, room: int) -> tuple[int, int]:
        """Return how many steps make up whole local days from *step* on, and how many occurrences they have.

        At most *room* occurrences, and days that begin until the step *goal*. Where *step* does not begin a day, clocks
        are moved on it, or a step is longer than it: (0, 0), and steps are counted one by one.
        """
        begin = self._base + step * self._step
        part = self._zone.segment(begin)
        day, place = divmod(begin + part.offset, DAY_SECONDS)
        midnight = begin - place
        if step < 1 or place >= self._step or (begin + part.offset) % self._unit:
            return 0, 0
        if midnight < part.start or midnight + DAY_SECONDS > part.end:
            return 0, 0
        steps = (DAY_SECONDS - place - 1) // self._step + 1
        if self._days is not None and not self._days.holds(day):
            following = self._days.next_day(day + 1)
            wanted = part.end if following is None else min(part.end, midnight + (following - day) * DAY_SECONDS)
            return max(steps, (wanted - begin) // self._step), 0  # no step that begins before that day's midnight
        number = self._on_a_day(step, place, steps)
        days = 1
        if self._days is None and DAY_SECONDS % self._step == 0:  # each day is like this one until clocks are moved
            days = min((part.end - midnight) // DAY_SECONDS, (goal - step) // steps + 1)
            days = min(days, room // number) if number else days
        return (steps * days, number * days) if number * days <= room else (0, 0)

    def _on_a_day(self, step: int, place: int, steps: int) -> int:
        """Count the occurrences of a whole day that the rule lets through, whose first step begins at *place* in it."""
        number = self._day_counts.get(place)
        if number is None:
            number, last = 0, step + steps
            while step < last:
                number += len(self._instants(step))
                step = self._leap(step + 1)
            self._day_counts[place] = number
        return number


def _within(rule: Rule, rest: int) -> tuple[int, ...] | None:
    """Return the seconds of a period that BYMINUTE and BYSECOND pick; ``None``: the rule leaves it to DTSTART."""
    seconds = whole_seconds(rule)
    if rule.freq == "HOURLY" and (rule.by_minute or seconds):
        return tuple(m * 60 + s for m in rule.by_minute or (rest // 60,) for s in seconds or (rest % 60,))
    if rule.freq == "MINUTELY" and seconds:
        return seconds
    return None


def _allowed_units(rule: Rule) -> frozenset[int] | None:
    """Return the allowed hours (minutes, seconds) of the day; ``None``: all."""
    seconds = whole_seconds(rule) if rule.freq == "SECONDLY" else ()
    minutes = rule.by_minute if rule.freq in ("MINUTELY", "SECONDLY") else ()
    if not (rule.by_hour or minutes or seconds):
        return None
    hours = rule.by_hour or tuple(range(24))
    if rule.freq == "HOURLY":
        return frozenset(hours)
    listed = [h * 60 + m for h in hours for m in minutes or range(60)]
    if rule.freq == "MINUTELY":
        return frozenset(listed)
    return frozenset(minute * 60 + s for minute in listed for s in seconds or range(60))

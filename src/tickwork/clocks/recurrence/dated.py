"""Rules by the day and slower (DAILY, WEEKLY, MONTHLY, YEARLY) as a set of local times, searched forward.

A rule steps through *periods*: the days, weeks, months or years that INTERVAL reaches from DTSTART. A year is the
year of weeks where BYWEEKNO counts weeks. Within a period the rule gives days, each day the same times, and BYSETPOS
chooses among them. Nothing is expanded from DTSTART on: the period that holds the question is worked out by
division, so an answer costs the same after a week and after a century. COUNT is counted once, period by period, only
as far as somebody asks, and is remembered.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable

from tickwork.clocks.calendar import DAY_SECONDS, FIRST_DAY, LAST_DAY, month_of, month_start
from tickwork.clocks.recurrence.days import (
    LAST_YEAR,
    MovedDays,
    completed,
    counts_within_month,
    days_for,
    week_year_of,
    week_year_start,
    year_start,
)
from tickwork.clocks.recurrence.rule import Rule

#: Periods looked at before a rule is given up. Days without a chance are leapt over, so only an INTERVAL that never
#: meets the rule's days comes here: FREQ=DAILY;INTERVAL=7;BYDAY=TU from a Monday.
MOST_PERIODS = 20_000
#: Periods whose days are remembered: the next question is mostly about the same period or the one after it.
MOST_KNOWN = 64
_FURTHEST_PERIOD = {"YEARLY": LAST_YEAR, "MONTHLY": LAST_YEAR * 12 + 11, "WEEKLY": LAST_DAY // 7 + 1, "DAILY": LAST_DAY}


class DatedRule:
    """The local times of one rule from DTSTART on, COUNT and a local UNTIL kept; a :class:`LocalRule` for searches."""

    def __init__(self, rule: Rule, start: int, *, all_day: bool, exists: Callable[[int], bool] | None = None) -> None:
        """Take DTSTART in local seconds; *exists* tells which local times count (``None``: all of them)."""
        day, second = divmod(start, DAY_SECONDS)
        self._moved = _moved_days(rule, day) if rule.skip != "OMIT" else None
        self._days = days_for(rule, day)
        self._times = (0,) if all_day else times_of_day(rule, second)
        self._rule, self._start, self._exists = rule, start, exists
        self._by_week = rule.freq == "YEARLY" and bool(rule.by_week_no)
        self._first = self._period_of(day)
        self._past = _FURTHEST_PERIOD[rule.freq]
        self._positions = rule.by_set_pos
        self._known: dict[int, list[int]] = {}
        self._next_periods: dict[int, int | None] = {}
        self._last: int | None = None  # the last local time, where COUNT or UNTIL set one
        self._counted = (self._first, 0)  # before that period lie so many occurrences
        self._left_to_count = rule.count is not None

    def end_with(self, last: int) -> None:
        """Let no occurrence be later than the local time *last*."""
        self._last = last if self._last is None else min(self._last, last)

    def next_local(self, at: int) -> int | None:
        """Return the first local time that is not before *at*."""
        found = self._next(at)
        if found is None:
            return None
        if self._left_to_count and (self._last is None or found <= self._last):
            self._count_to(found)
        return None if self._last is not None and found > self._last else found

    def prev_local(self, at: int) -> int | None:
        """Return the last local time that is not after *at*, found by halving."""
        low = self._start
        found = self.next_local(low)
        if found is None or found > at:
            return None
        high = at
        while found < high:
            middle = (found + high + 1) // 2
            later = self.next_local(middle)
            if later is not None and later <= at:
                found = later
            else:
                high = middle - 1
        return found

    def _next(self, at: int) -> int | None:
        """Return the first time that is not before *at* nor before DTSTART, COUNT and UNTIL left aside."""
        at = max(at, self._start)
        day = at // DAY_SECONDS
        if day > LAST_DAY:
            return None
        period = self._aligned(self._period_of(day) - (1 if self._moved else 0))
        for _ in range(MOST_PERIODS):
            if period > self._past:
                return None
            found = self._first_in(period, at)
            if found is not None:
                if self._moved and self._rule.interval == 1:  # a moved day may lie among the next period's
                    other = self._first_in(period + 1, at)
                    found = found if other is None else min(found, other)
                return found
            following = self._following(period)
            if following is None:
                return None
            period = following
        return None

    def _first_in(self, period: int, at: int) -> int | None:
        days, times = self._days_in(period), self._times
        if not days:
            return None
        if self._positions:
            chosen = chosen_places(self._positions, len(days) * len(times))
            rising = (days[n // len(times)] * DAY_SECONDS + times[n % len(times)] for n in chosen)
            return next((local for local in rising if local >= at), None)
        day = at // DAY_SECONDS
        place = bisect_left(days, day)
        if place < len(days) and days[place] == day:
            later = bisect_left(times, at - day * DAY_SECONDS)
            if later < len(times):
                return day * DAY_SECONDS + times[later]
            place += 1
        return days[place] * DAY_SECONDS + times[0] if place < len(days) else None

    def _days_in(self, period: int) -> list[int]:
        days = self._known.get(period)
        if days is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            days = self._known[period] = self._worked_out(period)
        return days

    def _worked_out(self, period: int) -> list[int]:
        if self._moved is not None:
            return self._moved.of_month(period) if self._rule.freq == "MONTHLY" else self._moved.of_year(period)
        low, high = self._span(period)
        low, high = max(low, FIRST_DAY), min(high, LAST_DAY + 1)
        if high - low == 1:
            return [low] if self._days.holds(low) else []
        return self._days.between(low, high) if low < high else []

    def _following(self, period: int) -> int | None:
        """Return the next period of the rule that may have a day, leaping over those that have none."""
        if period not in self._next_periods:
            if len(self._next_periods) >= MOST_KNOWN:
                self._next_periods.clear()
            self._next_periods[period] = self._leapt_to(period)
        return self._next_periods[period]

    def _leapt_to(self, period: int) -> int | None:
        period += self._rule.interval
        if self._moved is not None:
            return period
        if self._rule.freq == "MONTHLY" and self._rule.by_month:
            for _ in range(12):  # twelve steps lead to every month that the interval ever reaches
                if period % 12 + 1 in self._rule.by_month:
                    break
                period += self._rule.interval
        if period > self._past:
            return None
        day = self._days.next_day(max(self._span(period)[0], FIRST_DAY))
        return None if day is None else max(period, self._aligned(self._period_of(day)))

    def _aligned(self, period: int) -> int:
        """Return the first period of the rule that is not before *period*."""
        if period <= self._first:
            return self._first
        return period + (self._first - period) % self._rule.interval

    def _period_of(self, day: int) -> int:
        freq = self._rule.freq
        if freq == "DAILY":
            return day
        if freq == "WEEKLY":
            return (day + 3 - self._rule.week_start) // 7
        if self._by_week:
            return week_year_of(day, self._rule.week_start)
        index = month_of(day)[0]
        return index if freq == "MONTHLY" else index // 12

    def _span(self, period: int) -> tuple[int, int]:
        """Return the period's first day and the first day after it."""
        freq = self._rule.freq
        if freq == "DAILY":
            return period, period + 1
        if freq == "WEEKLY":
            first = period * 7 - 3 + self._rule.week_start
            return first, first + 7
        if freq == "MONTHLY":
            return month_start(period), month_start(period + 1)
        if self._by_week:
            start = self._rule.week_start
            return week_year_start(period, start), week_year_start(period + 1, start)
        return year_start(period), year_start(period + 1)

    def _count_to(self, found: int) -> None:
        """Count until COUNT is reached or *found* is known to be within it."""
        count = self._rule.count
        assert count is not None
        if self._moved is not None or self._exists is not None:
            self._count_one_by_one(count)
            return
        period, before = self._counted
        whole = self._each_period_gives()
        if whole and before == 0:  # arithmetic instead of counting
            first = len(self._locals_in(self._first))
            if count > first:
                steps, place = divmod(count - first - 1, whole)
                period = self._first + (steps + 1) * self._rule.interval
                self._finish(self._locals_in(period)[place] if period <= self._past else None)
                return
        goal = self._period_of(min(found // DAY_SECONDS, LAST_DAY))
        while period <= goal:
            here = self._locals_in(period)
            if before + len(here) >= count:
                self._finish(here[count - before - 1])
                return
            before += len(here)
            following = self._following(period)
            if following is None:
                self._left_to_count = False
                return
            period = following
            self._counted = (period, before)

    def _count_one_by_one(self, count: int) -> None:
        at: int | None = self._start
        for _ in range(count):
            at = self._next_that_exists(at)
            if at is None:
                break
            self._last, at = at, at + 1
        self._left_to_count = False

    def _next_that_exists(self, at: int | None) -> int | None:
        found = None if at is None else self._next(at)
        while found is not None and self._exists is not None and not self._exists(found):
            found = self._next(found + 1)
        return found

    def _finish(self, last: int | None) -> None:
        if last is not None:
            self.end_with(last)
        self._left_to_count = False

    def _each_period_gives(self) -> int:
        """Return how many occurrences each whole period has, or 0 where they differ."""
        rule = self._rule
        if rule.freq == "DAILY" and self._days.every:
            size = len(self._times)
        elif rule.freq == "WEEKLY" and not rule.by_month:
            size = len(self._times) * (len(rule.by_day) or 1)
        else:
            return 0
        return len(chosen_places(rule.by_set_pos, size)) if rule.by_set_pos else size

    def _locals_in(self, period: int) -> list[int]:
        """List the occurrences of a period, those before DTSTART left out."""
        days, times = self._days_in(period), self._times
        if self._positions:
            chosen = chosen_places(self._positions, len(days) * len(times))
            listed = [days[n // len(times)] * DAY_SECONDS + times[n % len(times)] for n in chosen]
        else:
            listed = [day * DAY_SECONDS + time for day in days for time in times]
        return listed[bisect_right(listed, self._start - 1) :] if period == self._first else listed


def times_of_day(rule: Rule, second: int) -> tuple[int, ...]:
    """Return the rule's times of day in seconds; what it leaves out comes from DTSTART's time of day."""
    hours = rule.by_hour or (second // 3600,)
    minutes = rule.by_minute or (second // 60 % 60,)
    seconds = whole_seconds(rule) or (second % 60,)
    return tuple(h * 3600 + m * 60 + s for h in hours for m in minutes for s in seconds)


def whole_seconds(rule: Rule) -> tuple[int, ...]:
    """Return BYSECOND; second 60 is 59 to one who keeps no leap seconds (RFC 5545, 3.3.12)."""
    return tuple(sorted({min(second, 59) for second in rule.by_second}))


def chosen_places(positions: tuple[int, ...], size: int) -> list[int]:
    """Return the places (from 0, rising) that BYSETPOS chooses from a set of that size."""
    places = {n - 1 if n > 0 else size + n for n in positions}
    return sorted(place for place in places if 0 <= place < size)


def _moved_days(rule: Rule, day: int) -> MovedDays | None:
    """Return the days of a rule with SKIP, where there is anything to move: it numbers days of months or years."""
    full = completed(rule, day)
    moves = rule.freq in ("YEARLY", "MONTHLY") and (full.by_month_day or full.by_year_day)
    return MovedDays(full, counts_within_month(rule)) if moves else None

"""Rules by the day and slower (DAILY, WEEKLY, MONTHLY, YEARLY) as a set of local times, searched forward.

A rule steps through *periods*: the days, weeks, months or years that INTERVAL reaches from DTSTART. A year is the
year of weeks where BYWEEKNO counts weeks. Within a period the rule gives days, each day the same times, and BYSETPOS
chooses among them. Nothing is expanded from DTSTART on: the period that holds the question is worked out by
division, so an answer costs the same after a week and after a century. COUNT is counted once, period by period, only
as far as somebody asks, and is remembered.

The occurrences of the last periods that were looked at are kept as lists to halve in; where a day has several times
the list holds the days, for the times are the same on each.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from tickwork.clocks.calendar import DAY_SECONDS, FIRST_DAY, LAST_DAY
from tickwork.clocks.recurrence.days import MovedDays, date_parts, days_of
from tickwork.clocks.recurrence.periods import periods_of
from tickwork.clocks.recurrence.rule import Rule

#: Periods looked at before a rule is given up. Days without a chance are leapt over, so only an INTERVAL that never
#: meets the rule's days comes here: FREQ=DAILY;INTERVAL=7;BYDAY=TU from a Monday.
MOST_PERIODS = 20_000
#: Questions after which lists are worth their making: a clock that is read from a row is asked two or three times.
FEW = 3
#: Periods that are remembered: the next question is mostly about the same period or the one after it.
MOST_KNOWN = 64


class DatedRule:
    """The local times of one rule from DTSTART on, COUNT and a local UNTIL kept; a :class:`LocalRule` for searches."""

    def __init__(self, rule: Rule, start: int, *, all_day: bool, exists: Callable[[int], bool] | None = None) -> None:
        """Take DTSTART in local seconds; *exists* tells which local times count (``None``: all of them)."""
        day, second = divmod(start, DAY_SECONDS)
        parts = date_parts(rule, day)
        self._days = days_of(parts)
        self._moved = MovedDays(parts, rule.skip) if rule.skip != "OMIT" and _numbers_days(rule, day) else None
        self._times = (0,) if all_day else times_of_day(rule, second)
        self._lists_days = len(self._times) > 1 and not rule.by_set_pos
        self._rule, self._start, self._exists, self._interval = rule, start, exists, rule.interval
        # Where every period counts, or a period is a day, and none is looked at as a whole, each day stands for itself.
        self._daily = rule.freq == "DAILY"
        each_alone = (rule.interval == 1 or self._daily) and not (rule.by_set_pos or self._moved)
        self._by_day = FEW if each_alone else 0  # questions to answer so
        # The days of a week, counted from its first: they need no calendar.
        plain_week = rule.freq == "WEEKLY" and not rule.by_month
        self._week = sorted((day - rule.week_start) % 7 for _, day in parts.by_day) if plain_week else None
        self._period_of, self._span, self._past = periods_of(rule)
        self._first = self._period_of(day)
        self._known: dict[int, list[int]] = {}  # what each period has
        self._ahead: dict[int, int | None] = {}  # the first occurrence after each period
        self._last: int | None = None  # the last local time, where COUNT or UNTIL set one
        self._counted = (self._first, 0)  # before that period lie so many occurrences
        self._passed = (start, 0)  # the same where they are counted one by one: before that time
        self._left_to_count = rule.count is not None
        self._ends = self._left_to_count  # COUNT or UNTIL has a say

    def end_with(self, last: int) -> None:
        """Let no occurrence be later than the local time *last*."""
        self._last = last if self._last is None else min(self._last, last)
        self._ends = True

    def next_local(self, at: int) -> int | None:
        """Return the first local time that is not before *at*."""
        found = self._next(at)
        if found is None or not self._ends:
            return found
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
        if at < self._start:  # noqa: PLR1730 - the hot path: max() is a call
            at = self._start
        day = at // 86_400
        if day > LAST_DAY:
            return None
        if self._by_day:
            if not self._daily:
                self._by_day -= 1
            return self._next_by_day(day, at)
        period = self._period_of(day)
        if self._moved is not None:
            return self._next_moved(period, at)
        if self._interval > 1:
            period += (self._first - period) % self._interval
        listed = self._known.get(period)
        if listed is None:
            listed = self._listed(period)
        if self._lists_days:
            found = self._on_a_day(listed, at)
            if found is not None:
                return found
        elif listed and listed[-1] >= at:
            return listed[bisect_left(listed, at)]
        return self._ahead[period] if period in self._ahead else self._after(period)

    def _next_by_day(self, day: int, at: int) -> int | None:
        """The same where each day stands for itself: nothing need be listed."""
        times, second = self._times, at - day * 86_400
        if second > times[-1]:
            day, second = day + 1, 0
        asked, days = day, self._days
        for _ in range(MOST_PERIODS):
            day += (self._first - day) % self._interval
            found = days.next_day(day)
            if found is None:
                return None
            if found == day:
                return day * 86_400 + (times[bisect_left(times, second)] if day == asked else times[0])
            day = found
        return None

    def _on_a_day(self, midnights: list[int], at: int) -> int | None:
        """Return the first time that is not before *at* on one of the days that are listed."""
        second = at % DAY_SECONDS
        place = bisect_left(midnights, at - second)
        if place < len(midnights) and midnights[place] == at - second:
            if second <= self._times[-1]:
                return at - second + self._times[bisect_left(self._times, second)]
            place += 1
        return midnights[place] + self._times[0] if place < len(midnights) else None

    def _after(self, period: int) -> int | None:
        """Return the first occurrence after one of the rule's periods, and remember it."""
        found, following = None, self._following(period)
        for _ in range(MOST_PERIODS):
            if following is None:
                break
            listed = self._listed(following)
            if listed:
                found = listed[0] + self._times[0] if self._lists_days else listed[0]
                break
            following = self._following(following)
        if len(self._ahead) >= MOST_KNOWN:
            self._ahead.clear()
        self._ahead[period] = found
        return found

    def _listed(self, period: int) -> list[int]:
        """Return a period's occurrences, those before DTSTART among them; the midnights where a day has several."""
        listed = self._known.get(period)
        if listed is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            listed = self._known[period] = self._worked_out(period)
        return listed

    def _worked_out(self, period: int) -> list[int]:
        days, times = self._days_in(period), self._times
        positions = self._rule.by_set_pos
        if positions:
            chosen = chosen_places(positions, len(days) * len(times))
            return [days[n // len(times)] * DAY_SECONDS + times[n % len(times)] for n in chosen]
        time = 0 if self._lists_days else times[0]
        return [day * DAY_SECONDS + time for day in days]

    def _days_in(self, period: int) -> list[int]:
        if self._moved is not None:
            moved = self._moved.of_month(period) if self._rule.freq == "MONTHLY" else self._moved.of_year(period)
            return [day for day in moved if FIRST_DAY <= day <= LAST_DAY]
        low, high = self._span(period)
        if self._week is not None and low >= FIRST_DAY and high <= LAST_DAY:
            return [low + place for place in self._week]
        low, high = max(low, FIRST_DAY), min(high, LAST_DAY + 1)
        return self._days.between(low, high) if low < high else []

    def _following(self, period: int) -> int | None:
        """Return the next period of the rule that may have a day, leaping over those that have none."""
        period += self._interval
        if self._moved is None and self._rule.freq == "MONTHLY" and self._rule.by_month:
            for _ in range(12):  # twelve steps lead to every month that the interval ever reaches
                if period % 12 + 1 in self._rule.by_month:
                    break
                period += self._interval
        if period > self._past:
            return None
        if self._moved is not None or self._week is not None:
            return period
        day = self._days.next_day(max(self._span(period)[0], FIRST_DAY))
        if day is None:
            return None
        period = max(period, self._aligned(self._period_of(day)))
        return period if period <= self._past else None

    def _aligned(self, period: int) -> int:
        """Return the first period of the rule that is not before *period*."""
        return self._first if period <= self._first else period + (self._first - period) % self._interval

    def _next_moved(self, period: int, at: int) -> int | None:
        """The same where SKIP moves days: one of a period may lie in the next, or in the one before."""
        following: int | None = self._aligned(period - 1)
        for _ in range(MOST_PERIODS):
            if following is None:
                return None
            near = [following, following + 1] if self._interval == 1 and following < self._past else [following]
            found = [local for each in near for local in self._occurrences_in(each) if local >= at]
            if found:
                return min(found)
            following = self._following(following)
        return None

    def _occurrences_in(self, period: int) -> list[int]:
        """List the occurrences of a period, those before DTSTART left out."""
        listed = self._listed(period)
        if self._lists_days:
            listed = [midnight + time for midnight in listed for time in self._times]
        return listed[bisect_left(listed, self._start) :] if listed and listed[0] < self._start else listed

    def _count_to(self, found: int) -> None:
        """Count until COUNT is reached or *found* is known to be within it."""
        count = self._rule.count
        assert count is not None
        if self._moved is not None or self._exists is not None:
            self._count_one_by_one(count, found)
            return
        period, before = self._counted
        whole = self._each_period_gives()
        if whole and before == 0:  # arithmetic instead of counting
            first = len(self._occurrences_in(self._first))
            if count > first:
                steps, place = divmod(count - first - 1, whole)
                period = self._first + (steps + 1) * self._interval
                self._finish(self._occurrences_in(period)[place] if period <= self._past else None)
                return
        goal = self._period_of(min(found // DAY_SECONDS, LAST_DAY))
        while period <= goal:
            here = self._occurrences_in(period)
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

    def _count_one_by_one(self, count: int, until: int) -> None:
        at, before = self._passed
        while at <= until:
            found = self._next_that_exists(at)
            if found is None or before + 1 == count:
                self._finish(found)
                return
            at, before = found + 1, before + 1
            self._passed = (at, before)

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


def times_of_day(rule: Rule, second: int) -> tuple[int, ...]:
    """Return the rule's times of day in seconds; what it leaves out comes from DTSTART's time of day."""
    if not (rule.by_hour or rule.by_minute or rule.by_second):
        return (second,)
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


def _numbers_days(rule: Rule, day: int) -> bool:
    """Tell whether there is anything that SKIP may move: the rule numbers days of months or years."""
    full = date_parts(rule, day)
    return rule.freq in ("YEARLY", "MONTHLY") and bool(full.by_month_day or full.by_year_day)

"""Sets of days: every n-th day, days of the week, days that a rule picks from each month.

Each is searched forwards and backwards in a bounded number of steps (:mod:`tickwork.clocks.calendar` says why).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from tickwork.clocks.calendar import FIRST_DAY, LAST_DAY, month_length, month_of, month_start, weekday_of

_FIRST_MONTH, _LAST_MONTH = 12, 9999 * 12 + 11
_CYCLE_MONTHS = 400 * 12


class EveryDay:
    """Every *step*-th day, counted from *anchor*; none before *first*."""

    __slots__ = ("anchor", "first", "step")

    def __init__(self, step: int = 1, anchor: int = 0, first: int = FIRST_DAY) -> None:
        self.step, self.anchor, self.first = step, anchor, first

    def next_day(self, day: int) -> int | None:
        if day < self.first:  # noqa: PLR1730 - the hot path: max() is a call
            day = self.first
        found = day + (self.anchor - day) % self.step
        return found if found <= LAST_DAY else None

    def prev_day(self, day: int) -> int | None:
        found = day - (day - self.anchor) % self.step
        return found if found >= self.first else None


class Weekdays:
    """The days of a week (bit 0 is Sunday), in every *step*-th week counted from the one that holds *anchor*."""

    __slots__ = ("ahead", "behind", "days", "first", "step", "week")

    def __init__(self, mask: int, step: int = 1, anchor: int = 0, first: int = FIRST_DAY, week_start: int = 1) -> None:
        self.days = tuple(d for d in range(7) if mask >> d & 1)
        self.step, self.first = step, first
        self.week = anchor - (weekday_of(anchor) - week_start) % 7  # the first day of the anchor's week
        self.ahead = tuple(min((d - w) % 7 for d in self.days) for w in range(7))
        self.behind = tuple(min((w - d) % 7 for d in self.days) for w in range(7))

    def next_day(self, day: int) -> int | None:
        if day < self.first:  # noqa: PLR1730 - the hot path: max() is a call
            day = self.first
        found = day + self.ahead[(day + 4) % 7]
        if self.step > 1 and (found - self.week) // 7 % self.step:
            week = (found - self.week) // 7
            start = self.week + 7 * (week + -week % self.step)
            found = start + self.ahead[(start + 4) % 7]
        return found if found <= LAST_DAY else None

    def prev_day(self, day: int) -> int | None:
        found = day - self.behind[(day + 4) % 7]
        if self.step > 1 and (found - self.week) // 7 % self.step:
            week = (found - self.week) // 7
            last = self.week + 7 * (week - week % self.step) + 6
            found = last - self.behind[(last + 4) % 7]
        return found if found >= self.first else None


class MonthDays:
    """Days that a rule picks from each month: *pick(weekday of the 1st, length)* gives a mask, bit 0 is the 1st.

    *months* is a mask of the months that count (bit 0 is January), *years* a rising sequence where not all count,
    *step* and *anchor* take every n-th month counted from a month. The picks are remembered: a month has one of 28
    shapes.
    """

    __slots__ = ("anchor", "each", "first", "held", "months", "pick", "shapes", "step", "years")

    def __init__(
        self,
        pick: Callable[[int, int], int],
        *,
        months: int = 0xFFF,
        years: Sequence[int] | None = None,
        step: int = 1,
        anchor: int = 0,
        first: int = FIRST_DAY,
    ) -> None:
        self.pick, self.months, self.step, self.anchor, self.first = pick, months, step, anchor, first
        self.years = tuple(years) if years is not None else None
        self.shapes: dict[int, int] = {}
        self.each = months == 0xFFF and years is None and step == 1  # no month is passed over
        self.held = (0, 0, 0, 0)  # the month of the last answer: first day, first day after it, mask, number

    def mask(self, index: int, start: int) -> int:
        """Return the mask of the month that starts on day *start*."""
        shape = (start + 4) % 7 << 5 | month_length(index)
        mask = self.shapes.get(shape)
        if mask is None:
            mask = self.shapes[shape] = self.pick(shape >> 5, shape & 31)
        return mask

    def next_day(self, day: int) -> int | None:
        begins, ends, mask, index = self.held
        if begins <= day < ends:
            mask >>= day - begins
            if mask:
                return day + (mask & -mask).bit_length() - 1
            index, of_month = index + 1, 1
        else:
            index, of_month = month_of(max(day, self.first))
        found = self._next_month(index)
        if found is None:
            return None
        if found > index:
            index, of_month = found, 1
        limit = index + _CYCLE_MONTHS * self.step
        while True:
            start = month_start(index)
            full = self.mask(index, start)
            mask = full >> (of_month - 1)
            if mask:
                if start >= self.first:
                    self.held = (start, start + month_length(index), full, index)
                return start + of_month + (mask & -mask).bit_length() - 2
            found, of_month = self._next_month(index + 1), 1
            if found is None or found > limit:
                return None
            index = found

    def prev_day(self, day: int) -> int | None:
        index, of_month = month_of(min(day, LAST_DAY))
        found = self._prev_month(index)
        if found is None:
            return None
        if found < index:
            index, of_month = found, 31
        limit = index - _CYCLE_MONTHS * self.step
        while True:
            start = month_start(index)
            mask = self.mask(index, start) & ((1 << of_month) - 1)
            if mask:
                day = start + mask.bit_length() - 1
                return day if day >= self.first else None
            found, of_month = self._prev_month(index - 1), 31
            if found is None or found < limit:
                return None
            index = found

    def ever(self) -> bool:
        """Tell whether there is such a day at all, in any year of the calendar that is allowed."""
        if self.years is not None:
            spans = [(year * 12, year * 12 + 12) for year in self.years]
        else:  # 28 years in a row have every shape of year, but a step may pass over them: then look at all 400
            spans = [(2000 * 12, (2028 if self.step == 1 else 2400) * 12)]
        return any(
            self.months >> (index % 12) & 1
            and (index - self.anchor) % self.step == 0
            and self.mask(index, month_start(index))
            for low, high in spans
            for index in range(low, high)
        )

    def _next_month(self, index: int) -> int | None:
        if self.each:
            return index if index <= _LAST_MONTH else None
        for _ in range(_CYCLE_MONTHS):
            if self.years is not None:
                place = bisect_left(self.years, index // 12)
                if place == len(self.years):
                    return None
                index = max(index, self.years[place] * 12)
            if index > _LAST_MONTH:
                return None
            if self.months >> (index % 12) & 1 and (index - self.anchor) % self.step == 0:
                return index
            index += 1 if self.step == 1 else (self.anchor - index - 1) % self.step + 1
        return None

    def _prev_month(self, index: int) -> int | None:
        if self.each:
            return index if index >= _FIRST_MONTH else None
        for _ in range(_CYCLE_MONTHS):
            if self.years is not None:
                place = bisect_right(self.years, index // 12)
                if place == 0:
                    return None
                index = min(index, self.years[place - 1] * 12 + 11)
            if index < _FIRST_MONTH:
                return None
            if self.months >> (index % 12) & 1 and (index - self.anchor) % self.step == 0:
                return index
            index -= 1 if self.step == 1 else (index - self.anchor - 1) % self.step + 1
        return None

"""The periods that a rule steps through, as plain numbers: its days, weeks, months or years, or years of whole weeks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from tickwork.clocks.calendar import LAST_DAY, month_of, month_start, year_of
from tickwork.clocks.recurrence.days import LAST_YEAR, week_year_of, week_year_start, year_start
from tickwork.clocks.recurrence.rule import Rule


class Periods(NamedTuple):
    """One kind of period: numbers that rise with time, up to *last*."""

    #: The number of the period that holds a day.
    of: Callable[[int], int]
    #: A period's first day, and the first day after it.
    span: Callable[[int], tuple[int, int]]
    last: int


def periods_of(rule: Rule) -> Periods:
    """Return the periods of a rule; a year is the year of weeks where BYWEEKNO counts weeks."""
    if rule.freq == "WEEKLY":
        return _weeks(rule.week_start)
    if rule.freq == "YEARLY" and rule.by_week_no:
        return _week_years(rule.week_start)
    return _PLAIN[rule.freq]


def _month_of(day: int) -> int:
    return month_of(day)[0]


@lru_cache(maxsize=7)
def _weeks(week_start: int) -> Periods:
    ahead = 3 - week_start
    return Periods(lambda day: (day + ahead) // 7, lambda n: (n * 7 - ahead, n * 7 - ahead + 7), LAST_DAY // 7 + 1)


@lru_cache(maxsize=7)
def _week_years(week_start: int) -> Periods:
    def span(year: int) -> tuple[int, int]:
        return week_year_start(year, week_start), week_year_start(year + 1, week_start)

    return Periods(lambda day: week_year_of(day, week_start), span, LAST_YEAR)


_PLAIN = {
    "DAILY": Periods(lambda day: day, lambda day: (day, day + 1), LAST_DAY),
    "MONTHLY": Periods(_month_of, lambda n: (month_start(n), month_start(n + 1)), LAST_YEAR * 12 + 11),
    "YEARLY": Periods(year_of, lambda year: (year_start(year), year_start(year + 1)), LAST_YEAR),
}

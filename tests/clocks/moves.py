"""Compares every kind of wall clock, under every policy, with the slow reference around one move of a zone's clocks."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import product

from tests.clocks.reference import EPOCH, cron_fires, days, fires
from tickwork.clocks import Cron, Daily, Monthly, Weekly, Yearly
from tickwork.clocks.clock import Clock
from tickwork.clocks.zone import FOLDS, GAPS

SECOND = 1_000_000
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def check_move(name: str, at: int, before: int, after: int) -> int:
    """Compare around the move at *at* (UTC seconds), where the offset changes; return how many comparisons were made."""
    low, high = at - 26 * 3600, at + 30 * 3600
    first, last = min(at + before, at + after), max(at + before, at + after)  # the local times in question
    compared = 0
    for local in sorted({first, (first + last) // 2, last - 1, last}):
        when = EPOCH.replace(tzinfo=None) + timedelta(seconds=local)
        for clock, expected in _asked(name, when, low, high):
            got = [instant // SECOND for instant in clock.between(low * SECOND, high * SECOND, since=low * SECOND)]
            assert got == expected, (clock, name, at, got, expected)
            last_one = clock.prev_at(high * SECOND, 0)
            if expected:
                assert last_one == expected[-1] * SECOND, (clock, name, at, "backwards")
            compared += 1
    return compared


def _asked(name: str, when: datetime, low: int, high: int) -> Iterator[tuple[Clock, list[int]]]:
    """Yield clocks that fire at the local time *when*, with what the reference makes of each."""
    time, weekday = when.strftime("%H:%M:%S"), WEEKDAYS[when.weekday()]
    late = 31 if when.day > 28 and when.day == calendar.monthrange(when.year, when.month)[1] else when.day
    for gap, fold in product(GAPS, FOLDS):
        place = {"zone": name, "gap": gap, "fold": fold}
        plans: list[tuple[Clock, Callable[[date], bool]]] = [
            (Daily(time, **place), lambda day: True),  # type: ignore[arg-type]
            (Weekly(weekday, time, **place), lambda day: day.weekday() == when.weekday()),  # type: ignore[arg-type]
            (Monthly(late, time, **place), lambda day: day.day == min(late, _length(day))),  # type: ignore[arg-type]
            (Yearly(when.month, when.day, time, **place),  # type: ignore[arg-type]
             lambda day: day.month == when.month and day.day == min(when.day, _length(day))),
        ]  # fmt: skip
        for clock, allows in plans:
            yield clock, fires(_locals(allows, when, low, high), name, low, high, gap, fold)
        for expression in (
            f"{when.second} {when.minute} {when.hour} * * *",
            f"*/20 {when.hour},{(when.hour + 1) % 24} * * *",
            f"{when.minute} */{1 + when.day % 3} * * *",
        ):
            yield Cron(expression, **place), cron_fires(expression, name, low, high, gap, fold)  # type: ignore[arg-type]


def _locals(allows: Callable[[date], bool], when: datetime, low: int, high: int) -> Iterator[datetime]:
    begin = (EPOCH + timedelta(seconds=low)).date() - timedelta(days=2)
    end = (EPOCH + timedelta(seconds=high)).date() + timedelta(days=2)
    for day in days(begin, end):
        if allows(day):
            yield datetime.combine(day, when.time())


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]

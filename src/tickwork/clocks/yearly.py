"""A yearly clock: a date and a time on the wall of some place, every year or every n-th year.

29 February is 28 February in other years, unless that is not wanted (``clamp="skip"``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, ClassVar, Self

from tickwork.clocks.calendar import Calendar, LocalRule, month_of
from tickwork.clocks.dayofmonth import ClampPolicy, PickDays, check_clamp, read_day, read_days
from tickwork.clocks.days import MonthDays
from tickwork.clocks.describe import MONTHS, say_list, say_times
from tickwork.clocks.placed import PlacedClock
from tickwork.clocks.stored import Stored
from tickwork.clocks.timeofday import TimeOfDay, read_every, read_month, read_start, read_times, write_times
from tickwork.clocks.times import TimeList
from tickwork.errors import InvalidClock
from tickwork.watch import Instant


@dataclass(frozen=True, init=False, repr=False)
class Yearly(PlacedClock):
    """Fires in *month* (1 to 12, or a name) on a *day* (as the monthly clock has it) at *time* in *zone*.

    The years of a step (*every*) are counted from *start* (a local date, the first that counts), or else from the
    local year of ``since``. A date that no year has (30 February with ``clamp="skip"``) is refused.

    >>> Yearly("NOV", "fourth thursday", "12:00", zone="America/New_York").describe()
    'every year on the fourth Thursday of November at 12:00, America/New_York'
    """

    month: int
    days: tuple[int | str, ...]
    times: tuple[int, ...]
    every: int
    start: int | None
    clamp: ClampPolicy
    kind: ClassVar[str] = "yearly"

    def __init__(
        self,
        month: int | str,
        day: int | str | Iterable[int | str],
        time: TimeOfDay | Iterable[TimeOfDay],
        zone: str = "UTC",
        *,
        every: int = 1,
        start: date | str | None = None,
        clamp: str = "last",
        gap: str = "shift",
        fold: str = "first",
    ) -> None:
        self._place(zone, gap, fold)
        self._set(month=read_month(month), days=read_days(day), times=read_times(time), clamp=check_clamp(clamp))
        self._set(every=read_every(every, "years"), start=read_start(start))
        if not MonthDays(PickDays(self.days, self.clamp), months=1 << (self.month - 1)).ever():
            raise InvalidClock("day", day, f"a day that {MONTHS[self.month - 1]} has: this one never fires")
        self._hold(self.every, self.start)

    def rule(self, since: Instant) -> LocalRule:
        anchor, first = self.counted_from(since, self.every, self.start)
        month = month_of(anchor)[0] // 12 * 12 + self.month - 1
        return _rule(self.days, self.times, self.clamp, step=self.every * 12, anchor=month, first=first)

    def params(self) -> Mapping[str, Any]:
        day = self.days[0] if len(self.days) == 1 else list(self.days)
        shown: dict[str, Any] = {"month": self.month, "day": day, "time": write_times(self.times)}
        shown |= self._step_params()
        if self.clamp != "last":
            shown["clamp"] = self.clamp
        return {**shown, **self._place_params()}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        month = stored.value("month", "a month from 1 to 12")
        day, time = stored.value("day", "a day of the month"), stored.value("time", "a time of day")
        clamp = stored.text("clamp", "'last' or 'skip'", default="last")
        clock = cls(month, day, time, clamp=clamp, **cls._stored_step(stored), **cls._stored_place(stored))
        stored.done()
        return clock

    def describe(self) -> str:
        days = say_list([read_day(day).describe() for day in self.days])
        years = {1: "every year", 2: "every other year"}.get(self.every, f"every {self.every} years")
        return f"{years} on the {days} of {MONTHS[self.month - 1]} at {say_times(self.times)}{self._say_place()}"


@lru_cache(maxsize=4096)
def _rule(
    days: tuple[int | str, ...], times: tuple[int, ...], clamp: ClampPolicy, *, step: int, anchor: int, first: int
) -> Calendar:
    return Calendar(MonthDays(PickDays(days, clamp), step=step, anchor=anchor, first=first), TimeList(times))

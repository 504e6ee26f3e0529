"""A monthly clock: a day of the month and a time on the wall of some place, every month or every n-th month.

A day that a short month does not have is its last day, and does not stick: 31 January, 28 February, 31 March. Months
are counted on the calendar, never by adding 30 days, and those of a step from the start.
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
from tickwork.clocks.describe import say_list, say_times
from tickwork.clocks.placed import PlacedClock
from tickwork.clocks.stored import Stored
from tickwork.clocks.timeofday import TimeOfDay, read_every, read_start, read_times, write_times
from tickwork.clocks.times import TimeList
from tickwork.watch import Instant


@dataclass(frozen=True, init=False, repr=False)
class Monthly(PlacedClock):
    """Fires on a *day* of the month (one or several) at *time* (one or several) in *zone*.

    *day* is a number from 1 to 31, or -1 to -31 counted from the month's end, or text: ``"last friday"``,
    ``"second tuesday"``, ``"first weekday"``, ``"MON#2"``. Where a month is too short *clamp* says what happens:
    ``"last"`` takes its last day, ``"skip"`` leaves that month out. The months of a step (*every*) are counted from
    *start* (a local date, the first that counts), or else from the local month of ``since``.

    >>> from datetime import datetime, timezone
    >>> bills = Monthly(31, "08:00")
    >>> [at.strftime("%d %b") for at in bills.preview(3, since=datetime(2026, 1, 1, tzinfo=timezone.utc))]
    ['31 Jan', '28 Feb', '31 Mar']
    """

    days: tuple[int | str, ...]
    times: tuple[int, ...]
    every: int
    start: int | None
    clamp: ClampPolicy
    kind: ClassVar[str] = "monthly"

    def __init__(
        self,
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
        self._set(days=read_days(day), times=read_times(time), clamp=check_clamp(clamp))
        self._set(every=read_every(every, "months"), start=read_start(start))
        self._hold(self.every, self.start)

    def rule(self, since: Instant) -> LocalRule:
        anchor, first = self.counted_from(since, self.every, self.start)
        return _rule(self.days, self.times, self.clamp, every=self.every, anchor=month_of(anchor)[0], first=first)

    def params(self) -> Mapping[str, Any]:
        day = self.days[0] if len(self.days) == 1 else list(self.days)
        shown: dict[str, Any] = {"day": day, "time": write_times(self.times), **self._step_params()}
        if self.clamp != "last":
            shown["clamp"] = self.clamp
        return {**shown, **self._place_params()}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        day, time = stored.value("day", "a day of the month"), stored.value("time", "a time of day")
        clamp = stored.text("clamp", "'last' or 'skip'", default="last")
        clock = cls(day, time, clamp=clamp, **cls._stored_step(stored), **cls._stored_place(stored))
        stored.done()
        return clock

    def describe(self) -> str:
        days = say_list([read_day(day).describe() for day in self.days])
        months = {1: "every month", 2: "every other month"}.get(self.every, f"every {self.every} months")
        return f"on the {days} of {months} at {say_times(self.times)}{self._say_place()}"


@lru_cache(maxsize=4096)
def _rule(
    days: tuple[int | str, ...], times: tuple[int, ...], clamp: ClampPolicy, *, every: int, anchor: int, first: int
) -> Calendar:
    return Calendar(MonthDays(PickDays(days, clamp), step=every, anchor=anchor, first=first), TimeList(times))

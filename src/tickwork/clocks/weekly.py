"""A weekly clock: days of the week, and a time on the wall of some place, every week or every n-th week.

Like the daily clock it keeps the wall's time when the clocks are moved. Weeks begin on Monday.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, ClassVar, Self

from tickwork.clocks.calendar import Calendar, LocalRule
from tickwork.clocks.days import Weekdays
from tickwork.clocks.describe import WEEKDAYS, say_times, say_weekdays
from tickwork.clocks.placed import PlacedClock
from tickwork.clocks.stored import Stored
from tickwork.clocks.timeofday import TimeOfDay, read_every, read_start, read_times, read_weekdays, write_times
from tickwork.clocks.times import TimeList
from tickwork.watch import Instant


@dataclass(frozen=True, init=False, repr=False)
class Weekly(PlacedClock):
    """Fires on *weekdays* at *time* (one or several) in *zone*, each week or each *every*-th week.

    *weekdays* are names, numbers (1 is Monday, 7 and 0 are Sunday), or text such as ``"MON-FRI"``, ``"MON,WED"``,
    ``"weekdays"``. The weeks of a step are counted from the week of *start* (a local date, the first that counts), or
    else from the local week of ``since``.

    >>> Weekly("MON-FRI", "09:00", zone="Europe/Berlin").describe()
    'every weekday at 09:00, Europe/Berlin'
    """

    weekdays: tuple[int, ...]
    times: tuple[int, ...]
    every: int
    start: int | None
    kind: ClassVar[str] = "weekly"

    def __init__(
        self,
        weekdays: str | int | Iterable[str | int],
        time: TimeOfDay | Iterable[TimeOfDay],
        zone: str = "UTC",
        *,
        every: int = 1,
        start: date | str | None = None,
        gap: str = "shift",
        fold: str = "first",
    ) -> None:
        self._place(zone, gap, fold)
        self._set(weekdays=read_weekdays(weekdays), times=read_times(time))
        self._set(every=read_every(every, "weeks"), start=read_start(start))
        self._hold(self.every, self.start)

    def rule(self, since: Instant) -> LocalRule:
        return _rule(self.weekdays, self.times, self.every, *self.counted_from(since, self.every, self.start))

    def params(self) -> Mapping[str, Any]:
        days = [WEEKDAYS[day][:3].upper() for day in self.weekdays]
        return {"weekdays": days, "time": write_times(self.times), **self._step_params(), **self._place_params()}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        weekdays, time = stored.value("weekdays", "a list of weekdays"), stored.value("time", "a time of day")
        clock = cls(weekdays, time, **cls._stored_step(stored), **cls._stored_place(stored))
        stored.done()
        return clock

    def describe(self) -> str:
        days = say_weekdays(self.weekdays)
        if self.every == 1:
            said = f"every {days}"
        else:
            weeks = "every other week" if self.every == 2 else f"every {self.every} weeks"
            said = f"{weeks} on {days if days[0].isupper() else f'each {days}'}"
        return f"{said} at {say_times(self.times)}{self._say_place()}"


@lru_cache(maxsize=4096)
def _rule(weekdays: tuple[int, ...], times: tuple[int, ...], every: int, anchor: int, first: int) -> Calendar:
    return Calendar(Weekdays(sum(1 << day for day in weekdays), every, anchor, first), TimeList(times))

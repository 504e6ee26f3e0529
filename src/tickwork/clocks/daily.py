"""A daily clock: a time on the wall of some place, every day or every n-th day.

It keeps the wall's time when the clocks are moved: 09:00 in Berlin is 08:00Z in winter and 07:00Z in summer, 24 hours
apart on most days, 23 or 25 on two. For elapsed time take :class:`tickwork.clocks.Every`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, ClassVar, Self

from tickwork.clocks.calendar import Calendar, LocalRule
from tickwork.clocks.days import EveryDay
from tickwork.clocks.describe import say_times
from tickwork.clocks.placed import PlacedClock
from tickwork.clocks.stored import Stored
from tickwork.clocks.timeofday import TimeOfDay, read_every, read_start, read_times, write_times
from tickwork.clocks.times import TimeList
from tickwork.watch import Instant


@dataclass(frozen=True, init=False, repr=False)
class Daily(PlacedClock):
    """Fires at *time* (one or several) in *zone*, each day or each *every*-th day.

    The days of a step are counted from *start* (a local date, the first that counts), or else from the local day of
    ``since``. *gap* and *fold* say what happens on the nights when clocks are moved (:mod:`tickwork.clocks.wall`).

    >>> from datetime import datetime, timezone
    >>> clock = Daily("02:30", zone="Europe/Berlin")
    >>> night = datetime(2026, 3, 28, tzinfo=timezone.utc)
    >>> [at.strftime("%d %H:%MZ") for at in clock.preview(3, night)]  # on the 29th 02:30 becomes 03:30
    ['28 01:30Z', '29 01:30Z', '30 00:30Z']
    """

    times: tuple[int, ...]
    every: int
    start: int | None
    kind: ClassVar[str] = "daily"

    def __init__(
        self,
        time: TimeOfDay | Iterable[TimeOfDay],
        zone: str = "UTC",
        *,
        every: int = 1,
        start: date | str | None = None,
        gap: str = "shift",
        fold: str = "first",
    ) -> None:
        self._place(zone, gap, fold)
        self._set(times=read_times(time), every=read_every(every, "days"), start=read_start(start))
        self._hold(self.every, self.start)

    def rule(self, since: Instant) -> LocalRule:
        return _rule(self.times, self.every, *self.counted_from(since, self.every, self.start))

    def params(self) -> Mapping[str, Any]:
        return {"time": write_times(self.times), **self._step_params(), **self._place_params()}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        clock = cls(stored.value("time", "a time of day"), **cls._stored_step(stored), **cls._stored_place(stored))
        stored.done()
        return clock

    def describe(self) -> str:
        days = {1: "every day", 2: "every other day"}.get(self.every, f"every {self.every} days")
        return f"{days} at {say_times(self.times)}{self._say_place()}"


@lru_cache(maxsize=4096)
def _rule(times: tuple[int, ...], every: int, anchor: int, first: int) -> Calendar:
    return Calendar(EveryDay(every, anchor, first), TimeList(times))

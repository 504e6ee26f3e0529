"""Sets of times of day: a few of them, or the product of hours, minutes and seconds that a cron expression names."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import lru_cache


class TimeTable:
    """Times of day as seconds after midnight: a product of minutes of the day and seconds of the minute."""

    __slots__ = ("first", "flat", "last", "minutes", "seconds")

    def __init__(self, minutes: tuple[int, ...], seconds: tuple[int, ...]) -> None:
        self.minutes, self.seconds = minutes, seconds
        self.first = minutes[0] * 60 + seconds[0]
        self.last = minutes[-1] * 60 + seconds[-1]
        small = len(seconds) == 1 or len(minutes) * len(seconds) <= 1440
        self.flat = tuple(m * 60 + s for m in minutes for s in seconds) if small else None

    def next_time(self, at: int) -> int:
        """Return the first time that is not before *at*, or -1."""
        if at > self.last:
            return -1
        if self.flat is not None:
            return self.flat[bisect_left(self.flat, at)]
        minute, second = divmod(at, 60)
        place = bisect_left(self.minutes, minute)
        if self.minutes[place] == minute:
            if second <= self.seconds[-1]:
                return minute * 60 + self.seconds[bisect_left(self.seconds, second)]
            place += 1
        return self.minutes[place] * 60 + self.seconds[0]

    def prev_time(self, at: int) -> int:
        """Return the last time that is not after *at*, or -1."""
        if at < self.first:
            return -1
        if self.flat is not None:
            return self.flat[bisect_right(self.flat, at) - 1]
        minute, second = divmod(at, 60)
        place = bisect_right(self.minutes, minute) - 1
        if self.minutes[place] == minute:
            if second >= self.seconds[0]:
                return minute * 60 + self.seconds[bisect_right(self.seconds, second) - 1]
            place -= 1
        return self.minutes[place] * 60 + self.seconds[-1]


class TimeList:
    """A few times of day as seconds after midnight, rising: 09:00 and 17:30."""

    __slots__ = ("first", "flat", "last")

    def __init__(self, times: tuple[int, ...]) -> None:
        self.flat, self.first, self.last = times, times[0], times[-1]

    def next_time(self, at: int) -> int:
        return self.flat[bisect_left(self.flat, at)] if at <= self.last else -1

    def prev_time(self, at: int) -> int:
        return self.flat[bisect_right(self.flat, at) - 1] if at >= self.first else -1


@lru_cache(maxsize=4096)
def times_of(hours: tuple[int, ...], minutes: tuple[int, ...], seconds: tuple[int, ...] = (0,)) -> TimeTable:
    """Return the times of day with these hours, minutes and seconds; equal ones are shared."""
    return TimeTable(tuple(h * 60 + m for h in hours for m in minutes), seconds)

"""A clock between two moments: nothing before the first, nothing after the last.

Write ``clock.starting(at)`` and ``clock.until(at)``; both moments are included. The clock's own grid stays as it is:
``Every(timedelta(hours=1)).starting(t)`` waits until *t* and goes on in the steps that it would have had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from tickwork.clocks.clock import Clock
from tickwork.clocks.combined import read_clock, stored_clock
from tickwork.clocks.describe import say_instant
from tickwork.clocks.stored import Stored
from tickwork.errors import InvalidClock
from tickwork.watch import Instant, to_instant


@dataclass(frozen=True, init=False)
class Bounded(Clock):
    """Fires as *clock* does from *first* to *last*, both included; each is a datetime with a zone, an instant or None.

    >>> from datetime import datetime, timezone
    >>> from tickwork.clocks import Cron
    >>> autumn = (
    ...     Cron("0 9 1 * *")
    ...     .starting(datetime(2026, 9, 1, tzinfo=timezone.utc))
    ...     .until(datetime(2026, 11, 30, tzinfo=timezone.utc))
    ... )
    >>> [f"{at:%d %b}" for at in autumn.preview(9, since=datetime(2026, 1, 1, tzinfo=timezone.utc))]
    ['01 Sep', '01 Oct', '01 Nov']
    """

    clock: Clock
    first: Instant | None
    last: Instant | None
    kind: ClassVar[str] = "bounded"

    def __init__(
        self, clock: Clock, first: datetime | Instant | None = None, last: datetime | Instant | None = None
    ) -> None:
        if not isinstance(clock, Clock):
            raise InvalidClock("clock", clock, "a clock")
        from_at = None if first is None else to_instant(first, "first")
        until_at = None if last is None else to_instant(last, "last")
        if from_at is not None and until_at is not None and from_at > until_at:
            raise InvalidClock("last", last, "a moment that is not before the first")
        object.__setattr__(self, "clock", clock)
        object.__setattr__(self, "first", from_at)
        object.__setattr__(self, "last", until_at)

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        found = self.clock.next_at(after, since)
        if found is not None and self.first is not None and found < self.first:
            found = self.clock.following(self.first - 1, since)
        return self._within(found)

    def following(self, at: Instant, since: Instant) -> Instant | None:
        start = at if self.first is None else max(at, self.first - 1)
        return self._within(self.clock.following(start, since))

    def prev_at(self, before: Instant, since: Instant) -> Instant | None:
        found = self.clock.prev_at(before if self.last is None else min(before, self.last + 1), since)
        return None if found is None or (self.first is not None and found < self.first) else found

    def _within(self, found: Instant | None) -> Instant | None:
        return None if found is None or (self.last is not None and found > self.last) else found

    def resolve(self, key: str, at: Instant) -> Clock:
        return Bounded(self.clock.resolve(key, at), self.first, self.last)

    def params(self) -> Mapping[str, Any]:
        return {"clock": stored_clock(self.clock), "first": self.first, "last": self.last}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        clock = read_clock("clock", stored.value("clock", "a clock"))
        first, last = (_instant(stored, name) for name in ("first", "last"))
        stored.done()
        return cls(clock, first, last)

    def describe(self) -> str:
        said = self.clock.describe()
        if self.first is not None:
            said += f", from {say_instant(self.first)}"
        return said if self.last is None else f"{said}, until {say_instant(self.last)}"


def _instant(stored: Stored, name: str) -> Instant | None:
    value = stored.value(name, default=None)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise InvalidClock(name, value, "whole microseconds since the epoch, or null")
    return value

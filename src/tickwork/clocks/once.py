"""A one-time clock: one instant, and never again.

It fires once whatever the instant is, also a past one, and also the epoch itself. After it has fired, an edit does
not wake it: re-arming does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from tickwork.clocks.clock import Clock
from tickwork.clocks.describe import say_instant
from tickwork.clocks.stored import Stored
from tickwork.clocks.timeofday import read_instant
from tickwork.watch import Instant


@dataclass(frozen=True, init=False, slots=True)
class Once(Clock):
    """Fires at *at*, a datetime with a zone or whole microseconds since the epoch.

    >>> from datetime import datetime, timezone
    >>> clock = Once(datetime(2026, 3, 1, 9, tzinfo=timezone.utc))
    >>> clock.next(since=datetime(2026, 1, 1, tzinfo=timezone.utc)).isoformat()
    '2026-03-01T09:00:00+00:00'
    """

    at: Instant
    kind: ClassVar[str] = "once"
    reaches_back: ClassVar[bool] = True

    def __init__(self, at: datetime | Instant) -> None:
        object.__setattr__(self, "at", read_instant(at, "at"))

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        return self.at if after is None else None

    def following(self, at: Instant, since: Instant) -> Instant | None:
        return self.at if self.at > at else None

    def prev_at(self, before: Instant, since: Instant) -> Instant | None:
        return self.at if self.at < before else None

    def params(self) -> Mapping[str, Any]:
        return {"at": self.at}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        at = stored.whole("at", "whole microseconds since the epoch")
        stored.done()
        return cls(at)

    def describe(self) -> str:
        return f"once, at {say_instant(self.at)}"

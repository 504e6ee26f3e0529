"""A clock of another package: the periods of a 4-4-5 calendar, by which shops close their books.

A quarter has 13 weeks, in three periods of 4, 4 and 5; the clock fires when one has ended. It is what a third party
writes: one frozen class, an entry point in the group ``tickwork.clocks``, and ``tickwork.testing.check_clock`` in its tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tickwork.clocks import Clock
from tickwork.clocks.stored import Stored
from tickwork.errors import InvalidClock
from tickwork.watch import DAY, Instant, show_instant

QUARTER = 13 * 7 * DAY
ENDS = (4 * 7 * DAY, 8 * 7 * DAY, QUARTER)


@dataclass(frozen=True)
class PeriodEnd(Clock):
    """Fires at the end of each period; the calendar's first one began at *begins* (microseconds)."""

    begins: Instant
    kind: ClassVar[str] = "retail-period-end"

    def __post_init__(self) -> None:
        if self.begins % DAY:
            raise InvalidClock("begins", self.begins, "a midnight in UTC, as microseconds")

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        last = since if after is None else after
        quarter, into = divmod(last - self.begins, QUARTER)
        return self.begins + quarter * QUARTER + next(end for end in ENDS if end > into)

    def params(self) -> Mapping[str, Any]:
        return {"begins": self.begins}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        clock = cls(stored.whole("begins", "whole microseconds"))
        stored.done()
        return clock

    def describe(self) -> str:
        return f"at the end of each 4-4-5 period, counted from {show_instant(self.begins)[:10]}"

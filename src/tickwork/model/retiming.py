"""Putting a standing order earlier or later by a span: its next occurrence moves by exactly that, the rest follows.

An occurrence that has been does not come again because it would now lie in the future.
"""

from __future__ import annotations

from tickwork.clocks.bounded import Bounded
from tickwork.clocks.clock import Clock
from tickwork.clocks.every import Every
from tickwork.clocks.once import Once
from tickwork.clocks.shifted import Shifted
from tickwork.watch import Instant, from_duration


def retimed(clock: Clock, by: int, next_at: Instant) -> Clock:
    """Return a clock whose next occurrence is *by* microseconds after *next_at*, and that goes on from there.

    >>> from datetime import timedelta
    >>> retimed(Once(1_000_000), 500_000, 1_000_000)
    Once(at=1500000)
    >>> retimed(Every(timedelta(minutes=10)), 3_600_000_000, 0).next_at(None, 0)
    3600000000
    """
    first = next_at + by
    if isinstance(clock, Once):
        return Once(first)
    if isinstance(clock, Every):
        return Every(from_duration(clock.period), anchor=first)
    inner, total = _unwrapped(clock, by)
    return Bounded(Shifted(inner, from_duration(total)) if total else inner, first=first)


def _unwrapped(clock: Clock, by: int) -> tuple[Clock, int]:
    """Take off what an earlier retiming had put around a clock, so that many of them are one."""
    if isinstance(clock, Bounded) and clock.last is None:
        inner = clock.clock
        if isinstance(inner, Shifted) and inner.zone is None:
            return inner.clock, inner.by + by
    return clock, by

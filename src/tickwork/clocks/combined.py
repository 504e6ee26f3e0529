"""Clocks made of clocks: either of them, both at once, one without another.

Write ``a | b``, ``a & b``, ``a.except_(b)``. Two clocks meet where they have the very same instant; a set of days
(:class:`~tickwork.clocks.dayset.DaySet`, holidays for instance) counts for its whole days. Each search takes a bounded
number of steps: a combination without an occurrence in 10,000 tries and 20 years has none. One that needs more tries for
a shorter time (seconds that seldom meet) is an InvalidClock after 100,000 and not an end, so that no trigger is taken
for finished because the search was too short.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tickwork.clocks.clock import Clock
from tickwork.clocks.dayset import DaySet
from tickwork.clocks.stored import Stored
from tickwork.errors import InvalidClock
from tickwork.watch import DAY, LAST_INSTANT, Instant

#: Occurrences looked at for one answer: after so many, and so long a time, there is none; after the most, nobody knows.
ENOUGH, MOST = 10_000, 100_000
LONG_ENOUGH = 20 * 366 * DAY


class _Searched(Clock):
    """What an intersection and an exclusion share: a bounded search, and nothing before ``since`` is an occurrence."""

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        return self.following(since if after is None else max(after, since), since)

    def following(self, at: Instant, since: Instant) -> Instant | None:
        return self.following_within(at, since, LAST_INSTANT)

    def following_within(self, at: Instant, since: Instant, last: Instant) -> Instant | None:
        begun = at
        for tried in range(MOST):
            found, settled = self._try(at, since)
            if settled or found is None:
                return found
            if found > last:
                return None
            at = found
            if tried >= ENOUGH and at - begun >= LONG_ENOUGH:
                return None
        raise InvalidClock("clock", self.describe(), f"one that fires at least once in {MOST:,} tries")

    def prev_at(self, before: Instant, since: Instant) -> Instant | None:
        begun = before
        for tried in range(MOST):
            found, settled = self._try_back(before, since)
            if settled or found is None:
                return found
            before = found
            if tried >= ENOUGH and begun - before >= LONG_ENOUGH:
                return None
        raise InvalidClock("clock", self.describe(), f"one that fires at least once in {MOST:,} tries")

    @abstractmethod
    def _try(self, at: Instant, since: Instant) -> tuple[Instant | None, bool]:
        """Return the first occurrence after *at* and True; or the moment after which to try again, and False."""

    @abstractmethod
    def _try_back(self, before: Instant, since: Instant) -> tuple[Instant | None, bool]:
        """Return the last occurrence before a moment and True; or the moment before which to try again, and False."""


@dataclass(frozen=True, init=False)
class Union(Clock):
    """Fires whenever one of its clocks does, once where several do.

    >>> from tickwork.clocks import Cron
    >>> (Cron("0 9 * * 1-5") | Cron("0 11 * * 6,0")).describe()
    'every weekday at 09:00, UTC, or every Saturday and Sunday at 11:00, UTC'
    """

    clocks: tuple[Clock, ...]
    kind: ClassVar[str] = "union"

    def __init__(self, *clocks: Clock) -> None:
        object.__setattr__(self, "clocks", _flat(clocks, Union))

    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        if after is not None and after >= since:
            return self.following(after, since)
        return _earliest(_from_its_first(clock, after, since) for clock in self.clocks)

    def following(self, at: Instant, since: Instant) -> Instant | None:
        return _earliest(clock.following(at, since) for clock in self.clocks)

    def following_within(self, at: Instant, since: Instant, last: Instant) -> Instant | None:
        return _earliest(clock.following_within(at, since, last) for clock in self.clocks)

    def prev_at(self, before: Instant, since: Instant) -> Instant | None:
        return max((at for clock in self.clocks if (at := clock.prev_at(before, since)) is not None), default=None)

    def resolve(self, key: str, at: Instant) -> Clock:
        return Union(*(clock.resolve(key, at) for clock in self.clocks))

    def params(self) -> Mapping[str, Any]:
        return {"clocks": [stored_clock(clock) for clock in self.clocks]}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        return cls(*_read_clocks(cls.kind, params))

    def describe(self) -> str:
        return ", or ".join(clock.describe() for clock in self.clocks)


@dataclass(frozen=True, init=False)
class Intersection(_Searched):
    """Fires when all of its clocks do; sets of days count for whole days.

    The search leaps from clock to clock.
    """

    clocks: tuple[Clock, ...]
    kind: ClassVar[str] = "intersection"

    def __init__(self, *clocks: Clock) -> None:
        object.__setattr__(self, "clocks", _flat(clocks, Intersection))

    def _try(self, at: Instant, since: Instant) -> tuple[Instant | None, bool]:
        timed, days = self._parts()
        found = timed[0].following(at, since)
        later = None if found is None else self._leap(found, timed[1:], days, since)
        if later is None or later == found:
            return later, True
        return later - 1, False

    def _try_back(self, before: Instant, since: Instant) -> tuple[Instant | None, bool]:
        timed, days = self._parts()
        found = timed[0].prev_at(before, since)
        if found is None:
            return None, True
        for clock in timed[1:]:
            earlier = clock.prev_at(found + 1, since)
            if earlier != found:
                return (None, True) if earlier is None else (earlier + 1, False)
        for day_set in days:
            if not day_set.covers(found):
                begin = day_set.prev_at(found, since)
                end = None if begin is None else day_set.turns_at(begin)
                return (None, True) if begin is None else (found if end is None else min(found, end), False)
        return found, True

    def _parts(self) -> tuple[Sequence[Clock], Sequence[DaySet]]:
        """Return what has times of its own, and what only counts for days; of sets of days alone the first has them."""
        timed: Sequence[Clock] = [clock for clock in self.clocks if not isinstance(clock, DaySet)]
        days = [clock for clock in self.clocks if isinstance(clock, DaySet)]
        return (timed, days) if timed else (days[:1], days[1:])

    def _leap(self, at: Instant, timed: Sequence[Clock], days: Sequence[DaySet], since: Instant) -> Instant | None:
        """Return the moment itself if all fire then, else the next at which they could."""
        for clock in timed:
            found = clock.following(at - 1, since)
            if found != at:
                return found
        for day_set in days:
            if not day_set.covers(at):
                return day_set.turns_at(at)
        return at

    def resolve(self, key: str, at: Instant) -> Clock:
        return Intersection(*(clock.resolve(key, at) for clock in self.clocks))

    def params(self) -> Mapping[str, Any]:
        return {"clocks": [stored_clock(clock) for clock in self.clocks]}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        return cls(*_read_clocks(cls.kind, params))

    def describe(self) -> str:
        return ", and at the same time ".join(clock.describe() for clock in self.clocks)


@dataclass(frozen=True, init=False)
class Exclusion(_Searched):
    """Fires when *clock* does and *without* does not; a set of days takes out whole days.

    >>> from tickwork.clocks import Cron
    >>> Cron("0 9 * * *").except_(Cron("0 9 1 1 *")).describe()
    'every day at 09:00, UTC, but not on the 1st of January at 09:00, UTC'
    """

    clock: Clock
    without: Clock
    kind: ClassVar[str] = "exclusion"

    def __init__(self, clock: Clock, without: Clock) -> None:
        object.__setattr__(self, "clock", _a_clock("clock", clock))
        object.__setattr__(self, "without", _a_clock("without", without))

    def _try(self, at: Instant, since: Instant) -> tuple[Instant | None, bool]:
        found = self.clock.following(at, since)
        left_out_until = None if found is None else _left_out(self.without, found, since)
        if found is None or left_out_until is None:
            return found, True
        return max(found, left_out_until - 1), False

    def _try_back(self, before: Instant, since: Instant) -> tuple[Instant | None, bool]:
        found = self.clock.prev_at(before, since)
        return found, found is None or _left_out(self.without, found, since) is None

    def resolve(self, key: str, at: Instant) -> Clock:
        return Exclusion(self.clock.resolve(key, at), self.without.resolve(key, at))

    def params(self) -> Mapping[str, Any]:
        return {"clock": stored_clock(self.clock), "without": stored_clock(self.without)}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        stored = Stored(cls.kind, params)
        clock, without = (read_clock(name, stored.value(name, "a clock")) for name in ("clock", "without"))
        stored.done()
        return cls(clock, without)

    def describe(self) -> str:
        return f"{self.clock.describe()}, but not {self.without.describe()}"


def stored_clock(clock: Clock) -> dict[str, Any]:
    """Return a clock inside another as plain JSON."""
    return {"kind": clock.kind, "params": dict(clock.params())}


def read_clock(field: str, stored: Any) -> Clock:
    """Build a clock that is stored inside another; *field* is what an error calls it."""
    from tickwork.clocks.codec import decode

    if not isinstance(stored, Mapping) or set(stored) != {"kind", "params"}:
        raise InvalidClock(field, stored, "a clock as an object with kind and params")
    return decode(stored["kind"], stored["params"])


def _read_clocks(kind: str, params: Mapping[str, Any]) -> list[Clock]:
    stored = Stored(kind, params)
    listed = stored.value("clocks", "a list of clocks")
    stored.done()
    if not isinstance(listed, (list, tuple)):
        raise InvalidClock("clocks", listed, "a list of clocks")
    return [read_clock("clocks", inside) for inside in listed]


def _a_clock(field: str, clock: Clock) -> Clock:
    if not isinstance(clock, Clock):
        raise InvalidClock(field, clock, "a clock")
    return clock


def _flat(clocks: tuple[Clock, ...], outer: type[Union | Intersection]) -> tuple[Clock, ...]:
    """Return the clocks with nested ones of the same kind opened, each once."""
    opened: list[Clock] = []
    for clock in clocks:
        inside = clock.clocks if isinstance(clock, outer) else (_a_clock("clocks", clock),)
        opened += [one for one in inside if one not in opened]
    if not opened:
        raise InvalidClock("clocks", clocks, "one clock or more")
    return tuple(opened)


def _from_its_first(clock: Clock, after: Instant | None, since: Instant) -> Instant | None:
    """Return the clock's next occurrence while another's one-time past is fired: its own past stays past."""
    first = clock.next_at(None, since)
    return first if after is None or first is None or first > after else clock.following(after, since)


def _earliest(found: Iterator[Instant | None]) -> Instant | None:
    return min((at for at in found if at is not None), default=None)


def _left_out(without: Clock, at: Instant, since: Instant) -> Instant | None:
    """Return ``None`` if the moment stays, else the first moment that need be looked at again."""
    if isinstance(without, DaySet):
        return without.turns_at(at) if without.covers(at) else None
    if isinstance(without, Union):
        ends = [end for inside in without.clocks if (end := _left_out(inside, at, since)) is not None]
        return max(ends, default=None)
    return at + 1 if without.following(at - 1, since) == at else None

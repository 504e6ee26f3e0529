"""A clock is a rule: given the last occurrence, when is the next? Pure: no I/O, and no *now* of its own.

The contract, which every clock keeps and the test kit checks:

- ``next_at(after, since)`` gets the last occurrence (or ``None``: there was none) and the instant at which the
  trigger was created, re-armed or given this clock. It answers with an instant strictly after *after*, or
  ``None``: there is no further occurrence.
- The same question has the same answer, for ever, on every machine with the same zone data.
- With ``after=None`` a rule that recurs answers with its first occurrence strictly after *since*
  (a one-time clock with its instant, even a past one).
- Instants are integers, microseconds since the epoch, UTC (:data:`tickwork.watch.Instant`).
- Every answer takes a bounded number of steps, also where the rule never fires again.

A clock is a frozen value: equal rules compare equal, and ``codec`` turns a clock into ``(kind, params)`` and back.
People call ``next``, ``prev``, ``between``, ``matches`` and ``preview``, which take and give datetimes or instants;
they agree with each other, for they ask the same rule.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar, Self, TypeVar

from tickwork.errors import InvalidClock, InvalidInput
from tickwork.watch import FIRST_INSTANT, LAST_INSTANT, SECOND, Instant, from_instant, to_instant

#: Microseconds since the epoch, or a datetime with a zone: the answer comes in the kind of the question.
Moment = TypeVar("Moment", int, datetime)


class Clock(ABC):
    """The base of all clocks. Subclasses are frozen dataclasses with a class variable ``kind``."""

    kind: ClassVar[str]

    @abstractmethod
    def next_at(self, after: Instant | None, since: Instant) -> Instant | None:
        """Answer in microseconds: what the engine calls."""

    @abstractmethod
    def params(self) -> Mapping[str, Any]:
        """Return the plain JSON parameters from which :meth:`from_params` builds an equal clock."""

    @classmethod
    @abstractmethod
    def from_params(cls, params: Mapping[str, Any]) -> Self:
        """Build the clock from stored parameters; refuse missing, unknown and ill-typed ones by name."""

    @abstractmethod
    def describe(self) -> str:
        """Say the rule in plain English: ``every weekday at 09:00, Europe/Berlin``."""

    #: Slots before an edit of the clock count only for one-time and interval clocks.
    reaches_back: ClassVar[bool] = False

    def resolve(self, key: str, at: Instant) -> Clock:
        """Return the clock with everything settled that depends on the trigger's key or the moment it is put (``H``)."""
        return self

    def zones(self) -> frozenset[str]:
        """Return the names of the zones whose changes move this clock: none for one that counts elapsed time.

        Here a clock's own ``zone`` and those of the clocks that it is made of are found among its fields; a clock
        that keeps them elsewhere says so itself.
        """
        values: list[Any] = [getattr(self, each.name) for each in fields(self)] if is_dataclass(self) else []
        parts = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
        own = getattr(self, "zone", None)
        named = {own} if isinstance(own, str) else set[str]()
        return frozenset(named.union(*(part.zones() for part in parts if isinstance(part, Clock))))

    def following(self, at: Instant, since: Instant) -> Instant | None:
        """Return the first occurrence strictly after a moment, which need not be an occurrence itself.

        For most clocks this is ``next_at``. It differs where the last occurrence says more than the time does:
        a one-time clock that has fired never fires again, yet its instant still follows every moment before it.
        Clocks that are built from clocks ask this question.
        """
        return self.next_at(at, since)

    def following_within(self, at: Instant, since: Instant, last: Instant) -> Instant | None:
        """Return what :meth:`following` does; where that lies after *last*, any answer after *last* or ``None`` will do.

        A clock that searches may stop there.
        """
        return self.following(at, since)

    def prev_at(self, before: Instant, since: Instant) -> Instant | None:
        """Return the last occurrence strictly before a moment, found by halving with :meth:`following_within`."""
        step, low = SECOND, before - 1
        while True:  # widen until there is an occurrence between low and before: 60 doublings reach the year 1
            low = max(before - step, FIRST_INSTANT) - 1
            found = self.following_within(low, since, before)
            if found is not None and found < before:
                break
            if low < FIRST_INSTANT:
                return None
            step *= 2
        high = before - 1
        while True:  # found > low is an occurrence; is there a later one before *before*?
            middle = (found + high) // 2
            later = self.following_within(middle, since, before)
            if later is not None and later < before:
                found = later
            else:
                high = middle
            if high <= found:
                return found

    def occurrences(self, after: Instant | None, since: Instant) -> Iterator[Instant]:
        """Yield the occurrences that come after the last one, rising; a clock that does not move on is an error."""
        while True:
            found = self.next_at(after, since)
            if found is None:
                return
            if after is not None and found <= after:
                raise InvalidClock(self.kind, found, f"an occurrence strictly after {after}: the clock stands still")
            yield found
            after = found

    def next(self, after: Moment | None = None, since: Moment | None = None) -> Moment | None:
        """Return the next occurrence, or ``None`` when there is none.

        *after* is the last occurrence (``None``: nothing has fired yet), *since* when the clock was set; it is taken
        to be *after* where it is missing. A one-time clock with an *after* has fired, so it has no next occurrence.

        >>> from datetime import datetime, timezone
        >>> from tickwork.clocks import Cron
        >>> Cron("0 9 * * MON-FRI", zone="Europe/Berlin").next(datetime(2026, 1, 2, 12, tzinfo=timezone.utc))
        datetime.datetime(2026, 1, 5, 8, 0, tzinfo=datetime.timezone.utc)
        """
        last, start, model = _asked(after, since)
        return _answered(self.next_at(last, start), model)

    def prev(self, before: Moment, since: Moment | None = None) -> Moment | None:
        """Return the last occurrence strictly before a moment, or ``None``."""
        at = to_instant(before, "before")
        return _answered(self.prev_at(at, at if since is None else to_instant(since, "since")), before)

    def between(self, start: Moment, end: Moment, since: Moment | None = None, limit: int = 100_000) -> list[Moment]:
        """List the occurrences from *start* (included) to *end* (not included).

        Raises InvalidInput where there are more than *limit*.
        """
        low, high = to_instant(start, "start"), to_instant(end, "end")
        origin = low if since is None else to_instant(since, "since")
        listed: list[Instant] = []
        found = self.following_within(low - 1, origin, high)
        while found is not None and found < high:
            if len(listed) >= limit:
                raise InvalidInput("end", end, f"a stretch with at most {limit:,} occurrences")
            listed.append(found)
            found = self._strictly_following(found, origin, high)
        return [_given(instant, start) for instant in listed]

    def matches(self, at: Moment, since: Moment | None = None) -> bool:
        """Tell whether the moment is an occurrence."""
        instant = to_instant(at, "at")
        origin = instant if since is None else to_instant(since, "since")
        return self.following_within(instant - 1, origin, instant) == instant

    def preview(self, n: int = 5, after: Moment | None = None, since: Moment | None = None) -> list[Moment]:
        """List the next *n* occurrences, fewer where the rule ends.

        >>> from datetime import datetime, timedelta, timezone
        >>> from tickwork.clocks import Every
        >>> noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
        >>> [at.strftime("%H:%M") for at in Every(timedelta(minutes=20)).preview(3, since=noon)]
        ['12:20', '12:40', '13:00']
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise InvalidInput("n", n, "a whole number, 0 or more")
        last, start, model = _asked(after, since)
        return [_given(instant, model) for instant in islice(self.occurrences(last, start), n)]

    def __or__(self, other: Clock) -> Clock:
        """Return a clock that fires whenever one of the two does."""
        from tickwork.clocks.combined import Union

        return Union(self, other) if isinstance(other, Clock) else NotImplemented

    def __and__(self, other: Clock) -> Clock:
        """Return a clock that fires when both do; holidays and other sets of days count for whole days."""
        from tickwork.clocks.combined import Intersection

        return Intersection(self, other) if isinstance(other, Clock) else NotImplemented

    def except_(self, other: Clock) -> Clock:
        """Return this clock without the moments of another; holidays take out whole days."""
        from tickwork.clocks.combined import Exclusion

        return Exclusion(self, other)

    def starting(self, at: datetime | Instant) -> Clock:
        """Return this clock without what lies before a moment."""
        from tickwork.clocks.bounded import Bounded

        return Bounded(self, first=at)

    def until(self, at: datetime | Instant) -> Clock:
        """Return this clock without what lies after a moment."""
        from tickwork.clocks.bounded import Bounded

        return Bounded(self, last=at)

    def jittered(self, up_to: timedelta | float) -> Clock:
        """Return this clock with each occurrence put off by its own share of *up_to* (a timedelta or seconds)."""
        from tickwork.clocks.jittered import Jittered

        return Jittered(self, up_to)

    def _strictly_following(self, at: Instant, since: Instant, last: Instant) -> Instant | None:
        found = self.following_within(at, since, last)
        if found is not None and found <= at:
            raise InvalidClock(self.kind, found, f"an occurrence strictly after {at}: the clock stands still")
        return found


def _asked(after: Moment | None, since: Moment | None) -> tuple[Instant | None, Instant, Moment]:
    """Return the question in instants, and the value whose kind the answer takes."""
    if after is not None:
        last = to_instant(after, "after")
        return last, last if since is None else to_instant(since, "since"), after
    if since is None:
        raise InvalidInput("since", None, "an instant in since or in after: a clock does not know what time it is")
    return None, to_instant(since, "since"), since


def _answered(instant: Instant | None, model: Moment) -> Moment | None:
    return None if instant is None or instant > LAST_INSTANT else _given(instant, model)


def _given(instant: Instant, model: Moment) -> Moment:
    return from_instant(instant) if isinstance(model, datetime) else instant

"""When a job fires next: pure arithmetic over its descriptor and what its log says.

The next fire is the first occurrence after the log's reference instant, so nothing drifts and nothing about it is
stored: destroying what a controller remembers and asking again gives the same answer. However many occurrences were
missed, one fire stands for all of them. An occurrence that falls exactly on the reference is not fired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from tickwork.clocks.clock import Clock
from tickwork.clocks.every import Every
from tickwork.errors import InvalidClock
from tickwork.model.job import Descriptor
from tickwork.model.job_log import FIRE_SET, State
from tickwork.model.policies import jitter_of
from tickwork.watch import LAST_INSTANT, Instant, from_duration, to_instant

#: Missed occurrences of a clock that is no interval are counted up to here; more are "at least so many".
COUNTED = 1_000


class Fire(NamedTuple):
    """A fire to come: the planned time, and the instant (later by the jitter) at which it is due."""

    nominal_at: Instant
    due_at: Instant


@dataclass(frozen=True, slots=True)
class Cadence:
    """A job's clock, placed: settled by the job's name and anchored at its creation."""

    clock: Clock
    created_at: Instant

    @classmethod
    def of(cls, name: str, clock: Clock, created_at: Instant) -> Cadence:
        """Place a clock. An interval runs on the grid through the job's creation, whatever happens meanwhile."""
        if isinstance(clock, Every) and clock.anchor is None:
            return cls(Every(from_duration(clock.period), created_at), created_at)
        return cls(clock.resolve(name, created_at), created_at)

    def next_at(self, after: Instant) -> Instant | None:
        """Return the first occurrence strictly after an instant."""
        found = self.clock.following(after, self.created_at)
        if found is not None and found <= after:
            raise InvalidClock("clock", found, f"an occurrence strictly after {after}: the clock stands still")
        return found if found is None or found <= LAST_INSTANT else None

    def missed(self, nominal_at: Instant, now: Instant) -> int:
        """Count the occurrences after a planned time up to *now*: those that one fire stands for besides its own."""
        if isinstance(self.clock, Every):
            return max(0, (now - nominal_at) // self.clock.period)
        count, at = 0, self.next_at(nominal_at)
        while at is not None and at <= now and count < COUNTED:
            count, at = count + 1, self.next_at(at)
        return count


def next_fire_time(clock: Clock | None, after: Instant, created_at: Instant, name: str = "") -> Instant | None:
    """Return the first planned time strictly after *after*, None for a one-shot job; naive datetimes are refused.

    >>> from datetime import datetime, timezone
    >>> new_year = to_instant(datetime(2026, 1, 1, tzinfo=timezone.utc))
    >>> next_fire_time(Every(60), new_year - 400_000, new_year) == new_year
    True
    """
    if clock is None:
        return None
    created_at = to_instant(created_at, "created_at")
    return Cadence.of(name, clock, created_at).next_at(to_instant(after, "after"))


def next_fire(job_id: int, cadence: Cadence, descriptor: Descriptor, state: State, now: Instant) -> Fire | None:
    """Return the fire that comes next for an idle job; one in the past is due at once, unless the job skips it."""
    nominal_at = cadence.next_at(state.reference)
    if nominal_at is not None and descriptor.misfire == "skip" and now - nominal_at > descriptor.grace:
        nominal_at = cadence.next_at(now - descriptor.grace - 1)  # the first that is not too late
    if nominal_at is None:
        return None
    return Fire(nominal_at, nominal_at + _spread(job_id, nominal_at, descriptor.jitter))


def retry_at(job_id: int, descriptor: Descriptor, state: State) -> Instant | None:
    """Return when a job in error is tried again; the chance is a hash of job and failure, the same for ever."""
    if state.status != "error" or state.ended_at is None:
        return None
    attempt = max(0, state.in_cycle - 1)
    if descriptor.retry.exhausted(attempt):
        return None
    asked = _asked_for(state)
    if asked is not None:
        return state.ended_at + asked
    chance = jitter_of(job_id, state.ended_at, 999_999) / 1_000_000
    return state.ended_at + descriptor.retry.wait(attempt, chance)


def has_timer(descriptor: Descriptor, state: State) -> bool:
    """Say whether a timer may exist: a job with a clock, in a status of the fire set."""
    return descriptor.recurs and state.status in FIRE_SET


def _asked_for(state: State) -> int | None:
    """Return the wait that the handler itself asked for (``RetryAfter``, ``Snooze``)."""
    told = msgspec.json.decode(state.error, type=dict[str, Any]) if state.error else {}
    asked = told.get("retry_for")
    return asked if isinstance(asked, int) else None


def _spread(job_id: int, nominal_at: Instant, jitter: int) -> int:
    """Return how much later than planned a fire is due: 0 up to, not including, the jitter."""
    return jitter_of(job_id, nominal_at, jitter - 1) if jitter > 1 else 0

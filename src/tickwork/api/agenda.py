"""What comes: the next occurrences of a trigger, and of many triggers on one page.

An agenda is worked out from the clocks, not from what the daemon has planned, so it reaches as far as one likes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, takewhile

import msgspec

from tickwork.errors import InvalidInput
from tickwork.model.action import COMMAND
from tickwork.model.report import Trigger
from tickwork.watch import Instant, to_duration

__all__ = ["Entry", "Trigger", "agenda", "upcoming"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one trigger will do in a stretch of time."""

    key: str
    clock: str
    first_at: Instant
    last_at: Instant
    times: int
    trigger: Trigger

    @property
    def command(self) -> str:
        """The shell command that it runs, else the name of its handler."""
        payload = msgspec.json.decode(self.trigger.payload)
        argv = payload.get("argv") if self.trigger.handler == COMMAND else None
        return str(argv[-1]) if argv else self.trigger.handler


def upcoming(trigger: Trigger, count: int) -> list[Instant]:
    """Return the next *count* occurrences of a trigger; none where it is paused, cancelled or cannot be read."""
    if trigger.state != "active":
        return []
    try:
        return list(islice(trigger.clock.occurrences(trigger.last_at, trigger.since_at), count))
    except InvalidInput:
        return []


def agenda(triggers: Iterable[Trigger], start_at: Instant, span: timedelta | float) -> list[Entry]:
    """Return what active triggers will do from *start_at* on for *span* (a timedelta or seconds), the first first."""
    end_at = start_at + to_duration(span, "span")
    found = []
    for trigger in triggers:
        if trigger.state != "active":
            continue
        after = max(trigger.last_at or trigger.since_at, start_at - 1)
        instants = list(takewhile(lambda at: at < end_at, _from(trigger, after)))
        if instants:
            found.append(Entry(trigger.key, trigger.says, instants[0], instants[-1], len(instants), trigger))
    return sorted(found, key=lambda entry: (entry.first_at, entry.key))


def _from(trigger: Trigger, after: Instant) -> Iterable[Instant]:
    try:
        clock = trigger.clock
    except InvalidInput:
        return
    at = clock.following(after, trigger.since_at)
    while at is not None:
        yield at
        at = clock.following(at, trigger.since_at)

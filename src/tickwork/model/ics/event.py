"""What a calendar file gives: events that can become triggers, reminders, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from tickwork.clocks.clock import Clock
from tickwork.watch import Instant


@dataclass(frozen=True)
class IcsAlarm:
    """A reminder (VALARM) of an event.

    ``clock`` is ready to use; ``offset`` says how long after the event's start (negative: before) it fires, and is
    ``None`` for a reminder at a fixed moment. ``key`` is the event's key with the reminder's number.
    """

    key: str
    clock: Clock
    offset: timedelta | None
    action: str = "DISPLAY"
    description: str = ""


@dataclass(frozen=True)
class IcsEvent:
    """One event, or one part of a series that somebody changed, with the clock of its beginnings.

    ``key`` stays the same when the file is read again: the UID; for a changed occurrence the UID and the time that it
    replaces. ``start_at`` is when the event (of a series the first occurrence) begins, ``duration`` how long each
    occurrence lasts, zero where nothing is said.
    """

    key: str
    uid: str
    clock: Clock
    zone: str
    start_at: Instant
    summary: str = ""
    description: str = ""
    location: str = ""
    duration: timedelta = timedelta(0)
    all_day: bool = False
    alarms: tuple[IcsAlarm, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class IcsProblem:
    """Something that could not be read: in which event (UID, if it has one), on which line of the file, and why."""

    uid: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {f'event {self.uid}: ' if self.uid else ''}{self.reason}"


@dataclass(frozen=True)
class IcsReading:
    """What was read.

    ``cancelled`` are keys of events that the file says are off: cancel their triggers. ``uids`` are those of which the
    file speaks at all, so that what it no longer says about one of them can be told from what it never knew.
    """

    events: tuple[IcsEvent, ...] = ()
    problems: tuple[IcsProblem, ...] = ()
    cancelled: tuple[str, ...] = field(default=())
    uids: frozenset[str] = frozenset()

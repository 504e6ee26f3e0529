"""What comes: the next occurrences of a trigger, and triggers, jobs and delayed tasks in the order of their time.

An agenda is worked out from the clocks, not from what the daemon has planned, so it reaches as far as one likes. What
is overdue comes first. Triggers whose letters no daemon has read stand in it as they will be planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Literal

import msgspec

from tickwork.clocks.clock import Clock
from tickwork.errors import InvalidInput, TickworkError
from tickwork.model import limits
from tickwork.model.action import COMMAND
from tickwork.model.job import read_text
from tickwork.model.job_time import Cadence
from tickwork.model.report import Trigger
from tickwork.store import evidence, job_reading, reports
from tickwork.store.dialect import Verb
from tickwork.watch import Instant, to_duration

if TYPE_CHECKING:
    from tickwork.api.desk import Desk
    from tickwork.api.seeing import Seeing
    from tickwork.store.jobs import JobRow

__all__ = ["Coming", "Entry", "Trigger", "agenda", "ahead", "upcoming"]

#: How often one line's occurrences are counted; a line that says so many means *at least*.
COUNTED = 1_000


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
        return _does(self.trigger)


@dataclass(frozen=True, slots=True)
class Coming:
    """One line of an agenda: what comes first, and how often within the time that was asked for."""

    at: Instant
    kind: Literal["trigger", "job", "task"]
    name: str
    """By which ``tickwork why`` knows it."""
    does: str
    """The handler, or the command that is run."""
    when: str
    """The clock in words; of a task, why it waits."""
    times: int
    """How often it comes; 1,000 means at least so often."""
    last_at: Instant | None
    """When it comes last within that time; None where it was not counted to its end."""
    late_for: int = 0
    """How long it is overdue, in microseconds."""


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


def ahead(app: Seeing, desk: Desk, span: timedelta | float, limit: int) -> list[Coming]:
    """Return the agenda of an application: at most *limit* lines, read in a handful of statements."""
    length = limits.number(to_duration(span, "span"), "span", 1, limits.LONGEST_DELAY)

    def verb() -> Verb[list[Coming]]:
        now = (yield from evidence.scene()).now
        until = now + length
        due = yield from reports.triggers(desk.scope, due_before=until, limit=limit)
        unread = yield from evidence.unread_triggers(desk.scope, limit)
        jobs = yield from _jobs(desk)
        tasks = yield from evidence.coming_tasks(desk.scope, until, limit)
        triggers = {trigger.key: trigger for trigger in [*due, *unread]}.values()
        found = [_of_trigger(trigger, now, until) for trigger in triggers]
        found += [_of_job(app, row, now, until) for row in jobs]
        found += [_of_task(task) for task in tasks]
        lines = [line for line in found if line is not None]
        return sorted(lines, key=lambda line: (line.at, line.kind, line.name))[:limit]

    return desk.look(verb)


def _jobs(desk: Desk) -> Verb[list[JobRow]]:
    rows: list[JobRow] = []
    while True:
        after = rows[-1].name if rows else ""
        page = yield from job_reading.listing(desk.scope.namespace, after=after)
        rows += page
        if len(page) < job_reading.PAGE:
            return rows


def _of_trigger(trigger: Trigger, now: Instant, until: Instant) -> Coming | None:
    coming = trigger.coming(1)
    if (trigger.set_aside and trigger.planned) or not coming or coming[0] > until:
        return None

    def after(at: Instant) -> Instant | None:
        return trigger.clock.following(at, trigger.since_at)

    name = f"trigger:{trigger.key}" if trigger.key.partition(":")[0] in _PREFIXES else trigger.key
    return _line("trigger", name, _does(trigger), trigger.says, coming[0], after, now, until)


def _of_job(app: Seeing, row: JobRow, now: Instant, until: Instant) -> Coming | None:
    seen = app.jobs.seen(row)
    if seen.next_at is None or seen.next_at > until:
        return None
    clock: Clock | None = read_text(row.name, row.descriptor).clock
    cadence = None if clock is None else Cadence.of(row.name, clock, row.created_at)
    when = f"tried again; {seen.clock}" if seen.next == "retry" else seen.clock

    def after(at: Instant) -> Instant | None:
        return None if cadence is None else cadence.next_at(max(at, now))  # what was missed fires once

    return _line("job", f"job:{row.name}", row.handler, when, seen.next_at, after, now, until)


def _of_task(task: evidence.ComingTask) -> Coming:
    when = "tried again" if task.again else "delayed"
    return Coming(task.available_at, "task", f"task:{task.id}", task.handler, when, 1, task.available_at)


def _line(
    kind: Literal["trigger", "job"],
    name: str,
    does: str,
    when: str,
    first_at: Instant,
    after: Callable[[Instant], Instant | None],
    now: Instant,
    until: Instant,
) -> Coming:
    times, at, last_at = 1, first_at, first_at
    try:
        while times < COUNTED and (following := after(at)) is not None and following <= until:
            times, at, last_at = times + 1, following, following
    except TickworkError:
        pass  # a clock that stands still is the daemon's to set aside
    return Coming(first_at, kind, name, does, when, times, last_at if times < COUNTED else None, max(0, now - first_at))


def _does(trigger: Trigger) -> str:
    if trigger.action_kind == "log":
        return "log"
    argv = msgspec.json.decode(trigger.payload).get("argv") if trigger.handler == COMMAND else None
    return str(argv[-1]) if argv else trigger.handler


def _from(trigger: Trigger, after: Instant) -> Iterator[Instant]:
    try:
        clock = trigger.clock
    except InvalidInput:
        return
    at = clock.following(after, trigger.since_at)
    while at is not None:
        yield at
        at = clock.following(at, trigger.since_at)


_PREFIXES = ("trigger", "task", "job", "generator")

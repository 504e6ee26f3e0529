"""A job as people see it: its status, its clock in words, what comes next and when, and how it went lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from tickwork.errors import TickworkError
from tickwork.model.job import Descriptor, read_text
from tickwork.model.job_log import ACTIVE, FIRE_SET
from tickwork.model.job_time import Cadence, next_fire, retry_at
from tickwork.store.jobs import JobRow
from tickwork.watch import Instant


@dataclass(frozen=True, slots=True)
class JobSeen:
    """A job as people see it; instants and durations are microseconds."""

    id: int
    name: str
    status: str
    clock: str
    """The clock in words; *one-shot*, or why the stored descriptor cannot be read."""
    next: str | None
    """*active* while it is scheduled or runs; *retry* or *clock* say what comes next; None: nothing."""
    next_at: Instant | None
    nominal_at: Instant | None
    """The planned time that fired last."""
    started_at: Instant | None
    ended_at: Instant | None
    late_for: int | None
    """How long after its planned time the last run began; None where that was no run that the clock fired."""
    attempt: int
    """Attempts in this retry cycle."""
    since_completed: int
    """Attempts since the last run that completed."""
    handler: str
    priority: int
    origin: str
    declared: bool | None
    """False where the code declared it once and does so no more; None where the code is not known here."""
    created_at: Instant
    seq: int
    error: dict[str, Any] | None
    invalid: str | None
    descriptor: str


def seen_of(row: JobRow, declared: bool | None, *, fired: bool) -> JobSeen:
    """Return a row as people see it; what comes next is worked out here, as the controller does.

    *fired*: the clock fired its newest run, so that it can be late.
    """
    state = row.state
    clock, invalid, coming, coming_at = "", None, None, None
    try:
        descriptor = read_text(row.name, row.descriptor)
        clock, (coming, coming_at) = descriptor.describe(), _coming(row, descriptor)
    except TickworkError as error:
        clock = invalid = f"invalid trigger: {error}"
    late_for = None
    if fired and state.nominal_at is not None and (state.started_at or 0) >= state.nominal_at:
        late_for = (state.started_at or 0) - state.nominal_at
    return JobSeen(
        id=row.id,
        name=row.name,
        status=state.status,
        clock=clock,
        next=coming,
        next_at=coming_at,
        nominal_at=state.nominal_at,
        started_at=state.started_at,
        ended_at=state.ended_at,
        late_for=late_for,
        attempt=state.in_cycle,
        since_completed=state.since_completed,
        handler=row.handler,
        priority=row.priority,
        origin=row.origin,
        declared=declared,
        created_at=state.created_at,
        seq=state.seq,
        error=msgspec.json.decode(state.error) if state.error else None,
        invalid=invalid,
        descriptor=row.descriptor,
    )


def _coming(row: JobRow, descriptor: Descriptor) -> tuple[str | None, Instant | None]:
    """Say what a job does next: it is active, it is retried, or its clock fires."""
    state = row.state
    if state.status in ACTIVE:
        return "active", None
    if state.status not in FIRE_SET:
        return None, None
    fire_at = None
    if descriptor.clock is not None:
        cadence = Cadence.of(row.name, descriptor.clock, row.created_at)
        fire = next_fire(row.id, cadence, descriptor, state, row.now)
        fire_at = None if fire is None else fire.nominal_at
    again_at = retry_at(row.id, descriptor, state)
    if again_at is not None and (fire_at is None or again_at < fire_at):
        return "retry", again_at
    return ("clock", fire_at) if fire_at is not None else (None, None)

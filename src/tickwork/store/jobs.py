"""Jobs and their logs, as verbs: locked by their row, appended with an expected number, read as plain rows.

Whoever appends holds the job's row from its lock to its commit, and the row's number must still be the one that was
read: so of two writers one appends and the other finds out, before anything is written. Applications wait for the
row; controllers and workers pass over a row that somebody holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from tickwork.errors import NotFound, StateConflict
from tickwork.model.job import Descriptor
from tickwork.model.job_log import Entry, State, check, check_writer, fold, known
from tickwork.store.dialect import Transaction, Verb, ask
from tickwork.store.scope import Scope
from tickwork.watch import Instant


class JobRow(NamedTuple):
    """A job's row as it was read, and the clock at that statement."""

    id: int
    namespace: str
    name: str
    origin: str
    handler: str
    priority: int
    recurs: int
    lease: int | None
    seq: int
    status: str
    descriptor: str
    created_at: Instant
    configured_at: Instant
    changed_at: Instant
    nominal_at: Instant | None
    ended_at: Instant | None
    since_completed: int
    in_cycle: int
    error: str | None
    started_at: Instant | None
    now: Instant

    @property
    def state(self) -> State:
        """What the log says, as it is kept beside the descriptor."""
        return State(
            self.seq,
            known(self.status),
            self.descriptor,
            self.created_at,
            self.configured_at,
            self.changed_at,
            self.nominal_at,
            self.ended_at,
            self.since_completed,
            self.in_cycle,
            self.error,
            self.started_at,
        )


class Standing(NamedTuple):
    """Where a job stands, as the comparison sees it."""

    id: int
    seq: int
    status: str
    recurs: int
    lease: int | None
    renewals: int | None
    length: int | None
    now: Instant


@dataclass(frozen=True, slots=True)
class Word:
    """An event that is to be appended: its number and its time come from the row."""

    kind: str
    detail: dict[str, Any] = field(default_factory=dict)
    descriptor: Descriptor | None = None
    """A descriptor that is new with this event."""
    carries: bool = False
    """Whether the event carries the descriptor that the job has."""


def held(scope: Scope, name: str) -> Verb[JobRow]:
    """Hold a job by its name, waiting for whoever has it; raises NotFound."""
    found = yield from held_or_none(scope, name)
    if found is None:
        raise NotFound(f"there is no job {name!r} in the namespace {scope.namespace!r}")
    return found


def held_or_none(scope: Scope, name: str) -> Verb[JobRow | None]:
    """Hold a job by its name, or return None."""
    rows = yield from ask("lock_job_by_name", namespace=scope.namespace, name=name)
    return JobRow._make(rows[0]) if rows else None


def create(scope: Scope, name: str, descriptor: Descriptor, *, origin: str, role: str, by: str) -> Verb[JobRow | None]:
    """Write a new job with its first event; None where somebody else was quicker."""
    rows = yield from ask(
        "create_job",
        namespace=scope.namespace,
        name=name,
        origin=origin,
        handler=descriptor.handler,
        priority=descriptor.priority,
        recurs=int(descriptor.recurs),
        descriptor=descriptor.text,
    )
    if not rows:
        return None
    job_id, now = rows[0]
    entry = Entry(1, "configured", now, encode({"by": by, "origin": origin}), descriptor.text)
    state = fold(None, entry)
    empty = JobRow(
        job_id, scope.namespace, name, origin, descriptor.handler, descriptor.priority, int(descriptor.recurs), None,
        0, "completed", descriptor.text, now, now, now, None, None, 0, 0, None, None, now,
    )  # fmt: skip
    return (yield from _write(scope, empty, [entry], state, descriptor, role, None))


def append(
    scope: Scope, row: JobRow, words: Sequence[Word], *, role: str, lease: int | None, origin: str | None = None
) -> Verb[JobRow]:
    """Append events to a held job; return its new row. Raises StateConflict where one cannot follow; nothing is written.

    *lease* is the claim under which the job is from now on.
    """
    state, entries = row.state, []
    newest: Descriptor | None = None
    for word in words:
        check_writer(word.kind, role)
        check(word.kind, state.status)
        text = state.descriptor if word.carries else None
        if word.descriptor is not None:
            newest, text = word.descriptor, word.descriptor.text
        entry = Entry(state.seq + 1, word.kind, row.now, encode(word.detail), text)
        state = fold(state, entry)
        entries.append(entry)
    if origin is not None:
        row = row._replace(origin=origin)
    return (yield from _write(scope, row, entries, state, newest, role, lease))


def _write(
    scope: Scope,
    row: JobRow,
    entries: Sequence[Entry],
    state: State,
    descriptor: Descriptor | None,
    role: str,
    lease: int | None,
) -> Verb[JobRow]:
    expected = row.seq
    if descriptor is not None:
        row = row._replace(
            handler=descriptor.handler,
            priority=descriptor.priority,
            recurs=int(descriptor.recurs),
            descriptor=descriptor.text,
        )
    row = row._replace(
        lease=lease,
        seq=state.seq,
        status=state.status,
        configured_at=state.configured_at,
        changed_at=state.changed_at,
        nominal_at=state.nominal_at,
        ended_at=state.ended_at,
        since_completed=state.since_completed,
        in_cycle=state.in_cycle,
        error=state.error,
        started_at=state.started_at,
    )
    values = row._asdict()
    for name in ("namespace", "name", "created_at", "now"):
        del values[name]
    values.update(expected=expected, channel=scope.channel, writer=role)
    if scope.chains_writes:
        seqs, kinds, ats, details, descriptors = zip(*entries, strict=True)
        values.update(
            seqs=list(seqs), kinds=list(kinds), ats=list(ats), details=list(details), descriptors=list(descriptors)
        )
    written = yield from ask("append_to_job", **values)
    if not written:
        raise StateConflict([f"event {expected}"], "changed meanwhile", "an append")
    if not scope.chains_writes:
        for entry in entries:
            yield from ask("log_job_event", id=row.id, writer=role, **entry._asdict())
    return row


def bury(scope: Scope, row: JobRow, *, role: str, by: str) -> Verb[None]:
    """Remove a held job with its log, and leave one event as a tombstone; raises StateConflict while it is active."""
    check("deleted", row.state.status)
    check_writer("deleted", role)
    yield from ask("remove_job_log", id=row.id)
    yield from ask("remove_job", id=row.id, expected=row.seq)
    detail = encode({"by": by, "namespace": row.namespace, "name": row.name})
    yield from ask(
        "log_job_event",
        id=row.id,
        seq=row.seq + 1,
        kind="deleted",
        at=row.now,
        writer=role,
        detail=detail,
        descriptor=None,
    )
    yield from ask("wake_for_job", id=row.id, seq=row.seq + 1, channel=scope.channel)


# --------------------------------------------------------------------------- for controllers and workers: their own rows


def lock(transaction: Transaction, ids: Sequence[int]) -> dict[int, JobRow]:
    """Lock jobs and return the newest rows of those that nobody holds."""
    return {row[0]: JobRow._make(row) for row in transaction.all("lock_jobs", ids=sorted(ids))}


def by_id(transaction: Transaction, ids: Iterable[int]) -> dict[int, JobRow]:
    """Read jobs; those that do not exist any more are missing from the answer."""
    return {row[0]: JobRow._make(row) for row in transaction.all("jobs_by_id", ids=sorted(ids))}


def at_rest(transaction: Transaction) -> list[JobRow]:
    """Read every job that may have a timer or a retry to come: one query, over the index of statuses."""
    return [JobRow._make(row) for row in transaction.all("jobs_at_rest")]


def standing(transaction: Transaction) -> list[Standing]:
    """Read where every job stands: its number, and the lease under which it is."""
    return [Standing._make(row) for row in transaction.all("where_jobs_stand")]


def newest_event(transaction: Transaction) -> int:
    """Return the number of the newest event of all logs."""
    return int(transaction.all("newest_job_event")[0][0])


def written_after(transaction: Transaction, after: int, n: int = 1_000) -> list[tuple[int, int, int]]:
    """Return (event, job, number in its log) of younger events: a hint, since ids are given before they are committed."""
    return [(row[0], row[1], row[2]) for row in transaction.all("jobs_written_after", after=after, n=n)]


def hold_lease(transaction: Transaction, row: JobRow, lease: int | None) -> JobRow:
    """Put a held job under a lease, or take it from under one."""
    if not transaction.all("hold_job_lease", id=row.id, expected=row.seq, lease=lease):
        raise StateConflict([f"event {row.seq}"], "changed meanwhile", "a claim")
    return row._replace(lease=lease)


def end_lease(transaction: Transaction, token: int, renewals: int | None) -> bool:
    """End a lease as it was seen; False where it was renewed meanwhile, so that its worker lives."""
    transaction.run("end_job_lease", token=token, renewals=renewals)
    return not transaction.all("job_lease_stands", token=token)


def encode(detail: dict[str, Any]) -> str:
    """Write an event's detail as JSON."""
    return msgspec.json.encode(detail).decode()

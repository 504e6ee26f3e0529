"""What applications and operators do to jobs, as verbs: declare, schedule, start, stop, delete; in the caller's transaction.

Each holds the job's row first, so it sees the newest state and nothing happens between its look and its write. The
same declaration again changes nothing. What a job is doing is never disturbed: a new descriptor is for the next run,
a stop is a request while somebody runs it.
"""

from __future__ import annotations

from tickwork.errors import StateConflict, TryAgain
from tickwork.model.job import Descriptor, JobDid, JobPut
from tickwork.model.job_log import ACTIVE, TERMINAL
from tickwork.store import jobs
from tickwork.store.dialect import Verb, ask
from tickwork.store.jobs import JobRow, Word
from tickwork.store.scope import Scope

_TRIES = 3


def declare(
    scope: Scope, name: str, descriptor: Descriptor, *, origin: str = "", by: str = "", role: str = "application"
) -> Verb[JobPut]:
    """Create a job, or give it another descriptor from its next run on; a new one-shot job is scheduled at once."""
    yield from ask("become_writer")
    for _ in range(_TRIES):
        row = yield from jobs.held_or_none(scope, name)
        if row is not None:
            return (yield from _change(scope, row, descriptor, origin, by, role))
        made = yield from jobs.create(scope, name, descriptor, origin=origin, role=role, by=by)
        if made is not None:
            if not descriptor.recurs:
                made = yield from _schedule(scope, made, None, by, role)
            return _put(made, "created")
    raise TryAgain(f"the job {name!r} comes and goes under this transaction: begin it anew")


def schedule(
    scope: Scope,
    name: str,
    descriptor: Descriptor,
    *,
    at_next_run: bool = False,
    origin: str = "",
    by: str = "",
    role: str = "application",
) -> Verb[JobPut]:
    """Deploy a job and run it now. One that is active already is left alone.

    Raises StateConflict where it is active under another descriptor, unless *at_next_run* says that the new one is for
    then.
    """
    yield from ask("become_writer")
    for _ in range(_TRIES):
        row = yield from jobs.held_or_none(scope, name)
        if row is None:
            made = yield from jobs.create(scope, name, descriptor, origin=origin, role=role, by=by)
            if made is None:
                continue
            return _put((yield from _schedule(scope, made, None, by, role)), "created")
        if row.state.status not in ACTIVE:
            new = None if row.descriptor == descriptor.text else descriptor
            return _put((yield from _schedule(scope, row, new, by, role)), "started")
        if row.descriptor == descriptor.text:
            return _put(row, "exists")
        if not at_next_run:
            raise StateConflict(sorted(TERMINAL), row.state.status, f"another descriptor for {name!r}")
        return (yield from _change(scope, row, descriptor, origin, by, role))
    raise TryAgain(f"the job {name!r} comes and goes under this transaction: begin it anew")


def start(scope: Scope, name: str, *, by: str = "", role: str = "application") -> Verb[JobPut]:
    """Run a job now, whatever its clock says; one that is active already is left alone. Raises NotFound."""
    yield from ask("become_writer")
    row = yield from jobs.held(scope, name)
    if row.state.status in ACTIVE:
        return _put(row, "exists")
    return _put((yield from _schedule(scope, row, None, by, role)), "started")


def stop(scope: Scope, name: str, *, by: str = "", role: str = "application") -> Verb[JobPut]:
    """Stop a job: an idle one at once, one that is scheduled or runs by a request. Raises NotFound.

    Twice is once. A stopped job fires no more until it is started or scheduled again.
    """
    yield from ask("become_writer")
    row = yield from jobs.held(scope, name)
    status, detail = row.state.status, {"by": by}
    if status in ("scheduled", "running"):
        words = [Word("stop requested", detail)]
        return _put((yield from jobs.append(scope, row, words, role=role, lease=row.lease)), "asked")
    if status in ("stop requested", "stopping"):
        return _put(row, "asked")
    if status == "stopped":
        return _put(row, "stopped")
    if not row.recurs and status != "error":
        return _put(row, "over")
    return _put((yield from jobs.append(scope, row, [Word("stopped", detail)], role=role, lease=None)), "stopped")


def delete(scope: Scope, name: str, *, by: str = "", role: str = "application") -> Verb[JobPut]:
    """Delete a job with its log, so that one tombstone stays; raises StateConflict while it is active.

    A job that does not exist is deleted already: the answer says *unknown*.
    """
    yield from ask("become_writer")
    row = yield from jobs.held_or_none(scope, name)
    if row is None:
        return JobPut(None, name, 0, "", "unknown")
    yield from jobs.bury(scope, row, role=role, by=by)
    return JobPut(row.id, name, row.seq + 1, "deleted", "deleted")


def _change(scope: Scope, row: JobRow, descriptor: Descriptor, origin: str, by: str, role: str) -> Verb[JobPut]:
    if row.descriptor == descriptor.text and row.origin == origin:
        return _put(row, "unchanged")
    # who only takes a job over says nothing about when it fires, so what was missed is still to be fired
    new = None if row.descriptor == descriptor.text else descriptor
    words = [Word("configured", {"by": by, "origin": origin}, new)]
    changed = yield from jobs.append(scope, row, words, role=role, lease=row.lease, origin=origin)
    return _put(changed, "changed")


def _schedule(scope: Scope, row: JobRow, descriptor: Descriptor | None, by: str, role: str) -> Verb[JobRow]:
    word = Word("scheduled", {"cause": {"by": "start", "who": by}}, descriptor, carries=True)
    return (yield from jobs.append(scope, row, [word], role=role, lease=None))


def _put(row: JobRow, did: JobDid) -> JobPut:
    return JobPut(row.id, row.name, row.seq, row.state.status, did)

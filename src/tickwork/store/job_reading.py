"""Jobs and their logs as they are read: lists, one job, its newest events, and the last words of deleted ones.

Nothing here locks or writes. Each exists as a verb, and (below) for a transaction of our own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from tickwork.model.job_log import Entry
from tickwork.store.dialect import Transaction, Verb, ask
from tickwork.store.jobs import JobRow
from tickwork.store.scope import Scope
from tickwork.watch import Instant

#: How many jobs, or last words, are read at once.
PAGE = 1_000


class Logged(NamedTuple):
    """An event as it is read back."""

    id: int
    job_id: int
    seq: int
    kind: str
    at: Instant
    writer: str
    detail: str
    descriptor: str | None

    @property
    def entry(self) -> Entry:
        return Entry(self.seq, self.kind, self.at, self.detail, self.descriptor)


def listing(
    namespace: str, *, status: str | None = None, prefix: str | None = None, after: str = "", n: int = PAGE
) -> Verb[list[JobRow]]:
    """Read the jobs of a namespace in the order of their names, from behind *after* on."""
    rows = yield from ask("list_jobs", namespace=namespace, status=status, prefix=prefix, after=after, n=n)
    return [JobRow._make(row) for row in rows]


def reading(scope: Scope, name: str) -> Verb[JobRow | None]:
    """Read one job without holding it."""
    rows = yield from ask("job_by_name", namespace=scope.namespace, name=name)
    return JobRow._make(rows[0]) if rows else None


def fired_by_clock(rows: Iterable[JobRow]) -> Verb[set[int]]:
    """Return which of these jobs have as their newest run one that their clock fired, no retry and nobody's start."""
    ids = [row.id for row in rows]
    found = (yield from ask("newest_schedules", ids=ids)) if ids else []
    details = {row[0]: msgspec.json.decode(row[1], type=dict[str, Any]) for row in found if row[1]}
    return {number for number, detail in details.items() if detail.get("cause", {}).get("nominal_at") is not None}


def reading_log(job_id: int, n: int = 1_000, before: int = 2**62) -> Verb[list[Logged]]:
    """Read the newest *n* events of a job that are older than number *before*, the newest first."""
    rows = yield from ask("log_of_job", id=job_id, before=before, n=n)
    return [Logged._make(row) for row in rows]


def reading_tombstones(n: int = 100) -> Verb[list[Logged]]:
    """Read the last words of deleted jobs, the newest first."""
    rows = yield from ask("tombstones", n=n)
    return [Logged._make(row) for row in rows]


def reading_tombstone(scope: Scope, name: str) -> Verb[Logged | None]:
    """Read the last word of a deleted job of that name, the newest where there were several."""
    mine = {"namespace": scope.namespace, "name": name}
    stones = yield from reading_tombstones(PAGE)
    return next((stone for stone in stones if mine.items() <= stone.entry.told.items()), None)


# -------------------------------------------------------------------------------------- in a transaction of our own


def log_of(transaction: Transaction, job_id: int, n: int = 1_000, before: int = 2**62) -> list[Logged]:
    """Read the newest *n* events of a job, the newest first."""
    return transaction.perform(reading_log(job_id, n, before))


def listed(
    transaction: Transaction,
    namespace: str,
    *,
    status: str | None = None,
    prefix: str | None = None,
    after: str = "",
    n: int = 1_000,
) -> list[JobRow]:
    """Read the jobs of a namespace by name."""
    return transaction.perform(listing(namespace, status=status, prefix=prefix, after=after, n=n))


def tombstones(transaction: Transaction, n: int = 100) -> list[Logged]:
    """Read the last words of deleted jobs, the newest first."""
    return transaction.perform(reading_tombstones(n))

"""Runs of jobs in the store's words: offered while scheduled, claimed and begun in one transaction, settled in another.

A run is fenced by its token: whoever settles must still hold the job under it, or the result is discarded. A lease is
renewed by a heartbeat that touches no job. A worker that dies leaves a lease that stands still; a controller that has
watched it for its length ends the run as *error*, so no job is running for ever. A stop that was asked for while a job
runs is acknowledged (*stopping*), told to the run, and ends as *stopped* whatever the run did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from tickwork.errors import LeaseLost, TickworkError
from tickwork.model.job import read_text
from tickwork.model.job_retry import JobRetry
from tickwork.model.job_run import Ended, JobRun
from tickwork.model.lease import LENGTH, Tokens
from tickwork.store import jobs
from tickwork.store.dialect import Transaction
from tickwork.store.jobs import JobRow, Word
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import Instant


class Scheduled(NamedTuple):
    """A job that waits for a worker, since when."""

    id: int
    name: str
    priority: int
    scheduled_at: Instant


@dataclass
class JobRuns:
    """The runs of jobs, as one worker may write them. *handlers* narrows it to what the worker knows."""

    store: Store
    worker_id: int = 0
    handlers: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] = ()
    length: int = LENGTH
    token: Callable[[Instant], int] = field(default_factory=lambda: Tokens().next)

    def __post_init__(self) -> None:
        self._scope = Scope.of(self.store.dialect, "", wake=True)

    def scheduled(self, limit: int) -> list[Scheduled]:
        """Return up to *limit* jobs that wait for a worker, the most urgent first; nothing is claimed."""
        with self.store.read() as transaction:
            rows = transaction.all(
                "scheduled_jobs",
                n=limit,
                every_namespace=not self.namespaces,
                namespaces=list(self.namespaces),
                every_handler=self.handlers is None,
                handlers=list(self.handlers or ()),
            )
        return [Scheduled._make(row) for row in rows]

    def begun(
        self,
        transaction: Transaction,
        ids: Sequence[int],
        now: Instant,
        length: Callable[[str], int] | None = None,
    ) -> list[tuple[JobRow, JobRun]]:
        """Claim jobs and write down that they begin; those that are gone, held or taken are left out.

        *length* says by its handler how long the claim of one lasts.
        """
        rows = jobs.lock(transaction, ids)
        taken = []
        for row in (rows[job_id] for job_id in ids if job_id in rows and _is_free(rows[job_id])):
            claimed, run = self._claim(transaction, row, now, self.length if length is None else length(row.handler))
            self._begin(transaction, claimed)
            taken.append((row, run))
        return taken

    def stops_asked(self, tokens: Iterable[int]) -> set[int]:
        """Return the jobs under these tokens that somebody asked to stop."""
        with self.store.read() as transaction:
            return {job_id for (job_id,) in transaction.all("stops_asked", tokens=sorted(tokens))}

    def acknowledge(self, run: JobRun) -> None:
        """Tell a run to stop, and write down that it was told."""
        run.stopping.set()
        with self.store.begin("worker") as transaction:
            row = jobs.lock(transaction, [run.job_id]).get(run.job_id)
            if row is not None and row.lease == run.token and row.status == "stop requested":
                transaction.perform(jobs.append(self._scope, row, [Word("stopping")], role="worker", lease=run.token))

    def settle(self, run: JobRun, ended: Ended) -> str:
        """Write down how a run ended, and return the job's status; raises LeaseLost where another owns the job now.

        A job that somebody asked to stop is stopped, whatever its run did.
        """
        with self.store.begin("worker") as transaction:
            return self.written(transaction, run, ended)

    def written(self, transaction: Transaction, run: JobRun, ended: Ended) -> str:
        """The same, in a transaction that is open; a LeaseLost is raised before anything is written."""
        row = self._hold(transaction, run)
        if row is None:
            raise LeaseLost(f"the run {run.identifier} was given up on meanwhile; its result is discarded")
        words = [Word(ended.kind, {**ended.detail, "worker": self.worker_id})]
        if row.status in ("stop requested", "stopping"):
            told = {"run": ended.kind, **ended.detail, "worker": self.worker_id}
            words = [Word("stopping")] if row.status == "stop requested" else []
            words.append(Word("stopped", told))
        after = transaction.perform(jobs.append(self._scope, row, words, role="worker", lease=None))
        jobs.end_lease(transaction, run.token, None)
        return after.status

    def _hold(self, transaction: Transaction, run: JobRun) -> JobRow | None:
        """Hold the row of a run by its name, waiting for an application: a result is not thrown away for a moment's lock."""
        scope = Scope(run.namespace, self._scope.chains_writes, self._scope.channel)
        row = transaction.perform(jobs.held_or_none(scope, run.name))
        return row if row is not None and row.id == run.job_id and row.lease == run.token else None

    def _claim(self, transaction: Transaction, row: JobRow, now: Instant, length: int) -> tuple[JobRow, JobRun]:
        token = self.token(now)
        transaction.run("grant_job_lease", token=token, worker_id=self.worker_id, length=length)
        return jobs.hold_lease(transaction, row, token), _run_of(row, token)

    def _begin(self, transaction: Transaction, row: JobRow) -> None:
        words = [Word("running", {"worker": self.worker_id, "late_for": max(0, row.now - row.changed_at)})]
        transaction.perform(jobs.append(self._scope, row, words, role="worker", lease=row.lease))


def _is_free(row: JobRow) -> bool:
    return row.status == "scheduled" and row.lease is None


def _run_of(row: JobRow, token: int) -> JobRun:
    try:
        descriptor = read_text(row.name, row.descriptor)
        payload, retry = descriptor.payload, descriptor.retry
    except TickworkError:  # stored by force: the handler judges the payload, and the usual retries hold
        payload, retry = _raw_payload(row.descriptor), JobRetry()
    return JobRun(
        row.id,
        row.namespace,
        row.name,
        row.handler,
        payload,
        token,
        max(0, row.in_cycle - 1),
        row.nominal_at,
        row.changed_at,
        retry,
    )


def _raw_payload(text: str) -> str:
    try:
        found = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get("payload")
    except msgspec.DecodeError:
        found = None
    return "{}" if found is None else bytes(found).decode()

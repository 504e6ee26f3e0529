"""Jobs as work for workers: offered while scheduled, leased, begun, settled; each step a transaction of its own.

A run is fenced by its token: whoever settles must still hold the job under it, or the result is discarded. A lease is
renewed by a heartbeat that touches no job. A worker that dies leaves a lease that stands still; a controller that has
watched it for its length ends the run as *error*, so no job is running for ever. A stop that was asked for while a job
runs is acknowledged (*stopping*), told to the run, and ends as *stopped* whatever the run did.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from tickwork.errors import LeaseLost, ReadOnlyStore, StoreUnavailable, TickworkError, TryAgain
from tickwork.model.job import read_text
from tickwork.model.job_retry import JobRetry
from tickwork.model.job_run import Ended, JobRun, failed
from tickwork.model.lease import LENGTH, RENEW_EVERY, new_token
from tickwork.store import jobs
from tickwork.store.dialect import Transaction
from tickwork.store.jobs import JobRow, Word
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.jobs")

NAME = "job"
LEAST_URGENT = 9_999
#: How long to wait before a run's end is written down again.
UNSETTLED_PAUSE = SECOND


@dataclass
class JobWork:
    """The generator: what is to be run of jobs, for one worker. *handlers* narrows it to what the worker knows.

    A worker without a number (0) is given one by *enlist* when it takes its first job: who never runs one writes nothing.
    """

    store: Store
    worker_id: int = 0
    handlers: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] = ()
    length: int = LENGTH
    token: Callable[[Instant], int] = new_token
    enlist: Callable[[], int] | None = None
    name: str = NAME

    def __post_init__(self) -> None:
        self._scope = Scope.of(self.store.dialect, "", wake=True)

    def offers(self, limit: int, priority_at_most: int = LEAST_URGENT) -> list[int]:
        """Return the ids of up to *limit* jobs that wait for a worker, the most urgent first; nothing is claimed."""
        with self.store.read() as transaction:
            rows = transaction.all(
                "scheduled_jobs",
                n=limit,
                every_namespace=not self.namespaces,
                namespaces=list(self.namespaces),
                every_handler=self.handlers is None,
                handlers=list(self.handlers or ()),
                priority_at_most=priority_at_most,
            )
        return [row[0] for row in rows]

    def lease(self, ids: Sequence[int], now: Instant) -> list[JobRun]:
        """Claim jobs, each under a token of its own; those that are gone, held or taken are left out."""
        self._enlisted()
        with self.store.begin("worker") as transaction:
            rows = jobs.lock(transaction, ids)
            free = [rows[job_id] for job_id in ids if job_id in rows and _is_free(rows[job_id])]
            return [self._claim(transaction, row, now)[1] for row in free]

    def begin(self, run: JobRun) -> bool:
        """Write down that a run begins; False where it was stopped or taken away meanwhile."""
        with self.store.begin("worker") as transaction:
            row = jobs.lock(transaction, [run.job_id]).get(run.job_id)
            if row is None or row.lease != run.token or row.status != "scheduled":
                return False
            self._begin(transaction, row)
            return True

    def take(self, limit: int, now: Instant) -> list[JobRun]:
        """Offer, lease and begin in one go, for a worker that starts at once what it claims."""
        ids = self.offers(limit)
        if not ids:
            return []
        self._enlisted()
        with self.store.begin("worker") as transaction:
            rows = jobs.lock(transaction, ids)
            taken = []
            for row in (rows[job_id] for job_id in ids if job_id in rows and _is_free(rows[job_id])):
                claimed, run = self._claim(transaction, row, now)
                self._begin(transaction, claimed)
                taken.append(run)
            return taken

    def heartbeat(self, tokens: Iterable[int]) -> set[int]:
        """Renew the leases of these tokens; return those that still stand."""
        with self.store.begin("worker") as transaction:
            return {token for (token,) in transaction.all("renew_leases", tokens=sorted(tokens))}

    def show_life(self) -> None:
        """Say that the worker is alive, once it has a number."""
        if not self.worker_id:
            return
        with self.store.begin("worker") as transaction:
            transaction.all("see_worker", id=self.worker_id)

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

    def release(self, run: JobRun) -> None:
        """Give back a job that was leased and never began; it is offered again."""
        with self.store.begin("worker") as transaction:
            row = jobs.lock(transaction, [run.job_id]).get(run.job_id)
            if row is not None and row.lease == run.token and row.status in ("scheduled", "stop requested"):
                jobs.hold_lease(transaction, row, None)
                transaction.all("wake_for_job", id=row.id, seq=row.seq + 1, channel=self._scope.channel)
            jobs.end_lease(transaction, run.token, None)

    def settle(self, run: JobRun, ended: Ended) -> str:
        """Write down how a run ended, and return the job's status; raises LeaseLost where another owns the job now.

        A job that somebody asked to stop is stopped, whatever its run did.
        """
        with self.store.begin("worker") as transaction:
            row = self._hold(transaction, run)
            if row is None:
                raise LeaseLost(f"the run of job {run.name} was given up on meanwhile; its result is discarded")
            words = [Word(ended.kind, {**ended.detail, "worker": self.worker_id})]
            if row.status in ("stop requested", "stopping"):
                told = {"run": ended.kind, **ended.detail, "worker": self.worker_id}
                words = [Word("stopping")] if row.status == "stop requested" else []
                words.append(Word("stopped", told))
            after = transaction.perform(jobs.append(self._scope, row, words, role="worker", lease=None))
            jobs.end_lease(transaction, run.token, None)
            return after.status

    def _enlisted(self) -> None:
        if not self.worker_id and self.enlist is not None:
            self.worker_id = self.enlist()

    def _hold(self, transaction: Transaction, run: JobRun) -> JobRow | None:
        """Hold the row of a run by its name, waiting for an application: a result is not thrown away for a moment's lock."""
        scope = Scope(run.namespace, self._scope.chains_writes, self._scope.channel)
        row = transaction.perform(jobs.held_or_none(scope, run.name))
        return row if row is not None and row.id == run.job_id and row.lease == run.token else None

    def _claim(self, transaction: Transaction, row: JobRow, now: Instant) -> tuple[JobRow, JobRun]:
        token = self.token(now)
        transaction.run("grant_job_lease", token=token, worker_id=self.worker_id, length=self.length)
        return jobs.hold_lease(transaction, row, token), _run_of(row, token)

    def _begin(self, transaction: Transaction, row: JobRow) -> None:
        words = [Word("running", {"worker": self.worker_id, "late_for": max(0, row.now - row.changed_at)})]
        transaction.perform(jobs.append(self._scope, row, words, role="worker", lease=row.lease))


class JobRuns:
    """A loop that takes scheduled jobs and hands each to *execute*, as many at once as *concurrency* says.

    *execute(run)* returns how the run ended, or None while it goes on; then somebody calls :meth:`finish` later, from
    any thread.
    """

    name = "job-runs"

    def __init__(self, work: JobWork, execute: Callable[[JobRun], Ended | None], concurrency: int = 4) -> None:
        self.work, self.execute, self.concurrency = work, execute, concurrency
        self.running: dict[int, JobRun] = {}
        self.settled = self.lost = 0
        self._unsettled: dict[int, tuple[JobRun, Ended]] = {}
        self._renewed_at: Instant | None = None
        self._shown_at: Instant | None = None

    def turn(self, now: Instant) -> Instant | None:
        """Renew what runs, look for stops, take what is scheduled; *now* again while there may be more."""
        for late in list(self._unsettled.values()):
            self.finish(*late)
        self._tend(now)
        free = self.concurrency - len(self.running)
        runs = self.work.take(free, now) if free > 0 else []
        for run in runs:
            self.running[run.token] = run
        for run in runs:
            ended = self._executed(run)
            if ended is not None:
                self.finish(run, ended)
        if runs and len(runs) == free and len(self.running) < self.concurrency:
            return now
        if not self.running:
            self._renewed_at = None
            return self._shown_at + LENGTH if self.work.worker_id and self._shown_at is not None else None
        self._renewed_at = now if self._renewed_at is None else self._renewed_at
        return self._renewed_at + RENEW_EVERY if not self._unsettled else now + UNSETTLED_PAUSE

    def finish(self, run: JobRun, ended: Ended) -> str | None:
        """Settle a run; return the job's status, or None where another owns it now.

        Where the database is away the end is kept, under a lease that is renewed, and settled by a later turn.
        """
        try:
            status: str | None = self.work.settle(run, ended)
        except (StoreUnavailable, ReadOnlyStore, TryAgain) as away:
            log.warning("the end of job %s cannot be written down yet: %s", run.name, away)
            self._unsettled[run.token] = (run, ended)
            return None
        except LeaseLost as lost:
            log.warning("%s", lost)
            self.lost += 1
            status = None
        self._unsettled.pop(run.token, None)
        self.running.pop(run.token, None)
        self.settled += status is not None
        return status

    def _executed(self, run: JobRun) -> Ended | None:
        try:
            return self.execute(run)
        except Exception as error:  # an executor that breaks is the run's failure, not the loop's
            log.exception("the run of job %s broke", run.name)
            return failed(error, run)

    def _tend(self, now: Instant) -> None:
        if self._shown_at is None or not 0 <= now - self._shown_at < LENGTH:
            self.work.show_life()
            self._shown_at = now
        running = dict(self.running)
        if not running:
            return
        asked = self.work.stops_asked(running)
        for run in running.values():
            if run.job_id in asked:
                self.work.acknowledge(run)
        if self._renewed_at is None or not 0 <= now - self._renewed_at < RENEW_EVERY:
            stand = self.work.heartbeat(running)
            self._renewed_at = now
            for token in running.keys() - stand:
                running[token].stopping.set()  # another will own it: its result is going to be discarded


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

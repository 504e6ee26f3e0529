"""The job controller: fires what is due, retries what failed, ends what nobody runs any more; any number may run.

What it remembers is derived. It begins with one query over jobs at rest, follows by wake-ups that name a job, and
compares every 30 s where all jobs stand, so that neither a lost wake-up nor the order of commits matters. While nothing
is due and nobody calls, it does not ask the database anything else.

A fire is a row lock, a fresh look, and an append, in one transaction: an *error* becomes *fatal* first, then the job is
*scheduled*. The log's number decides between controllers: whoever comes second sees the newer state and fires nothing.
A failure keeps the timer and its planned time, and is tried again after 1, 2, 4 ... 60 seconds. A job that fails in
here never keeps another one waiting.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tickwork.engine.jobs.decision import end_of_lost, end_of_unrun, fire_words, retry_words
from tickwork.engine.jobs.reading import Parsed, Readings
from tickwork.engine.jobs.timer_map import Errand, TimerEntry, TimerMap
from tickwork.errors import ReadOnlyStore, SchemaMismatch, StoreError, StoreUnavailable, TryAgain
from tickwork.model.job_log import FIRE_SET
from tickwork.model.job_time import has_timer, next_fire, retry_at
from tickwork.model.lease import Sightings, Standing
from tickwork.store import jobs
from tickwork.store.dialect import Transaction
from tickwork.store.jobs import JobRow, Word
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.jobs")

BATCH = 100
COMPARE_EVERY = 30 * SECOND
#: How long to wait for a row that somebody holds.
HELD_PAUSE = SECOND // 2
LONGEST_WAIT_SECONDS = 60
_NOT_THE_ROWS = (StoreUnavailable, TryAgain, ReadOnlyStore, SchemaMismatch)


@dataclass
class Counts:
    """What a controller has done since it began."""

    fires: int = 0
    retries: int = 0
    skips: int = 0
    """Due timers that found their job busy, or let the occurrence pass."""
    drops: int = 0
    """Timers whose job was stopped or deleted behind the controller's back."""
    errors: int = 0
    coalesced: int = 0
    """Missed occurrences for which a later fire stood."""
    lost: int = 0
    boots: int = 0


@dataclass
class _Heard:
    """What was signalled since the last turn; written by the thread that listens."""

    jobs: dict[int, int] = field(default_factory=dict)
    anything: bool = False
    guard: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> tuple[dict[int, int], bool]:
        with self.guard:
            taken, self.jobs = (self.jobs, self.anything), {}
            self.anything = False
        return taken


class JobController:
    """A loop: ``turn(now)`` returns when it wants to be called again, on the watch of *now*.

    *batch* bounds the fires of one turn; *steady* is a clock that nobody sets, in microseconds.
    """

    name = "job-controller"

    def __init__(
        self,
        store: Store,
        batch: int = BATCH,
        steady: Callable[[], Instant] = lambda: time.monotonic_ns() // 1000,
        compare_every: int = COMPARE_EVERY,
    ) -> None:
        self.store, self.batch, self.steady, self.compare_every = store, batch, steady, compare_every
        self.counts = Counts()
        self.readings = Readings()
        self._scope = Scope.of(store.dialect, "", wake=True)
        self._heard = _Heard()
        self._trouble: dict[int, int] = {}
        self._sightings = Sightings()
        self._offset = 0
        self.forget()

    def forget(self) -> None:
        """Forget everything that is derived; the next turn makes it again from the database."""
        self.timers: TimerMap[TimerEntry] = TimerMap()
        self.retries: TimerMap[Errand] = TimerMap()
        self.unrun: TimerMap[Errand] = TimerMap()
        self._seen: dict[int, int] = {}
        self._cursor = 0
        self._compared_at: Instant | None = None

    def hear(self, hint: str) -> None:
        """Take in a wake-up: ``job:ID:SEQ`` names a job, anything else says that something has changed."""
        parts = hint.split(":")
        with self._heard.guard:
            if len(parts) == 3 and parts[0] == "job" and parts[1].isdigit() and parts[2].isdigit():
                job_id, seq = int(parts[1]), int(parts[2])
                self._heard.jobs[job_id] = max(seq, self._heard.jobs.get(job_id, 0))
            else:
                self._heard.anything = True

    @property
    def next_wakeup(self) -> Instant | None:
        """When the next timer, retry or end is due, on the database's clock; None where nothing waits."""
        times = [at for each in (self.timers, self.retries, self.unrun) if (at := each.next_at) is not None]
        return min(times, default=None)

    def turn(self, now: Instant) -> Instant | None:
        """Follow what was signalled, serve a batch of what is due; *now* again while there is more."""
        if self._compared_at is None:
            self._boot(now)
        else:
            self._follow(now)
        due = self._due(now + self._offset)
        if due:
            self._serve(due, now)
            if self._due(now + self._offset):
                return now
        compare_at = (now if self._compared_at is None else self._compared_at) + self.compare_every
        wakeup = self.next_wakeup
        return compare_at if wakeup is None else max(now, min(compare_at, wakeup - self._offset))

    def run_due(self, now: Instant) -> None:
        """Take turns until nothing is left to do at this moment."""
        while self.turn(now) == now:
            pass

    # ---------------------------------------------------------------------------------------------- what is remembered

    def _boot(self, now: Instant) -> None:
        self.forget()
        self._heard.take()  # whatever was signalled so far, the query sees it
        with self.store.read() as transaction:
            # the cursor first: what is committed between the two statements is read twice, never missed
            cursor = jobs.newest_event(transaction)
            rows = jobs.at_rest(transaction)
        for row in rows:
            self._keep_up(row.now, now)
            self._place(row)
        self._cursor, self._compared_at = cursor, now
        self.counts.boots += 1

    def _follow(self, now: Instant) -> None:
        named, anything = self._heard.take()
        stale = {job_id for job_id, seq in named.items() if self._seen.get(job_id, 0) < seq}
        if anything:
            stale |= self._tail()
        assert self._compared_at is not None
        if not 0 <= now - self._compared_at < self.compare_every:
            stale |= self._compare(now)
        if stale:
            self._refresh(stale, now)

    def _tail(self) -> set[int]:
        stale: set[int] = set()
        while True:
            with self.store.read() as transaction:
                news = jobs.written_after(transaction, self._cursor)
            stale |= {job_id for _, job_id, seq in news if self._seen.get(job_id, 0) < seq}
            if not news:
                return stale
            self._cursor = news[-1][0]

    def _compare(self, now: Instant) -> set[int]:
        """Find who has moved without our noticing, who is gone, and which leases have stood still."""
        with self.store.read() as transaction:
            standing = jobs.standing(transaction)
        self._compared_at = now
        stale = {
            each.id
            for each in standing
            if self._seen.get(each.id) != each.seq and (each.id in self._seen or self._concerns(each))
        }
        self._seen.update(
            {each.id: each.seq for each in standing if each.id not in self._seen and each.id not in stale}
        )
        stale |= self._seen.keys() - {each.id for each in standing}
        if standing:
            self._keep_up(standing[0].now, now)
        self._rescue(standing)
        return stale

    @staticmethod
    def _concerns(each: jobs.Standing) -> bool:
        return each.status in FIRE_SET or (each.status == "stop requested" and each.lease is None)

    def _refresh(self, ids: set[int], now: Instant) -> None:
        with self.store.read() as transaction:
            rows = jobs.by_id(transaction, ids)
        for row in rows.values():
            self._keep_up(row.now, now)
            self._place(row)
        for job_id in ids - rows.keys():
            self._remove(job_id)

    def _place(self, row: JobRow) -> Parsed | None:
        """Let the maps say what a row says; a row that cannot be judged is in none of them."""
        self._seen[row.id] = row.seq
        state, parsed = row.state, self.readings.read(row)
        entry = again_at = None
        if parsed is not None and state.status in FIRE_SET:
            try:
                if parsed.cadence is not None and has_timer(parsed.descriptor, state):
                    fire = next_fire(row.id, parsed.cadence, parsed.descriptor, state, row.now)
                    entry = fire and TimerEntry(row.id, fire.nominal_at, fire.due_at, parsed.cadence)
                again_at = retry_at(row.id, parsed.descriptor, state)
            except Exception as error:
                self.counts.errors += 1
                self.readings.invalid[row.id] = str(error)
                log.exception("the job %s cannot be planned", row.name)
        self._set(self.timers, row.id, entry or None)
        self._set(self.retries, row.id, None if again_at is None else Errand(row.id, again_at))
        unrun = state.status == "stop requested" and row.lease is None
        self._set(self.unrun, row.id, Errand(row.id, state.changed_at) if unrun else None)
        return parsed

    @staticmethod
    def _set(kept: TimerMap[TimerEntry] | TimerMap[Errand], job_id: int, entry: TimerEntry | Errand | None) -> None:
        if entry is None:
            kept.drop(job_id)
        else:
            kept.put(entry)  # type: ignore[arg-type]

    def _remove(self, job_id: int) -> None:
        for kept in (self.timers, self.retries, self.unrun):
            kept.drop(job_id)
        self._seen.pop(job_id, None)
        self._trouble.pop(job_id, None)
        self.readings.forget(job_id)

    def _keep_up(self, theirs: Instant, mine: Instant) -> None:
        """Remember how far the database's clock stands from ours: it decides what is due, ours when to look."""
        self._offset = theirs - mine

    # ------------------------------------------------------------------------------------------------- what is done now

    def _due(self, at: Instant) -> list[int]:
        """Return the jobs to serve: timers first, so that at the same instant the clock wins over a retry."""
        found = self.timers.due(at, self.batch)
        for kept in (self.retries, self.unrun):
            found += [job_id for job_id in kept.due(at, self.batch) if job_id not in found]
        return found[: self.batch]

    def _serve(self, ids: Sequence[int], now: Instant) -> None:
        """Serve jobs in one transaction; if it fails, each in one of its own, so that one failure stops no other."""
        try:
            with self.store.begin("controller") as transaction:
                rows = jobs.lock(transaction, ids)
                done = [self._serve_one(transaction, rows[job_id]) for job_id in ids if job_id in rows]
                there = jobs.by_id(transaction, set(ids) - rows.keys()) if len(rows) < len(ids) else {}
        except Exception as error:
            if len(ids) > 1 and not isinstance(error, _NOT_THE_ROWS):
                for job_id in ids:
                    self._serve([job_id], now)
                return
            self._fail(ids, error, now)
            return
        for outcome in done:
            self._take_in(outcome, now)
        for job_id in set(ids) - rows.keys():
            if job_id in there:
                self._put_off(job_id, now + self._offset + HELD_PAUSE)
            else:
                self.counts.drops += 1
                self._remove(job_id)

    def _serve_one(self, transaction: Transaction, row: JobRow) -> tuple[JobRow, JobRow, str, int]:
        """Judge one locked job afresh; return the row before, the row after, what was done, and the coalesced ticks."""
        parsed = self._place(row)
        words, did, coalesced = self._words(row, parsed)
        if not words:
            return row, row, did, 0
        after = transaction.perform(jobs.append(self._scope, row, words, role="controller", lease=row.lease))
        return row, after, did, coalesced

    def _words(self, row: JobRow, parsed: Parsed | None) -> tuple[list[Word], str, int]:
        entry = self.timers.get(row.id)
        if entry is not None and entry.due_at <= row.now:
            coalesced = entry.cadence.missed(entry.fire_at, row.now)
            return fire_words(row.state, entry.fire_at, row.now, coalesced), "fired", coalesced
        if row.id in self.retries and self.retries[row.id].due_at <= row.now:
            return retry_words(row.state), "retried", 0
        if row.id in self.unrun:
            return end_of_unrun(), "ended", 0
        return [], "skipped" if entry is None or parsed is None else "early", 0

    def _take_in(self, outcome: tuple[JobRow, JobRow, str, int], now: Instant) -> None:
        """After the commit: what was written is what we remember."""
        before, after, did, coalesced = outcome
        self._keep_up(before.now, now)
        self._trouble.pop(after.id, None)
        self._place(after)
        if did == "fired":
            self.counts.fires += 1
            self.counts.coalesced += coalesced
        elif did == "retried":
            self.counts.retries += 1
        elif did in ("skipped", "early"):
            self.counts.skips += 1
            if before.state.status in ("stop requested", "stopping", "stopped"):
                self.counts.drops += 1

    def _fail(self, ids: Sequence[int], error: Exception, now: Instant) -> None:
        """Keep the timers, and look again after a wait that doubles."""
        self.counts.errors += 1
        for job_id in ids:
            trouble = self._trouble[job_id] = self._trouble.get(job_id, 0) + 1
            seconds = min(LONGEST_WAIT_SECONDS, 2 ** min(trouble - 1, 6))
            self._put_off(job_id, now + self._offset + seconds * SECOND)
        seconds = min(LONGEST_WAIT_SECONDS, 2 ** min(self._trouble[ids[0]] - 1, 6))
        trace = None if isinstance(error, StoreError) else error
        log.warning("%d jobs could not be served; trying again in %g s: %s", len(ids), seconds, error, exc_info=trace)

    def _put_off(self, job_id: int, until: Instant) -> None:
        for kept in (self.timers, self.retries, self.unrun):
            kept.put_off(job_id, until)

    def _rescue(self, standing: Sequence[jobs.Standing]) -> None:
        """End the runs of workers whose lease stood still for its length on our own steady clock, or is gone."""
        leased = {each.lease: each for each in standing if each.lease is not None}
        alive = [
            Standing(token, each.renewals, each.length)
            for token, each in leased.items()
            if each.renewals is not None and each.length is not None
        ]
        ended = {lease.token for lease in self._sightings.ended(alive, self.steady())}
        for token, each in leased.items():
            if each.renewals is None or token in ended:
                try:
                    self._end_lost(each, token)
                except StoreError as error:
                    self.counts.errors += 1
                    log.warning("the lost run of job %d could not be ended yet: %s", each.id, error)

    def _end_lost(self, each: jobs.Standing, token: int) -> None:
        with self.store.begin("controller") as transaction:
            row = jobs.lock(transaction, [each.id]).get(each.id)
            if row is None or row.lease != token or not jobs.end_lease(transaction, token, each.renewals):
                return
            parsed = self.readings.read(row)
            words = end_of_lost(row.state, None if parsed is None else parsed.descriptor)
            if words:
                row = transaction.perform(jobs.append(self._scope, row, words, role="controller", lease=None))
            else:
                row = jobs.hold_lease(transaction, row, None)
        self.counts.lost += 1
        log.warning("the worker of job %s is gone; the job is %s", row.name, row.status)
        self._place(row)

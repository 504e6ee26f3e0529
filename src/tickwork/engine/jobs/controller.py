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
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tickwork.engine.jobs.decision import end_of_unrun, fire_words, retry_words
from tickwork.engine.jobs.hearing import Heard
from tickwork.engine.jobs.memory import Memory
from tickwork.engine.jobs.rescue import Rescue
from tickwork.engine.jobs.timer_map import Errand, TimerEntry, TimerMap
from tickwork.errors import ReadOnlyStore, SchemaMismatch, StoreError, StoreUnavailable, TryAgain
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
_STOPPING = ("stop requested", "stopping", "stopped")


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
    boots: int = 0


class Served(NamedTuple):
    """What was done about one job: its row before and after, the word for it, and the missed occurrences."""

    before: JobRow
    after: JobRow
    did: str
    coalesced: int = 0


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
        self.store, self.batch, self.compare_every = store, batch, compare_every
        self.counts, self.memory = Counts(), Memory()
        self._scope = Scope.of(store.dialect, "", wake=True)
        self.rescue = Rescue(store, self._scope, self.memory, steady)
        self._heard = Heard()
        self._trouble: dict[int, int] = {}
        self._offset = self._cursor = 0
        self._compared_at: Instant | None = None

    @property
    def timers(self) -> TimerMap[TimerEntry]:
        """Job -> the fire to come."""
        return self.memory.timers

    @property
    def retries(self) -> TimerMap[Errand]:
        """Job -> the retry to come."""
        return self.memory.retries

    @property
    def next_wakeup(self) -> Instant | None:
        """When the next timer, retry or end is due, on the database's clock; None where nothing waits."""
        return self.memory.next_at

    def hear(self, hint: str) -> None:
        """Take in a wake-up: ``job:ID:SEQ`` names a job, anything else says that something has changed."""
        self._heard.hear(hint)

    def forget(self) -> None:
        """Forget everything that is derived; the next turn makes it again from the database."""
        self.memory.forget()
        self._compared_at = None

    def turn(self, now: Instant) -> Instant | None:
        """Follow what was signalled, serve a batch of what is due; *now* again while there is more."""
        compared_at = self.boot(now) if self._compared_at is None else self._follow(self._compared_at, now)
        due = self.memory.due(now + self._offset, self.batch)
        if due:
            self._serve(due, now)
            if self.memory.due(now + self._offset, 1):
                return now
        compare_at, wakeup = compared_at + self.compare_every, self.next_wakeup
        return compare_at if wakeup is None else max(now, min(compare_at, wakeup - self._offset))

    def run_due(self, now: Instant) -> None:
        """Take turns until nothing is left to do at this moment."""
        while self.turn(now) == now:
            pass

    # ---------------------------------------------------------------------------------------------- what is remembered

    def boot(self, now: Instant) -> Instant:
        """Make the memory afresh, by one query; nothing is fired yet."""
        self.memory.forget()
        self._heard.take()  # whatever was signalled so far, the query sees it
        with self.store.read() as transaction:
            # the cursor first: what is committed between the two statements is read twice, never missed
            self._cursor = jobs.newest_event(transaction)
            rows = jobs.at_rest(transaction)
        for row in rows:
            self._keep_up(row.now, now)
            self.memory.place(row)
        self.counts.boots += 1
        self._compared_at = now
        return now

    def _follow(self, compared_at: Instant, now: Instant) -> Instant:
        """Read again what was signalled, and what the comparison finds; return when was compared last."""
        named, anything = self._heard.take()
        stale = {job_id for job_id, seq in named.items() if self.memory.is_news(job_id, seq)}
        if anything:
            stale |= self._tail()
        if not 0 <= now - compared_at < self.compare_every:
            stale |= self._compare(now)
            self._compared_at = compared_at = now
        if stale:
            self._refresh(stale, now)
        return compared_at

    def _tail(self) -> set[int]:
        stale: set[int] = set()
        while True:
            with self.store.read() as transaction:
                news = jobs.written_after(transaction, self._cursor)
            stale |= {job_id for _, job_id, seq in news if self.memory.is_news(job_id, seq)}
            if not news:
                return stale
            self._cursor = news[-1][0]

    def _compare(self, now: Instant) -> set[int]:
        """Find who has moved without our noticing, who is gone, and which leases have stood still."""
        with self.store.read() as transaction:
            standing = jobs.standing(transaction)
        if standing:
            self._keep_up(standing[0].now, now)
        stale = self.memory.moved(standing)
        self.rescue.look(standing)
        return stale

    def _refresh(self, ids: set[int], now: Instant) -> None:
        with self.store.read() as transaction:
            rows = jobs.by_id(transaction, ids)
        for row in rows.values():
            self._keep_up(row.now, now)
            self.memory.place(row)
        for job_id in ids - rows.keys():
            self._remove(job_id)

    def _remove(self, job_id: int) -> None:
        self.memory.remove(job_id)
        self._trouble.pop(job_id, None)

    def _keep_up(self, theirs: Instant, mine: Instant) -> None:
        """Remember how far the database's clock stands from ours: it decides what is due, ours when to look."""
        self._offset = theirs - mine

    # ------------------------------------------------------------------------------------------------- what is done now

    def _serve(self, ids: Sequence[int], now: Instant) -> None:
        """Serve jobs in one transaction; if it fails, each in one of its own, so that one failure stops no other."""
        try:
            with self.store.begin("controller") as transaction:
                rows = jobs.lock(transaction, ids)
                served = [self._serve_one(transaction, rows[job_id]) for job_id in ids if job_id in rows]
                held = jobs.by_id(transaction, set(ids) - rows.keys()) if len(rows) < len(ids) else {}
        except Exception as error:
            if len(ids) > 1 and not isinstance(error, _NOT_THE_ROWS):
                for job_id in ids:
                    self._serve([job_id], now)
                return
            self._fail(ids, error, now)
            return
        for each in served:
            self._take_in(each, now)
        for job_id in set(ids) - rows.keys():
            if job_id in held:
                self.memory.put_off(job_id, now + self._offset + HELD_PAUSE)
            else:
                self.counts.drops += 1
                self._remove(job_id)

    def _serve_one(self, transaction: Transaction, row: JobRow) -> Served:
        """Judge one locked job afresh, and append what follows."""
        self.memory.place(row)
        words, did, coalesced = self._words(row)
        if not words:
            return Served(row, row, did)
        after = transaction.perform(jobs.append(self._scope, row, words, role="controller", lease=row.lease))
        return Served(row, after, did, coalesced)

    def _words(self, row: JobRow) -> tuple[list[Word], str, int]:
        entry, again = self.memory.timers.get(row.id), self.memory.retries.get(row.id)
        if entry is not None and entry.due_at <= row.now:
            coalesced = entry.cadence.missed(entry.fire_at, row.now)
            return fire_words(row.state, entry.fire_at, row.now, coalesced), "fired", coalesced
        if again is not None and again.due_at <= row.now:
            return retry_words(row.state), "retried", 0
        return (end_of_unrun(), "ended", 0) if row.id in self.memory.unrun else ([], "skipped", 0)

    def _take_in(self, served: Served, now: Instant) -> None:
        """After the commit: what was written is what we remember."""
        self._keep_up(served.before.now, now)
        self._trouble.pop(served.after.id, None)
        self.memory.place(served.after)
        self.counts.fires += served.did == "fired"
        self.counts.coalesced += served.coalesced
        self.counts.retries += served.did == "retried"
        self.counts.skips += served.did == "skipped"
        self.counts.drops += served.did == "skipped" and served.before.status in _STOPPING

    def _fail(self, ids: Sequence[int], error: Exception, now: Instant) -> None:
        """Keep the timers, and look again after a wait that doubles."""
        self.counts.errors += 1
        for job_id in ids:
            trouble = self._trouble[job_id] = self._trouble.get(job_id, 0) + 1
            wait = min(LONGEST_WAIT_SECONDS, 2 ** min(trouble - 1, 6))
            self.memory.put_off(job_id, now + self._offset + wait * SECOND)
        trace = None if isinstance(error, StoreError) else error
        log.warning("%d jobs could not be served and are tried again: %s", len(ids), error, exc_info=trace)

"""What a controller remembers of jobs, all of it derived: timers, retries, stops that nobody carries out, numbers seen.

A row that is *placed* decides what the maps say about its job; nothing else does, so that a map that was made from the
log and one that followed for weeks are equal, entry for entry.
"""

from __future__ import annotations

import logging

from tickwork.engine.jobs.reading import Parsed, Readings
from tickwork.engine.jobs.timer_map import Errand, TimerEntry, TimerMap
from tickwork.model.job_log import FIRE_SET
from tickwork.model.job_time import has_timer, next_fire, retry_at
from tickwork.store.jobs import JobRow, Standing
from tickwork.watch import Instant

log = logging.getLogger("tickwork.jobs")


class Memory:
    """Timers, retries and ends to come; which event of each job was seen last."""

    def __init__(self) -> None:
        self.readings = Readings()
        self.unplanned = 0
        """How often a row could not be judged."""
        self.forget()

    def forget(self) -> None:
        """Forget everything but the descriptors, which are parsed once per change."""
        self.timers: TimerMap[TimerEntry] = TimerMap()
        self.retries: TimerMap[Errand] = TimerMap()
        self.unrun: TimerMap[Errand] = TimerMap()
        self.seen: dict[int, int] = {}

    @property
    def next_at(self) -> Instant | None:
        """When the next timer, retry or end is due."""
        times = [at for each in (self.timers, self.retries, self.unrun) if (at := each.next_at) is not None]
        return min(times, default=None)

    def due(self, at: Instant, n: int) -> list[int]:
        """Return up to *n* jobs to serve: timers first, so that at the same instant the clock wins over a retry."""
        found = dict.fromkeys(self.timers.due(at, n))
        for kept in (self.retries, self.unrun):
            found.update(dict.fromkeys(kept.due(at, n)))
        return list(found)[:n]

    def place(self, row: JobRow) -> Parsed | None:
        """Let the maps say what a row says; a row that cannot be judged is in none of them."""
        self.seen[row.id] = row.seq
        state, parsed = row.state, self.readings.read(row)
        entry, again_at = self._plan(row, parsed) if parsed is not None and state.status in FIRE_SET else (None, None)
        _set(self.timers, row.id, entry)
        _set(self.retries, row.id, None if again_at is None else Errand(row.id, again_at))
        unrun = state.status == "stop requested" and row.lease is None
        _set(self.unrun, row.id, Errand(row.id, state.changed_at) if unrun else None)
        return parsed

    def remove(self, job_id: int) -> None:
        """Forget a job that is gone."""
        for kept in (self.timers, self.retries, self.unrun):
            kept.drop(job_id)
        self.seen.pop(job_id, None)
        self.readings.forget(job_id)

    def put_off(self, job_id: int, until: Instant) -> None:
        """Look at a job again at *until*; what is planned stays as it is."""
        for kept in (self.timers, self.retries, self.unrun):
            kept.put_off(job_id, until)

    def is_news(self, job_id: int, seq: int) -> bool:
        """Say whether an event is younger than what was seen of its job."""
        return self.seen.get(job_id, 0) < seq

    def moved(self, standing: list[Standing]) -> set[int]:
        """Compare with where all jobs stand; return those that have moved unnoticed, or are gone."""
        stale = {each.id for each in standing if self.seen.get(each.id) != each.seq and self._concerns(each)}
        known = self.seen.keys() | stale
        self.seen.update({each.id: each.seq for each in standing if each.id not in known})
        return stale | self.seen.keys() - {each.id for each in standing}

    def _concerns(self, each: Standing) -> bool:
        if each.id in self.seen or each.status in FIRE_SET:
            return True
        return each.status == "stop requested" and each.lease is None

    def _plan(self, row: JobRow, parsed: Parsed) -> tuple[TimerEntry | None, Instant | None]:
        state, entry = row.state, None
        try:
            if parsed.cadence is not None and has_timer(parsed.descriptor, state):
                fire = next_fire(row.id, parsed.cadence, parsed.descriptor, state, row.now)
                if fire is not None:
                    entry = TimerEntry(row.id, fire.nominal_at, fire.due_at, parsed.cadence)
            return entry, retry_at(row.id, parsed.descriptor, state)
        except Exception as error:
            self.unplanned += 1
            self.readings.invalid[row.id] = str(error)
            log.exception("the job %s cannot be planned", row.name)
            return None, None


def _set(kept: TimerMap[TimerEntry] | TimerMap[Errand], job_id: int, entry: TimerEntry | Errand | None) -> None:
    if entry is None:
        kept.drop(job_id)
    else:
        kept.put(entry)  # type: ignore[arg-type]

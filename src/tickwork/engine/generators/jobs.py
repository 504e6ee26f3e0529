"""Jobs as a source of work: their scheduled runs are offered by rank, claimed and begun in one transaction, and settled.

What a claim, a beginning and an end write stands in :mod:`tickwork.store.job_runs`; the controller does the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import ClassVar

from tickwork.engine.generators.job_units import Caller, EndedRun, Running, RunUnit, failure_of
from tickwork.engine.worker.source import Settled, Source, Wish
from tickwork.engine.worker.units import Unit
from tickwork.errors import LeaseLost
from tickwork.model.generator import LEAST_URGENT, Offer, Range
from tickwork.store import leases
from tickwork.store.dialect import Transaction
from tickwork.store.job_runs import JobRuns
from tickwork.watch import Instant

log = logging.getLogger("tickwork.jobs")

#: What jobs are called among the sources of work: a run is named ``jobs/NAME``.
NAME = "jobs"


class Jobs(Source):
    """Draws the runs of scheduled jobs for one worker; their priorities are the jobs' own."""

    name = NAME
    range = Range(1, LEAST_URGENT)
    about = "Runs of jobs: what is declared to recur, and one-shots."
    hints: ClassVar[tuple[str, ...]] = ("job",)

    def __init__(self, rows: JobRuns, caller: Caller, namespace: str = "") -> None:
        self.rows, self.caller, self.namespace = rows, caller, namespace
        self.hands = Running(caller, self._finished)

    # ------------------------------------------------------------------------------------------------------- asking

    def offers(self, limit: int, now: Instant) -> Sequence[Offer]:
        self.rows.handlers = self.caller.known
        return [Offer(name, priority, at, job_id) for job_id, name, priority, at in self.rows.scheduled(limit)]

    def rest_until(self, now: Instant) -> Instant:
        """A wake-up names each job that is scheduled; without one it is looked for as often as a loop polls."""
        return now + self.worker.poll()

    # --------------------------------------------------------------------------------------------- taking and ending

    def claim(self, transaction: Transaction, wish: Wish) -> Sequence[Unit]:
        self.rows.worker_id = wish.worker_id
        ids = [choice.offer.payload for choice in wish.choices]
        taken = self.rows.begun(transaction, ids, self.worker.watch.now(), self.caller.lease)
        return [RunUnit(self.hands, run, row.priority, row.now) for row, run in taken]

    def taken(self, units: Sequence[Unit]) -> None:
        for unit in units:
            assert isinstance(unit, RunUnit)
            self.hands.runs[unit.token] = unit.job

    def settle(self, transaction: Transaction, batch: Sequence[EndedRun], finished: Sequence[int]) -> Settled:
        failed = 0
        for each in batch:
            ended = each.ended or failure_of(each.run, "the worker was told to stop before it began")
            try:
                failed += self.rows.written(transaction, each.run, ended) in ("error", "fatal")
            except LeaseLost as lost:
                log.warning("%s", lost)
        return Settled(failed=failed)

    def settle_apart(self, batch: Sequence[EndedRun], finished: Sequence[int]) -> Settled:
        """What its run left was refused by the database: the run has failed with that."""
        for each in batch:
            ended = failure_of(each.run, "what its run left was refused by the database")
            try:
                self.rows.settle(each.run, ended)
            except LeaseLost as lost:
                log.warning("%s", lost)
        return Settled(failed=len(batch))

    # ------------------------------------------------------------------------------------------------- while it runs

    @property
    def running(self) -> int:
        return self.hands.at_work

    def tend(self, now: Instant, *, beat: bool) -> None:
        """Write down how far runs have come, and tell those that somebody asked to stop."""
        self.speak()
        running = dict(self.hands.runs)
        if not running:
            return
        asked = self.rows.stops_asked(running)
        for run in running.values():
            if run.job_id in asked:
                self.rows.acknowledge(run)
                self.worker.stop_one(run.identifier)

    def speak(self) -> None:
        leases.speak(self.rows.store, {run.token: run.words for run in list(self.hands.runs.values()) if run.words})

    def lose(self, token: int) -> None:
        run = self.hands.runs.get(token)
        if run is not None:
            run.lost.set()
            run.stopping.set()

    def interrupt(self) -> None:
        """It is cut off with the process, and retried elsewhere."""
        for run in list(self.hands.runs.values()):
            run.stopping.set()
            self.hands.end(run, failure_of(run, "the worker was told to stop"))

    def close(self) -> None:
        self.caller.close()

    def _finished(self, ended: EndedRun) -> None:
        self.worker.finished(self.name, ended)

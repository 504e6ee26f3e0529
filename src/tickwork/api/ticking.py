"""A tick: one bounded round of everything, for hosts where nothing may run for long but cron may start something.

It plans what changed, fires what is due, runs tasks and jobs in this process, and ends when nothing is left to do or a
bound is reached; it always says why. Two ticks never overlap (the second one says ``busy`` and changes nothing) unless
both are told to share; sharing is safe, for correctness comes from rows and transactions, and only costs more.

What cron cannot give: something is done at the next tick after its time, not at its time; and no more is done at once
than one process does.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tickwork.api.job_part import JobPart
from tickwork.engine.generators.job_threads import JobThreads
from tickwork.engine.generators.jobs import JobRuns, JobWork
from tickwork.engine.jobs.controller import JobController
from tickwork.engine.tasks.bounded import BoundedWorker
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.errors import ReadOnlyStore, StoreError
from tickwork.model.job_run import Ended, JobRun
from tickwork.store import workers
from tickwork.store.alone import alone
from tickwork.store.store import Store
from tickwork.watch import SECOND, SteadyWatch, SystemWatch

log = logging.getLogger("tickwork.tick")

#: Does generated work while it is told to go on; returns how many pieces were done.
Generate = Callable[[Callable[[], bool]], int]
Reason = Literal["none-ready", "none-possible", "limit", "time-limit", "memory-limit", "read-only", "stopped", "busy"]

#: What each reason means to a person.
MEANING: dict[Reason, str] = {
    "none-ready": "nothing is due",
    "none-possible": "work is ready, but no handler for it is registered here",
    "limit": "the limit of tasks is reached",
    "time-limit": "the time is up",
    "memory-limit": "the memory limit is reached",
    "read-only": "the database takes no writes just now",
    "stopped": "a signal stopped it",
    "busy": "another tick is running",
}
#: How long a tick waits at most between two looks at its bounds, in seconds.
LOOK_SECONDS = 0.25
#: How many jobs run at once beside the tasks of a tick.
JOBS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a tick may take: seconds, tasks and job runs, megabytes of this process, seconds of grace at the end."""

    seconds: float
    limit: int | None = None
    megabytes: float | None = None
    grace: float = 30.0


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did, and why it ended.

    ``tasks`` counts runs of tasks by how they ended; ``took_for`` is in microseconds, as every duration.
    """

    reason: Reason
    planned: int = 0
    fired: int = 0
    jobs: int = 0
    tasks: int = 0
    done: int = 0
    unfinished: bool = False
    took_for: int = 0

    def __str__(self) -> str:
        """Say it in one line.

        >>> print(Tick("limit", fired=2, tasks=10, done=9, took_for=1_500_000))
        tick: 2 fired, 10 tasks run (9 done), 0 jobs run in 1.5 s; ended: limit (the limit of tasks is reached)
        """
        if self.reason == "busy":
            return "tick: busy (another tick is running); nothing was done"
        given_back = "; what was still running is given back" if self.unfinished else ""
        return (
            f"tick: {self.fired} fired, {self.tasks} tasks run ({self.done} done), {self.jobs} jobs run in "
            f"{self.took_for / SECOND:.1f} s; ended: {self.reason} ({MEANING[self.reason]}){given_back}"
        )


def tick(
    store: Store,
    namespace: str,
    make_worker: Callable[[], BoundedWorker],
    job_part: JobPart,
    bounds: Bounds,
    *,
    shared: bool = False,
    stop: threading.Event | None = None,
    generate: Generate | None = None,
) -> Tick:
    """Do one bounded round, alone unless *shared*; never raises for a database that only takes no writes.

    *generate* does what generators offer, while it is told to go on, when tasks and jobs are done.
    """
    try:
        with _turnstile(store, namespace, shared) as ours:
            if not ours:
                return Tick("busy")
            stopping = stop or threading.Event()
            return Round(store, make_worker(), job_part, namespace, bounds, stopping, generate).run()
    except ReadOnlyStore:
        return Tick("read-only")


def _turnstile(store: Store, namespace: str, shared: bool) -> AbstractContextManager[bool]:
    return nullcontext(enter_result=True) if shared else alone(store, f"tick {namespace}")


class Round:
    """One round: the daemon, the controller of jobs and a worker, driven in turn by the calling thread."""

    def __init__(
        self,
        store: Store,
        worker: BoundedWorker,
        job_part: JobPart,
        namespace: str,
        bounds: Bounds,
        stop: threading.Event,
        generate: Generate | None = None,
    ) -> None:
        self.store, self.worker, self.bounds, self.stop, self.generate = store, worker, bounds, stop, generate
        self.daemon = TriggerDaemon(store)
        self.jobs = JobRound(store, job_part, namespace)
        self._watch, self._steady = store.watch or SystemWatch(), SteadyWatch()
        self._began = time.monotonic()

    def run(self) -> Tick:
        """Go on until a bound is reached or a whole pass found nothing to do; then let what runs finish."""
        self.worker.begin()
        self.jobs.fire(self._watch.now())  # the first turn boots, the next ones compare
        try:
            reason = self._passes()
        except ReadOnlyStore:
            reason = "read-only"
        finally:
            gentle = self.worker.stop(self.bounds.grace)
            gentle = self.jobs.stop(self.bounds.grace) and gentle
        done = Tick(
            self._judged(reason),
            planned=self.daemon.planning.planned,
            fired=self.daemon.firings.fired,
            jobs=self.jobs.settled,
            tasks=self.worker.outcomes.total(),
            done=self.worker.outcomes["done"],
            unfinished=not gentle,
            took_for=round(self._spent() * SECOND),
        )
        log.info("%s", done, extra={"reason": done.reason, "seconds": round(self._spent(), 3)})
        return done

    def _passes(self) -> Reason:
        while True:
            if (reason := self._bound()) is not None:
                return reason
            was_idle = self.worker.idle and self.jobs.idle
            moved = self._plan_and_fire()
            self.jobs.drive(self._watch.now(), self._left())
            self.worker.drive(min(LOOK_SECONDS, max(0.0, self.bounds.seconds - self._spent())))
            if self.worker.idle and self.jobs.idle and was_idle and not moved and not self._generated():
                return self._bound() or "none-ready"

    def _generated(self) -> int:
        """Do what generators offer, one piece after the other, while no bound is reached; return how many there were."""
        return 0 if self.generate is None else self.generate(lambda: self._bound() is None)

    def _bound(self) -> Reason | None:
        """Say which bound is reached, if any."""
        if self.stop.is_set():
            return "stopped"
        if self._left() == 0 and self.worker.empty and self.jobs.idle:
            return "limit"
        if self._spent() >= self.bounds.seconds:
            return "time-limit"
        if self.bounds.megabytes is not None and memory() >= self.bounds.megabytes:
            return "memory-limit"
        return None

    def _plan_and_fire(self) -> bool:
        """Plan and fire, batch after batch, while there is time; return whether anything was done."""
        before = (self.daemon.planning.planned, self.daemon.firings.fired, self.jobs.fired)
        while not self.stop.is_set() and self._spent() < self.bounds.seconds:
            now = self._watch.now()
            if self.daemon.turn(now) != now:
                break
        self.jobs.fire(self._watch.now())
        return before != (self.daemon.planning.planned, self.daemon.firings.fired, self.jobs.fired)

    def _left(self) -> int | None:
        """How many tasks and job runs may still begin; None where nobody said."""
        if self.bounds.limit is None:
            return None
        left = max(0, self.bounds.limit - self.worker.outcomes.total() - self.jobs.settled)
        self.worker.limit = self.bounds.limit - self.jobs.settled - self.jobs.running
        return left

    def _judged(self, reason: Reason) -> Reason:
        """Nothing ready for us is not nothing ready: somebody should know."""
        if reason != "none-ready" or self.worker.outcomes or self.jobs.settled:
            return reason
        try:
            return "none-possible" if self.worker.lacks_handlers() else reason
        except StoreError:
            return reason

    def _spent(self) -> float:
        return time.monotonic() - self._began


class JobRound:
    """The jobs of one round: fired by a controller, run on a few threads, settled when they end."""

    def __init__(self, store: Store, part: JobPart, namespace: str) -> None:
        self.store, self._part, self._namespace = store, part, namespace
        self.controller = JobController(store, compare_every=1)  # a controller that lives for a moment always compares
        self._runs: JobRuns | None = None
        self._threads: JobThreads | None = None
        self._number = 0

    @property
    def idle(self) -> bool:
        return self.running == 0

    @property
    def running(self) -> int:
        return 0 if self._runs is None else len(self._runs.running)

    @property
    def settled(self) -> int:
        return 0 if self._runs is None else self._runs.settled

    @property
    def fired(self) -> int:
        return self.controller.counts.fires

    def fire(self, now: int) -> None:
        """Fire the timers that are due; what other processes changed is looked for each time."""
        self.controller.hear("")
        self.controller.run_due(now)

    def drive(self, now: int, left: int | None) -> None:
        """Take what is scheduled, as far as there is room, and look after what runs."""
        if self._runs is None:
            if not self._anything():
                return
            self._runs = self._assemble()
        self._runs.concurrency = JOBS_AT_ONCE if left is None else min(JOBS_AT_ONCE, self.running + left)
        self._runs.turn(now)

    def stop(self, grace: float) -> bool:
        """Take no more, wait for what runs, renewing its leases meanwhile; return whether all of it ended."""
        if self._runs is None or self._threads is None:
            return True
        self._runs.concurrency = 0
        until, pause = time.monotonic() + grace, threading.Event()
        while self._runs.running and time.monotonic() < until:
            pause.wait(LOOK_SECONDS / 5)
            self._runs.turn((self.store.watch or SystemWatch()).now())
        gentle = not self._runs.running
        if gentle:
            self._threads.close()
        with self.store.begin("worker") as transaction:
            workers.remove(transaction, self._number)
        return gentle

    def _anything(self) -> bool:
        """Look, without registering, whether a job waits for a worker."""
        handlers = tuple(sorted(self._part.handlers))
        return bool(JobWork(self.store, 0, handlers, (self._namespace,)).offers(1))

    def _assemble(self) -> JobRuns:
        with self.store.begin("worker") as transaction:
            self._number = workers.register(transaction, "job worker", socket.gethostname(), os.getpid(), "tick")
        work = JobWork(self.store, self._number, tuple(sorted(self._part.handlers)), (self._namespace,))
        self._threads = JobThreads(self._part.call, JOBS_AT_ONCE, self._over)
        return JobRuns(work, self._threads, JOBS_AT_ONCE)

    def _over(self, run: JobRun, ended: Ended) -> None:
        assert self._runs is not None
        try:
            self._runs.finish(run, ended)
        except StoreError as error:
            log.warning("the end of job %s could not be written down: %s", run.name, error)


def memory() -> float:
    """Return how much memory this process has, in megabytes: now where the system tells, else at its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
    except (OSError, ValueError, IndexError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1_000_000 if sys.platform == "darwin" else peak / 1_000

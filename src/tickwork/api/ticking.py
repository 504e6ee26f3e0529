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
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tickwork.engine.jobs.controller import JobController
from tickwork.engine.tasks.bounded import BoundedWorker
from tickwork.engine.triggers.daemon import TriggerDaemon
from tickwork.errors import ReadOnlyStore, StoreError
from tickwork.store.alone import alone
from tickwork.store.store import Store
from tickwork.watch import SECOND, SteadyWatch, SystemWatch

log = logging.getLogger("tickwork.tick")

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

    ``tasks`` and ``jobs`` count runs, ``generated`` those of all other generators; ``done`` the tasks that are done;
    ``took_for`` is in microseconds, as every duration.
    """

    reason: Reason
    planned: int = 0
    fired: int = 0
    jobs: int = 0
    tasks: int = 0
    done: int = 0
    unfinished: bool = False
    took_for: int = 0
    generated: int = 0

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
    bounds: Bounds,
    *,
    shared: bool = False,
    stop: threading.Event | None = None,
) -> Tick:
    """Do one bounded round, alone unless *shared*; never raises for a database that only takes no writes."""
    try:
        with _turnstile(store, namespace, shared) as ours:
            if not ours:
                return Tick("busy")
            stopping = stop or threading.Event()
            return Round(store, make_worker(), bounds, stopping).run()
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
        bounds: Bounds,
        stop: threading.Event,
    ) -> None:
        self.store, self.worker, self.bounds, self.stop = store, worker, bounds, stop
        self.daemon = TriggerDaemon(store)
        self.controller = JobController(store, compare_every=1)  # a controller that lives for a moment always compares
        self._watch, self._steady = store.watch or SystemWatch(), SteadyWatch()
        self._began = time.monotonic()

    def run(self) -> Tick:
        """Go on until a bound is reached or a whole pass found nothing to do; then let what runs finish."""
        self.worker.begin()
        self._fire_jobs()  # the first turn boots, the next ones compare
        try:
            reason = self._passes()
        except ReadOnlyStore:
            reason = "read-only"
        finally:
            gentle = self.worker.stop(self.bounds.grace)
        done = Tick(
            self._judged(reason),
            planned=self.daemon.planning.planned,
            fired=self.daemon.firings.fired,
            jobs=self.worker.beside["jobs"],
            generated=self.worker.beside.total() - self.worker.beside["jobs"],
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
            was_idle = self.worker.idle
            moved = self._plan_and_fire()
            self.worker.drive(min(LOOK_SECONDS, max(0.0, self.bounds.seconds - self._spent())))
            if self.worker.idle and was_idle and not moved:
                return self._bound() or "none-ready"

    def _bound(self) -> Reason | None:
        """Say which bound is reached, if any."""
        if self.stop.is_set():
            return "stopped"
        if self.bounds.limit is not None and self.worker.counted >= self.bounds.limit and self.worker.empty:
            return "limit"
        if self._spent() >= self.bounds.seconds:
            return "time-limit"
        if self.bounds.megabytes is not None and memory() >= self.bounds.megabytes:
            return "memory-limit"
        return None

    def _plan_and_fire(self) -> bool:
        """Plan and fire, batch after batch, while there is time; return whether anything was done."""
        before = self._moves
        while not self.stop.is_set() and self._spent() < self.bounds.seconds:
            now = self._watch.now()
            if self.daemon.turn(now) != now:
                break
        if self._fire_jobs():
            self.worker.pump.wake("jobs")
        return before != self._moves

    @property
    def _moves(self) -> tuple[int, ...]:
        fires, retries = self.controller.counts.fires, self.controller.counts.retries
        return (self.daemon.planning.planned, self.daemon.firings.fired, fires, retries)

    def _fire_jobs(self) -> bool:
        """Fire the timers of jobs that are due; what other processes changed is looked for each time."""
        before = self._moves
        self.controller.hear("")
        self.controller.run_due(self._watch.now())
        return before != self._moves

    def _judged(self, reason: Reason) -> Reason:
        """Nothing ready for us is not nothing ready: somebody should know."""
        if reason != "none-ready" or self.worker.outcomes or self.worker.beside["jobs"]:
            return reason
        try:
            return "none-possible" if self.worker.lacks_handlers() else reason
        except StoreError:
            return reason

    def _spent(self) -> float:
        return time.monotonic() - self._began


def memory() -> float:
    """Return how much memory this process has, in megabytes: now where the system tells, else at its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
    except (OSError, ValueError, IndexError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1_000_000 if sys.platform == "darwin" else peak / 1_000

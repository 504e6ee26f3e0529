"""The part of a process that looks after jobs: a controller, and a worker that runs what is scheduled.

It starts and stops with the process. A run is handed to the handler of the job's name (or the one that the job says),
with the payload checked against its signature; a handler whose first parameter is named ``task`` is shown the run.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from typing import Any

from tickwork.engine.generators.job_threads import JobThreads
from tickwork.engine.generators.jobs import JobRuns, JobWork
from tickwork.engine.jobs.controller import JobController
from tickwork.engine.loop import Listener, Runner, stop_all
from tickwork.engine.tasks.registry import Registry
from tickwork.errors import StoreError
from tickwork.model.job_run import Ended, JobRun, failed
from tickwork.store import workers
from tickwork.store.store import Store
from tickwork.watch import Instant, SystemWatch

log = logging.getLogger("tickwork.jobs")


class JobPart:
    """Runs the loops of jobs on threads: the controller where *controls*, the runs where *runs* (so many at once)."""

    def __init__(
        self, store: Store, handlers: Registry, *, controls: bool, runs: int, namespaces: tuple[str, ...] = ()
    ) -> None:
        self.store, self.handlers = store, handlers
        self.controller = JobController(store) if controls else None
        self.concurrency, self.namespaces = runs, namespaces
        self.runs: JobRuns | None = None
        self._threads: JobThreads | None = None
        self._runners: list[Runner] = []

    @property
    def in_hand(self) -> int:
        return 0 if self.runs is None else len(self.runs.running)

    def start(self, listener: Listener) -> None:
        """Start the threads; *listener* hands over what wake-ups name."""
        watch = self.store.watch or SystemWatch()
        if self.controller is not None:
            runner = Runner(_Following(self.controller, listener), watch, listener.poll)
            listener.tell("job", self.controller.hear)
            listener.connect("job", runner.bell)
            self._runners.append(runner)
        if self.concurrency:
            runner = Runner(self._assemble(), watch, listener.poll)
            listener.connect("job", runner.bell)
            self._runners.append(runner)
        for runner in self._runners:
            runner.start()

    def stop(self, grace: float) -> bool:
        """Take no more jobs, wait for those that run, and end the threads; return whether all ended in time."""
        until = time.monotonic() + grace
        gentle = stop_all(self._runners, grace)
        if self._threads is not None and self.runs is not None:
            gentle = self._threads.close(max(0.0, until - time.monotonic())) and gentle
            for run in list(self.runs.running.values()):  # it is cut off with the process, and retried elsewhere
                run.stopping.set()
                self._over(run, failed(InterruptedError("the worker was told to stop"), run))
            if self.runs.work.worker_id:
                with self.store.begin("worker") as transaction:
                    workers.remove(transaction, self.runs.work.worker_id)
        return gentle

    def call(self, run: JobRun) -> Any:
        """Run a job's handler in the caller's thread and return its result; raises what it raises."""
        handler = self.handlers.find(run.handler)
        arguments = handler.arguments(run.payload, handler.version)
        shown = (run,) if handler.takes_task else ()
        result = handler.function(*shown, **arguments)
        return asyncio.run(result) if handler.is_async else result

    def _assemble(self) -> JobRuns:
        known = tuple(sorted(self.handlers))
        work = JobWork(self.store, handlers=known, namespaces=self.namespaces, enlist=self._enlist)
        threads = self._threads = JobThreads(self.call, self.concurrency, self._over)
        self.runs = JobRuns(work, threads, self.concurrency)
        return self.runs

    def _enlist(self) -> int:
        with self.store.begin("worker") as transaction:
            return workers.register(transaction, "job worker", socket.gethostname(), os.getpid())

    def _over(self, run: JobRun, ended: Ended) -> None:
        """Settle, in the thread of the run; one whose database is away is settled by the rescue of its lease."""
        assert self.runs is not None
        try:
            self.runs.finish(run, ended)
        except StoreError as error:
            log.warning("the end of job %s could not be written down: %s", run.name, error)
        for runner in self._runners:
            runner.bell.ring()


class _Following:
    """The controller's loop; while nobody hears wake-ups for it (behind a pooler), it asks the log itself."""

    name = JobController.name

    def __init__(self, controller: JobController, listener: Listener) -> None:
        self.controller, self.listener = controller, listener

    def turn(self, now: Instant) -> Instant | None:
        if not self.listener.hearing:
            self.controller.hear("")
        return self.controller.turn(now)

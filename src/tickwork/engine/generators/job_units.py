"""Runs of jobs in one worker's hands: what an executor is given, and what is known of each until it has ended.

Who calls the handlers, on a thread, in a child process or on the event loop, is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from tickwork.model.job_run import Ended, JobRun, failed
from tickwork.watch import Instant


@dataclass(frozen=True, slots=True)
class EndedRun:
    """How a run ended, ready to be written down; None: it had not begun."""

    run: JobRun
    ended: Ended | None

    @property
    def token(self) -> int:
        return self.run.token


class Caller(Protocol):
    """Who knows the handlers of jobs, and calls them where they want to be called."""

    @property
    def known(self) -> tuple[str, ...]:
        """The names of the handlers that there are here."""
        ...

    def is_async(self, handler: str) -> bool:
        """Whether it runs on the event loop."""
        ...

    def lease(self, handler: str) -> int:
        """How long a claim lasts that its worker does not renew."""
        ...

    def call(self, run: JobRun) -> Ended:
        """Run to the end, on this thread or in a child process; it raises nothing."""
        ...

    async def call_async(self, run: JobRun) -> Ended:
        """The same on the event loop."""
        ...

    def close(self) -> None:
        """Nothing runs any more; what still does is cut off."""


class Running:
    """The runs that one worker has claimed and not ended, by their tokens; *finished* takes in how one ended."""

    def __init__(self, caller: Caller, finished: Callable[[EndedRun], None]) -> None:
        self.caller, self.finished = caller, finished
        self.runs: dict[int, JobRun] = {}
        self._at_work: set[int] = set()

    @property
    def at_work(self) -> int:
        """How many of them a hand has."""
        return len(self._at_work)

    @contextmanager
    def held(self, run: JobRun) -> Iterator[None]:
        """A hand has it."""
        self._at_work.add(run.token)
        try:
            yield
        finally:
            self._at_work.discard(run.token)

    def end(self, run: JobRun, ended: Ended | None) -> None:
        """Hand over how a run ended; what was cut off meanwhile comes to nothing."""
        if self.runs.pop(run.token, None) is not None:
            self.finished(EndedRun(run, ended))


class RunUnit:
    """A run of a job, ready to be called."""

    __slots__ = ("claimed_at", "job", "priority", "running")
    size = 1

    def __init__(self, running: Running, job: JobRun, priority: int, claimed_at: Instant) -> None:
        self.running, self.job, self.priority, self.claimed_at = running, job, priority, claimed_at

    @property
    def name(self) -> str:
        return self.job.identifier

    @property
    def identifier(self) -> str:
        return self.job.name

    @property
    def token(self) -> int:
        return self.job.token

    @property
    def is_async(self) -> bool:
        return self.running.caller.is_async(self.job.handler)

    def run(self) -> None:
        with self.running.held(self.job):
            ended = self.running.caller.call(self.job)
        self.running.end(self.job, ended)

    async def run_async(self) -> None:
        with self.running.held(self.job):
            ended = await self.running.caller.call_async(self.job)
        self.running.end(self.job, ended)

    def give_back(self) -> None:
        self.running.end(self.job, None)


def failure_of(run: JobRun, why: str) -> Ended:
    """How a run ends that is not its handler's fault: an error that is retried as the job says."""
    return failed(InterruptedError(why), run)

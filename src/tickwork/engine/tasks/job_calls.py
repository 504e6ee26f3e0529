"""Calls the handlers of jobs where they want to be called: on this thread, on the event loop, or in a child process.

A run of a job is a call of a handler as a task's is, with the same payload checks, time-outs and signs; what differs is what
becomes of it, and that is the jobs' own affair. A handler whose first parameter is named ``task`` is shown the run. One
that takes several tasks in one call, or its task's own transaction, cannot be a job's.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from tickwork.engine.tasks.handler import Handler
from tickwork.engine.tasks.processes import Processes
from tickwork.engine.tasks.registry import Registry
from tickwork.errors import ConfigurationError
from tickwork.model.job_run import Ended, JobRun, completed, failed
from tickwork.model.lease import LENGTH
from tickwork.model.work import Signs
from tickwork.signals import GiveUp
from tickwork.watch import SECOND

#: A result larger than this is not kept in the log.
RESULT_BYTES = 10_000


class JobCalls:
    """The handlers of one worker, as the runs of jobs call them."""

    def __init__(self, registry: Registry) -> None:
        self.registry, self.processes = registry, Processes(Signs())

    def close(self) -> None:
        """End the child processes; what still runs in one is cut off."""
        self.processes.close()

    @property
    def known(self) -> tuple[str, ...]:
        """The names of the handlers that there are here."""
        return tuple(sorted(self.registry))

    def is_async(self, handler: str) -> bool:
        """Whether it runs on the event loop."""
        found = self.registry.get(handler)
        return found is not None and found.is_async

    def lease(self, handler: str) -> int:
        """How long a claim lasts that its worker does not renew."""
        found = self.registry.get(handler)
        return max(LENGTH, (found.lease or 0) if found is not None else 0)

    def call(self, run: JobRun) -> Ended:
        """Run to the end, on this thread or in a child process."""
        try:
            handler = self._handler(run)
            if handler.executor == "process":
                return _completed(self.processes.call_job(handler, run))
            return ended_of(handler.function(*_shown(handler, run), **handler.arguments(run.payload, handler.version)))
        except BaseException as error:  # a handler that calls sys.exit() ends its run, not the worker
            return failed(error, run)

    async def call_async(self, run: JobRun) -> Ended:
        """Run to the end on the event loop; its time-out cancels it, which is a failure."""
        try:
            handler = self._handler(run)
            arguments = handler.arguments(run.payload, handler.version)
            seconds = None if handler.timeout is None else handler.timeout / SECOND
            async with asyncio.timeout(seconds):
                return ended_of(await handler.function(*_shown(handler, run), **arguments))
        except BaseException as error:
            return failed(error, run)

    def _handler(self, run: JobRun) -> Handler:
        """Find the handler; declared elsewhere for one that cannot be a job's, the run gives up."""
        handler = self.registry.find(run.handler)
        try:
            check_handler(handler)
        except ConfigurationError as error:
            raise GiveUp(str(error)) from error
        return handler


def check_handler(handler: Handler) -> None:
    """Check that a handler can be a job's; raises ConfigurationError.

    A run of a job is one run: nothing is gathered for it, so a batch handler has nothing to gather; and its end is an
    event in the job's log, which is written after it, so there is no transaction to give away.
    """
    unfit = {"takes several tasks in one call": handler.batch, "wants its task's transaction": handler.transactional}
    for what in (what for what, so in unfit.items() if so):
        raise ConfigurationError(
            "handler", handler.name, f"a handler that is called for each run; this one {what}: let the job put a task"
        )


def ended_of(result: Any) -> Ended:
    """Say how a run ended that returned; a result that is JSON and small is kept.

    >>> ended_of({"rows": 3}), ended_of(object())
    (Ended(kind='completed', detail={'result': {'rows': 3}}), Ended(kind='completed', detail={}))
    """
    try:
        text = msgspec.json.encode(result)
    except (TypeError, ValueError, RecursionError):
        return completed()
    return completed(result if len(text) <= RESULT_BYTES else None)


def _completed(text: str | None) -> Ended:
    """The same of a child's result, which it has written as JSON."""
    return completed() if text is None or len(text) > RESULT_BYTES else completed(msgspec.json.decode(text))


def _shown(handler: Handler, run: JobRun) -> tuple[JobRun, ...]:
    return (run,) if handler.takes_task else ()

"""Runs the handlers of jobs on threads of its own, so that the loop that takes jobs never waits for one.

*call* gets a run and does what its handler does; what it returns, or raises, becomes how the run ended.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from tickwork.model.job_run import Ended, JobRun, completed, failed

#: A result larger than this is not kept in the log.
RESULT_BYTES = 10_000


class JobThreads:
    """An executor for :class:`tickwork.engine.generators.jobs.JobRuns`: takes a run and answers later."""

    def __init__(self, call: Callable[[JobRun], Any], size: int, over: Callable[[JobRun, Ended], object]) -> None:
        self._call, self._over = call, over
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="tickwork-job")

    def __call__(self, run: JobRun) -> None:
        """Begin a run; *over* is called with its end, from a thread."""
        self._pool.submit(self._run, run)

    def close(self) -> None:
        """Wait for what runs, and take no more."""
        self._pool.shutdown(wait=True)

    def _run(self, run: JobRun) -> None:
        self._over(run, ended_of(self._call, run))


def ended_of(call: Callable[[JobRun], Any], run: JobRun) -> Ended:
    """Call, and say how the run ended; a result that is JSON and small is kept.

    >>> from tickwork.model.job_retry import JobRetry
    >>> run = JobRun(1, "default", "sweep", "sweep", "{}", 7, 0, None, 0, JobRetry())
    >>> ended_of(lambda run: {"rows": 3}, run)
    Ended(kind='completed', detail={'result': {'rows': 3}})
    """
    try:
        result = call(run)
    except Exception as error:
        return failed(error, run)
    return completed(result if _fits(result) else None)


def _fits(result: Any) -> bool:
    try:
        return len(msgspec.json.encode(result)) <= RESULT_BYTES
    except (TypeError, ValueError, RecursionError):
        return False

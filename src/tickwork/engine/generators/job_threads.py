"""Runs the handlers of jobs on threads of its own, so that the loop that takes jobs never waits for one.

*call* gets a run and does what its handler does; what it returns, or raises, becomes how the run ended. The threads end
with the process: a handler that does not come to an end keeps nobody from leaving.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import msgspec

from tickwork.model.job_run import Ended, JobRun, completed, failed

#: A result larger than this is not kept in the log.
RESULT_BYTES = 10_000


class JobThreads:
    """An executor for :class:`tickwork.engine.generators.jobs.JobRuns`: takes a run and answers later.

    At most *size* run together; *over* is called with the end of each, from its thread.
    """

    def __init__(self, call: Callable[[JobRun], Any], size: int, over: Callable[[JobRun, Ended], object]) -> None:
        self._call, self._size, self._over = call, size, over
        self._queue: SimpleQueue[JobRun | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._guard = threading.Lock()

    def __call__(self, run: JobRun) -> None:
        """Begin a run, on a thread that is free or on a new one."""
        with self._guard:
            self._unfinished += 1
            if self._unfinished > len(self._threads) and len(self._threads) < self._size:
                thread = threading.Thread(target=self._work, name=f"tickwork-job-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._queue.put(run)

    def close(self, seconds: float | None = None) -> bool:
        """Take no more and wait, at most so many seconds, for what runs; return whether all of it ended."""
        for _ in self._threads:
            self._queue.put(None)
        deadline = None if seconds is None else time.monotonic() + seconds
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (run := self._queue.get()) is not None:
            try:
                self._over(run, ended_of(self._call, run))
            finally:
                with self._guard:
                    self._unfinished -= 1


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

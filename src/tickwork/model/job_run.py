"""One run of a job: what a worker is given, and how it ended, as values.

An error is kept structured: a code, a message, the chain of causes and the number of the attempt within its cycle.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from tickwork.model.job_retry import JobRetry
from tickwork.model.work import word_of_progress
from tickwork.signals import Decline, GiveUp, RetryAfter, Snooze
from tickwork.watch import Instant, from_instant, to_duration

EndKind = Literal["completed", "error", "fatal"]
MESSAGE_LIMIT, CAUSES_LIMIT = 2_000, 10


@dataclass(frozen=True)
class JobRun:
    """A claimed job, ready to run. *attempt* counts from 0 within its cycle; *stopping* is set when it should end."""

    job_id: int
    namespace: str
    name: str
    handler: str
    payload: str
    token: int
    attempt: int
    nominal_at: Instant | None
    """The planned time that fired last; None for a job that was never fired by its clock."""
    scheduled_at: Instant
    retry: JobRetry
    stopping: threading.Event = field(default_factory=threading.Event, compare=False)
    lost: threading.Event = field(default_factory=threading.Event, compare=False)
    """Set when another will own the run: its result is going to be discarded."""
    words: list[tuple[float, str | None]] = field(default_factory=list, compare=False)
    """What the run has said of its progress; the last word counts."""

    def progress(self, share: float, note: str = "") -> None:
        """Say how far this run has come, a share from 0 to 1, with a few words; ``tickwork worker list`` tells it.

        Costs nothing here: the last word is written down about once a second. Raises InvalidInput for a share that is
        none.
        """
        self.words[:] = [word_of_progress(share, note)]

    @property
    def told(self) -> tuple[Any, ...]:
        """It as it travels to another process."""
        return (
            self.job_id,
            self.namespace,
            self.name,
            self.handler,
            self.payload,
            self.token,
            self.attempt,
            self.nominal_at,
            self.scheduled_at,
            self.retry,
        )

    @classmethod
    def of(cls, told: tuple[Any, ...], stopping: threading.Event, words: list[tuple[float, str | None]]) -> JobRun:
        """Make it there anew."""
        return replace(cls(*told), stopping=stopping, words=words)

    @property
    def cancelled(self) -> bool:
        """Whether the run was asked to stop, or is no longer ours: look now and then in a long handler."""
        return self.stopping.is_set()

    @property
    def planned_at(self) -> datetime | None:
        """The planned time that fired last, as a datetime in UTC."""
        return None if self.nominal_at is None else from_instant(self.nominal_at)

    @property
    def identifier(self) -> str:
        """The work's name among all work: generator and identifier."""
        return f"jobs/{self.name}"


@dataclass(frozen=True)
class Ended:
    """How a run ended: *completed*, *error* (retried as the job says) or *fatal* (not before its next fire)."""

    kind: EndKind
    detail: dict[str, Any] = field(default_factory=dict)


def completed(result: Any = None) -> Ended:
    """The handler returned."""
    return Ended("completed", {} if result is None else {"result": result})


def failed(error: BaseException, run: JobRun) -> Ended:
    """The handler raised: an error while the job may be retried, else fatal. Signals say themselves what they are.

    >>> run = JobRun(1, "default", "sweep", "sweep", "{}", 7, 0, None, 0, JobRetry("none"))
    >>> failed(ValueError("no"), run)
    Ended(kind='fatal', detail={'code': 'ValueError', 'message': 'no', 'causes': [], 'attempt': 0})
    """
    if isinstance(error, Decline):
        return Ended("completed", {"declined": error.reason})
    detail = failure(error, run.attempt)
    if isinstance(error, GiveUp):
        return Ended("fatal", {**detail, "code": "gave up", "message": error.reason})
    if isinstance(error, (RetryAfter, Snooze)):
        detail["retry_for"] = max(0, to_duration(error.delay, "delay"))
    return Ended("fatal" if run.retry.exhausted(run.attempt) else "error", detail)


def failure(error: BaseException, attempt: int) -> dict[str, Any]:
    """Describe an error: code, message, causes from the nearest to the first, attempt."""
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < CAUSES_LIMIT:
        causes.append(f"{type(cause).__name__}: {_message(cause)}")
        cause = cause.__cause__ or cause.__context__
    return {"code": type(error).__name__, "message": _message(error), "causes": causes, "attempt": attempt}


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # an error whose __str__ fails is still an error
        text = "(the error has no readable message)"
    return text[:MESSAGE_LIMIT].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()

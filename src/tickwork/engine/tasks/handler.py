"""A handler: one function of the application, the shape of its payload, how it is run and retried."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from tickwork.engine.tasks.payload import Payload
from tickwork.model.action import ATTEMPTS, PutTask
from tickwork.model.limit import Limit
from tickwork.model.retry import Backoff, checked_wait

#: A handler's own back-off: (number of the run that failed, its error) -> the wait.
Wait = Callable[[int, BaseException], timedelta | float]
#: How long a task waits after a failure where its handler does not say.
USUAL = Backoff()


@dataclass(frozen=True, eq=False)
class Handler:
    """One function of the application, ready to be run for tasks of its name. Durations are microseconds."""

    name: str
    function: Callable[..., Any]
    payload: Payload
    attempts: int = ATTEMPTS
    backoff: Backoff = USUAL
    wait: Wait | None = None
    lease: int | None = None
    keep_result: bool = False
    timeout: int | None = None
    """How long an async handler may run; it is cancelled then, which is a failure."""
    version: int = 1
    upgrade: Callable[[dict[str, Any], int], dict[str, Any]] | None = None
    """Turns a payload of an older version into today's: (payload, its version) -> payload."""
    batch: int | None = None
    """How many tasks of it one call takes at most; None: it is called for each."""
    executor: str = "thread"
    """Where a plain function runs: ``thread``, or ``process``, where its time-out is hard."""
    kind: str = ""
    """What rests when a handler raises Backpressure: its own name, or what several handlers have in common."""
    notice: str | None = None
    """The handler that is told when a task of this one gave up, or is lost."""
    limits: tuple[Limit, ...] = ()
    """How much of it may go on, wherever it runs."""

    def task(self, /, **payload: Any) -> PutTask:
        """Return the action that puts a task for this handler; raises InvalidPayload naming the field that does not fit.

        >>> def remind(task, meeting_id): ...
        >>> handler = Handler("meeting.remind", remind, Payload(remind, "meeting.remind"))
        >>> handler.task(meeting_id=7)
        PutTask(handler='meeting.remind', payload='{"meeting_id":7}', payload_version=1)
        """
        return PutTask(self.name, self.payload.encode(payload), self.version)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself, as in a test of it."""
        return self.function(*args, **kwargs)

    @functools.cached_property
    def is_async(self) -> bool:
        """Whether it runs on the event loop instead of a thread."""
        function: Any = inspect.unwrap(self.function)
        while isinstance(function, functools.partial):
            function = function.func
        return inspect.iscoroutinefunction(function if inspect.isroutine(function) else type(function).__call__)

    @functools.cached_property
    def takes_task(self) -> bool:
        """Whether it wants to be shown the task."""
        return self.payload.takes_task

    @functools.cached_property
    def oldest(self) -> int:
        """The oldest version of its payload that it can read: without an upgrade, today's alone."""
        return self.version if self.upgrade is None else 1

    @property
    def transactional(self) -> bool:
        """Whether it is given the transaction in which its task is completed."""
        return self.payload.transaction is not None

    def arguments(self, text: str, version: int) -> dict[str, Any]:
        """Return a stored payload as arguments; older ones are upgraded first."""
        return self.payload.decode(self.today(text, version))

    def today(self, text: str, version: int) -> str:
        """Return a stored payload as the present version writes it."""
        if self.upgrade is not None and version < self.version:
            return msgspec.json.encode(self.upgrade(msgspec.json.decode(text), version)).decode()
        return text

    def wait_after(self, attempt: int, error: BaseException) -> int:
        """Ask the handler's own back-off."""
        assert self.wait is not None
        return checked_wait(self.wait(attempt, error))

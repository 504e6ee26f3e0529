"""The handlers that this process knows, by name: the function, the shape of its payload, how it is run and retried.

A task is run by whoever has registered its handler, and by nobody else: a name in a database never becomes an import.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from tickwork.engine.tasks.batching import BatchPayload
from tickwork.engine.tasks.bound import Bound
from tickwork.engine.tasks.payload import Payload
from tickwork.errors import ConfigurationError, UnknownHandler
from tickwork.model import limits as checks
from tickwork.model.action import ATTEMPTS, PutTask
from tickwork.model.limit import Limit
from tickwork.model.retry import Backoff, checked_wait
from tickwork.watch import DAY, SECOND, to_duration

_NAME = re.compile(r"[A-Za-z_][\w.:/-]{0,199}\Z")
#: A handler's own back-off: (number of the run that failed, its error) -> the wait.
Wait = Callable[[int, BaseException], timedelta | float]


#: A claim that nobody renews for so long is no claim; a run that takes a year has been forgotten.
LONGEST_LEASE, LONGEST_TIMEOUT = 7 * DAY, 366 * DAY
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

        >>> handler = Registry().add("meeting.remind", lambda task, meeting_id: None)
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

    @property
    def transactional(self) -> bool:
        """Whether it is given the transaction in which its task is completed."""
        return self.payload.transaction is not None

    def arguments(self, text: str, version: int) -> dict[str, Any]:
        """Return a stored payload as arguments; older ones are upgraded first."""
        return self.payload.decode(self.today(text, version))

    def today(self, text: str, version: int) -> str:
        """Return a stored payload as the present version writes it."""
        if version < self.version and self.upgrade is not None:
            return msgspec.json.encode(self.upgrade(msgspec.json.decode(text), version)).decode()
        return text

    def wait_after(self, attempt: int, error: BaseException) -> int:
        """Ask the handler's own back-off."""
        assert self.wait is not None
        return checked_wait(self.wait(attempt, error))


class Registry(Mapping[str, Handler]):
    """The handlers of one application.

    >>> registry = Registry()
    >>> handler = registry.add("page.purge", lambda page: None, attempts=3)
    >>> registry["page.purge"].attempts, "other" in registry
    (3, False)
    """

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self.bounds: dict[str, Bound] = {}
        """The queues that the application has bounded, by name."""

    def add(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        attempts: int = ATTEMPTS,
        backoff: Backoff | Wait | None = None,
        lease: timedelta | float | None = None,
        keep_result: bool = False,
        timeout: timedelta | float | None = None,
        version: int = 1,
        upgrade: Callable[[dict[str, Any], int], dict[str, Any]] | None = None,
        transactional: bool | None = None,
        batch: int | None = None,
        executor: str = "thread",
        kind: str | None = None,
        notice: str | None = None,
        concurrency: int | None = None,
        rate: str | None = None,
        limits: Iterable[Limit] = (),
    ) -> Handler:
        """Register *function* under *name* and return the handler; durations are timedeltas or seconds.

        *executor*: ``process`` runs a plain function of a module in a child process, for CPU work and for time-outs that
        hold. *kind*: what rests at a Backpressure. *notice*: the handler that is told when a task gave up or is lost.
        *batch*: the function takes up to so many tasks at once (see :mod:`tickwork.engine.tasks.batching`).
        *concurrency*, *rate*, *limits*: how much of it may go on in the whole cluster (see :mod:`tickwork.model.limit`).
        A parameter ``transaction`` makes it transactional by itself: *transactional* only says so for the reader.

        Raises ConfigurationError for a name that is taken or malformed, and for a setting out of range.
        """
        if not isinstance(name, str) or not _NAME.match(name):
            raise ConfigurationError("handler", name, "a name of letters, digits and _ . : / -, at most 200 characters")
        if name in self._handlers and self._handlers[name].function is not function:
            raise ConfigurationError("handler", name, "a name that is not taken by another function")
        if not isinstance(attempts, int) or isinstance(attempts, bool) or not 1 <= attempts <= 1_000_000:
            raise ConfigurationError("attempts", attempts, "a whole number from 1 to 1,000,000")
        handler = Handler(
            name,
            function,
            Payload(function, name) if batch is None else BatchPayload(function, name),
            attempts=attempts,
            backoff=backoff if isinstance(backoff, Backoff) else USUAL,
            wait=None if backoff is None or isinstance(backoff, Backoff) else _callable(backoff),
            lease=_longer(lease, "lease", SECOND, LONGEST_LEASE),
            keep_result=_said(keep_result, "keep_result"),
            timeout=_longer(timeout, "timeout", 1),
            version=checks.number(version, "version", 1, 1_000_000),
            upgrade=None if upgrade is None else _upgrading(upgrade),
            executor=executor,
            kind=name if kind is None else checks.text(kind, "kind", checks.NAME_LENGTH),
            notice=None if notice is None else checks.text(notice, "notice", checks.NAME_LENGTH),
            batch=None if batch is None else checks.number(batch, "batch", 1, 1_000),
            limits=_limits(concurrency, rate, limits),
        )
        _check_transactional(handler, transactional)
        _check_executor(handler)
        self._handlers[name] = handler
        return handler

    def find(self, name: str) -> Handler:
        """Return the handler of that name; raises UnknownHandler with the names that there are."""
        try:
            return self._handlers[name]
        except KeyError:
            known = ", ".join(sorted(self._handlers)) or "none"
            raise UnknownHandler(f"no handler is registered as {name!r}; registered here: {known}") from None

    @property
    def schemas(self) -> dict[str, str | None]:
        """The JSON schema of every handler's payload, by name."""
        return {name: handler.payload.schema for name, handler in self._handlers.items()}

    @property
    def notices(self) -> dict[str, str]:
        """Who is told when a task gave up or is lost, by the handler of the task."""
        return {name: handler.notice for name, handler in self._handlers.items() if handler.notice is not None}

    @property
    def limits(self) -> dict[str, tuple[Limit, ...]]:
        """How much of every handler may go on, by name."""
        return {name: handler.limits for name, handler in self._handlers.items()}

    def __getitem__(self, name: str) -> Handler:
        return self._handlers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._handlers  # asked for each task; a mapping would try and catch

    def __iter__(self) -> Iterator[str]:
        return iter(self._handlers)

    def __len__(self) -> int:
        return len(self._handlers)


def _limits(concurrency: int | None, rate: str | None, more: Iterable[Limit]) -> tuple[Limit, ...]:
    said = [] if concurrency is None and rate is None else [Limit(concurrency, rate)]
    for each in more:
        if not isinstance(each, Limit):
            raise ConfigurationError("limits", each, "Limit(...), each with its concurrency, its rate, or both")
        said.append(each)
    if len({each.per for each in said}) < len(said):
        raise ConfigurationError("limits", said, "one limit for all together, and one per field")
    return tuple(said)


def _check_transactional(handler: Handler, said: bool | None) -> None:
    if said is not None and said is not handler.transactional:
        parameter = handler.payload.transaction
        there_is = f"a parameter {parameter!r}" if parameter else "no parameter named transaction"
        raise ConfigurationError("transactional", said, f"{not said}, for the handler has {there_is}")
    if handler.transactional and handler.is_async:
        raise ConfigurationError(
            "transactional", handler.name, "a plain function: what it writes in its task's transaction is not awaited"
        )


def _check_executor(handler: Handler) -> None:
    if handler.executor not in ("thread", "process"):
        raise ConfigurationError("executor", handler.executor, "thread or process")
    if handler.executor == "process":
        unfit = {
            "a coroutine function": handler.is_async,
            "transactional": handler.transactional,
            "a batch": handler.batch,
        }
        for what in (what for what, so in unfit.items() if so):
            raise ConfigurationError("executor", handler.executor, f"thread, for {handler.name} is {what}")
        name = getattr(handler.function, "__qualname__", "<nameless>")
        if "<" in name:
            raise ConfigurationError(
                "executor", handler.executor, f"thread, for no module has {name}: a child imports it"
            )
    elif handler.timeout is not None and not handler.is_async:
        raise ConfigurationError(
            "timeout",
            handler.timeout / SECOND,
            "none, for a thread cannot be stopped: say executor='process', or async def",
        )


def _callable(backoff: Wait) -> Wait:
    if not callable(backoff):
        raise ConfigurationError(
            "backoff", backoff, "a Backoff, or a function (attempt, error) -> seconds or timedelta"
        )
    return backoff


def _upgrading(upgrade: Callable[[dict[str, Any], int], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    if not callable(upgrade):
        raise ConfigurationError("upgrade", upgrade, "a function (payload, its version) -> payload of today")
    return upgrade


def _said(value: bool, field: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(field, value, "True or False")
    return value


def _longer(span: timedelta | float | None, field: str, least: int, most: int = LONGEST_TIMEOUT) -> int | None:
    if span is None:
        return None
    duration = to_duration(span, field)
    if not least <= duration <= most:
        raise ConfigurationError(field, span, f"a duration of {least / SECOND:g} s to {most // DAY} days")
    return duration

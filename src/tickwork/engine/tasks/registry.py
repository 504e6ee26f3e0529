"""The handlers that this process knows, by name.

A task is run by whoever has registered its handler, and by nobody else: a name in a database never becomes an import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from tickwork.engine.tasks.batching import BatchPayload
from tickwork.engine.tasks.bound import Bound
from tickwork.engine.tasks.handler import USUAL, Handler, Wait
from tickwork.engine.tasks.handler_checks import (
    LONGEST_LEASE,
    check_executor,
    check_transactional,
    limits_of,
    own_backoff,
    span_of,
    upgrade_of,
    yes_or_no,
)
from tickwork.engine.tasks.payload import Payload
from tickwork.errors import ConfigurationError, UnknownHandler
from tickwork.model import limits as checks
from tickwork.model.action import ATTEMPTS
from tickwork.model.limit import Limit
from tickwork.model.retry import Backoff
from tickwork.store.workers import Known
from tickwork.watch import SECOND

_NAME = re.compile(r"[A-Za-z_][\w.:/-]{0,199}\Z")


class Readers(dict[tuple[str, int], "Handler | None"]):
    """Handlers by the name and the version of a payload that they can read; worked out when it is asked for first.

    It is asked twice for each task, so it is a plain look-up.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        super().__init__()
        self._handlers = handlers

    def __missing__(self, asked: tuple[str, int]) -> Handler | None:
        handler = self._handlers.get(asked[0])
        if handler is None or not handler.oldest <= asked[1] <= handler.version:
            return None
        self[asked] = handler
        return handler


class Registry(Mapping[str, Handler]):
    """The handlers of one application.

    >>> registry = Registry()
    >>> handler = registry.add("page.purge", lambda page: None, attempts=3)
    >>> registry["page.purge"].attempts, "other" in registry
    (3, False)
    """

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self.readers = Readers(self._handlers)
        """The handlers by name and version of payload: None where there is none here that can read it."""
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
            wait=None if backoff is None or isinstance(backoff, Backoff) else own_backoff(backoff),
            lease=span_of(lease, "lease", SECOND, LONGEST_LEASE),
            keep_result=yes_or_no(keep_result, "keep_result"),
            timeout=span_of(timeout, "timeout", 1),
            version=checks.number(version, "version", 1, 1_000_000),
            upgrade=None if upgrade is None else upgrade_of(upgrade),
            executor=executor,
            kind=name if kind is None else checks.text(kind, "kind", checks.NAME_LENGTH),
            notice=None if notice is None else checks.text(notice, "notice", checks.NAME_LENGTH),
            batch=None if batch is None else checks.number(batch, "batch", 1, 1_000),
            limits=limits_of(concurrency, rate, limits),
        )
        check_transactional(handler, transactional)
        check_executor(handler)
        self._handlers[name] = handler
        self.readers.clear()
        return handler

    def find(self, name: str) -> Handler:
        """Return the handler of that name; raises UnknownHandler with the names that there are."""
        try:
            return self._handlers[name]
        except KeyError:
            known = ", ".join(sorted(self._handlers)) or "none"
            raise UnknownHandler(f"no handler is registered as {name!r}; registered here: {known}") from None

    @property
    def known(self) -> dict[str, Known]:
        """What others are told of each handler, by name."""
        return {
            name: Known(each.payload.schema, each.notice, each.oldest, each.version)
            for name, each in self._handlers.items()
        }

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

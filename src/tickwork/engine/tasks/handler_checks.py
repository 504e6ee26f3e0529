"""What may be said of a handler when it is registered; each check raises ConfigurationError naming field and value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from tickwork.engine.tasks.handler import Handler, Wait
from tickwork.errors import ConfigurationError
from tickwork.model.limit import Limit
from tickwork.watch import DAY, SECOND, to_duration

#: A claim that nobody renews for so long is no claim; a run that takes a year has been forgotten.
LONGEST_LEASE, LONGEST_TIMEOUT = 7 * DAY, 366 * DAY


def limits_of(concurrency: int | None, rate: str | None, more: Iterable[Limit]) -> tuple[Limit, ...]:
    """Return all limits of a handler: the one for all together, and one per field."""
    said = [] if concurrency is None and rate is None else [Limit(concurrency, rate)]
    for each in more:
        if not isinstance(each, Limit):
            raise ConfigurationError("limits", each, "Limit(...), each with its concurrency, its rate, or both")
        said.append(each)
    if len({each.per for each in said}) < len(said):
        raise ConfigurationError("limits", said, "one limit for all together, and one per field")
    return tuple(said)


def check_transactional(handler: Handler, said: bool | None) -> None:
    """See to it that what was said of a handler's transaction is so, and that it can be given one."""
    if said is not None and said is not handler.transactional:
        parameter = handler.payload.transaction
        there_is = f"a parameter {parameter!r}" if parameter else "no parameter named transaction"
        raise ConfigurationError("transactional", said, f"{not said}, for the handler has {there_is}")
    if handler.transactional and handler.is_async:
        raise ConfigurationError(
            "transactional", handler.name, "a plain function: what it writes in its task's transaction is not awaited"
        )


def check_executor(handler: Handler) -> None:
    """See to it that it can run where it is to run, and that its time-out can be kept there."""
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


def own_backoff(backoff: Wait) -> Wait:
    """Return a handler's own back-off."""
    if not callable(backoff):
        raise ConfigurationError(
            "backoff", backoff, "a Backoff, or a function (attempt, error) -> seconds or timedelta"
        )
    return backoff


def upgrade_of(upgrade: Callable[[dict[str, Any], int], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return what brings older payloads up to date."""
    if not callable(upgrade):
        raise ConfigurationError("upgrade", upgrade, "a function (payload, its version) -> payload of today")
    return upgrade


def yes_or_no(value: bool, field: str) -> bool:
    """Return a setting that is true or false."""
    if not isinstance(value, bool):
        raise ConfigurationError(field, value, "True or False")
    return value


def span_of(span: timedelta | float | None, field: str, least: int, most: int = LONGEST_TIMEOUT) -> int | None:
    """Return a duration in microseconds, if one was given."""
    if span is None:
        return None
    duration = to_duration(span, field)
    if not least <= duration <= most:
        raise ConfigurationError(field, span, f"a duration of {least / SECOND:g} s to {most // DAY} days")
    return duration

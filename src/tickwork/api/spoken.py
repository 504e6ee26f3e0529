"""Clocks and actions from words, as people write them on a command line or in a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from tickwork.api.clock_words import spoken_clock
from tickwork.clocks import Clock
from tickwork.errors import InvalidInput
from tickwork.model.action import COMMAND, Log, PutTask
from tickwork.watch import Instant, to_instant

__all__ = ["previewed", "spoken_action", "spoken_clock", "spoken_task"]


def spoken_task(
    handler: str | None = None,
    payload: Mapping[str, Any] | None = None,
    command: str | None = None,
    version_of: Callable[[str], int] = lambda handler: 1,
) -> PutTask:
    """Return the action of a task that is put by itself: a *handler* with its *payload*, or a shell *command*.

    *version_of* says by the handler of which version a payload is that somebody writes today.
    """
    if (handler is None) == (command is None):
        raise InvalidInput("task", handler, "either a handler or a command")
    action = spoken_action(handler, payload, command, version_of=version_of)
    assert isinstance(action, PutTask)
    return action


def previewed(clock: Clock, count: int, after: datetime) -> tuple[str, list[Instant]]:
    """Return what the clock means in plain words, and its next *count* occurrences after that moment.

    >>> previewed(spoken_clock(daily="09:00"), 1, datetime.fromisoformat("2026-01-01T12:00:00Z"))
    ('every day at 09:00, UTC', [1767344400000000])
    """
    return clock.describe(), clock.preview(count, since=to_instant(after, "after"))


def spoken_action(
    handler: str | None = None,
    payload: Mapping[str, Any] | None = None,
    command: str | None = None,
    log: str | None = None,
    version_of: Callable[[str], int] = lambda handler: 1,
) -> PutTask | Log:
    """Return the action that was said: a *handler* with its *payload*, a shell *command*, or a line to *log*.

    *version_of* says by the handler of which version a payload is that somebody writes today. Raises InvalidInput where
    none or several were said.

    >>> spoken_action(command="date +%H").payload
    '{"argv":["/bin/sh","-c","date +%H"]}'
    """
    said = [name for name, value in (("handler", handler), ("command", command), ("log", log)) if value is not None]
    if len(said) != 1:
        raise InvalidInput("action", ", ".join(said) or None, "exactly one of handler, command, log")
    if payload is not None and handler is None:
        raise InvalidInput("payload", payload, f"no payload: it goes with a handler, not with a {said[0]}")
    if command is not None:
        return PutTask.of(COMMAND, {"argv": ["/bin/sh", "-c", command]})
    if log is not None:
        return Log(log)
    assert handler is not None
    return msgspec.structs.replace(PutTask.of(handler, payload), payload_version=version_of(handler))

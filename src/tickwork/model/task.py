"""A task as an application puts it: an action, a time, and how it is to be treated; checked before it is written.

Either ``at`` (an instant; a past one means now) or ``delay`` (from the clock at the statement), never both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict

import msgspec

from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.action import PutTask, attempts_of
from tickwork.model.standing_order import PRIORITY, QUEUE, action_columns, span
from tickwork.model.unique import WORDS, Existing, Root, Scope, key_columns
from tickwork.watch import Instant, to_instant

#: What a verb did to a task. A running task cannot be taken back: it was *asked* to stop. One that has finished is *over*.
#: *done* answers a retry of a task that went well: it comes back only where that is said.
TaskDid = Literal[
    "put",
    "exists",
    "edited",
    "unchanged",
    "cancelled",
    "asked",
    "over",
    "unknown",
    "running",
    "retried",
    "done",
    "freed",
]


@dataclass(frozen=True, slots=True)
class TaskPut:
    """What a verb did to a task; id is None where there is no such task."""

    id: int | None
    key: str | None
    did: TaskDid


class Treatment(TypedDict, total=False):
    """Everything about a task apart from its action and its time."""

    priority: int
    queue: str
    attempts: int
    key: str | None
    dedupe: bool | Iterable[str]
    scope: Scope | timedelta
    existing: Existing
    root: Root | None
    expires_at: datetime | Instant | None
    object: str | None
    container: str | None
    tags: Iterable[str]
    limit_key: str | None
    units: int


@dataclass(frozen=True, slots=True)
class NewTask:
    """One task as an application writes it."""

    action: PutTask
    at: Instant | None
    delay: int
    treatment: Treatment

    @classmethod
    def of(
        cls,
        action: Any,
        at: datetime | Instant | None,
        delay: timedelta | float | None,
        treatment: Treatment,
    ) -> NewTask:
        """Check everything that can be checked without the database."""
        if not isinstance(action, PutTask):
            raise InvalidInput("action", action, "handler.task(...) of a registered handler, or PutTask")
        instant, wait = when(at, delay)
        return cls(action, instant, wait, treatment)

    def columns(self) -> dict[str, Any]:
        """Return the values of the task's columns, with every default filled in."""
        columns: dict[str, Any] = {
            **action_columns(self.action),
            "at": self.at,
            "delay": self.delay,
            "root": None,
            "root_at": None,
            "parent_id": None,
            "group_id": None,
            "awaits": None,
            "attempts": attempts_of(self.action),
            "queue": QUEUE,
            "priority": PRIORITY,
            "expires_at": None,
            "object": None,
            "container": None,
            "tags": None,
            "limit_key": None,
            "units": None,
        }
        columns.update(treatment_columns(self.treatment))
        columns.update(key_columns(self.action, self.treatment))
        return columns


def when(at: datetime | Instant | None, delay: timedelta | float | None) -> tuple[Instant | None, int]:
    """Return the instant, if one was given, and the delay in microseconds."""
    if at is not None and delay is not None:
        raise InvalidInput("delay", delay, "either at or delay, not both")
    return None if at is None else to_instant(at, "at"), 0 if delay is None else span(delay, "delay")


#: Words of a treatment that are more, or less, than a column.
_READ_ELSEWHERE = frozenset({*WORDS, "root"})


def treatment_columns(treatment: Treatment) -> dict[str, Any]:
    """Return the columns that the treatment names, each checked."""
    columns = {name: _column(name, value) for name, value in treatment.items() if name not in _READ_ELSEWHERE}
    root = treatment.get("root")
    if root is not None:
        if not isinstance(root, Root):
            raise InvalidInput("root", root, "a Root: its signature and its time")
        columns.update(root=root.signature, root_at=root.at)
    return columns


def _column(name: str, value: Any) -> Any:
    match name:
        case "priority":
            return limits.priority(value)
        case "queue":
            return limits.text(value, name, limits.NAME_LENGTH)
        case "attempts":
            return limits.attempts(value)
        case "object" | "container" | "limit_key":
            return limits.optional_text(value, name)
        case "units":
            return limits.number(value, name, 1, 1_000_000)
        case "expires_at":
            return None if value is None else to_instant(value, name)
        case "tags":
            checked = limits.tags(value)
            return msgspec.json.encode(checked).decode() if checked else None
    raise TypeError(f"a task has no {name!r}; it has {', '.join(Treatment.__annotations__)}, at and delay")

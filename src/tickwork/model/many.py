"""Many tasks or many triggers at once, as an application hands them over: read whole and checked before one is written.

A row is an action, or a pair of an action and what is special about this one; a trigger's row is key, clock and
action, and what is special. What is said for all of them stands behind what a row says itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tickwork.clocks.clock import Clock
from tickwork.errors import InvalidInput
from tickwork.model.action import Action, PutTask

#: A task's row: the action, or the action with its own time and treatment.
TaskLine = PutTask | tuple[PutTask, Mapping[str, Any]]
#: A trigger's row: key, clock, action, and maybe its own terms.
TriggerLine = tuple[str, Clock | datetime, Action] | tuple[str, Clock | datetime, Action, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ManyPut:
    """What a put of many tasks did: new ones, ones whose key was taken, and how many of these begin earlier now."""

    put: int
    existing: int = 0
    hastened: int = 0
    ids: tuple[int, ...] = field(default=(), repr=False)
    """The ids of the new ones, in the order in which they were put."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Tasks that differ in their payloads only: the columns that they share, worked out once."""

    columns: Mapping[str, Any]
    payloads: list[str]

    def __len__(self) -> int:
        return len(self.payloads)

    def with_columns(self, **more: Any) -> Alike:
        """Return them with other shared columns."""
        return Alike({**self.columns, **more}, self.payloads)


@dataclass(frozen=True, slots=True)
class ManyTriggers:
    """What a put of many triggers did."""

    created: int = 0
    edited: int = 0
    rearmed: int = 0
    unchanged: int = 0


def task_lines(lines: Iterable[Any]) -> list[tuple[Any, Mapping[str, Any]]]:
    """Read the rows of tasks.

    >>> task_lines([PutTask("work"), (PutTask("work"), {"delay": 5})])[1][1]
    {'delay': 5}
    """
    found = []
    for place, line in enumerate(lines):
        action, special = line if isinstance(line, tuple) and len(line) == 2 else (line, {})
        if not isinstance(special, Mapping):
            raise InvalidInput(f"row {place}", line, "an action, or (action, {its time and treatment})")
        found.append((action, special))
    return found


def trigger_lines(lines: Iterable[Any]) -> list[tuple[str, Any, Any, Mapping[str, Any]]]:
    """Read the rows of triggers, in the order of their keys; a key stands once."""
    found: dict[str, tuple[str, Any, Any, Mapping[str, Any]]] = {}
    for place, line in enumerate(lines):
        if (
            not isinstance(line, tuple)
            or len(line) not in (3, 4)
            or not isinstance(line[-1], Mapping if len(line) == 4 else object)
        ):
            raise InvalidInput(f"row {place}", line, "(key, clock, action), or (key, clock, action, {its terms})")
        key, clock, action, special = (*line, {}) if len(line) == 3 else line
        if key in found:
            raise InvalidInput(f"row {place}", key, "each key once")
        found[key] = (key, clock, action, special)
    try:
        return [found[key] for key in sorted(found)]
    except TypeError:
        raise InvalidInput("key", list(found)[:5], "texts") from None

"""An object is what a trigger or a task is about, a container what the object belongs to; both are the user's words."""

from __future__ import annotations

from dataclasses import dataclass, field

from tickwork.model.standing_order import TriggerPut
from tickwork.model.task import TaskPut


@dataclass(frozen=True, slots=True)
class ObjectCancelled:
    """What became of everything about an object."""

    triggers: tuple[TriggerPut, ...] = ()
    tasks: tuple[TaskPut, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    """How much there is about an object: triggers and unfinished tasks by state, archived tasks by outcome."""

    triggers: dict[str, int] = field(default_factory=dict)
    tasks: dict[str, int] = field(default_factory=dict)
    archive: dict[str, int] = field(default_factory=dict)

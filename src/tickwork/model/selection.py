"""Which tasks or triggers a bulk verb is about: filters that are read as they stand, and never select by accident.

Every bound is inclusive, also 0. A filter that says nothing selects nothing: it is refused, since "all" must be said
(``state`` or ``ids`` say it). A *limit* takes those that would run, or fire, first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.states import ARCHIVED
from tickwork.watch import Instant, to_instant

UNFINISHED = ("waiting", "ready", "running", "unhandled")
TRIGGER_STATES = ("active", "paused", "cancelled")
MOST = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """Tasks by what they are; what is None does not filter.

    ``outcome`` selects from the archive, everything else without it from the unfinished ones. Failures are attempts
    that failed: neither what runs now, nor lost leases, nor snoozes.

    >>> TaskFilter(min_failures=5, max_failures=2)
    Traceback (most recent call last):
    tickwork.errors.InvalidInput: max_failures: 2 is not allowed; expected at least min_failures (5)
    >>> TaskFilter(limit=3).refuse_empty()
    Traceback (most recent call last):
    tickwork.errors.InvalidInput: filter: 'nothing' is not allowed; expected something that says which tasks: ids, ...
    """

    ids: Iterable[int] | None = None
    key: str | None = None
    handler: str | None = None
    queue: str | None = None
    state: str | None = None
    outcome: str | None = None
    object: str | None = None
    container: str | None = None
    trigger: str | None = None
    tag: str | None = None
    min_priority: int | None = None
    max_priority: int | None = None
    min_failures: int | None = None
    max_failures: int | None = None
    finished_after: datetime | Instant | None = None
    finished_before: datetime | Instant | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.ids is not None:
            object.__setattr__(
                self,
                "ids",
                tuple(
                    sorted(
                        {
                            limits.number(each, "ids", 1, 2**63 - 1)
                            for each in limits.several(self.ids, "ids", "whole numbers")
                        }
                    )
                ),
            )
        for name in ("key", "handler", "queue", "object", "container", "trigger", "tag"):
            limits.optional_text(getattr(self, name), name)
        _one_of("state", self.state, UNFINISHED)
        _one_of("outcome", self.outcome, ARCHIVED)
        if self.state is not None and self.outcome is not None:
            raise InvalidInput(
                "outcome", self.outcome, "either a state or an outcome: a task that is over has no state"
            )
        _bounds(self, "priority", 0)
        _bounds(self, "failures", 0)
        for name in ("finished_after", "finished_before"):
            if getattr(self, name) is not None:
                if self.outcome is None:
                    raise InvalidInput(
                        name, getattr(self, name), "an outcome beside it: only what is over has finished"
                    )
                object.__setattr__(self, name, to_instant(getattr(self, name), name))
        if self.limit is not None:
            limits.number(self.limit, "limit", 1, MOST)

    def refuse_empty(self) -> None:
        """Raise InvalidInput where nothing is said but a limit."""
        _refuse_empty(self, "tasks")

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of the statements that select by it."""
        return {
            **{each.name: getattr(self, each.name) for each in fields(self)},
            "by_id": int(self.ids is not None),
            "ids": list(self.ids or ()),
            "tag": None if self.tag is None else msgspec.json.encode(self.tag).decode(),
            "limit": MOST if self.limit is None else self.limit,
        }

    def stored(self) -> str:
        """Return it as JSON, what is None left out."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return msgspec.json.encode({name: value for name, value in said.items() if value is not None}).decode()

    @classmethod
    def read(cls, stored: dict[str, Any]) -> TaskFilter:
        """Return what :meth:`stored` wrote."""
        return cls(**stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerFilter:
    """Triggers by what they are; what is None does not filter. Cancelled ones only where the state says so."""

    ids: Iterable[int] | None = None
    prefix: str | None = None
    state: str | None = None
    object: str | None = None
    container: str | None = None
    tag: str | None = None
    handler: str | None = None
    due_after: datetime | Instant | None = None
    due_before: datetime | Instant | None = None
    set_aside: bool | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.ids is not None:
            object.__setattr__(
                self,
                "ids",
                tuple(
                    sorted(
                        {
                            limits.number(each, "ids", 1, 2**63 - 1)
                            for each in limits.several(self.ids, "ids", "whole numbers")
                        }
                    )
                ),
            )
        for name in ("prefix", "object", "container", "tag", "handler"):
            limits.optional_text(getattr(self, name), name)
        _one_of("state", self.state, TRIGGER_STATES)
        for name in ("due_after", "due_before"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, to_instant(getattr(self, name), name))
        if self.limit is not None:
            limits.number(self.limit, "limit", 1, MOST)

    def refuse_empty(self) -> None:
        """Raise InvalidInput where nothing is said but a limit."""
        _refuse_empty(self, "triggers")

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of the statements that select by it."""
        return {
            **{each.name: getattr(self, each.name) for each in fields(self)},
            "by_id": int(self.ids is not None),
            "ids": list(self.ids or ()),
            "tag": None if self.tag is None else msgspec.json.encode(self.tag).decode(),
            "set_aside": None if self.set_aside is None else int(self.set_aside),
            "limit": MOST if self.limit is None else self.limit,
        }


class Selected(NamedTuple):
    """One task that a filter selects, as it stood then; ``state`` is its outcome where it is over."""

    id: int
    key: str | None
    state: str
    handler: str
    priority: int
    available_at: Instant | None
    failures: int


def _one_of(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise InvalidInput(name, value, ", ".join(allowed))


def _bounds(filters: Any, of: str, least: int) -> None:
    low, high = (getattr(filters, f"{end}_{of}") for end in ("min", "max"))
    for end, value in (("min", low), ("max", high)):
        if value is not None:
            limits.number(value, f"{end}_{of}", least, MOST)
    if low is not None and high is not None and high < low:
        raise InvalidInput(f"max_{of}", high, f"at least min_{of} ({low})")


def _refuse_empty(filters: Any, what: str) -> None:
    names = [each.name for each in fields(filters) if each.name != "limit"]
    if all(getattr(filters, name) is None for name in names):
        raise InvalidInput("filter", "nothing", f"something that says which {what}: {', '.join(names)}")

"""A standing order is what an application writes when it puts a trigger: key, clock, action and policies, checked.

The row has more (version, generation, since when): those are the database's to say. Equal orders are equal columns,
so that the database can tell that nothing was changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict

import msgspec

from tickwork.clocks.clock import Clock
from tickwork.clocks.codec import encode_json
from tickwork.clocks.never import Never
from tickwork.clocks.once import Once
from tickwork.errors import InvalidClock, InvalidInput
from tickwork.model import limits
from tickwork.model.action import Action, Log, PutTask, Topic, attempts_of
from tickwork.model.policies import Misfire, Overlap, Policies
from tickwork.watch import Instant, to_duration

PRIORITY = 2_000
QUEUE = "default"

#: What a verb did to a trigger.
TriggerDid = Literal[
    "created",
    "edited",
    "moved",
    "rearmed",
    "paused",
    "resumed",
    "cancelled",
    "unchanged",
    "already cancelled",
    "asked to fire",
    "not scheduled",
]


@dataclass(frozen=True, slots=True)
class TriggerPut:
    """What a verb did to a trigger, and the version that is now in force."""

    id: int
    key: str
    version: int
    generation: int
    did: TriggerDid


class Terms(TypedDict, total=False):
    """Everything about a trigger apart from its key, clock and action."""

    misfire: Misfire
    grace: timedelta | float
    overlap: Overlap
    jitter: timedelta | float
    max_firings: int | None
    pause_on_failure: bool
    expires_after: timedelta | float | None
    priority: int
    queue: str
    attempts: int
    object: str | None
    container: str | None
    tags: Iterable[str]


_POLICIES = ("misfire", "grace", "overlap", "jitter", "max_firings", "pause_on_failure")


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """One trigger as an application writes it."""

    key: str
    clock: Clock
    action: Action
    terms: Terms

    @classmethod
    def of(cls, key: str, clock: Clock | datetime, action: Action, at: Instant, terms: Terms) -> StandingOrder:
        """Check everything, settle what depends on the key, and refuse a clock that never fires."""
        limits.text(key, "key")
        if isinstance(action, Topic) and terms.get("overlap", "allow") != "allow":
            raise InvalidInput(
                "overlap", terms["overlap"], "allow: a topic has no one task that could still be running"
            )
        return cls(key, settled(clock, key, at), checked_action(action), terms)

    def columns(self) -> dict[str, Any]:
        """Return the values of the trigger's columns, with every default filled in."""
        kind, params = encode_json(self.clock)
        columns: dict[str, Any] = {
            "key": self.key,
            "clock_kind": kind,
            "clock_params": params,
            "policies": policies(self.terms).encode(),
            **action_columns(self.action),
            "attempts": attempts_of(self.action),
            "queue": QUEUE,
            "priority": PRIORITY,
            "expires_after": None,
            "object": None,
            "container": None,
            "tags": "[]",
        }
        columns.update(term_columns(self.terms))
        return columns


def settled(clock: Clock | datetime, key: str, at: Instant) -> Clock:
    """Return the clock as it will be stored; a datetime is a one-time clock. Refuse one that will never fire.

    *at* is the present: a one-time clock of the past fires at once, anything else must have a future.
    """
    if isinstance(clock, datetime):
        return Once(clock)
    if not isinstance(clock, Clock):
        raise InvalidClock("clock", clock, "a clock (tickwork.clocks), or a datetime with a time zone")
    clock = clock.resolve(key, at)
    if not isinstance(clock, (Never, Once)) and clock.next_at(None, at) is None:
        raise InvalidClock("clock", clock, "a clock that fires at least once from now on; this one never fires")
    return clock


def checked_action(action: Any) -> Action:
    if not isinstance(action, (PutTask, Topic, Log)):
        raise InvalidInput("action", action, "handler.task(...) of a registered handler, PutTask, Topic or Log")
    return action


def action_columns(action: Action) -> dict[str, Any]:
    return {
        "action": action.kind,
        "handler": action.handler,
        "payload": action.payload,
        "payload_version": action.payload_version,
    }


def policies(terms: Terms) -> Policies:
    """Return the policies among the terms, defaults where nothing is said."""
    return Policies(**policy_changes(terms))


def policy_changes(terms: Terms) -> dict[str, Any]:
    """Return those policies that the terms name, durations in microseconds."""
    return {name: _policy(name, value) for name, value in terms.items() if name in _POLICIES}


def _policy(name: str, value: Any) -> Any:
    if name in ("grace", "jitter"):
        return span(value, name)
    if name == "max_firings" and value is not None:
        return limits.number(value, name, 1, 2**31 - 1)
    if name == "pause_on_failure" and not isinstance(value, bool):
        raise InvalidInput(name, value, "True or False")
    return value


def term_columns(terms: Terms) -> dict[str, Any]:
    """Return the columns that the terms name, policies apart, each checked."""
    columns: dict[str, Any] = {}
    for name, value in terms.items():
        if name in _POLICIES:
            continue
        columns[name] = _column(name, value)
    return columns


def _column(name: str, value: Any) -> Any:
    match name:
        case "expires_after":
            return None if value is None else span(value, name)
        case "priority":
            return limits.priority(value)
        case "queue":
            return limits.text(value, name, limits.NAME_LENGTH)
        case "attempts":
            return limits.attempts(value)
        case "object" | "container":
            return limits.optional_text(value, name)
        case "tags":
            return msgspec.json.encode(limits.tags(value)).decode()
    raise TypeError(f"a trigger has no {name!r}; it has {', '.join(Terms.__annotations__)}")


def span(value: timedelta | float, field: str) -> int:
    """Return a duration of 0 or more, at most a thousand years, in microseconds."""
    duration = to_duration(value, field)
    if not 0 <= duration <= limits.LONGEST_DELAY:
        raise InvalidInput(field, value, "a duration of 0 or more, at most 1,000 years")
    return duration

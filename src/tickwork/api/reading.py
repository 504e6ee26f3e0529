"""Triggers as people read them: the clock in plain words, what the action does, what fires next, what happened lately.

The rooms (:mod:`tickwork.api.triggers`) return rows in the engine's terms; here they are put into sentences for the
command line and the console. What stands in a row never makes a list fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tickwork.model.action import Log
from tickwork.model.report import LedgerRow, Trigger
from tickwork.watch import Instant

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

SET_ASIDE = "set aside"
#: How many coming occurrences and how many rows of the ledger are shown of one trigger.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class TriggerLine:
    """One trigger in a list; ``state`` is ``set aside`` where its event is."""

    id: int
    key: str
    state: str
    next_at: Instant | None
    last_at: Instant | None
    clock: str
    action: str
    version: int
    generation: int
    object: str | None
    tags: tuple[str, ...]
    error: str | None


@dataclass(frozen=True, slots=True)
class TriggerPage:
    """One trigger whole."""

    id: int
    key: str
    state: str
    clock: str
    action: str
    payload: str
    version: int
    generation: int
    planned: bool
    next_at: Instant | None
    due_at: Instant | None
    last_at: Instant | None
    fired: int
    misfire: str
    grace: int
    overlap: str
    jitter: int
    max_firings: int | None
    expires_after: int | None
    priority: int
    queue: str
    attempts: int
    object: str | None
    container: str | None
    tags: tuple[str, ...]
    since_at: Instant
    created_at: Instant
    changed_at: Instant
    changed_by: str
    did: str
    failures: int
    error: str | None
    set_aside_at: Instant | None
    next: tuple[Instant, ...]
    firings: tuple[LedgerRow, ...]


def list_triggers(
    app: Tickwork,
    *,
    prefix: str | None = None,
    state: str | None = None,
    object: str | None = None,
    tag: str | None = None,
    due_before: datetime | Instant | None = None,
    limit: int = 100,
) -> list[TriggerLine]:
    """List triggers, those that fire next first; *state* may be ``set aside`` too."""
    found = app.triggers.list(
        prefix,
        state=None if state == SET_ASIDE else state,
        set_aside=True if state == SET_ASIDE else None,
        object=object,
        tag=tag,
        due_before=due_before,
        limit=limit,
    )
    return [line_of(trigger) for trigger in found]


def show_trigger(app: Tickwork, trigger: str | int) -> TriggerPage:
    """Return one trigger whole, by key or id; raises NotFound."""
    found = app.triggers.get(trigger)
    policies = found.policies
    return TriggerPage(
        id=found.id,
        key=found.key,
        state=state_of(found),
        clock=found.says,
        action=action_of(found),
        payload=found.payload,
        version=found.version,
        generation=found.generation,
        planned=found.planned,
        next_at=found.next_at,
        due_at=found.due_at,
        last_at=found.last_at,
        fired=found.firings or 0,
        misfire=policies.misfire,
        grace=policies.grace,
        overlap=policies.overlap,
        jitter=policies.jitter,
        max_firings=policies.max_firings,
        expires_after=found.expires_after,
        priority=found.priority,
        queue=found.queue,
        attempts=found.attempts,
        object=found.object,
        container=found.container,
        tags=found.tags,
        since_at=found.since_at,
        created_at=found.created_at,
        changed_at=found.changed_at,
        changed_by=found.changed_by,
        did=found.did,
        failures=found.failures or 0,
        error=found.error,
        set_aside_at=found.set_aside_at,
        next=found.coming(SHOWN),
        firings=tuple(app.triggers.ledger(found.id, limit=SHOWN)),
    )


def line_of(trigger: Trigger) -> TriggerLine:
    return TriggerLine(
        id=trigger.id,
        key=trigger.key,
        state=state_of(trigger),
        next_at=trigger.next_at if trigger.state == "active" else None,
        last_at=trigger.last_at,
        clock=trigger.says,
        action=action_of(trigger),
        version=trigger.version,
        generation=trigger.generation,
        object=trigger.object,
        tags=trigger.tags,
        error=trigger.error,
    )


def state_of(trigger: Trigger) -> str:
    """The trigger's state, or ``set aside``: what a person must know first."""
    return SET_ASIDE if trigger.set_aside and trigger.state == "active" else trigger.state


def action_of(trigger: Trigger) -> str:
    """What a firing does, in a few words."""
    if trigger.action_kind == Log.kind:
        return f"log {trigger.payload}"
    return trigger.handler

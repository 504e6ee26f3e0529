"""A trigger, a task, a firing as people are shown them: rows put together, in instants and microseconds.

A report never fails for what stands in a row: a clock that this program does not know is still listed, and only
asking for the clock itself raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from tickwork.clocks.clock import Clock
from tickwork.clocks.codec import decode_json
from tickwork.errors import InvalidInput
from tickwork.model.action import Action, Log, PutTask, Topic
from tickwork.model.policies import Policies, decode_policies
from tickwork.watch import Instant


class TriggerRow(NamedTuple):
    """A trigger and, behind it, its event: null throughout until the daemon has planned it."""

    id: int
    key: str
    state: str
    version: int
    generation: int
    clock_kind: str
    clock_params: str
    policies_text: str
    action_kind: str
    handler: str
    payload: str
    payload_version: int
    queue: str
    priority: int
    attempts: int
    expires_after: int | None
    object: str | None
    container: str | None
    tags_text: str
    since_at: Instant
    created_at: Instant
    changed_at: Instant
    changed_by: str
    did: str
    planned_version: int | None
    last_at: Instant | None
    next_at: Instant | None
    due_at: Instant | None
    firings: int | None
    failures: int | None
    error: str | None
    set_aside_at: Instant | None


class Trigger(TriggerRow):
    """One trigger with the state of its event."""

    __slots__ = ()

    @property
    def clock(self) -> Clock:
        """Its clock; raises InvalidClock where this program cannot build it."""
        return decode_json(self.clock_kind, self.clock_params)

    @property
    def says(self) -> str:
        """The clock in plain words."""
        try:
            return self.clock.describe()
        except InvalidInput as error:
            return f"{self.clock_kind} {self.clock_params} ({error})"

    @property
    def policies(self) -> Policies:
        return decode_policies(self.policies_text)

    @property
    def action(self) -> Action:
        if self.action_kind == Log.kind:
            message = msgspec.json.decode(self.payload, type=dict[str, str]).get("message", "")
            return Log(message)
        if self.action_kind == Topic.kind:
            return Topic(self.handler, self.payload)
        return PutTask(self.handler, self.payload, self.payload_version)

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(msgspec.json.decode(self.tags_text))

    @property
    def set_aside(self) -> bool:
        """Whether it failed too often, or waits for a person's answer: see ``error``."""
        return self.set_aside_at is not None

    @property
    def planned(self) -> bool:
        """Whether a daemon has planned the version that is in force."""
        return self.planned_version == self.version

    def coming(self, count: int) -> tuple[Instant, ...]:
        """Return the next planned occurrences: as they stand, or as they will once a daemon has read the letter.

        None where the trigger is paused, cancelled, finished, or its clock cannot be built here.
        """
        if self.state != "active" or count < 1:
            return ()
        try:
            first = self.next_at if self.planned else self.clock.next_at(None, self.since_at)
            if first is None:
                return ()
            return (first, *islice(self.clock.occurrences(first, self.since_at), count - 1))
        except InvalidInput:
            return ()


class Version(NamedTuple):
    """One version that a trigger had."""

    version: int
    generation: int
    state: str
    clock_kind: str
    clock_params: str
    since_at: Instant
    policies_text: str
    missed: str | None
    changed_at: Instant
    changed_by: str
    did: str


class LedgerRow(NamedTuple):
    """One row of the ledger: an occurrence (or a run of them) and its outcome."""

    trigger_id: int
    generation: int
    planned_at: Instant
    outcome: str
    reason: str | None
    slots: int
    until_at: Instant | None
    version: int
    task_id: int | None
    fired_at: Instant


class Failed(NamedTuple):
    """One attempt of a task that failed."""

    attempt: int
    outcome: str
    error: str | None
    worker_id: int | None
    started_at: Instant | None
    ended_at: Instant


class Result(NamedTuple):
    """What a member of a group left: its id, how it ended, and its result as JSON, None where it kept none."""

    id: int
    outcome: str
    result: str | None

    @property
    def value(self) -> Any:
        """The result, read."""
        return None if self.result is None else msgspec.json.decode(self.result)


class GroupRow(NamedTuple):
    """A group that is not over: its number, what failures do, how many members it has, how many have ended and how."""

    id: int
    on_failure: str
    total: int
    unended: int
    ended: dict[str, int]


class TaskRow(NamedTuple):
    """A task, unfinished or archived; ``state`` is ``over`` where ``outcome`` says how it ended."""

    id: int
    key: str | None
    state: str
    outcome: str | None
    handler: str
    payload: str
    payload_version: int
    queue: str
    priority: int
    available_at: Instant | None
    attempt: int
    attempts: int
    lost: int
    snoozes: int
    expires_at: Instant | None
    asked_at: Instant
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    reason: str | None
    result: str | None
    error: str | None
    object: str | None
    container: str | None
    tags: str | None
    trigger_id: int | None
    trigger_key: str | None
    planned_at: Instant | None
    previous_at: Instant | None
    slots: int | None
    parent_id: int | None
    group_id: int | None = None
    """The group of which it is a member."""
    awaits: int | None = None
    """The group for whose end it waits."""
    gathered: str | None = None
    """How the group ended that it has waited for, as JSON."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of what: by state and by outcome."""

    triggers: dict[str, int] = field(default_factory=dict)
    due: int = 0
    set_aside: int = 0
    tasks: dict[str, int] = field(default_factory=dict)
    archive: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alive:
    """How many processes of one kind gave a sign of life within the last minute, and when the newest of all did."""

    kind: str
    count: int
    seen_at: Instant
    now: Instant

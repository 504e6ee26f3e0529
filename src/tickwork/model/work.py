"""What a worker has claimed, and what of it a handler is shown: the task, apart from its payload.

A :class:`Claimed` is the row as the claim returned it, in instants of microseconds; the hot path knows nothing else.
A :class:`Task` is the same for people, with datetimes, made only for a handler that asks for it (its first parameter
is named ``task`` or annotated so).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Unpack

import msgspec

from tickwork.errors import InvalidInput
from tickwork.model.action import PutTask
from tickwork.model.flow import Gathered, Then, flow_columns
from tickwork.model.task import NewTask, Treatment
from tickwork.watch import Instant, from_duration, from_instant

#: How many characters of a word about progress are kept.
NOTE_LENGTH = 500


class Claimed(NamedTuple):
    """One claimed task: a row of ``claim_tasks``, in the order of its columns."""

    id: int
    token: int
    namespace: str
    queue: str
    priority: int
    handler: str
    payload: str
    payload_version: int
    key: str | None
    attempt: int
    attempts: int
    lost: int
    snoozes: int
    available_at: Instant
    expires_at: Instant | None
    asked_at: Instant
    created_at: Instant
    object: str | None
    container: str | None
    tags: str | None
    trigger_key: str | None
    planned_at: Instant | None
    previous_at: Instant | None
    slots: int | None
    parent_id: int | None
    marked: bool
    cancel_asked: bool
    superseded: bool
    claimed_at: Instant
    gathered: str | None = None
    places: str | None = None
    """The places that it takes up of limits, as JSON (see :mod:`tickwork.model.limit`)."""
    openings: bool = False
    """Whether, when it was claimed, there were lanes to be opened."""

    @property
    def must_be_marked(self) -> bool:
        """Whether its start must stand in the database before it starts.

        So it is where the difference between "claimed" and "running" decides something: on the last run that is
        allowed, and for a task that is suspected of ending its worker.
        """
        return not self.marked and (self.lost > 0 or self.attempt >= self.attempts)


class Signs:
    """What became known about running tasks meanwhile: asked to stop, or no longer ours."""

    def __init__(self) -> None:
        self.cancelled: set[int] = set()
        self.lost: set[int] = set()
        self.progress: dict[int, tuple[int, float, str | None]] = {}
        """The last word of each run that nobody has written down yet: token, share, note."""

    def is_lost(self, claimed: Claimed) -> bool:
        """Say whether the lease of this claim has ended under us."""
        return claimed.token in self.lost

    def note(self, claimed: Claimed, share: float, note: str | None) -> None:
        """A handler said how far it has come; its last word stands."""
        self.progress[claimed.id] = (claimed.token, share, note)


class Task:
    """The task that a handler is running: who it is, why it runs, and how often it was tried.

    Its payload arrives as the handler's arguments; everything else is here. Instants are datetimes in UTC.
    """

    __slots__ = ("_claimed", "_signs", "follow_ups")

    def __init__(self, claimed: Claimed, signs: Signs | None = None) -> None:
        self._claimed, self._signs = claimed, signs or Signs()
        self.follow_ups: list[dict[str, Any]] = []

    def __repr__(self) -> str:
        return f"Task(id={self.id}, handler={self.handler!r}, attempt={self.attempt})"

    @property
    def id(self) -> int:
        return self._claimed.id

    @property
    def handler(self) -> str:
        return self._claimed.handler

    @property
    def key(self) -> str | None:
        """The key that it was put under, if any."""
        return self._claimed.key

    @property
    def namespace(self) -> str:
        return self._claimed.namespace

    @property
    def queue(self) -> str:
        return self._claimed.queue

    @property
    def priority(self) -> int:
        return self._claimed.priority

    @property
    def attempt(self) -> int:
        """Which run this is; the first is 1."""
        return self._claimed.attempt

    @property
    def attempts(self) -> int:
        """How many runs are allowed."""
        return self._claimed.attempts

    @property
    def last_attempt(self) -> bool:
        """Whether a failure now is the end of it."""
        return self._claimed.attempt >= self._claimed.attempts

    @property
    def lost(self) -> int:
        """How many leases of it ran out while it was running."""
        return self._claimed.lost

    @property
    def object(self) -> str | None:
        """What it is about, as whoever put it said."""
        return self._claimed.object

    @property
    def container(self) -> str | None:
        """What its object belongs to, as whoever put it said."""
        return self._claimed.container

    @property
    def tags(self) -> tuple[str, ...]:
        return msgspec.json.decode(self._claimed.tags, type=tuple[str, ...]) if self._claimed.tags else ()

    @property
    def trigger_key(self) -> str | None:
        """The trigger whose firing put it, if one did."""
        return self._claimed.trigger_key

    @property
    def planned_at(self) -> datetime | None:
        """The occurrence of the trigger that it stands for."""
        return _shown(self._claimed.planned_at)

    @property
    def previous_at(self) -> datetime | None:
        """The occurrence before that, None for the first."""
        return _shown(self._claimed.previous_at)

    @property
    def slots(self) -> int:
        """How many occurrences it stands for: more than one where missed ones were coalesced."""
        return self._claimed.slots or 1

    @property
    def asked_at(self) -> datetime:
        """When it was first to run."""
        return from_instant(self._claimed.asked_at)

    @property
    def created_at(self) -> datetime:
        return from_instant(self._claimed.created_at)

    @property
    def claimed_at(self) -> datetime:
        return from_instant(self._claimed.claimed_at)

    @property
    def expires_at(self) -> datetime | None:
        """From when on it would not have been run any more."""
        return _shown(self._claimed.expires_at)

    @property
    def late_for(self) -> timedelta:
        """How late it was claimed, counted from its planned time, else from when it was first to run."""
        claimed = self._claimed
        meant_at = claimed.asked_at if claimed.planned_at is None else claimed.planned_at
        return from_duration(max(0, claimed.claimed_at - meant_at))

    @property
    def parent_id(self) -> int | None:
        """The task that put it as a follow-up, if one did."""
        return self._claimed.parent_id

    def put(
        self,
        action: PutTask | Then,
        *,
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        join: bool = False,
        **treatment: Unpack[Treatment],
    ) -> None:
        """Put another task, or a flow, if, and only if, this run succeeds: all is written in one transaction.

        Takes what the application's own put takes, and this task's priority where nothing else is said; raises
        InvalidInput at once for what cannot be, which makes this run a failure like any other, with no follow-up at
        all. With *join* it becomes a member of the group that this task is a member of: what waits for that group waits
        for it, too.
        """
        given = {"priority": self.priority, "at": at, "delay": delay, **treatment}
        flow = flow_columns(action, given, _follow_up)
        self.follow_ups.append({**flow, "join": True} if join else flow)

    @property
    def gathered(self) -> Gathered | None:
        """How those ended that it has waited for, None where it waited for none."""
        text = self._claimed.gathered
        return None if text is None else msgspec.json.decode(text, type=Gathered)

    def progress(self, share: float, note: str = "") -> None:
        """Say how far this run has come, a share from 0 to 1, with a few words; ``tickwork task show`` tells it.

        Costs nothing here: the last word is written down about once a second. Raises InvalidInput for a share that is
        none.
        """
        self._signs.note(self._claimed, *word_of_progress(share, note))

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop it, or its lease is lost: look at it in a long run, and return early."""
        return self.id in self._signs.cancelled or self._signs.is_lost(self._claimed)


def _follow_up(action: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a follow-up's columns; its worker knows how many attempts its handler was registered with."""
    treatment = dict(given)
    at, delay = treatment.pop("at", None), treatment.pop("delay", None)
    columns = NewTask.of(action, at, delay, Treatment(**treatment)).columns()  # type: ignore[typeddict-item]
    return columns if "attempts" in given else {**columns, "attempts": None}


def word_of_progress(share: float, note: str) -> tuple[float, str | None]:
    r"""Check what a run says of its progress; raises InvalidInput.

    >>> word_of_progress(1, "half of it\x00")
    (1.0, 'half of it')
    """
    if not isinstance(share, int | float) or not 0 <= share <= 1:
        raise InvalidInput("share", share, "a number from 0 to 1")
    words = str(note)[:NOTE_LENGTH].replace("\x00", "").encode("utf-8", "replace").decode()
    return float(share), words or None


def _shown(instant: Instant | None) -> datetime | None:
    return None if instant is None else from_instant(instant)

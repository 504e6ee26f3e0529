"""The log of a job is the truth: kinds of event, who may write which, and the fold that turns a log into a state.

The log is append-only and numbered per job from 1. Whoever appends says which number comes next; of two who say the
same one wins, so any number of controllers and workers may try. A state is a pure fold over the events. It is kept
beside the descriptor, written in the transaction of the append, and can be made again from the log at any time.

A job that has only been configured counts as *completed*: nothing is outstanding until its clock says so.

=============  ==========================================  ====================================
event          possible from                               written by
=============  ==========================================  ====================================
configured     anything, also nothing                      applications
scheduled      completed, error, fatal, stopped            controllers (clock, retry), applications
running        scheduled                                   workers
completed      running                                     workers
error          scheduled, running                          workers; controllers for a lost one
fatal          scheduled, running, error                   workers, controllers
stop requested scheduled, running                          applications
stopping       stop requested                              workers; controllers where nobody runs it
stopped        stopping; completed, error, fatal (idle)    the same, and applications for an idle job
deleted        completed, error, fatal, stopped            applications
=============  ==========================================  ====================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgspec

from tickwork.errors import StateConflict, WrongWriter
from tickwork.watch import Instant

STATUSES = ("scheduled", "running", "completed", "stop requested", "stopping", "stopped", "error", "fatal")
UNKNOWN = "unknown"
#: The statuses in which a timer may exist. A stopped job is over, and has none.
FIRE_SET = frozenset({"completed", "error", "fatal"})
TERMINAL = FIRE_SET | {"stopped"}
ACTIVE = frozenset(STATUSES) - TERMINAL

#: Event -> statuses from which it is possible.
POSSIBLE_FROM: dict[str, tuple[str, ...]] = {
    "configured": (*STATUSES, UNKNOWN),
    "scheduled": ("completed", "error", "fatal", "stopped"),
    "running": ("scheduled",),
    "completed": ("running",),
    "error": ("scheduled", "running"),
    "fatal": ("scheduled", "running", "error"),
    "stop requested": ("scheduled", "running"),
    "stopping": ("stop requested",),
    "stopped": ("stopping", "completed", "error", "fatal"),
    "deleted": ("completed", "error", "fatal", "stopped"),
}
KINDS = tuple(POSSIBLE_FROM)

#: Event -> roles that may append it.
WRITERS: dict[str, frozenset[str]] = {
    "configured": frozenset({"application", "operator"}),
    "scheduled": frozenset({"application", "operator", "controller"}),
    "running": frozenset({"worker"}),
    "completed": frozenset({"worker"}),
    "error": frozenset({"worker", "controller"}),
    "fatal": frozenset({"worker", "controller"}),
    "stop requested": frozenset({"application", "operator"}),
    "stopping": frozenset({"worker", "controller"}),
    "stopped": frozenset({"worker", "controller", "application", "operator"}),
    "deleted": frozenset({"application", "operator"}),
}


class Entry(NamedTuple):
    """One event as it stands in the log; *detail* is JSON text, *descriptor* the text that it carried, if any."""

    seq: int
    kind: str
    at: Instant
    detail: str = "{}"
    descriptor: str | None = None

    @property
    def told(self) -> dict[str, Any]:
        """The detail as a dictionary."""
        told: dict[str, Any] = msgspec.json.decode(self.detail)
        return told


@dataclass(frozen=True, slots=True)
class State:
    """What a log says: the newest of everything that decides what happens next."""

    seq: int
    status: str
    descriptor: str
    created_at: Instant
    configured_at: Instant
    """When the newest event was written that carried a descriptor."""
    changed_at: Instant
    """When the newest event was written that changed the status."""
    nominal_at: Instant | None = None
    """The newest planned time that fired."""
    ended_at: Instant | None = None
    """When the newest run ended, or the idle job was stopped."""
    since_completed: int = 0
    """Attempts since the last completed."""
    in_cycle: int = 0
    """Attempts since the last completed, fatal or stopped."""
    error: str | None = None
    """The detail of the newest failure, until a run completes."""
    started_at: Instant | None = None
    """When the newest run began."""

    @property
    def reference(self) -> Instant:
        """The instant after which the next fire lies: the newest of end, planned time and descriptor."""
        return max(self.configured_at, self.ended_at or self.configured_at, self.nominal_at or self.configured_at)


def known(status: str) -> str:
    """Return the status, or *unknown* for a text that this program does not know."""
    return status if status in STATUSES else UNKNOWN


def check(kind: str, status: str | None) -> None:
    """Raise StateConflict unless an event of this kind may follow on this status (None: no log yet)."""
    if status is None and kind == "configured":
        return
    if status not in POSSIBLE_FROM[kind]:
        raise StateConflict(POSSIBLE_FROM[kind], status, kind)


def check_writer(kind: str, role: str) -> None:
    """Raise WrongWriter where a role appends an event that is not its own."""
    if role not in WRITERS[kind]:
        raise WrongWriter(f"an event {kind!r} belongs to {', '.join(sorted(WRITERS[kind]))}, not to the {role}")


def fold(state: State | None, entry: Entry) -> State:
    """Return the state after one more event; raises StateConflict where it cannot follow.

    >>> fold(None, Entry(1, "configured", 5, descriptor="{}")).status
    'completed'
    """
    check(entry.kind, None if state is None else state.status)
    if state is None:
        text = entry.descriptor or "{}"
        return State(entry.seq, "completed", text, entry.at, entry.at, entry.at)
    if entry.seq != state.seq + 1:
        raise StateConflict([f"event {state.seq + 1}"], f"at event {entry.seq}", "an append")
    configured: dict[str, Any] = (
        {} if entry.descriptor is None else {"descriptor": entry.descriptor, "configured_at": entry.at}
    )
    state = replace(state, seq=entry.seq, **configured)
    change = _CHANGES.get(entry.kind)
    if change is not None:
        state = replace(state, status=entry.kind, changed_at=entry.at, **change(state, entry))
    return state


def fold_all(entries: Iterable[Entry]) -> State | None:
    """Return the state of a whole log, None for an empty one."""
    state: State | None = None
    for entry in entries:
        state = fold(state, entry)
    return state


def attempts_since_last_completed(kinds: Iterable[str]) -> int:
    """Count the attempts since the last completed.

    >>> attempts_since_last_completed("scheduled running completed scheduled running error scheduled".split())
    2
    """
    return _attempts(kinds, {"completed"})


def attempts_in_cycle(kinds: Iterable[str]) -> int:
    """Count the attempts of the retry cycle that is going on: since the last completed, fatal or stopped."""
    return _attempts(kinds, {"completed", "fatal", "stopped"})


def _attempts(kinds: Iterable[str], ends: set[str]) -> int:
    count = 0
    for kind in kinds:
        count = 0 if kind in ends else count + (kind == "scheduled")
    return count


def _scheduled(state: State, entry: Entry) -> dict[str, Any]:
    nominal_at = entry.told.get("cause", {}).get("nominal_at")
    return {
        "nominal_at": state.nominal_at if nominal_at is None else nominal_at,
        "since_completed": state.since_completed + 1,
        "in_cycle": state.in_cycle + 1,
    }


def _running(state: State, entry: Entry) -> dict[str, Any]:
    return {"started_at": entry.at}


def _completed(state: State, entry: Entry) -> dict[str, Any]:
    return {"ended_at": entry.at, "since_completed": 0, "in_cycle": 0, "error": None}


def _failed(state: State, entry: Entry) -> dict[str, Any]:
    return {"ended_at": entry.at, "error": entry.detail}


def _fatal(state: State, entry: Entry) -> dict[str, Any]:
    return {"ended_at": entry.at, "error": entry.detail, "in_cycle": 0}


def _stopped(state: State, entry: Entry) -> dict[str, Any]:
    return {"ended_at": entry.at, "in_cycle": 0}


def _nothing(state: State, entry: Entry) -> dict[str, Any]:
    return {}


_CHANGES = {
    "scheduled": _scheduled,
    "running": _running,
    "completed": _completed,
    "error": _failed,
    "fatal": _fatal,
    "stop requested": _nothing,
    "stopping": _nothing,
    "stopped": _stopped,
}

"""Why a trigger fires or does not: one sentence from where it stands, its event, who is there and what the ledger says."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tickwork.api.explaining.page import Why
from tickwork.api.explaining.words import at, coming, one_line, span
from tickwork.errors import InvalidInput
from tickwork.model.policies import Policies
from tickwork.model.report import LedgerRow, Trigger
from tickwork.store import evidence, reports
from tickwork.store.dialect import Verb
from tickwork.store.evidence import Fate, Holder, Scene
from tickwork.store.scope import Scope
from tickwork.watch import SECOND, Instant

#: How many rows of the ledger are told.
LATELY = 10
#: What is due for less than this is about to be fired, and nobody need ask why.
A_MOMENT = 2 * SECOND
DAEMON = "daemon"


class Fired(NamedTuple):
    """One row of the ledger and what became of its task."""

    planned_at: Instant
    outcome: str
    reason: str | None
    slots: int
    fired_at: Instant
    late_for: int
    task: int | None
    became: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """All that an explanation of a trigger rests on."""

    trigger: Trigger
    scene: Scene
    ledger: Sequence[LedgerRow]
    fates: Mapping[int, Fate]
    holder: Holder | None = None
    longest_due_at: Instant | None = None

    @property
    def now(self) -> Instant:
        return self.scene.now

    @property
    def fires(self) -> bool:
        """Whether a daemon is there."""
        return self.scene.runs(DAEMON)


def standing(scope: Scope, name: str | int) -> Verb[Standing]:
    """Read it all, in at most six statements; raises NotFound."""
    trigger = yield from reports.trigger(scope, name)
    scene = yield from evidence.scene()
    ledger = yield from reports.ledger(trigger.id, LATELY)
    fates = yield from evidence.fates(row.task_id for row in ledger if row.task_id is not None)
    holder, longest = None, None
    if not trigger.planned or (trigger.due_at is not None and trigger.due_at <= scene.now):
        holder = yield from evidence.holder(trigger=trigger.id)
        longest = yield from evidence.longest_due()
    return Standing(trigger, scene, ledger, fates, holder, longest)


def explain(seen: Standing) -> Why:
    """Answer from what was read; the first of these that is so is the reason."""
    trigger = seen.trigger
    state, verdict, do = _verdict(seen)
    due = trigger.planned and trigger.due_at is not None and trigger.due_at <= seen.now
    lately = tuple(_fired(row, seen.fates) for row in seen.ledger)
    more, further = _more(seen, lately)
    return Why(
        trigger.key,
        "trigger",
        seen.now,
        state,
        verdict,
        next_at=next(iter(trigger.coming(1)), None) if not trigger.set_aside else None,
        late_for=seen.now - (trigger.next_at or trigger.due_at or seen.now) if due else None,
        facts=_facts(seen),
        more=tuple(more),
        do=(*do, *further),
        lately=lately,
    )


def _verdict(seen: Standing) -> tuple[str, str, list[str]]:
    trigger = seen.trigger
    if trigger.state in ("cancelled", "paused"):
        return _out_of_force(trigger)
    if not trigger.planned:
        return "unread", *_unread(seen)
    if trigger.set_aside:
        return _set_aside(trigger)
    if trigger.due_at is None:
        return "finished", *_finished(trigger)
    if trigger.failures and trigger.due_at > seen.now:
        said = f"its firing failed {trigger.failures} times: {one_line(trigger.error)}; it is tried again at "
        return "failing", f"{said}{coming(trigger.due_at, seen.now)}", []
    if trigger.due_at <= seen.now:
        return "due", *_due(seen)
    return "waiting", *_waiting(seen)


def _out_of_force(trigger: Trigger) -> tuple[str, str, list[str]]:
    who = f" by {trigger.changed_by}" if trigger.changed_by else ""
    when = f" since {at(trigger.changed_at)}{who}" if trigger.did == trigger.state else ""
    if trigger.state == "cancelled":
        return "cancelled", f"it is cancelled{when}, so it never fires", [_command(trigger, "rearm")]
    return "paused", f"it is paused{when}; its clock keeps its place", [_command(trigger, "resume", "--missed skip")]


def _set_aside(trigger: Trigger) -> tuple[str, str, list[str]]:
    since = at(trigger.set_aside_at or 0)
    failed = f" after {trigger.failures} failures" if trigger.failures else ""
    said = (
        f"it was set aside at {since}{failed}, and nothing fires until somebody resumes it: {one_line(trigger.error)}"
    )
    missed = "latest" if "missed=" in (trigger.error or "") else "skip"
    return "set aside", said, [_command(trigger, "resume", f"--missed {missed}")]


def _unread(seen: Standing) -> tuple[str, list[str]]:
    version = f"its version {seen.trigger.version} was written at {at(seen.trigger.changed_at)}"
    if not seen.fires:
        return f"{version}, no daemon has read that, and none is alive", [START]
    if seen.holder is not None:
        return f"{version}, and no daemon has read that: {_held(seen.holder)}", []
    return f"{version}; a daemon is alive and reads it in a moment", []


def _finished(trigger: Trigger) -> tuple[str, list[str]]:
    limit, again = _policies(trigger).max_firings, [_command(trigger, "rearm")]
    if limit is not None and (trigger.firings or 0) >= limit:
        return f"it has fired {trigger.firings} times, and max_firings allows no more", again
    last = f" after {at(trigger.last_at)}" if trigger.last_at is not None else ""
    return f"its clock ({trigger.says}) does not fire again{last}", again


def _due(seen: Standing) -> tuple[str, list[str]]:
    trigger, due_at = seen.trigger, seen.trigger.due_at or seen.now
    since = f"its occurrence of {at(trigger.next_at or due_at)} is due for {span(seen.now - due_at)}"
    if seen.holder is not None:
        return f"{since}, and not fired: {_held(seen.holder)}", []
    if not seen.fires:
        return f"{since}, and NO DAEMON IS ALIVE to fire it", [START]
    if seen.longest_due_at is not None and due_at - seen.longest_due_at > A_MOMENT:
        said = f"{since}: the daemons are behind, others wait since {at(seen.longest_due_at)}"
        return said, ["tickwork status", "start another one: tickwork daemon"]
    if seen.now - due_at <= A_MOMENT:
        return f"{since}: it fires in a moment", []
    return f"{since}, though a daemon is alive and nothing waits longer: does an open transaction hold it?", [
        "tickwork status"
    ]


def _waiting(seen: Standing) -> tuple[str, list[str]]:
    trigger, due_at = seen.trigger, seen.trigger.due_at or seen.now
    planned_at = trigger.next_at or due_at
    said = f"it fires next at {coming(planned_at, seen.now)}"
    if planned_at <= seen.now and _policies(trigger).overlap == "queue":
        task = next((row.task_id for row in seen.ledger if row.task_id is not None), None)
        return (
            f"its occurrence of {at(planned_at)} waits until its last task, {task}, has finished (overlap: queue)",
            [f"tickwork why task:{task}"],
        )
    if due_at != planned_at:
        said = f"it fires next at {coming(due_at, seen.now)}, for {at(planned_at)} (its jitter spreads it)"
    if not seen.fires:
        return f"{said}, but no daemon is alive just now to fire it", [START]
    return said, []


def _held(holder: Holder) -> str:
    if holder.pid is None:
        return "a prepared transaction holds its row, and has not ended"
    since = "" if holder.since_at is None else f" since {at(holder.since_at)}"
    who = f" of {holder.application}" if holder.application else ""
    return f"an open transaction{who} (session {holder.pid}) holds its row{since}"


def _fired(row: LedgerRow, fates: Mapping[int, Fate]) -> Fired:
    fate = fates.get(row.task_id or 0)
    became = fate.became if fate is not None else None if row.task_id is None else "removed"
    late = max(0, row.fired_at - (row.until_at or row.planned_at))
    return Fired(row.planned_at, row.outcome, row.reason or None, row.slots, row.fired_at, late, row.task_id, became)


def _more(seen: Standing, lately: Sequence[Fired]) -> tuple[list[str], list[str]]:
    """Say what the last firing did, where it did not put a task that went well; and what failed before what is due."""
    failures = seen.trigger.failures or 0
    if failures and not seen.trigger.set_aside and (seen.trigger.due_at or 0) <= seen.now:
        return [f"its firing failed {failures} times before: {one_line(seen.trigger.error)}"], []
    if not lately:
        return [], []
    last = lately[0]
    if last.outcome in ("skipped", "coalesced"):
        return [
            f"its occurrence of {at(last.planned_at)} did not fire: {_SKIPPED.get(last.reason or '', last.reason)}"
        ], []
    if last.task is not None and last.became not in ("done", "removed"):
        said = f"its last task, {last.task}, is {last.became}" if last.became in _UNFINISHED else None
        said = said or f"its last task, {last.task}, ended as {last.became}"
        return [said], [f"tickwork why task:{last.task}"]
    return [], []


_UNFINISHED = ("waiting", "ready", "running", "unhandled")
_SKIPPED = {
    "misfire": "it would have fired more than its grace too late (misfire)",
    "overlap": "its last task still ran (overlap)",
    "paused": "the trigger was paused then",
}


def _facts(seen: Standing) -> dict[str, object]:
    trigger = seen.trigger
    return {
        "clock": trigger.says,
        "action": trigger.handler if trigger.action_kind != "log" else "log",
        "last_at": trigger.last_at,
        "due_at": trigger.due_at if trigger.planned else None,
        "firings": trigger.firings or 0,
        "policies": trigger.policies_text,
        "version": trigger.version,
        "planned_version": trigger.planned_version,
        "failures": trigger.failures or 0,
        "error": trigger.error,
        "set_aside_at": trigger.set_aside_at,
        "changed_at": trigger.changed_at,
        "changed_by": trigger.changed_by,
        "daemon_alive": seen.fires,
    }


def _policies(trigger: Trigger) -> Policies:
    """What a newer program wrote is not known here, and no reason to explain nothing."""
    try:
        return trigger.policies
    except InvalidInput:
        return Policies()


def _command(trigger: Trigger, verb: str, options: str = "") -> str:
    return f"tickwork trigger {verb} {shlex.quote(trigger.key)} {options}".rstrip()


START = "start one: tickwork run, or tickwork daemon, or put tickwork tick into cron"

"""Why a task runs, waits or has ended as it did: where it stands, who could run it, what goes before it, how it failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tickwork.api.explaining.page import Why
from tickwork.api.explaining.trigger import START as START_DAEMON
from tickwork.api.explaining.words import at, coming, one_line, span
from tickwork.model.action import COMMAND
from tickwork.model.report import Failed, GroupRow, TaskRow
from tickwork.store import evidence, lanes, pressure, reports
from tickwork.store.dialect import Verb
from tickwork.store.evidence import MOST_AHEAD, Grip, Hand, Holder, Scene
from tickwork.store.lanes import Wait
from tickwork.store.pressure import Pressure
from tickwork.store.scope import Scope
from tickwork.watch import Instant

#: How many failed attempts are told.
ATTEMPTS = 20
WORKER = "worker"
START = START_DAEMON.replace("tickwork daemon", "tickwork worker")


class Attempt(NamedTuple):
    """One attempt that failed, was lost, or put itself off."""

    attempt: int
    outcome: str
    started_at: Instant | None
    ended_at: Instant
    ran_for: int | None
    worker_id: int | None
    error: str
    """In one line; ``tickwork task show`` has the traceback."""


@dataclass(frozen=True, slots=True)
class Standing:
    """All that an explanation of a task rests on."""

    task: TaskRow
    scene: Scene
    failures: Sequence[Failed]
    grip: Grip
    hand: Hand | None = None
    holder: Holder | None = None
    rest: Pressure | None = None
    ahead: int = 0
    knowing: frozenset[int] = frozenset()
    """Those who are there and know the handler."""
    known: Sequence[str] = ()
    """What handlers are known, where this one is not."""
    group: GroupRow | None = None
    """The group for whose end it waits."""

    @property
    def now(self) -> Instant:
        return self.scene.now

    @property
    def serving(self) -> list[int]:
        """The workers that are there and serve its queue."""
        task = self.task
        return [
            each.id
            for each in self.scene.present
            if each.kind == WORKER and each.serves(self.namespace, task.queue, task.priority)
        ]

    namespace: str = "default"
    wait: Wait | None = None
    """It could run, but for a place of a limit."""


def standing(scope: Scope, name: str | int, kind_of: Callable[[str], str]) -> Verb[Standing]:
    """Read it all, in at most ten statements; *kind_of* says in which kind of work a handler belongs. Raises NotFound."""
    task = yield from reports.task(scope, name)
    scene = yield from evidence.scene()
    failures = yield from reports.failures(task.id, ATTEMPTS)
    if task.state == "over":
        return Standing(task, scene, failures, evidence.NO_GRIP, namespace=scope.namespace)
    grip = yield from evidence.grip(scope, task.id)
    hand = yield from evidence.hand(grip.lease)
    knowing = yield from evidence.who_knows(task.handler)
    resting = yield from pressure.pressures()
    rest = [each for each in resting if (each.namespace, each.kind) == (scope.namespace, kind_of(task.handler))]
    ahead = (yield from evidence.ahead(scope, task)) if task.state == "ready" else 0
    holder = (yield from evidence.holder(task=task.id)) if task.state == "ready" else None
    known = [] if knowing else (yield from evidence.known_names())
    group = None if task.awaits is None else (yield from reports.group(scope, task.awaits))
    wait = (yield from lanes.wait(scope, task.id)) if task.state == "waiting" else None
    return Standing(
        task,
        scene,
        failures,
        grip,
        hand,
        holder,
        rest[0] if rest else None,
        ahead,
        frozenset(each.id for each in scene.present if each.id in knowing),
        known,
        group,
        scope.namespace,
        wait,
    )


def explain(seen: Standing) -> Why:
    """Answer from what was read; the first of these that is so is the reason."""
    task = seen.task
    verdict, do = _VERDICTS[task.state](seen)
    began_at = task.started_at or (seen.now if task.state == "ready" else None)
    return Why(
        f"task:{task.id}",
        "task",
        seen.now,
        task.outcome or task.state,
        verdict,
        next_at=task.available_at if task.state == "waiting" and task.awaits is None and seen.wait is None else None,
        late_for=None if began_at is None else max(0, began_at - task.asked_at),
        facts=_facts(seen),
        more=tuple(_more(seen)),
        do=tuple(do),
        lately=tuple(_attempt(each) for each in reversed(seen.failures)),
    )


def _waiting(seen: Standing) -> tuple[str, list[str]]:
    task = seen.task
    if task.awaits is not None:
        if seen.group is None:
            return "it waits for others, which are over: a worker lets it go in a moment", []
        count = f"{seen.group.unended:,} of {seen.group.total:,}"
        said = f"it waits for others to end: {count} tasks of group {seen.group.id} have not, as far as was counted"
        return said, [f"to cancel it with all of them: tickwork task cancel {task.id} --flow"]
    when, free = coming(task.available_at or seen.now, seen.now), [f"to run it at once: tickwork task free {task.id}"]
    if seen.wait is not None:
        return _without_a_place(seen.wait), ["what is taken of each limit: tickwork limit show"]
    if seen.rest is not None and seen.rest.until_at == task.available_at:
        reason = f": {seen.rest.reason}" if seen.rest.reason else ""
        return f"its kind of work, {seen.rest.kind}, rests until {when}{reason}", [
            f"tickwork worker resume {seen.rest.kind}",
            *free,
        ]
    if task.error is not None:
        left = task.attempts - task.attempt
        said = f"attempt {task.attempt} of {task.attempts} failed ({one_line(task.error)}); it is tried again at {when}"
        return f"{said}, with {left} attempts left", free
    if task.snoozes:
        return f"it put itself off ({task.snoozes} times) until {when}", free
    return f"its time has not come: it waits until {when}", free


def _without_a_place(wait: Wait) -> str:
    lane, limit = wait
    of = "all tasks of its namespace" if lane.handler == "*" else lane.handler
    whose = f"{of} with {lane.per} {lane.key!r}" if lane.per else of
    most = [] if limit is None or limit.concurrency is None else [f"{limit.concurrency} at once"]
    rate = [] if limit is None or limit.rate is None else [limit.rate]
    allowed = " and ".join([*most, *rate]) or "nothing any more, it is let in soon"
    before = f", and {lane.waiting} wait before it" if lane.waiting else ", and it is the next one"
    return f"it waits for a place: {whose} is limited to {allowed}{before}"


def _ready(seen: Standing) -> tuple[str, list[str]]:
    task = seen.task
    since = f"it is ready since {at(task.available_at or seen.now)}"
    if task.expires_at is not None and task.expires_at <= seen.now:
        return f"it expired at {at(task.expires_at)}: the next worker that takes it archives it so", []
    if not seen.scene.runs(WORKER):
        return f"{since}, and NO WORKER IS ALIVE to run it", [START]
    if not seen.serving:
        said = f"no worker that is alive serves the queue {task.queue!r} at priority {task.priority}"
        return f"{since}, and {said}", [f"start one that does: tickwork worker --queue {task.queue}"]
    if not seen.knowing:
        return f"{since}, and no worker that is alive knows the handler {task.handler!r}", [_know(seen)]
    if seen.rest is not None:
        return f"{since}, but its kind of work, {seen.rest.kind}, rests until {coming(seen.rest.until_at, seen.now)}", [
            f"tickwork worker resume {seen.rest.kind}"
        ]
    if seen.holder is not None:
        who = seen.holder.application or "an application"
        return f"{since}, and an open transaction of {who} (session {seen.holder.pid}) holds its row", []
    if seen.ahead:
        count = f"at least {MOST_AHEAD:,}" if seen.ahead >= MOST_AHEAD else f"{seen.ahead:,}"
        said = f"{count} ready tasks of the queue {task.queue!r} go before it (priority, then time)"
        return f"{since}, and waits its turn: {said}", ["more workers: tickwork worker", _sooner(task)]
    return (
        f"{since}, it is the next of its queue, and {len(seen.serving)} workers serve it: one takes it when it is free",
        [],
    )


def _running(seen: Standing) -> tuple[str, list[str]]:
    task, hand = seen.task, seen.hand
    if hand is None:
        return "its worker's lease has ended: another worker takes it up in a moment", []
    since = f" since {at(task.started_at)} ({span(seen.now - task.started_at)})" if task.started_at is not None else ""
    if hand.lease_ends_at < seen.now:
        said = f"{hand} took it{since} and let its lease run out at {at(hand.lease_ends_at)}"
        return f"{said}; a worker that is alive rescues it, and counts one lost lease", [
            START if not seen.scene.runs(WORKER) else "tickwork worker list"
        ]
    asked = f", and was asked to stop at {at(seen.grip.stop_asked_at)}" if seen.grip.stop_asked_at is not None else ""
    far = "" if seen.grip.progress is None else f": {seen.grip.progress:.0%} {seen.grip.progress_note or ''}".rstrip()
    return f"{hand} runs it{since}, attempt {task.attempt} of {task.attempts}{far}{asked}", ["tickwork worker list"]


def _unhandled(seen: Standing) -> tuple[str, list[str]]:
    if seen.knowing:
        return (
            f"it was laid aside as unhandled; a worker that knows {seen.task.handler!r} is there now and takes it up",
            [],
        )
    known = ", ".join(seen.known) or "none"
    return (
        f"no worker knows its handler {seen.task.handler!r} (known: {known}); it is kept, and no attempt is counted",
        [_know(seen)],
    )


def _over(seen: Standing) -> tuple[str, list[str]]:
    task = seen.task
    ended = f"it ended as {task.outcome!r} at {at(task.finished_at or seen.now)}"
    runs = f"after {task.attempt} of {task.attempts} attempts" if task.attempt else "without having been run"
    error = f": {one_line(task.error)}" if task.error else f": {one_line(task.reason)}" if task.reason else ""
    if task.outcome == "expired" and task.expires_at is not None:
        error = f": it was not to be run later than {at(task.expires_at)}"
    again = [] if task.outcome == "done" else [f"to run it again: tickwork task retry {task.id}"]
    return f"{ended}, {runs}{error}", again


_VERDICTS = {"waiting": _waiting, "ready": _ready, "running": _running, "unhandled": _unhandled, "over": _over}


def _know(seen: Standing) -> str:
    if seen.task.handler == COMMAND:
        return "start a worker that may run commands: tickwork worker --allow-commands"
    return f"start a worker whose code registers {seen.task.handler!r}: tickwork worker --app MODULE:ATTR"


def _sooner(task: TaskRow) -> str:
    return f"to run it before the others: tickwork task run {task.id} --app MODULE:ATTR"


def _more(seen: Standing) -> list[str]:
    task, said = seen.task, []
    if task.state in ("waiting", "ready") and task.lost:
        said.append(f"{task.lost} workers were lost while they ran it, so it is taken alone")
    if task.state == "waiting" and not seen.scene.runs(WORKER):
        said.append("no worker is alive just now")
    if task.state == "waiting" and seen.scene.runs(WORKER) and not seen.knowing:
        said.append(f"no worker that is alive knows the handler {task.handler!r}")
    if task.expires_at is not None and task.state != "over":
        said.append(f"it is not run later than {at(task.expires_at)}")
    if task.trigger_key is not None:
        said.append(f"the trigger {task.trigger_key!r} put it, for {at(task.planned_at or task.asked_at)}")
    if task.parent_id is not None:
        said.append(f"the task {task.parent_id} put it")
    return said


def _facts(seen: Standing) -> dict[str, object]:
    task, hand = seen.task, seen.hand
    return {
        "handler": task.handler,
        "key": task.key,
        "queue": task.queue,
        "priority": task.priority,
        "attempt": task.attempt,
        "attempts": task.attempts,
        "lost": task.lost,
        "available_at": task.available_at,
        "asked_at": task.asked_at,
        "created_at": task.created_at,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
        "expires_at": task.expires_at,
        "worker": None if hand is None else str(hand),
        "lease_ends_at": None if hand is None else hand.lease_ends_at,
        "progress": seen.grip.progress,
        "ahead": seen.ahead if task.state == "ready" else None,
        "workers_that_know": len(seen.knowing) if task.state != "over" else None,
        "error": one_line(task.error) or None,
        "reason": task.reason,
        "result": task.result,
        "trigger": task.trigger_key,
        "parent": task.parent_id,
    }


def _attempt(failed: Failed) -> Attempt:
    ran = None if failed.started_at is None else failed.ended_at - failed.started_at
    return Attempt(
        failed.attempt,
        failed.outcome,
        failed.started_at,
        failed.ended_at,
        ran,
        failed.worker_id,
        one_line(failed.error),
    )

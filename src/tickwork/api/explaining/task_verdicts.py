"""The reason why a task stands where it does, in one sentence for each state, and what could be done about it."""

from __future__ import annotations

from tickwork.api.explaining.task_standing import WORKER, Standing
from tickwork.api.explaining.trigger import START as START_DAEMON
from tickwork.api.explaining.words import at, coming, one_line, span
from tickwork.model.action import COMMAND
from tickwork.model.report import TaskRow
from tickwork.store.evidence import MOST_AHEAD
from tickwork.store.lanes import Wait

START = START_DAEMON.replace("tickwork daemon", "tickwork worker")


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
        return f"{since}, and {nobody(seen)}", [_know(seen)]
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
            f"it was laid aside as unhandled; a worker that can run {seen.task.handler!r} is there now and takes it up",
            [],
        )
    if seen.unread:
        return f"{nobody(seen)}; it is kept, and no attempt is counted", [_know(seen)]
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


#: What is said of a task in each state, and what to do about it.
VERDICTS = {"waiting": _waiting, "ready": _ready, "running": _running, "unhandled": _unhandled, "over": _over}


def nobody(seen: Standing) -> str:
    """Say that no worker that is there can run it."""
    task = seen.task
    if not seen.unread:
        return f"no worker that is alive knows the handler {task.handler!r}"
    ranges = sorted({(each.oldest or 1, each.newest or 1) for each in seen.unread})
    read = ", ".join(str(newest) if oldest == newest else f"{oldest} to {newest}" for oldest, newest in ranges)
    return (
        f"its payload is of version {task.payload_version}, and of {task.handler!r} the workers that are alive read only "
        f"version {read}"
    )


def _know(seen: Standing) -> str:
    task = seen.task
    if seen.unread:
        older = any((each.newest or 0) > task.payload_version for each in seen.unread)
        code = f"registers {task.handler!r} with version={task.payload_version}" + (
            ", or with an upgrade=" if older else ""
        )
        return f"start a worker whose code {code}; or, if nobody needs it: tickwork task cancel {task.id}"
    if task.handler == COMMAND:
        return "start a worker that may run commands: tickwork worker --allow-commands"
    return f"start a worker whose code registers {task.handler!r}: tickwork worker --app MODULE:ATTR"


def _sooner(task: TaskRow) -> str:
    return f"to run it before the others: tickwork task run {task.id} --app MODULE:ATTR"

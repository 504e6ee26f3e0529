"""What people ask to see, as verbs, so that a lent transaction sees what it has written itself."""

from __future__ import annotations

from typing import Any

import msgspec

from tickwork.errors import InvalidInput, NotFound
from tickwork.model import limits
from tickwork.model.report import Alive, Counts, Failed, GroupRow, LedgerRow, Result, TaskRow, Trigger, Version
from tickwork.model.status import GONE_AFTER
from tickwork.store.dialect import Verb, ask
from tickwork.store.scope import Scope
from tickwork.watch import Instant

_TRIGGER_FILTERS = ("state", "prefix", "object", "container", "tag", "handler", "set_aside")
_TASK_FILTERS = ("handler", "queue", "object", "container", "trigger_key")


def trigger(scope: Scope, name: str | int) -> Verb[Trigger]:
    """Return one trigger, by key or id; raises NotFound."""
    if isinstance(name, str):
        rows = yield from ask("trigger_by_key", namespace=scope.namespace, key=name)
    elif isinstance(name, int) and not isinstance(name, bool):
        rows = yield from ask("trigger_by_id", namespace=scope.namespace, id=name)
    else:
        raise InvalidInput("trigger", name, "the key of a trigger (a text) or its id (a whole number)")
    if not rows:
        raise NotFound(f"there is no trigger {name!r} in the namespace {scope.namespace!r}")
    return Trigger._make(rows[0])


def triggers(scope: Scope, *, due_before: Instant | None, limit: int, **filters: Any) -> Verb[list[Trigger]]:
    """List triggers, those that fire next first; filters that are None do not filter, limits are inclusive."""
    values: dict[str, Any] = {**dict.fromkeys(_TRIGGER_FILTERS), **filters, "n": limit}
    if values["tag"] is not None:
        values["tag"] = msgspec.json.encode(values["tag"]).decode()
    if values["set_aside"] is not None:
        values["set_aside"] = int(values["set_aside"])
    if due_before is None:
        rows = yield from ask("list_triggers", namespace=scope.namespace, **values)
    else:
        rows = yield from ask("list_due_triggers", namespace=scope.namespace, due_before=due_before, **values)
    return [Trigger._make(row) for row in rows]


def ledger(trigger_id: int, limit: int) -> Verb[list[LedgerRow]]:
    """The ledger of one trigger, newest first."""
    rows = yield from ask("ledger_of_trigger", id=trigger_id, n=limit)
    return [LedgerRow._make(row) for row in rows]


def trail(trigger_id: int, limit: int) -> Verb[list[Version]]:
    """Every version that a trigger had, newest first."""
    rows = yield from ask("trail_of_trigger", id=trigger_id, n=limit)
    return [Version._make(row) for row in rows]


def task(scope: Scope, name: str | int) -> Verb[TaskRow]:
    """Return one task, unfinished or archived, by id or key; raises NotFound."""
    task_id = name
    if isinstance(name, (int, str)) and not limits.may_exist(name):
        task_id = -1
    elif isinstance(name, str):
        found = yield from ask("task_ids_of_key", namespace=scope.namespace, key=name)
        if not found:
            found = yield from ask("archived_id_of_key", namespace=scope.namespace, key=name)
        task_id = found[0][0] if found else -1
    elif not isinstance(name, int) or isinstance(name, bool):
        raise InvalidInput("task", name, "the id of a task (a whole number) or its key (a text)")
    rows = yield from ask("task_by_id", namespace=scope.namespace, id=task_id)
    if not rows:
        raise NotFound(f"there is no task {name!r} in the namespace {scope.namespace!r}")
    return TaskRow._make(rows[0])


def tasks(scope: Scope, *, limit: int, state: str | None = None, **filters: Any) -> Verb[list[TaskRow]]:
    """List unfinished tasks in the order in which they will run."""
    values = {**dict.fromkeys(_TASK_FILTERS), **filters}
    rows = yield from ask("list_tasks", namespace=scope.namespace, state=state, n=limit, **values)
    return [TaskRow._make(row) for row in rows]


def archived(scope: Scope, *, limit: int, outcome: str | None = None, **filters: Any) -> Verb[list[TaskRow]]:
    """List tasks that are over, newest first."""
    values = {**dict.fromkeys(_TASK_FILTERS), **filters}
    rows = yield from ask("list_archived", namespace=scope.namespace, outcome=outcome, n=limit, **values)
    return [TaskRow._make(row) for row in rows]


def results(scope: Scope, group: int, after: int, limit: int) -> Verb[list[Result]]:
    """What members of a group left that are over, in the order of their ids."""
    rows = yield from ask("results_of_group", namespace=scope.namespace, group_id=group, after=after, n=limit)
    return [Result._make(row) for row in rows]


def group(scope: Scope, number: int) -> Verb[GroupRow | None]:
    """Return a group that is not over."""
    rows = yield from ask("group_by_id", namespace=scope.namespace, id=number)
    for group_id, on_failure, total, unended, ended in rows:
        return GroupRow(group_id, on_failure, total, unended, msgspec.json.decode(ended))
    return None


def failures(task_id: int, limit: int) -> Verb[list[Failed]]:
    """The attempts of a task that failed, oldest first."""
    rows = yield from ask("attempts_of_task", id=task_id, n=limit)
    return [Failed._make(row) for row in rows]


def counts(scope: Scope) -> Verb[Counts]:
    """How much there is of what."""
    rows = yield from ask("counts", namespace=scope.namespace)
    found: dict[str, dict[str, int]] = {"trigger": {}, "event": {}, "task": {}, "archive": {}}
    for what, word, count in rows:
        if count:
            found[what][word] = count
    return Counts(
        found["trigger"],
        found["event"].get("due", 0),
        found["event"].get("set aside", 0),
        found["task"],
        found["archive"],
    )


def alive() -> Verb[list[Alive]]:
    """Which kinds of process are registered, and when they were last seen."""
    rows = yield from ask("who_runs", gone_after=GONE_AFTER)
    return [Alive(*row) for row in rows]

"""What is about an object, or belongs to a container, as verbs: cancel and count."""

from __future__ import annotations

from tickwork.model.objects import ObjectCancelled, ObjectCounts
from tickwork.model.selection import TriggerFilter
from tickwork.store import selections, tasks
from tickwork.store.dialect import Verb, ask
from tickwork.store.scope import Scope
from tickwork.store.triggers import Decide


def cancel(
    scope: Scope, name: str | None, container: str | None, decide: Decide, *, reason: str | None, by: str
) -> Verb[ObjectCancelled]:
    """Cancel triggers first, so that nothing more is put for them, then the tasks that there are by then."""
    standing = yield from selections.hold_triggers(scope, TriggerFilter(object=name, container=container))
    put = yield from selections.edit_triggers(scope, [each.held for each in standing], decide, by)
    if container is None:
        rows = yield from ask("task_ids_of_object", namespace=scope.namespace, object=name)
    else:
        rows = yield from ask("task_ids_of_container", namespace=scope.namespace, container=container)
    answers = yield from tasks.cancel_many(scope, [row[0] for row in rows], reason, by)
    return ObjectCancelled(tuple(put), tuple(answers))


def count(scope: Scope, name: str | None, container: str | None) -> Verb[ObjectCounts]:
    """Count by state and outcome."""
    name, statement = (name, "count_of_object") if container is None else (container, "count_of_container")
    found: dict[str, dict[str, int]] = {"trigger": {}, "task": {}, "archive": {}}
    for what, word, number in (yield from ask(statement, namespace=scope.namespace, name=name)):
        found[what][word] = number
    return ObjectCounts(found["trigger"], found["task"], found["archive"])

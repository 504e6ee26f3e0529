"""Asks why: reads what a name addresses, all at one moment in a transaction that writes nothing, and explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tickwork.api.explaining import job, task, task_standing, trigger, work
from tickwork.api.explaining.name import Name, read
from tickwork.api.explaining.page import Why
from tickwork.errors import NotFound
from tickwork.store import evidence, job_reading
from tickwork.store.dialect import Verb, ask
from tickwork.store.scope import Scope

if TYPE_CHECKING:
    from tickwork.api.desk import Desk
    from tickwork.api.seeing import Seeing


def why(app: Seeing, desk: Desk, given: Any) -> Why:
    """Explain what a name addresses; raises NotFound, and InvalidInput for what is no name."""
    name = read(given)
    return desk.look(lambda: _explaining(app, desk.scope, name))


def _explaining(app: Seeing, scope: Scope, name: Name) -> Verb[Why]:
    if name.kind == "job":
        return (yield from _job(app, scope, str(name.name)))
    if name.kind == "task":
        found = yield from task_standing.standing(scope, name.name, lambda handler: _kind_of(app, handler))
        return task.explain(found)
    if name.kind in ("generator", "work"):
        here = any(each.name == name.name for each in app.generators.all())
        return work.explain((yield from work.standing(scope, str(name.name), name.identifier, registered=here)))
    try:
        return trigger.explain((yield from trigger.standing(scope, name.name)))
    except NotFound as missing:
        raise (yield from _nearly(scope, name.name, missing)) from None


def _job(app: Seeing, scope: Scope, name: str) -> Verb[Why]:
    row = yield from job_reading.reading(scope, name)
    if row is not None:
        found = yield from job.standing(row)
        return job.explain(app.jobs.seen(row, fired=found.fired), found)
    stone = yield from job_reading.reading_tombstone(scope, name)
    if stone is None:
        raise NotFound(f"there is no job {name!r} in the namespace {scope.namespace!r}: tickwork job list")
    return job.deleted(name, stone, (yield from evidence.scene()))


def _kind_of(app: Seeing, handler: str) -> str:
    """The kind of work that a handler belongs to; its own name where this code does not register it."""
    known = app.handlers.get(handler)
    return handler if known is None else known.kind


def _nearly(scope: Scope, name: str | int, missing: NotFound) -> Verb[NotFound]:
    """Say what else of that name there is: a job, or a task."""
    if not isinstance(name, str):
        return missing
    if (yield from job_reading.reading(scope, name)) is not None:
        return NotFound(f"there is no trigger {name!r}, but a job: ask for job:{name}")
    if (yield from ask("task_ids_of_key", namespace=scope.namespace, key=name)):
        return NotFound(f"there is no trigger {name!r}, but a task: ask for task:{name}")
    return NotFound(f"{missing}; of another kind? task:ID, job:NAME, generator:NAME/ID")

"""How things stand, as one verb: every number at one moment, in one transaction that writes nothing."""

from __future__ import annotations

from tickwork.model.status import Backlog, Recent, Status, TriggersNow
from tickwork.store import reports
from tickwork.store.dialect import Verb, ask
from tickwork.store.scope import Scope
from tickwork.watch import HOUR


def status(scope: Scope) -> Verb[Status]:
    """Return how the work of a namespace stands; processes are those of the whole database."""
    ((*numbers,),) = yield from ask("status_of_triggers", namespace=scope.namespace)
    triggers = TriggersNow(*numbers)
    tasks = yield from ask("status_of_tasks", namespace=scope.namespace)
    archive = yield from ask("status_of_archive", namespace=scope.namespace, since=triggers.at - HOUR)
    jobs = yield from ask("status_of_jobs", namespace=scope.namespace)
    alive = yield from reports.alive()
    return Status(
        triggers,
        tuple(Backlog._make(row) for row in tasks),
        tuple(Recent._make(row) for row in archive),
        {status: count for status, count, _ in jobs},
        tuple(alive),
        next((since for status, _, since in jobs if status == "scheduled"), None),
    )

"""The owner's notice: when a task gave up or is lost, a task for whoever wants to know is put in the same transaction.

A handler says who: ``@app.handler("invoice.send", notice="invoice.failed")``. The notice's payload says which task it
was, why it gave up and with which error; it is about the same object. A lost task is ended by whoever saw its lease
stand still, who may not know its handler: whom to tell is registered with the handlers of the worker that had it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tickwork.model.action import PutTask
from tickwork.model.outcome import Failure, Outcome
from tickwork.model.task import NewTask, Treatment
from tickwork.model.work import Claimed
from tickwork.store.leases import Lost


def notice_of(claimed: Claimed, handler: str, outcome: Outcome) -> dict[str, Any]:
    """Return the columns of the notice: a task of *handler* with task_id, handler, reason, error, key and object."""
    failure = None if outcome.error is None else msgspec.json.decode(outcome.error, type=Failure)
    payload = {
        "task_id": claimed.id,
        "handler": claimed.handler,
        "reason": outcome.reason,
        "error": None if failure is None else f"{failure.type}: {failure.message}",
        "key": claimed.key,
        "object": claimed.object,
    }
    about = Treatment(object=claimed.object, container=claimed.container, priority=claimed.priority)
    return {**NewTask.of(PutTask.of(handler, payload), None, None, about).columns(), "attempts": None}


def with_notice(claimed: Claimed, handler: str | None, outcome: Outcome) -> Outcome:
    """Return a run's outcome with the notice for *handler*, where there is one to be told."""
    if handler is None or outcome.outcome not in ("gave up", "lost"):
        return outcome
    return outcome._replace(follow_ups=(notice_of(claimed, handler, outcome),))


def notice_of_lost(lost: Lost) -> dict[str, Any]:
    """Return the columns of the notice of a task that a rescuer ends."""
    payload = {
        "task_id": lost.id,
        "handler": lost.handler,
        "reason": lost.reason,
        "error": "LeaseLost: its worker has gone",
        "key": lost.key,
        "object": lost.object,
    }
    about = Treatment(object=lost.object, container=lost.container, priority=lost.priority)
    return NewTask.of(PutTask.of(lost.notice, payload), None, None, about).columns()

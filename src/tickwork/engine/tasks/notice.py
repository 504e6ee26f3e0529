"""The owner's notice: when a task gave up, a task for whoever wants to know is put in the same transaction.

A handler says who: ``@app.handler("invoice.send", notice="invoice.failed")``. The notice's payload says which task it
was, why it gave up and with which error; it is about the same object.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tickwork.model.action import PutTask
from tickwork.model.outcome import Failure, Outcome
from tickwork.model.task import NewTask, Treatment
from tickwork.model.work import Claimed


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

"""Flows as an application puts them: checked whole, then written whole, or where the key is taken not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tickwork.api.desk import Desk
from tickwork.api.task_columns import columns_of
from tickwork.api.waiting import patiently
from tickwork.model.action import PutTask
from tickwork.model.flow import Then, flow_columns, rows_of
from tickwork.model.task import TaskPut
from tickwork.store import flows
from tickwork.store.dialect import Verb
from tickwork.store.flows import Placed


def put_flow(desk: Desk, flow: Then, given: Mapping[str, Any], *, unchecked: bool) -> TaskPut:
    """Put a flow and return what became of its last task.

    Every queue that it reaches is asked for room first, and every handler whether it is known.
    """
    actions: list[PutTask] = []

    def noted(action: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        actions.append(action)
        return columns_of(desk, action, given)

    planned = flow_columns(flow, given, noted)
    queues = Counter(row["queue"] for row in rows_of(planned))

    def verb() -> Verb[TaskPut]:
        for queue, count in queues.items():
            yield from desk.admit(queue, count)
        if not unchecked:
            yield from desk.check_all(actions)
        (put,) = yield from flows.put(desk.scope, [Placed(planned)])
        return put

    return patiently(desk, queues, lambda: desk.perform(verb))

"""What is put becomes columns: each task and each line is checked here, and nothing is written.

Lines that say nothing of their own, all for one handler, share their columns: these are worked out once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tickwork.api.desk import Desk
from tickwork.errors import InvalidInput
from tickwork.model.action import PutTask
from tickwork.model.many import Alike, TaskLine, task_lines
from tickwork.model.task import NewTask, Treatment


def columns_of(desk: Desk, action: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check one task and return its columns; *given* holds its time and its treatment."""
    treatment = dict(given)
    at, delay = treatment.pop("at", None), treatment.pop("delay", None)
    if isinstance(action, PutTask):
        treatment = {**desk.attempts(action, treatment), **treatment}
    return NewTask.of(action, at, delay, Treatment(**treatment)).columns()  # type: ignore[typeddict-item]


def columns_of_lines(
    desk: Desk, lines: Iterable[TaskLine], *, at: Any, delay: Any, treatment: Mapping[str, Any]
) -> tuple[list[PutTask], list[dict[str, Any]] | Alike]:
    """Check many lines and return their actions, and the columns of each."""
    found = task_lines(lines)
    if treatment.get("key") is not None:
        raise InvalidInput("key", treatment["key"], "a key in each line: two lines cannot share one")
    if found and "dedupe" not in treatment and _alike(found):
        shared = columns_of(desk, found[0][0], {"at": at, "delay": delay, **treatment})
        return [action for action, _ in found], Alike(shared, [action.payload for action, _ in found])
    rows = _rows(desk, found, {"at": at, "delay": delay}, treatment)
    for row in rows:
        if row["existing"] != "keep" or row["period"] is not None:
            raise InvalidInput("scope", row["key"], "keys that are kept, and no period, among many")
    if any(row["unique_key"] is not None for row in rows):  # two that put the same keys take them in one order
        rows.sort(key=lambda row: row["unique_key"] or "")
    return [action for action, _ in found], rows


def queues_of(rows: Sequence[Mapping[str, Any]] | Alike) -> Counter[str]:
    """Return how many of these tasks go into which queue."""
    if isinstance(rows, Alike):
        return Counter({rows.columns["queue"]: len(rows)})
    return Counter(row["queue"] for row in rows)


def _rows(
    desk: Desk,
    found: Sequence[tuple[Any, Mapping[str, Any]]],
    time: Mapping[str, Any],
    treatment: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return each line's columns; what lines for one handler share that say nothing of their own is worked out once."""
    shared: dict[tuple[str, int], dict[str, Any]] = {}
    rows = []
    for action, special in found:
        if special or "dedupe" in treatment or type(action) is not PutTask:
            own = {} if "at" in special or "delay" in special else time
            rows.append(columns_of(desk, action, {**own, **treatment, **special}))
            continue
        kind = (action.handler, action.payload_version)
        if kind not in shared:
            shared[kind] = columns_of(desk, action, {**time, **treatment})
        rows.append({**shared[kind], "payload": action.payload})
    return rows


def _alike(found: Sequence[tuple[Any, Mapping[str, Any]]]) -> bool:
    """Whether all lines are for one handler and say nothing of their own."""
    first = found[0][0]
    if not isinstance(first, PutTask):
        return False
    name, version = first.handler, first.payload_version
    return all(
        not special and type(action) is PutTask and action.handler == name and action.payload_version == version
        for action, special in found
    )

"""Many tasks and many triggers at once: a statement for thousands of rows, all of them in the caller's transaction.

Whatever becomes of the process, either all rows of a call are there or none. On PostgreSQL the rows travel as arrays,
on SQLite as JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from tickwork.model.many import Alike, ManyPut, ManyTriggers
from tickwork.store.dialect import Verb, ask, ask_whole
from tickwork.store.scope import Scope

#: How many rows one statement writes.
SLICE = 10_000

_TASK = (
    *("queue", "priority", "at", "delay", "handler", "action", "payload", "payload_version", "key", "attempts"),
    *("expires_at", "object", "container", "tags", "unique_key", "key_scope", "root", "root_at"),
    *("parent_id", "group_id", "awaits", "limit_key", "units"),
)
#: What tasks share that differ in their payloads only; they have no keys and belong to no group.
_NOT_SHARED = {"payload", "key", "unique_key", "key_scope", "parent_id", "group_id", "awaits"}
_SHARED = tuple(name for name in _TASK if name not in _NOT_SHARED)
_HASTENED = ("unique_key", "at", "delay")
_TRIGGER = (
    *("key", "clock_kind", "clock_params", "policies", "action", "handler", "payload", "payload_version", "queue"),
    *("priority", "attempts", "expires_after", "object", "container", "tags"),
)

#: Is told how many rows are written, and how many there are.
Progress = Callable[[int, int], None]

Columns = Mapping[str, Any]
Row = TypeVar("Row")


def put_tasks(scope: Scope, rows: Sequence[Columns] | Alike, progress: Progress | None = None) -> Verb[ManyPut]:
    """Put tasks; a key that is taken keeps its task, and the earlier time wins."""
    if isinstance(rows, Alike):
        return (yield from _put_alike(scope, rows, progress))
    ids: list[int] = []
    hastened = done = 0
    for part in _slices(rows):
        new = yield from ask(
            "put_tasks", namespace=scope.namespace, channel=scope.channel, **_columns(scope, part, _TASK)
        )
        here = (new[0][0] or []) if scope.chains_writes else [row[0] for row in new]
        if len(here) < len(part):
            keyed = [row for row in part if row["unique_key"] is not None]
            hastened += yield from _hasten(scope, keyed)
        ids += here
        done += len(part)
        if progress is not None:
            progress(done, len(rows))
    return ManyPut(len(ids), len(rows) - len(ids), hastened, tuple(ids))


def _put_alike(scope: Scope, rows: Alike, progress: Progress | None) -> Verb[ManyPut]:
    """Put tasks that differ in their payloads only, and have no keys: one array instead of eighteen."""
    shared = {name: rows.columns[name] for name in _SHARED}
    ids: list[int] = []
    put = ask_whole if len(rows) <= SLICE else ask
    for part in _slices(rows.payloads):
        payloads = msgspec.json.encode(part).decode()
        new = yield from put("put_alike", namespace=scope.namespace, channel=scope.channel, payloads=payloads, **shared)
        ids += new[0][0] if scope.chains_writes else [row[0] for row in new]
        if progress is not None:
            progress(len(ids), len(rows))
    return ManyPut(len(ids), 0, 0, tuple(ids))


def _hasten(scope: Scope, rows: Sequence[Columns]) -> Verb[int]:
    """Hold the tasks that keep rows away, and let the earlier time win."""
    yield from ask("hold_tasks_of_keys", namespace=scope.namespace, unique_key=[row["unique_key"] for row in rows])
    values = _columns(scope, rows, _HASTENED if scope.chains_writes else _TASK)
    found = yield from ask("hasten_tasks", namespace=scope.namespace, channel=scope.channel, **values)
    return int(found[0][0]) if scope.chains_writes else len(found)


def put_triggers(
    scope: Scope, rows: Sequence[Columns], *, rearm: bool, by: str, progress: Progress | None = None
) -> Verb[ManyTriggers]:
    """Write triggers, each under a key of its own; identical ones are left alone."""
    did: Counter[str] = Counter()
    done = 0
    for part in _slices(rows):
        written = yield from ask(
            "put_triggers",
            namespace=scope.namespace,
            channel=scope.channel,
            rearm=int(rearm),
            by=by,
            **_columns(scope, part, _TRIGGER),
        )
        if not scope.chains_writes:
            ids = [row[0] for row in written]
            yield from ask("write_trail", ids=ids)
            yield from ask("write_letters", ids=ids)
        did.update(row[1] for row in written)
        done += len(part)
        if progress is not None:
            progress(done, len(rows))
    return ManyTriggers(did["created"], did["edited"], did["rearmed"], len(rows) - did.total())


def _columns(scope: Scope, rows: Sequence[Columns], names: Sequence[str]) -> dict[str, Any]:
    if scope.chains_writes:
        return {name: [row[name] for row in rows] for name in names}
    return {"rows": msgspec.json.encode([[row[name] for name in names] for row in rows]).decode()}


def _slices(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), SLICE):
        yield rows[start : start + SLICE]

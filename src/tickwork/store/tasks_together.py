"""Many tasks put at once: a statement for a thousand, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tickwork.store.dialect import Row, Verb, ask
from tickwork.store.scope import Scope

#: Tasks in one statement.
TOGETHER = 1_000
#: What may differ between tasks that are put together, each an array.
_ARRAYS = ("handlers", "actions", "payloads", "payload_versions", "allowed")


def put_many(scope: Scope, columns: Mapping[str, Any], rows: Sequence[Row]) -> Verb[list[int]]:
    """Put tasks that are alike but for *rows* (handler, action, payload, payload's version, attempts); return their ids."""
    values, ids = {**columns, "namespace": scope.namespace, "channel": scope.channel}, []
    for start in range(0, len(rows), TOGETHER):
        batch = rows[start : start + TOGETHER]
        if scope.chains_writes:
            arrays = {name: list(each) for name, each in zip(_ARRAYS, zip(*batch, strict=True), strict=True)}
            put = yield from ask("put_tasks", **arrays, **values)
            ids += put[0][0]
        else:
            put = yield from ask("put_tasks", items=list(batch), **values)
            ids += [row[0] for row in put]
    return ids

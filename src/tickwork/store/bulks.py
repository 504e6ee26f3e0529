"""Bulk work in the database: ordered, treated slice by slice, told.

The bulk's row is the mutex: whoever treats a slice holds it, writes the slice's effects and how far it has come in the
same transaction, and nobody treats a slice twice, whatever is killed when. A bulk of tasks of its own is put with all of
them in one transaction, or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from tickwork.errors import NotFound
from tickwork.model.bulk import PUT, Bulk, container_of, folded
from tickwork.model.many import Alike
from tickwork.model.selection import Selected, TaskFilter
from tickwork.store import many, selections, tasks
from tickwork.store.dialect import Row, Verb, ask
from tickwork.store.many import Columns, Progress
from tickwork.store.scope import Scope
from tickwork.store.selections import Act
from tickwork.watch import Instant

SLICE = 500


class Order(NamedTuple):
    """A bulk that this transaction holds: what it is to do, and how far it has come."""

    bulk: Bulk
    selection: dict[str, Any]
    terms: dict[str, Any]
    after_id: int
    top_id: int


def put(
    scope: Scope, rows: Sequence[Columns] | Alike, *, key: str | None, title: str, by: str, progress: Progress | None
) -> Verb[Bulk]:
    """Put a bulk with tasks of its own; where the key is taken, return that bulk, and put nothing."""
    number, made = yield from _order(scope, key, kind=PUT, title=title, total=len(rows), by=by)
    if made:
        inside = {"container": container_of(number)}
        mine = rows.with_columns(**inside) if isinstance(rows, Alike) else [{**row, **inside} for row in rows]
        yield from many.put_tasks(scope, mine, progress)
    return (yield from get(scope, number))


def order(
    scope: Scope, kind: str, wanted: TaskFilter, terms: Mapping[str, Any], *, key: str | None, title: str, by: str
) -> Verb[Bulk]:
    """Order a verb for all that a filter selects now."""
    yield from tasks.become_writer(scope)
    if wanted.limit is not None:  # those that would run first are known now only
        chosen = yield from (
            selections.select(scope, wanted) if kind != "retry" else selections.select_over(scope, wanted)
        )
        wanted = TaskFilter(ids=[each.id for each in chosen] or [2**63 - 1], outcome=wanted.outcome)
    newest = yield from ask("newest_task", namespace=scope.namespace)
    counting = "count_selected_archived" if _of_archive(kind, wanted) else "count_selected"
    ((total,),) = yield from ask(counting, namespace=scope.namespace, **wanted.values)
    number, _ = yield from _order(
        scope,
        key,
        kind=kind,
        title=title,
        total=total,
        by=by,
        selection=wanted.stored(),
        terms=msgspec.json.encode(terms).decode(),
        top_id=max(row[0] for row in newest),
    )
    return (yield from get(scope, number))


def _order(scope: Scope, key: str | None, **values: Any) -> Verb[tuple[int, bool]]:
    values = {"selection": "{}", "terms": "{}", "top_id": 0, **values}
    rows = yield from ask("put_bulk", namespace=scope.namespace, key=key, **values)
    if rows:
        return rows[0][0], True
    rows = yield from ask("bulk_of_key", namespace=scope.namespace, key=key)
    return rows[0][0], False


def get(scope: Scope, number: int) -> Verb[Bulk]:
    """Return one bulk; that of an open one's own tasks are counted now. Raises NotFound."""
    rows = yield from ask("bulk_by_id", namespace=scope.namespace, id=number)
    if not rows:
        raise NotFound(f"there is no bulk {number} in the namespace {scope.namespace!r}")
    return (yield from _counted(scope, _bulk(rows[0])))


def listed(scope: Scope, state: str | None, limit: int) -> Verb[list[Bulk]]:
    """Return bulks, the newest first."""
    rows = yield from ask("list_bulks", namespace=scope.namespace, state=state, n=limit)
    found: dict[int, Bulk] = {row[0]: _bulk(row) for row in rows}
    for number, bulk in found.items():
        found[number] = yield from _counted(scope, bulk)
    return list(found.values())


def waiting(scope: Scope, limit: int) -> Verb[list[tuple[int, Instant]]]:
    """Return those that have something to be done, the one first that was longest left alone."""
    rows = yield from ask("open_bulks", namespace=scope.namespace, n=limit)
    return [(row[0], row[1]) for row in rows]


def hold(scope: Scope, number: int) -> Verb[Order]:
    """Hold one; raises NotFound."""
    rows = yield from ask("hold_bulk", namespace=scope.namespace, id=number)
    if not rows:
        raise NotFound(f"there is no bulk {number} in the namespace {scope.namespace!r}")
    row = rows[0]
    return Order(_bulk(row), msgspec.json.decode(row[13]), msgspec.json.decode(row[14]), row[15], row[16])


def treat(scope: Scope, held: Order, act: Act, size: int = SLICE) -> Verb[bool]:
    """Do the next slice of a held bulk, and write down how far it has come; returns whether there is more."""
    wanted = TaskFilter.read(held.selection)
    statement = "slice_of_archived" if _of_archive(held.bulk.kind, wanted) else "slice_of_tasks"
    rows = yield from ask(
        statement, namespace=scope.namespace, after_id=held.after_id, top_id=held.top_id, n=size, **wanted.values
    )
    found = [Selected._make(row) for row in rows]
    done = (yield from act(scope, [each.id for each in found])) if found else {}
    counts = Counter(held.bulk.counts)
    counts.update(done.get(each.id) or "left" for each in found)
    changed = sum(number for did, number in counts.items() if did != "left")
    more = len(found) == size
    yield from ask(
        "save_bulk",
        id=held.bulk.id,
        state="running" if more else "done",
        done=changed,
        failed=counts["left"],
        counts=msgspec.json.encode({did: number for did, number in counts.items() if number}, order="sorted").decode(),
        after_id=found[-1].id if found else held.after_id,
        error=None,
    )
    return more


def look(scope: Scope, held: Order) -> Verb[bool]:
    """Count a held bulk's own tasks; it is over when none is left. Returns whether there is more to come."""
    left = yield from ask("any_left_in_container", namespace=scope.namespace, name=held.bulk.container)
    if left:  # nothing is counted while it goes on
        return True
    counts, _ = yield from _ended(scope, held.bulk.id)
    state = "cancelled" if held.bulk.state == "cancelling" else "done"
    yield from _save(scope, held, state, counts)
    return False


def fail(scope: Scope, held: Order, error: str) -> Verb[None]:
    """Write down why a bulk cannot go on; a person resumes it."""
    bulk = held.bulk
    yield from ask(
        "save_bulk", id=bulk.id, state="failed", done=bulk.done, failed=bulk.failed, error=error,
        counts=msgspec.json.encode(bulk.counts).decode(), after_id=held.after_id,
    )  # fmt: skip


def cancel(scope: Scope, number: int, *, by: str) -> Verb[Bulk]:
    """Do no more of it: what a verb has not reached is left alone, and its own tasks are cancelled."""
    held = yield from hold(scope, number)
    if held.bulk.state in ("running", "failed"):
        if held.bulk.kind == PUT:
            rows = yield from ask("task_ids_of_container", namespace=scope.namespace, container=held.bulk.container)
            yield from tasks.cancel_many(scope, [row[0] for row in rows], f"bulk {number} was cancelled", by)
            counts, left = yield from _ended(scope, number)
            yield from _save(scope, held, "cancelling" if left else "cancelled", counts)
        else:
            counts = held.bulk.counts
            yield from _save(scope, held, "cancelled", counts, held.bulk.done, held.bulk.failed)
    return (yield from get(scope, number))


def resume(scope: Scope, number: int) -> Verb[Bulk]:
    """Go on: a verb where it stopped, its own tasks that failed or were cancelled from their beginning."""
    held = yield from hold(scope, number)
    if held.bulk.kind == PUT:
        for outcome in ("gave up", "lost", "cancelled"):
            wanted = TaskFilter(container=held.bulk.container, outcome=outcome)
            found = yield from selections.select_over(scope, wanted)
            yield from tasks.retry_many(scope, [each.id for each in found])
        counts, left = yield from _ended(scope, number)
        yield from _save(scope, held, "running" if left else held.bulk.state, counts)
    elif held.bulk.state in ("failed", "cancelled"):
        yield from _save(scope, held, "running", held.bulk.counts, held.bulk.done, held.bulk.failed)
    return (yield from get(scope, number))


def _save(
    scope: Scope, held: Order, state: str, counts: Mapping[str, int], done: int | None = None, failed: int | None = None
) -> Verb[None]:
    well, badly, text = folded(counts)
    yield from ask(
        "save_bulk", id=held.bulk.id, state=state, done=well if done is None else done,
        failed=badly if failed is None else failed, counts=text, after_id=held.after_id, error=None,
    )  # fmt: skip


def _ended(scope: Scope, number: int) -> Verb[tuple[dict[str, int], int]]:
    """Count how a bulk's own tasks ended, and how many have not."""
    rows = yield from ask("ended_in_container", namespace=scope.namespace, name=container_of(number))
    counts = {word: count for what, word, count in rows if what == "archive"}
    return counts, next(count for what, _, count in rows if what == "task")


def _counted(scope: Scope, bulk: Bulk) -> Verb[Bulk]:
    if bulk.kind != PUT or bulk.state not in ("running", "cancelling"):
        return bulk
    counts, _ = yield from _ended(scope, bulk.id)
    done, failed, _ = folded(counts)
    return Bulk(
        bulk.id, bulk.key, bulk.kind, bulk.title, bulk.state, bulk.total, done, failed, counts, bulk.error,
        bulk.created_at, bulk.changed_at, bulk.by,
    )  # fmt: skip


def _of_archive(kind: str, wanted: TaskFilter) -> bool:
    return kind == "retry" or wanted.outcome is not None


def _bulk(row: Row) -> Bulk:
    number, key, kind, title, state, total, done, failed, counts, error, created_at, changed_at, by = row[:13]
    read = msgspec.json.decode(counts)
    return Bulk(number, key, kind, title, state, total, done, failed, read, error, created_at, changed_at, by)

"""Bulk verbs: which tasks or triggers a filter selects, and what is done to a slice of them.

A selection is read once; what is done to a row looks at its state again, so that what began to run meanwhile is left
alone and told. Rows are taken in the order of their ids, so that two bulk verbs cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from tickwork.model.selection import Selected, TaskFilter, TriggerFilter
from tickwork.model.standing_order import TriggerPut
from tickwork.model.task import TaskDid
from tickwork.store import tasks, triggers
from tickwork.store.dialect import Verb, ask
from tickwork.store.scope import Scope
from tickwork.store.triggers import Edit, Held
from tickwork.watch import Instant

#: What was done to each id of a slice.
Done = dict[int, TaskDid]
#: Does something to a slice of tasks.
Act = Callable[[Scope, Sequence[int]], Verb[Done]]


class Standing(NamedTuple):
    """A trigger that is held, and where its event stands."""

    held: Held
    since_at: Instant
    planned_version: int | None
    last_at: Instant | None
    next_at: Instant | None


def select(scope: Scope, wanted: TaskFilter) -> Verb[list[Selected]]:
    """Return the tasks that a filter selects, those that would run first in front."""
    name = "select_tasks" if wanted.outcome is None else "select_archived"
    rows = yield from ask(name, namespace=scope.namespace, **wanted.values)
    return [Selected._make(row) for row in rows]


def select_over(scope: Scope, wanted: TaskFilter) -> Verb[list[Selected]]:
    """Return the archived tasks that a filter selects."""
    rows = yield from ask("select_archived", namespace=scope.namespace, **wanted.values)
    return [Selected._make(row) for row in rows]


def cancelling(reason: str | None, by: str) -> Act:
    """Cancel what waits, ask what runs."""

    def act(scope: Scope, ids: Sequence[int]) -> Verb[Done]:
        answers = yield from tasks.cancel_many(scope, ids, reason, by)
        return {answer.id: answer.did for answer in answers if answer.id is not None}

    return act


def retrying(*, repeat: bool) -> Act:
    """Bring archived tasks back under their ids."""

    def act(scope: Scope, ids: Sequence[int]) -> Verb[Done]:
        back = yield from tasks.retry_many(scope, ids, repeat=repeat)
        return {put.id: put.did for put in back if put.id is not None}

    return act


def changing(statement: str, did: TaskDid, **values: Any) -> Act:
    """Change what does not run by one statement that returns the ids it changed."""

    def act(scope: Scope, ids: Sequence[int]) -> Verb[Done]:
        rows = yield from ask(statement, namespace=scope.namespace, channel=scope.channel, ids=sorted(ids), **values)
        return {row[0]: did for row in rows}

    return act


def editing(statement: str, **values: Any) -> Act:
    """The same, where what is like that already is as it was wanted: *unchanged*."""
    change = changing(statement, "edited", **values)

    def act(scope: Scope, ids: Sequence[int]) -> Verb[Done]:
        done = dict((yield from change(scope, ids)))
        if rest := [each for each in sorted(ids) if each not in done]:
            for task_id, _, state in (yield from ask("where_tasks_stand", namespace=scope.namespace, ids=rest)):
                if state not in ("running", "over", "done"):
                    done[task_id] = "unchanged"
        return done

    return act


def awakening(scope: Scope, ids: Sequence[int]) -> Verb[Done]:
    """Let those run at once that put themselves off; what runs is told not to sleep, and left alone otherwise."""
    return dict.fromkeys((yield from tasks.awaken(scope, ids)), "freed")


def hold_triggers(scope: Scope, wanted: TriggerFilter) -> Verb[list[Standing]]:
    """Hold the triggers that a filter selects, in the order of their ids."""
    if not scope.chains_writes:
        yield from ask("choose_triggers")
    rows = yield from ask("hold_selected_triggers", namespace=scope.namespace, **wanted.values)
    return [Standing(Held._make((*row[:8], bool(row[8]))), *row[9:]) for row in rows]


def edit_triggers(scope: Scope, held: Sequence[Held], decide: triggers.Decide, by: str) -> Verb[list[TriggerPut]]:
    """Do to each held trigger what *decide* says; what is alike is one statement."""
    return (yield from triggers.edit_held(scope, held, decide, by))


def retime(scope: Scope, clocks: Sequence[tuple[int, str, str]], by: str) -> Verb[list[TriggerPut]]:
    """Give held triggers their new clocks: id, kind and parameters of each."""
    if not clocks:
        return []
    if scope.chains_writes:
        ids, kinds, params = (list(column) for column in zip(*clocks, strict=True))
        values: dict[str, Any] = {"id": ids, "clock_kind": kinds, "clock_params": params}
    else:
        values = {"rows": msgspec.json.encode(clocks).decode()}
    rows = yield from ask("retime_triggers", by=by, channel=scope.channel, **values)
    if not scope.chains_writes:
        written = [row[0] for row in rows]
        yield from ask("write_trail", ids=written)
        yield from ask("write_letters", ids=written)
    return [TriggerPut(*row[:5]) for row in rows]


__all__ = [
    "Act",
    "Done",
    "Edit",
    "Standing",
    "awakening",
    "cancelling",
    "changing",
    "edit_triggers",
    "editing",
    "hold_triggers",
    "retime",
    "retrying",
    "select",
    "select_over",
]

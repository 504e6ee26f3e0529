"""Flows in the database: tasks, the groups that they are members of, and the tasks that wait for these groups.

A flow is put level by level, from what waits to what it waits for: a statement for all groups of a level and one for
all its tasks, however many there are. Tasks that have a key are put one by one, in the order of their keys. A waiting
task whose key is taken is not put, nor is anything that it would have waited for; a member whose key is taken is not
waited for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from tickwork.model.task import TaskPut
from tickwork.store import letters, many, tasks
from tickwork.store.dialect import Verb, ask
from tickwork.store.scope import Scope

Flow = Mapping[str, Any]


class Placed(NamedTuple):
    """A flow, and where it belongs: the group of which its last step is a member, the task that put it."""

    flow: Flow
    group_id: int | None = None
    parent_id: int | None = None


def put(scope: Scope, placed: Sequence[Placed]) -> Verb[list[TaskPut]]:
    """Put flows; returns what became of the last step of each."""
    answers: list[TaskPut | None] = [None] * len(placed)
    waiting = [place for place, each in enumerate(placed) if "members" in each.flow]
    single = [place for place, each in enumerate(placed) if "members" not in each.flow]
    if waiting:
        made = yield from _waiting(scope, [placed[place] for place in waiting])
        for place, answer in zip(waiting, made, strict=True):
            answers[place] = answer
    rows = [_row(placed[place]) for place in single]
    for place, answer in zip(single, (yield from _tasks(scope, rows)), strict=True):
        answers[place] = answer
    return [answer for answer in answers if answer is not None]


def _waiting(scope: Scope, placed: Sequence[Placed]) -> Verb[list[TaskPut]]:
    """Put what waits, then what it waits for."""
    ids = yield from _make_groups(scope, [each.flow for each in placed])
    rows = [_row(each, awaits=number) for each, number in zip(placed, ids, strict=True)]
    answers = yield from _tasks(scope, rows)
    vain = [number for number, answer in zip(ids, answers, strict=True) if answer.did != "put"]
    if vain:
        yield from ask("unmake_groups", ids=vain)
    total = {number: 0 for number in ids if number not in vain}
    group_of: list[int] = []
    members: list[Placed] = []
    for each, number in zip(placed, ids, strict=True):
        if number in total:
            members += [Placed(member, number, each.parent_id) for member in each.flow["members"]]
            group_of += [number] * len(each.flow["members"])
    if members:
        done = yield from put(scope, members)
        total.update(Counter(number for number, answer in zip(group_of, done, strict=True) if answer.did == "put"))
    yield from _fill_groups(scope, total)
    return answers


def _make_groups(scope: Scope, flows: Sequence[Flow]) -> Verb[list[int]]:
    columns = [(flow["on_failure"], flow["at"], flow["delay"]) for flow in flows]
    names = ("on_failure", "at", "delay")
    rows = yield from ask("make_groups", namespace=scope.namespace, **_many(scope, names, columns))
    return [row[0] for row in rows]


def _fill_groups(scope: Scope, total: Mapping[int, int]) -> Verb[None]:
    filled = [(number, count) for number, count in total.items() if count]
    if filled:
        yield from ask("fill_groups", **_many(scope, ("id", "total"), filled))
    empty = [letters.Letter(number, None, None) for number, count in total.items() if not count]
    if empty:  # nothing to wait for
        yield from letters.post(scope, empty)


def _many(scope: Scope, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    if scope.chains_writes:
        return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    return {"rows": msgspec.json.encode(rows).decode()}


def _row(placed: Placed, awaits: int | None = None) -> dict[str, Any]:
    """Return a task's columns, in its place; where it awaits a group the group knows its time."""
    columns = {name: value for name, value in placed.flow.items() if name != "members"}
    return {**columns, "group_id": placed.group_id, "parent_id": placed.parent_id, "awaits": awaits}


def _tasks(scope: Scope, rows: Sequence[dict[str, Any]]) -> Verb[list[TaskPut]]:
    """Put tasks: those without a key at once, the others one by one in the order of their keys."""
    answers: dict[int, TaskPut] = {}
    plain = [place for place, row in enumerate(rows) if row["key"] is None]
    if plain:
        done = yield from many.put_tasks(scope, [rows[place] for place in plain])
        answers = {place: TaskPut(number, None, "put") for place, number in zip(plain, done.ids, strict=True)}
    keyed = [place for place, row in enumerate(rows) if row["key"] is not None]
    for place in sorted(keyed, key=lambda place: rows[place]["key"]):
        answers[place] = yield from tasks.put(scope, rows[place])
    return [answers[place] for place in range(len(rows))]

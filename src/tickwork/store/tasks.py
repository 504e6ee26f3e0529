"""What applications do to tasks, as verbs: put, cancel, edit, retry; in the caller's transaction.

A key is unique among the unfinished tasks of a namespace: putting it again returns the first one, and the earlier
time wins. A task that runs belongs to its worker: it can be asked to stop, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tickwork.errors import InvalidInput, TryAgain
from tickwork.model import limits
from tickwork.model.task import TaskPut
from tickwork.model.unique import Root
from tickwork.store import letters
from tickwork.store.dialect import Row, Verb, ask, ask_whole
from tickwork.store.letters import STOP, Letter
from tickwork.store.scope import Scope


def put(scope: Scope, columns: Mapping[str, Any]) -> Verb[TaskPut]:
    """Put a task, or return the one that has its key, treated as the columns' ``existing`` says."""
    values = {**columns, "namespace": scope.namespace, "channel": scope.channel}
    if columns["period"] is not None:
        return (yield from _put_for_period(values))
    key = columns["key"]
    for _ in range(3):
        rows = yield from ask_whole("put_task", **values)
        if rows:
            return TaskPut(rows[0][0], key, "put")
        names = {"namespace": scope.namespace, "unique_key": columns["unique_key"]}
        rows = yield from ask("hold_task_of_key", **names)
        if rows:
            return (yield from _put_again(rows[0][0], values))
        rows = yield from ask("task_of_key", **names)
        if rows:
            return TaskPut(rows[0][0], key, "exists")
    raise TryAgain(f"the task of the key {key!r} comes and goes under this transaction: begin it anew")


def _put_for_period(values: Mapping[str, Any]) -> Verb[TaskPut]:
    """The key's reservation is the mutex: whoever makes or renews it puts the task, everybody else finds it."""
    key = values["key"]
    names = {"namespace": values["namespace"], "key": key}
    reserved = yield from ask("reserve_key", period=values["period"], **names)
    if reserved:
        rows = yield from ask("put_task", **values)
        yield from ask("fill_reservation", id=rows[0][0], **names)
        return TaskPut(rows[0][0], key, "put")
    ((first,),) = yield from ask("task_of_reservation", **names)
    held = yield from ask("hold_task", id=first)
    if held:
        return (yield from _put_again(first, values))
    return TaskPut(first, key, "exists")


_AGAIN = {"keep": "hasten_task", "replace": "replace_task", "debounce": "debounce_task"}


def _put_again(first: int, values: Mapping[str, Any]) -> Verb[TaskPut]:
    """Treat a task that is held and has not begun; answers ``edited`` where that changed it, else ``exists``."""
    rows = yield from ask(_AGAIN[values["existing"]], id=first, **values)
    return TaskPut(first, values["key"], "edited" if rows else "exists")


def cancel(scope: Scope, task: str | int, *, reason: str | None, by: str) -> Verb[TaskPut]:
    """Cancel a task that does not run, ask one that runs; answers ``cancelled``, ``asked``, ``over`` or ``unknown``."""
    yield from become_writer(scope)
    found = yield from _ids_of(scope, task)
    answers = yield from cancel_many(scope, found, reason, by)
    for answer in sorted(answers, key=lambda answer: found.index(answer.id or 0)):
        return answer
    return TaskPut(None, task if isinstance(task, str) else None, "unknown")


def cancel_tree(scope: Scope, task: str | int, *, reason: str | None, by: str) -> Verb[TaskPut]:
    """Cancel a task and all that it waits for; answers as :func:`cancel` for the task itself.

    What a member puts into its group meanwhile is cancelled by whoever counts, once this has committed.
    """
    yield from become_writer(scope)
    found = yield from _ids_of(scope, task)
    tree = yield from ask("tree_of_tasks", namespace=scope.namespace, ids=found)
    yield from letters.post(scope, [Letter(awaits, None, STOP) for _, awaits in tree if awaits is not None])
    answers = yield from cancel_many(scope, sorted({row[0] for row in tree} | set(found)), reason, by)
    mine = sorted((answer for answer in answers if answer.id in found), key=lambda each: found.index(each.id or 0))
    return mine[0] if mine else TaskPut(None, task if isinstance(task, str) else None, "unknown")


def cancel_of_object(scope: Scope, name: str, *, reason: str | None, by: str) -> Verb[list[TaskPut]]:
    """Cancel every unfinished task of an object, in the order of their ids."""
    yield from become_writer(scope)
    rows = yield from ask("task_ids_of_object", namespace=scope.namespace, object=name)
    return (yield from cancel_many(scope, [row[0] for row in rows], reason, by))


def edit(scope: Scope, task: str | int, columns: Mapping[str, Any]) -> Verb[TaskPut]:
    """Change a task that does not run; answers ``edited``, ``unchanged``, ``running``, ``over`` or ``unknown``."""
    yield from become_writer(scope)
    values: dict[str, Any] = dict.fromkeys(("priority", "queue", "attempts", "expires_at", "at"))
    values.update(columns, sets_expires_at=int("expires_at" in columns), sets_time=int("delay" in columns))
    values.setdefault("delay", 0)
    found = yield from _ids_of(scope, task)
    for task_id in found:
        rows = yield from ask("edit_task", namespace=scope.namespace, id=task_id, channel=scope.channel, **values)
        if rows:
            return TaskPut(rows[0][0], rows[0][1], "edited")
    standing = yield from _standing(scope, task, found)
    return replace(standing, did="over") if standing.did == "done" else standing


def retry(scope: Scope, task: int, *, repeat: bool = False) -> Verb[TaskPut]:
    """Bring an archived task back under its id; answers ``retried``, or where it stands.

    One that is done comes back with *repeat* only, and answers ``done`` without.
    """
    retried = yield from retry_many(scope, [task], repeat=repeat)
    for put in retried:
        return put
    standing = yield from _standing(scope, task, [task])
    return replace(standing, did="over") if standing.did == "done" and repeat else standing


def retry_many(scope: Scope, ids: Sequence[int], *, repeat: bool = False) -> Verb[list[TaskPut]]:
    """Bring archived tasks back under their ids; returns those that came back."""
    values = {"namespace": scope.namespace, "ids": sorted(ids), "repeat": int(repeat), "channel": scope.channel}
    rows = yield from ask("retry_tasks", **values)
    if rows and not scope.chains_writes:
        yield from ask("forget_archived", ids=[row[0] for row in rows])
        yield from ask("answer_cancels", ids=[row[0] for row in rows])
    return [TaskPut(row[0], row[1], "retried") for row in rows]


def free(scope: Scope, task: str | int) -> Verb[TaskPut]:
    """Let a task that waits run at once; answers ``freed``, or where it stands."""
    yield from become_writer(scope)
    found = yield from _ids_of(scope, task)
    rows = yield from ask("free_tasks", namespace=scope.namespace, ids=found, channel=scope.channel)
    for task_id, *_ in rows:
        return TaskPut(task_id, task if isinstance(task, str) else None, "freed")
    standing = yield from _standing(scope, task, found)
    return replace(standing, did="over") if standing.did == "done" else standing


def awaken(scope: Scope, named: Sequence[str | int], about: str | None = None) -> Verb[list[int]]:
    """Let those run at once that put themselves off; returns their ids. One that runs will not sleep."""
    yield from become_writer(scope)
    ids: set[int] = set()
    for task in named:
        ids.update((yield from _ids_of(scope, task)))
    if about is not None:
        rows = yield from ask("task_ids_of_object", namespace=scope.namespace, object=about)
        ids.update(row[0] for row in rows)
    rows = yield from ask("awaken_tasks", namespace=scope.namespace, ids=sorted(ids), channel=scope.channel)
    return sorted(row[0] for row in rows if row[1] == "waiting")


def register_root(scope: Scope, root: Root) -> Verb[bool]:
    """Write down a root task; returns whether it is the newest of its signature."""
    values = {"namespace": scope.namespace, "signature": root.signature}
    rows = yield from ask("register_root", at=root.at, **values)
    return bool(rows)


def cancel_many(scope: Scope, ids: Sequence[int], reason: str | None, by: str) -> Verb[list[TaskPut]]:
    """Cancel what does not run, ask what does; answers in the order of the ids, nothing for ids that are unknown."""
    if not ids:
        return []
    values: dict[str, Any] = {"namespace": scope.namespace, "ids": sorted(ids)}
    if not scope.chains_writes:
        yield from ask("archive_cancelled", reason=reason, **values)
    rows = yield from ask("cancel_tasks", reason=reason, **values)
    answers = {row[0]: TaskPut(row[0], row[1], "cancelled") for row in rows}
    yield from letters.post(scope, [Letter(row[2], row[0], "cancelled") for row in rows if row[2] is not None])
    if answers and not scope.chains_writes:
        yield from ask("answer_cancels", ids=list(answers))
    rest = [each for each in values["ids"] if each not in answers]
    if rest:
        yield from ask("ask_to_cancel", namespace=scope.namespace, ids=rest, reason=reason, by=by)
        for task_id, key, state in (yield from ask("where_tasks_stand", namespace=scope.namespace, ids=rest)):
            answers[task_id] = TaskPut(task_id, key, "over" if state in ("over", "done") else "asked")
    return [answers[task_id] for task_id in sorted(answers)]


def _ids_of(scope: Scope, task: str | int) -> Verb[list[int]]:
    if not isinstance(task, (int, str)) or isinstance(task, bool):
        raise InvalidInput("task", task, "the id of a task (a whole number) or its key (a text)")
    if not limits.may_exist(task):
        return []
    if isinstance(task, int):
        return [task]
    rows: list[Row] = yield from ask("task_ids_of_key", namespace=scope.namespace, key=task)
    if not rows:
        rows = yield from ask("archived_id_of_key", namespace=scope.namespace, key=task)
    return [row[0] for row in rows]


def _standing(scope: Scope, task: str | int, ids: Sequence[int]) -> Verb[TaskPut]:
    rows = (yield from ask("where_tasks_stand", namespace=scope.namespace, ids=list(ids))) if ids else []
    for task_id, key, state in rows:
        return TaskPut(task_id, key, state if state in ("over", "done", "running") else "unchanged")
    return TaskPut(None, task if isinstance(task, str) else None, "unknown")


def become_writer(scope: Scope) -> Verb[None]:
    """On SQLite: obtain the write lock, or be refused, before anything is read."""
    if not scope.chains_writes:
        yield from ask("become_writer")

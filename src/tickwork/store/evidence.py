"""What an explanation rests on, as verbs that read a few rows each: who is there, who has it, who holds it, who is before it.

Nothing here writes, locks or counts a large table, so it may be asked in production, while something is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from tickwork.model.generator import Parked
from tickwork.model.report import TaskRow, Trigger
from tickwork.model.status import GONE_AFTER
from tickwork.store.dialect import Verb, ask
from tickwork.store.scope import Scope
from tickwork.watch import Instant

#: Tasks that are better than one are counted up to here.
MOST_AHEAD = 1_000


class Present(NamedTuple):
    """A process that gave a sign of life of late."""

    id: int
    kind: str
    host: str
    pid: int
    name: str
    settings: str
    seen_at: Instant

    def serves(self, namespace: str, queue: str, priority: int) -> bool:
        """Say whether a worker would take such a task, by what it wrote down when it started.

        >>> Present(1, "worker", "here", 7, "", '{"queues": ["mail"]}', 0).serves("default", "bulk", 2000)
        False
        """
        said: Mapping[str, Any] = msgspec.json.decode(self.settings)
        return (
            namespace in (said.get("namespaces") or [namespace])
            and queue in (said.get("queues") or [queue])
            and priority <= said.get("priority_at_most", priority)
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """The time, and who is there."""

    now: Instant
    present: tuple[Present, ...] = ()

    def runs(self, *kinds: str) -> bool:
        """Say whether one of these kinds of process is there; a tick's workers leave again, so they do not count."""
        return any(each.kind in kinds and each.name != "tick" for each in self.present)

    def of(self, readers: Iterable[Reader]) -> frozenset[int]:
        """Those of them who are there."""
        return frozenset(each.id for each in self.present) & {each.worker_id for each in readers}


class Hand(NamedTuple):
    """Who has something under a lease; its process is unknown where it has been forgotten."""

    worker_id: int
    kind: str | None
    host: str | None
    pid: int | None
    seen_at: Instant | None
    lease_ends_at: Instant

    def __str__(self) -> str:
        return f"{self.kind or 'worker'} {self.worker_id}" + (f" ({self.host}, pid {self.pid})" if self.host else "")


class Reader(NamedTuple):
    """A worker that knows a handler, and the versions of its payload that it reads; None: an older program's."""

    worker_id: int
    oldest: int | None = None
    newest: int | None = None

    def reads(self, version: int) -> bool:
        """Say whether it can read a payload of that version.

        >>> Reader(1, 2, 3).reads(1), Reader(1, 2, 3).reads(2), Reader(1).reads(7)
        (False, True, True)
        """
        return (self.oldest or version) <= version <= (self.newest or version)


class Holder(NamedTuple):
    """The session whose open transaction holds a row; no number for one that was prepared."""

    pid: int | None
    application: str | None
    since_at: Instant | None


class Fate(NamedTuple):
    """What became of a task: its state, or its outcome."""

    task_id: int
    became: str
    started_at: Instant | None
    finished_at: Instant | None


class Grip(NamedTuple):
    """What stands beside an unfinished task."""

    lease: int | None
    progress: float | None
    progress_note: str | None
    progress_at: Instant | None
    stop_asked_at: Instant | None
    stop_reason: str | None
    stop_by: str | None


class WorkRow(NamedTuple):
    """The row of a generator (its key is empty) or of one of its keys; ``token`` is None where its claim has ended."""

    namespace: str
    key: str
    next_wake_at: Instant | None
    paused_at: Instant | None
    lease: int | None
    token: int | None
    priority: int | None
    served_at: Instant | None
    done: int
    failed: int
    failures: int
    error: str | None
    about: str
    changed_at: Instant


class ComingTask(NamedTuple):
    """A delayed task; *again*: it failed before and waits to be tried again."""

    id: int
    key: str | None
    handler: str
    available_at: Instant
    again: bool


NO_GRIP = Grip(None, None, None, None, None, None, None)


def scene() -> Verb[Scene]:
    """Return the time, and who gave a sign of life of late."""
    rows = yield from ask("who_is_there", gone_after=GONE_AFTER)
    return Scene(rows[0][0], tuple(Present._make(row[1:]) for row in rows if row[1] is not None))


def hand(token: int | None) -> Verb[Hand | None]:
    """Return who has a lease; None where it has ended."""
    rows = [] if token is None else (yield from ask("who_has_lease", token=token))
    return Hand._make(rows[0]) if rows else None


def holder(*, trigger: int | None = None, task: int | None = None, job: int | None = None) -> Verb[Holder | None]:
    """Return whose open transaction holds a row, where the database can tell."""
    rows = yield from ask("who_holds", trigger=trigger, task=task, job=job)
    return Holder._make(rows[0]) if rows else None


def longest_due() -> Verb[Instant | None]:
    """Return since when the trigger waits that has been due for longest."""
    rows = yield from ask("longest_due")
    found: Instant | None = rows[0][0]
    return found


def fates(tasks: Iterable[int]) -> Verb[dict[int, Fate]]:
    """Return what became of some tasks; those that retention has removed are missing."""
    ids = sorted(set(tasks))
    rows = (yield from ask("fates_of_tasks", ids=ids)) if ids else []
    return {row[0]: Fate._make(row) for row in rows}


def grip(scope: Scope, task: int) -> Verb[Grip]:
    """Return what stands beside an unfinished task."""
    rows = yield from ask("hand_of_task", namespace=scope.namespace, id=task)
    return Grip._make(rows[0]) if rows else NO_GRIP


def ahead(scope: Scope, task: TaskRow) -> Verb[int]:
    """Return how many ready tasks of its queue go before this one, counted up to MOST_AHEAD."""
    which = {"namespace": scope.namespace, "queue": task.queue, "priority": task.priority, "id": task.id}
    rows = yield from ask("ahead_of_task", **which, available_at=task.available_at, most=MOST_AHEAD)
    return min(MOST_AHEAD, sum(int(count) for _, count in rows))


def who_knows(handler: str) -> Verb[list[Reader]]:
    """Return which workers know a handler."""
    rows = yield from ask("who_knows", name=handler)
    return [Reader._make(row) for row in rows]


def newest_version(handler: str) -> Verb[int]:
    """Return the newest version of a handler's payload that a worker reads; 1 where nobody says."""
    ((newest,),) = yield from ask("newest_version", name=handler)
    return newest or 1


def known_names() -> Verb[list[str]]:
    """Return the handlers that workers know."""
    rows = yield from ask("known_names")
    return [name for (name,) in rows]


def work(scope: Scope, name: str, key: str) -> Verb[tuple[WorkRow | None, WorkRow | None]]:
    """Return a generator's own row, and that of one of its keys."""
    rows = yield from ask("work_by_name", namespaces=[scope.namespace, ""], name=name, key=key)
    found = [WorkRow._make(row) for row in rows]
    head = next((row for row in found if row.key == ""), None)
    return head, next((row for row in found if key and row.key == key), None)


def in_hands(namespace: str, name: str) -> Verb[int]:
    """Return how many pieces of a generator's work are in somebody's hands."""
    rows = yield from ask("work_in_hands", namespace=namespace, name=name)
    return int(rows[0][0])


def parked(scope: Scope, name: str, key: str) -> Verb[Parked | None]:
    """Return a piece of work that was parked."""
    rows = yield from ask("parked_by_name", namespaces=[scope.namespace, ""], name=name, key=key)
    return Parked(*rows[0]) if rows else None


def unread_triggers(scope: Scope, n: int) -> Verb[list[Trigger]]:
    """Return triggers that a daemon has not planned yet."""
    rows = yield from ask("unread_triggers", namespace=scope.namespace, n=n)
    return [Trigger._make(row) for row in rows]


def coming_tasks(scope: Scope, until: Instant, n: int) -> Verb[list[ComingTask]]:
    """Return delayed tasks that become ready until then, the next ones first."""
    rows = yield from ask("coming_tasks", namespace=scope.namespace, until=until, n=n)
    return [ComingTask(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]

"""Everything about an object, or in a container, in one go: cancel, count, list.

A trigger or a task may name the object that it is about (``meeting/7``) and what that belongs to (``calendar/3``). An
application that deletes the object cancels both kinds of work with it, in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from tickwork.api.decisions import cancelled
from tickwork.api.desk import Desk
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.objects import ObjectCancelled, ObjectCounts
from tickwork.model.report import TaskRow, Trigger
from tickwork.store import objects, reports
from tickwork.store.dialect import Verb


@dataclass(frozen=True, slots=True)
class ObjectWork:
    """The triggers and the tasks about an object; those that are over, newest first."""

    triggers: tuple[Trigger, ...]
    tasks: tuple[TaskRow, ...]
    archive: tuple[TaskRow, ...]


class Objects:
    """The objects of one namespace, through one desk. Each verb takes an object's name, or ``container=``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def cancel(
        self, object: str | None = None, *, container: str | None = None, reason: str | None = None, by: str = ""
    ) -> ObjectCancelled:
        """Cancel its triggers and its tasks in one transaction; tasks that run are asked to stop.

        Raises InvalidInput unless exactly one of *object* and *container* is given.

        >>> from datetime import timedelta
        >>> from tickwork import Tickwork, clocks
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("meeting.remind")
        ... def remind(meeting_id: int): ...
        >>> _ = app.trigger("m7", clocks.Every(60), remind.task(meeting_id=7), object="meeting/7")
        >>> _ = app.put(remind.task(meeting_id=7), object="meeting/7")
        >>> done = app.objects.cancel("meeting/7")
        >>> [put.did for put in (*done.triggers, *done.tasks)]
        ['cancelled', 'cancelled']
        >>> app.objects.count("meeting/7")
        ObjectCounts(triggers={'cancelled': 1}, tasks={}, archive={'cancelled': 1})
        >>> app.close()
        """
        desk = self._desk
        name, holder = _one_of(object, container)
        return desk.perform(lambda: objects.cancel(desk.scope, name, holder, cancelled, reason=reason, by=by))

    def count(self, object: str | None = None, *, container: str | None = None) -> ObjectCounts:
        """Count its triggers and tasks by state, and the archived ones by outcome."""
        desk = self._desk
        name, holder = _one_of(object, container)
        return desk.look(lambda: objects.count(desk.scope, name, holder))

    def list(self, object: str | None = None, *, container: str | None = None, limit: int = 100) -> ObjectWork:
        """Return its triggers, its unfinished tasks and its archived ones, at most *limit* of each."""
        desk, n = self._desk, limits.number(limit, "limit", 1, 1_000_000)
        name, holder = _one_of(object, container)
        words = {"object": name, "container": holder}

        def verb() -> Verb[ObjectWork]:
            found = yield from reports.triggers(desk.scope, due_before=None, limit=n, **words)
            tasks = yield from reports.tasks(desk.scope, limit=n, **words)
            archive = yield from reports.archived(desk.scope, limit=n, **words)
            return ObjectWork(tuple(found), tuple(tasks), tuple(archive))

        return desk.look(verb)


def _one_of(object: str | None, container: str | None) -> tuple[str | None, str | None]:
    if (object is None) == (container is None):
        raise InvalidInput("object", object, "the name of an object, or container=..., and not both")
    return limits.optional_text(object, "object"), limits.optional_text(container, "container")

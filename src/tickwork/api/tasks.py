"""What people do to tasks: put, cancel, edit, retry; get and list.

A task is addressed by its id, or by its key where it was given one. On a lent asynchronous connection every verb is
awaited.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Unpack

from tickwork.api.desk import Desk
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.action import PutTask
from tickwork.model.report import Failed, TaskRow
from tickwork.model.task import NewTask, TaskPut, Treatment, treatment_columns, when
from tickwork.model.tasks_together import ManyTasks
from tickwork.store import reports, tasks
from tickwork.store.dialect import Verb
from tickwork.store.tasks_together import put_many
from tickwork.watch import Instant

STATES = ("waiting", "ready", "running", "unhandled")
OUTCOMES = ("done", "gave up", "lost", "expired", "declined", "cancelled")


class Tasks:
    """The tasks of one namespace, through one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def put(
        self,
        action: PutTask,
        *,
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        unchecked: bool = False,
        **treatment: Unpack[Treatment],
    ) -> TaskPut:
        """Put a task, to be run as soon as a worker is free, or not before *at* or *delay*.

        Args:
            action: ``handler.task(...)`` of a registered handler.
            at: an instant; a past one means now.
            delay: a timedelta or seconds, from the database's clock.
            unchecked: do not check handler and payload against what is registered.
            **treatment: priority (1 to 9999, smaller first), queue, attempts (runs allowed), expires_at (not run
                later than that), object, container, tags, root, and key: while a task of that key is unfinished this
                is that task, and the earlier time wins. *scope* and *existing* say it otherwise: scope ``waiting``
                keeps a second one away only until the first is claimed, a timedelta for so long from the first put,
                whatever became of it; existing ``replace`` gives the first everything that the second says,
                ``debounce`` moves it to the later time. A task that has begun is never changed.

        Raises:
            InvalidInput: a value is out of range. UnknownHandler, InvalidPayload: nobody could run it.
            TryAgain: the transaction lost a race and must be begun anew.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("invoice.send")
        ... def send(invoice: int): ...
        >>> app.tasks.put(send.task(invoice=7), delay=90, key="invoice/7").did
        'put'
        >>> app.tasks.put(send.task(invoice=7), key="invoice/7").did
        'edited'
        >>> app.tasks.cancel("invoice/7").did
        'cancelled'
        >>> app.close()
        """
        desk = self._desk
        if isinstance(action, PutTask):
            treatment = Treatment(**{**desk.attempts(action, treatment), **treatment})  # type: ignore[typeddict-item]
        columns = NewTask.of(action, at, delay, treatment).columns()

        def verb() -> Verb[TaskPut]:
            if not unchecked:
                yield from desk.check(action)
            return (yield from tasks.put(desk.scope, columns))

        return desk.perform(verb)

    def put_many(
        self,
        actions: Iterable[PutTask],
        *,
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        unchecked: bool = False,
        **treatment: Unpack[Treatment],
    ) -> list_of[int]:
        """Put many tasks at once, all treated alike: one statement for a thousand, so some twenty times as fast.

        Args:
            actions: ``handler.task(...)`` of registered handlers, in the order in which they are to run.
            at: an instant; a past one means now.
            delay: a timedelta or seconds, from the database's clock.
            unchecked: do not check handlers and payloads against what is registered.
            **treatment: as in :meth:`put`, for all of them; a key is for one task, and refused.

        Returns:
            Their ids, in the same order.

        Raises:
            InvalidInput: a value is out of range; nothing is put. UnknownHandler, InvalidPayload: nobody could run it.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("invoice.send")
        ... def send(invoice: int): ...
        >>> app.tasks.put_many((send.task(invoice=number) for number in range(3)), priority=3000)
        [1, 2, 3]
        >>> app.close()
        """
        desk, batch = self._desk, list(actions)
        many = ManyTasks.of(batch, at, delay, treatment)
        allowed = [desk.attempts(each, treatment).get("attempts") for each in batch]

        def verb() -> Verb[list_of[int]]:
            if not unchecked:
                for each in batch:
                    yield from desk.check(each)
            return (yield from put_many(desk.scope, many.columns(), many.rows(allowed)))

        return desk.perform(verb)

    def cancel(self, task: str | int, *, reason: str | None = None, by: str = "") -> TaskPut:
        """Cancel a task. Answers ``cancelled`` (it is archived so), ``asked`` (it runs), ``over`` or ``unknown``."""
        desk = self._desk
        return desk.perform(lambda: tasks.cancel(desk.scope, task, reason=reason, by=by))

    def cancel_object(self, object: str, *, reason: str | None = None, by: str = "") -> list[TaskPut]:
        """Cancel every unfinished task about an object."""
        desk, name = self._desk, limits.text(object, "object")
        return desk.perform(lambda: tasks.cancel_of_object(desk.scope, name, reason=reason, by=by))

    def edit(
        self,
        task: str | int,
        *,
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        **treatment: Unpack[Treatment],
    ) -> TaskPut:
        """Change the time, priority, queue, attempts or expiry of a task that does not run.

        Answers ``edited``, ``running``, ``over`` or ``unknown``.
        """
        for name in ("key", "scope", "existing", "root", "object", "container", "tags"):
            if name in treatment:
                raise InvalidInput(name, treatment[name], "nothing: it stays as it was put")
        columns = treatment_columns(treatment)
        if at is not None or delay is not None:
            columns["at"], columns["delay"] = when(at, delay)
        desk = self._desk
        return desk.perform(lambda: tasks.edit(desk.scope, task, columns))

    def retry(self, task: int, *, repeat: bool = False) -> TaskPut:
        """Bring an archived task back under its id, runnable at once, with no attempt counted.

        One that went well comes back only with *repeat*. Answers ``retried``, or where it stands: ``unchanged`` or
        ``running`` (unfinished), ``done`` (it went well), ``over`` (another task holds its key), ``unknown``.
        """
        desk, number = self._desk, limits.number(task, "task", 1, 2**63 - 1)
        return desk.perform(lambda: tasks.retry(desk.scope, number, repeat=repeat))

    def get(self, task: str | int) -> TaskRow:
        """Return a task, unfinished or archived, by id or key; raises NotFound."""
        desk = self._desk
        return desk.look(lambda: reports.task(desk.scope, task))

    def failures(self, task: int, *, limit: int = 100) -> list_of[Failed]:
        """The attempts of a task that failed, oldest first."""
        return self._desk.look(lambda: reports.failures(task, limit))

    def list(
        self,
        *,
        state: str | None = None,
        handler: str | None = None,
        queue: str | None = None,
        object: str | None = None,
        trigger: str | None = None,
        limit: int = 100,
    ) -> list[TaskRow]:
        """List unfinished tasks in the order in which they will run; *state* is waiting, ready, running, unhandled."""
        if state is not None and state not in STATES:
            raise InvalidInput("state", state, ", ".join(STATES))
        desk, n = self._desk, limits.number(limit, "limit", 1, 1_000_000)
        return desk.look(
            lambda: reports.tasks(
                desk.scope, state=state, handler=handler, queue=queue, object=object, trigger_key=trigger, limit=n
            )
        )

    def list_archived(
        self,
        *,
        outcome: str | None = None,
        handler: str | None = None,
        queue: str | None = None,
        object: str | None = None,
        trigger: str | None = None,
        limit: int = 100,
    ) -> list_of[TaskRow]:
        """List tasks that are over, newest first."""
        if outcome is not None and outcome not in OUTCOMES:
            raise InvalidInput("outcome", outcome, ", ".join(OUTCOMES))
        desk, n = self._desk, limits.number(limit, "limit", 1, 1_000_000)
        return desk.look(
            lambda: reports.archived(
                desk.scope, outcome=outcome, handler=handler, queue=queue, object=object, trigger_key=trigger, limit=n
            )
        )


#: ``list`` is a verb in the class above, so the type goes by another name there.
list_of = list

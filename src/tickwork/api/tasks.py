"""What people do to tasks: put, cancel, edit, retry; get and list.

A task is addressed by its id, or by its key where it was given one. On a lent asynchronous connection every verb is
awaited.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Unpack

from tickwork.api.desk import Desk
from tickwork.api.flows import put_flow
from tickwork.api.selected_tasks import SelectedTasks, task_filter
from tickwork.api.task_columns import columns_of, columns_of_lines, queues_of
from tickwork.api.waiting import patiently
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.action import PutTask
from tickwork.model.flow import Gathered, Then
from tickwork.model.many import ManyPut, TaskLine
from tickwork.model.report import Failed, GroupRow, Result, TaskRow
from tickwork.model.task import TaskPut, Treatment, treatment_columns, when
from tickwork.model.unique import WORDS, Root
from tickwork.store import evidence, many, pressure, reports, tasks
from tickwork.store.dialect import Verb
from tickwork.store.many import Progress
from tickwork.watch import Instant

STATES = ("waiting", "ready", "running", "unhandled")
OUTCOMES = ("done", "gave up", "lost", "expired", "declined", "cancelled")


class Tasks:
    """The tasks of one namespace, through one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def put(
        self,
        action: PutTask | Then,
        *,
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        unchecked: bool = False,
        **treatment: Unpack[Treatment],
    ) -> TaskPut:
        """Put a task, to be run as soon as a worker is free, or not before *at* or *delay*.

        Args:
            action: ``handler.task(...)`` of a registered handler; or a flow, ``a.then(b)`` or ``Group([...]).then(b)``:
                what is answered is the last task's, and so is the key; the rest is said for all tasks of the flow which
                do not say it themselves, a time for those that wait for nothing.
            at: an instant; a past one means now.
            delay: a timedelta or seconds, from the database's clock.
            unchecked: do not check handler and payload against what is registered.
            **treatment: priority (1 to 9999, smaller first), queue, attempts (runs allowed), expires_at (not run
                later than that), object, container, tags, units (how much work it is, for rates), limit_key (what it
                is counted by, where its handler is limited per key), root, and key: while a task of that key is unfinished this
                is that task, and the earlier time wins. *scope* and *existing* say it otherwise: scope ``waiting``
                keeps a second one away only until the first is claimed, a timedelta for so long from the first put,
                whatever became of it; existing ``replace`` gives the first everything that the second says,
                ``debounce`` moves it to the later time. A task that has begun is never changed. *dedupe* makes a
                key of handler and payload (a list names payload fields that do not count): a task that says the same
                and has not begun is that task. *root* makes it a leaf of a root task: see :meth:`register_root`.

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
        given = {"at": at, "delay": delay, **treatment}
        if isinstance(action, PutTask):
            columns = columns_of(desk, action, given)
        else:
            return put_flow(desk, action, given, unchecked=unchecked)

        def verb() -> Verb[TaskPut]:
            yield from desk.admit(columns["queue"])
            if not unchecked:
                yield from desk.check(action)
            return (yield from tasks.put(desk.scope, columns))

        return patiently(desk, [columns["queue"]], lambda: desk.perform(verb))

    def put_many(
        self,
        lines: Iterable[TaskLine],
        *,
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        unchecked: bool = False,
        progress: Progress | None = None,
        **treatment: Unpack[Treatment],
    ) -> ManyPut:
        """Put many tasks at once: all of them are there when this returns, or none.

        Args:
            lines: actions, or pairs of an action and a mapping of its own time and treatment.
            at: not before then, where a line says nothing else.
            delay: or not before so long from now, a timedelta or seconds.
            unchecked: do not check handlers and payloads against what is registered.
            progress: is called with how many are written and how many there are, every 10,000.
            **treatment: as for :meth:`put`, for lines that say nothing else. A key that is taken keeps its task, and
                the earlier time wins; a period and other ways to treat the first are for single puts.

        Raises:
            InvalidInput: a line cannot be; nothing was written. UnknownHandler, InvalidPayload, TryAgain: as :meth:`put`.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("row.import")
        ... def import_row(number: int): ...
        >>> app.tasks.put_many((import_row.task(number=n) for n in range(1000)), priority=3000)
        ManyPut(put=1000, existing=0, hastened=0)
        >>> app.close()
        """
        desk = self._desk
        actions, rows = columns_of_lines(desk, lines, at=at, delay=delay, treatment=treatment)
        queues = queues_of(rows)

        def verb() -> Verb[ManyPut]:
            for queue, count in queues.items():
                yield from desk.admit(queue, count)
            if not unchecked:
                yield from desk.check_all(actions)
            return (yield from many.put_tasks(desk.scope, rows, progress))

        return patiently(desk, queues, lambda: desk.perform(verb))

    def cancel(self, task: str | int, *, flow: bool = False, reason: str | None = None, by: str = "") -> TaskPut:
        """Cancel a task. Answers ``cancelled`` (it is archived so), ``asked`` (it runs), ``over`` or ``unknown``.

        With *flow* all that it waits for is cancelled, too, and what they wait for.
        """
        desk = self._desk
        cancel = tasks.cancel_tree if flow else tasks.cancel
        return desk.perform(lambda: cancel(desk.scope, task, reason=reason, by=by))

    def results(self, group: int | Gathered, *, after: int = 0, limit: int = 1_000) -> list_of[Result]:
        """What those members of a group left that are over, in the order of their ids: id, outcome, result as JSON.

        Args:
            group: its number, or the ``gathered`` of the task that has waited for it.
            after: the id behind which to go on.
            limit: how many.

        Results are there where the members' handler keeps them (``keep_result``), as long as the archive keeps them.

        >>> from tickwork import Group, Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("page.count", keep_result=True)
        ... def count(page: int):
        ...     return page * 100
        >>> @app.handler("pages.sum")
        ... def sum_up(task):
        ...     print(task.gathered, sum(each.value for each in app.tasks.results(task.gathered)))
        >>> _ = app.put(Group(count.task(page=n) for n in (1, 2, 3)).then(sum_up.task()))
        >>> _ = app.tick(within=5)
        3 done 600
        >>> app.close()
        """
        number = group.group if isinstance(group, Gathered) else limits.number(group, "group", 1, 2**63 - 1)
        desk, n = self._desk, limits.number(limit, "limit", 1, 1_000_000)
        last = limits.number(after, "after", 0, 2**63 - 1)
        return desk.look(lambda: reports.results(desk.scope, number, last, n))

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

        Answers ``edited``, or where it stands: ``unchanged`` (it is like that already), ``running``, ``over`` or
        ``unknown``.
        """
        for name in (*WORDS, "root", "object", "container", "tags", "limit_key", "units"):
            if name in treatment:
                raise InvalidInput(name, treatment[name], "nothing: it stays as it was put")  # type: ignore[literal-required]
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

    def register_root(self, root: Root) -> bool:
        """Let older roots of the same signature be superseded: those of their leaves that have not begun are declined.

        Put the leaves first (with ``root=``), register in the same transaction or after it: leaves that could not be
        put then supersede nothing. Returns whether it is the newest root of its signature.

        >>> from tickwork import Tickwork
        >>> from tickwork.model.unique import Root
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("links.update")
        ... def update(page: int): ...
        >>> change = Root("links of page/7", 1_900_000_000_000_000)
        >>> _ = app.tasks.put_many([update.task(page=1), update.task(page=2)], root=change)
        >>> app.tasks.register_root(change), app.tasks.register_root(Root("links of page/7", 1))
        (True, False)
        >>> app.close()
        """
        desk = self._desk
        if not isinstance(root, Root):
            raise InvalidInput("root", root, "a Root: its signature and its time")
        return desk.perform(lambda: tasks.register_root(desk.scope, root))

    def group(self, group: int) -> GroupRow | None:
        """How far a group is that something waits for, None where it is over; ends of the last moment may be missing."""
        desk, number = self._desk, limits.number(group, "group", 1, 2**63 - 1)
        return desk.look(lambda: reports.group(desk.scope, number))

    def where(self, **filters: Any) -> SelectedTasks:
        """Select tasks by what they are, to cancel, retry, delay, reprioritise, free or awaken all of them.

        Filters: ids, key, handler, queue, state or outcome, object, container, trigger, tag, min_priority,
        max_priority, min_failures, max_failures (both ends included), finished_after, finished_before (with an
        outcome), limit (those that would run first). Raises InvalidInput for what cannot be; a filter that says
        nothing is refused by every verb that changes something.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("row.import")
        ... def import_row(number: int): ...
        >>> _ = app.tasks.put_many(import_row.task(number=n) for n in range(5))
        >>> app.tasks.where(handler="row.import", limit=2).cancel()
        Treated(selected=2, did={'cancelled': 2})
        >>> app.tasks.where().cancel()
        Traceback (most recent call last):
        tickwork.errors.InvalidInput: filter: 'nothing' is not allowed; expected something that says which tasks: ...
        >>> app.close()
        """
        return SelectedTasks(self._desk, task_filter(filters))

    def free(self, task: str | int) -> TaskPut:
        """Let a task that waits for a retry, a snooze or its time run at once.

        Answers ``freed``, or where it stands: ``unchanged`` (it is ready), ``running``, ``over`` or ``unknown``.
        """
        desk = self._desk
        return desk.perform(lambda: tasks.free(desk.scope, task))

    def awaken(self, *named: str | int | Iterable[str | int], object: str | None = None) -> list_of[int]:
        """Let those of these tasks run at once that put themselves off (Snooze); return their ids.

        Args:
            *named: ids or keys.
            object: or all tasks about this object.

        What waits after a failure goes on waiting. One that runs just now will not sleep if it puts itself off: it
        may have looked before this transaction commits. Say it in the transaction that makes it worth while to look
        again.
        """
        if not named and object is None:
            raise InvalidInput("task", "nothing", "ids or keys of tasks, or the object that they are about")
        desk = self._desk
        tasks_named = [each for some in named for each in ([some] if isinstance(some, str | int) else some)]
        about = limits.optional_text(object, "object")
        return desk.perform(lambda: tasks.awaken(desk.scope, tasks_named, about))

    def version_of(self, handler: str) -> int:
        """Of which version a payload is that somebody writes today: our own handler's, else the newest that workers read.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("greet", version=3)
        ... def greet(name: str): ...
        >>> app.tasks.version_of("greet"), app.tasks.version_of("nobody")
        (3, 1)
        >>> app.close()
        """
        known, desk = self._desk.handlers.get(handler), self._desk
        if known is not None:
            return known.version
        name = limits.text(handler, "handler", limits.NAME_LENGTH)
        return desk.look(lambda: evidence.newest_version(name))

    def get(self, task: str | int) -> TaskRow:
        """Return a task, unfinished or archived, by id or key; raises NotFound."""
        desk = self._desk
        return desk.look(lambda: reports.task(desk.scope, task))

    def progress(self, task: int) -> pressure.Progress | None:
        """How far the last run of an unfinished task has come, as its handler said; None where it said nothing."""
        desk = self._desk
        return desk.look(lambda: pressure.progress(desk.scope, task))

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
        container: str | None = None,
        trigger: str | None = None,
        limit: int = 100,
    ) -> list[TaskRow]:
        """List unfinished tasks in the order in which they will run; *state* is waiting, ready, running, unhandled."""
        if state is not None and state not in STATES:
            raise InvalidInput("state", state, ", ".join(STATES))
        desk, n = self._desk, limits.number(limit, "limit", 1, 1_000_000)
        about = _about(handler=handler, queue=queue, object=object, container=container, trigger=trigger)
        return desk.look(lambda: reports.tasks(desk.scope, state=state, limit=n, **about))

    def list_archived(
        self,
        *,
        outcome: str | None = None,
        handler: str | None = None,
        queue: str | None = None,
        object: str | None = None,
        container: str | None = None,
        trigger: str | None = None,
        limit: int = 100,
    ) -> list_of[TaskRow]:
        """List tasks that are over, newest first."""
        if outcome is not None and outcome not in OUTCOMES:
            raise InvalidInput("outcome", outcome, ", ".join(OUTCOMES))
        desk, n = self._desk, limits.number(limit, "limit", 1, 1_000_000)
        about = _about(handler=handler, queue=queue, object=object, container=container, trigger=trigger)
        return desk.look(lambda: reports.archived(desk.scope, outcome=outcome, limit=n, **about))


def _about(trigger: str | None, **filters: str | None) -> dict[str, str | None]:
    """Check what a list is narrowed to."""
    checked = {name: limits.optional_text(value, name) for name, value in filters.items()}
    return {**checked, "trigger_key": limits.optional_text(trigger, "trigger")}


#: ``list`` is a verb in the class above, so the type goes by another name there.
list_of = list

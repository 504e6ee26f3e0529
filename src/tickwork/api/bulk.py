"""Bulk work: very many tasks under one name, or a verb for very many tasks, with counts, to be cancelled and resumed.

What is small enough for one call is done at once by ``app.tasks.put_many`` and ``app.tasks.where(...)``. Bulk work goes
on without the process that ordered it: workers do it, and everybody can look how far it has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Unpack

from tickwork.api.desk import Desk
from tickwork.api.selected_tasks import task_filter
from tickwork.api.task_columns import columns_of_lines
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.bulk import STATES, Bulk, verb_terms
from tickwork.model.many import TaskLine
from tickwork.model.task import Treatment, when
from tickwork.store import bulks
from tickwork.store.dialect import Verb
from tickwork.store.many import Progress
from tickwork.watch import Instant


class BulkWork:
    """The bulk work of one namespace, through one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def put(
        self,
        title: str,
        lines: Iterable[TaskLine],
        *,
        once: str | None = None,
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        unchecked: bool = False,
        by: str = "",
        progress: Progress | None = None,
        **treatment: Unpack[Treatment],
    ) -> Bulk:
        """Put very many tasks as one bulk: all of them, or none. They stand in the container ``bulk:ID``.

        Args:
            title: what it is, for people.
            lines: as for :meth:`Tasks.put_many`.
            once: a key: a bulk of it is put once; put again it is returned, and nothing is put.
            at: not before then; or *delay*, where a line says nothing else.
            delay: a timedelta or seconds.
            unchecked: do not check handlers and payloads against what is registered.
            by: who did it.
            progress: is called with how many are written and how many there are.
            **treatment: as for :meth:`Tasks.put_many`; priority is 3000 where nothing is said.

        Raises:
            InvalidInput: a line cannot be, and nothing was written. UnknownHandler, InvalidPayload: nobody could run it.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("row.import")
        ... def import_row(number: int): ...
        >>> bulk = app.bulk.put("rows of 2026-05", (import_row.task(number=n) for n in range(100)), once="rows/2026-05")
        >>> bulk.state, bulk.total, bulk.left
        ('running', 100, 100)
        >>> app.bulk.cancel(bulk.id).counts
        {'cancelled': 100}
        >>> app.close()
        """
        if treatment.get("container") is not None:
            raise InvalidInput("container", treatment["container"], "nothing: a bulk is the container of its tasks")
        desk, name = self._desk, limits.optional_text(once, "once")
        limits.text(title, "title")
        words = {"priority": 3_000, **treatment}
        found, rows = columns_of_lines(desk, lines, at=at, delay=delay, treatment=words)

        def verb() -> Verb[Bulk]:
            if not unchecked:
                yield from desk.check_all(found)
            return (yield from bulks.put(desk.scope, rows, key=name, title=title, by=by, progress=progress))

        return desk.perform(verb)

    def order(
        self,
        verb: str,
        filters: Mapping[str, Any],
        *,
        title: str = "",
        once: str | None = None,
        by: str = "",
        **terms: Any,
    ) -> Bulk:
        """Have workers do a verb to all that a filter selects now: cancel, retry, delay, reprioritise or free.

        *filters* are those of :meth:`Tasks.where`; *terms* what the verb takes (``priority=7``, ``delay=60``,
        ``repeat=True``, ``reason="..."``), *once* a key under which it is ordered once. Tasks that are put later are not
        meant. Raises InvalidInput.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> bulk = app.bulk.order("reprioritise", {"handler": "row.import"}, priority=3500)
        >>> app.bulk.get(bulk.id).kind
        'reprioritise'
        >>> app.close()
        """
        wanted, words = task_filter(filters), verb_terms(verb, terms)
        wanted.refuse_empty()
        if verb == "reprioritise":
            limits.priority(words.get("priority"))
        if verb == "delay":
            words["at"], words["delay"] = when(words.get("at"), words.get("delay"))
        if verb == "retry" and wanted.state is not None:
            raise InvalidInput("state", wanted.state, "an outcome instead: only a task that is over is retried")
        if verb != "retry" and wanted.outcome is not None:
            raise InvalidInput("outcome", wanted.outcome, "a state instead: what is over can only be retried")
        desk, name = self._desk, limits.optional_text(once, "once")
        said = title or f"{verb} {', '.join(f'{word} {value}' for word, value in filters.items())}"
        return desk.perform(lambda: bulks.order(desk.scope, verb, wanted, words, key=name, title=said[:500], by=by))

    def get(self, bulk: int) -> Bulk:
        """Return one, counted now; raises NotFound."""
        desk, number = self._desk, limits.number(bulk, "bulk", 1, 2**63 - 1)
        return desk.look(lambda: bulks.get(desk.scope, number))

    def list(self, *, state: str | None = None, limit: int = 100) -> list[Bulk]:
        """Return them, newest first; *state* is running, done, failed, cancelling or cancelled."""
        if state is not None and state not in STATES:
            raise InvalidInput("state", state, ", ".join(STATES))
        desk, n = self._desk, limits.number(limit, "limit", 1, 1_000_000)
        return desk.look(lambda: bulks.listed(desk.scope, state, n))

    def cancel(self, bulk: int, *, by: str = "") -> Bulk:
        """Do no more of it. A verb leaves alone what it has not reached; its own tasks are cancelled.

        Those that run are asked to stop: until they have ended the state is ``cancelling``. Raises NotFound.
        """
        desk, number = self._desk, limits.number(bulk, "bulk", 1, 2**63 - 1)
        return desk.perform(lambda: bulks.cancel(desk.scope, number, by=by))

    def resume(self, bulk: int) -> Bulk:
        """Go on with it: a verb where it stopped; its own tasks that failed or were cancelled run again.

        Raises NotFound.
        """
        desk, number = self._desk, limits.number(bulk, "bulk", 1, 2**63 - 1)
        return desk.perform(lambda: bulks.resume(desk.scope, number))

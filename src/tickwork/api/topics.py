"""Topics: say once that something happened, and every handler that has subscribed gets a task of its own.

The tasks are written in the same transaction, one for each handler, so that one that fails is retried by itself. A
trigger whose action is a :class:`Topic` does the same when it fires, with the handlers that have subscribed by then.

Who has subscribed stands in the database: a web process that only writes need not know the handlers. A subscription
that is made in code is written when a process of the application starts, or before its first put of a topic.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Unpack

from tickwork.api.desk import Desk
from tickwork.engine.tasks.handler import Handler
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.action import ATTEMPTS, PutTask, Topic
from tickwork.model.task import NewTask, Treatment
from tickwork.model.topic import Subscription, TopicPut
from tickwork.model.unique import WORDS
from tickwork.store import topics
from tickwork.store.dialect import Verb
from tickwork.watch import Instant


class Subscriptions:
    """What an application's code has subscribed, and what of it has been written by this process."""

    def __init__(self) -> None:
        self.noted: set[tuple[str, str, int]] = set()
        self.written: set[tuple[str, str, int]] = set()

    @property
    def unwritten(self) -> set[tuple[str, str, int]]:
        return self.noted - self.written


class Topics:
    """The topics of one namespace, through one desk."""

    def __init__(self, desk: Desk, subscriptions: Subscriptions) -> None:
        self._desk, self._subscriptions = desk, subscriptions

    def subscribe(self, topic: str, *handlers: Handler | str) -> None:
        """Let these handlers have a task whenever the topic is put or fires; registered handlers, or their names.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("cache.purge")
        ... def purge(page: int): ...
        >>> @app.handler("search.index", attempts=3)
        ... def index(page: int): ...
        >>> app.topics.subscribe("page.saved", purge, index)
        >>> app.topics.put("page.saved", {"page": 7}).tasks
        {'cache.purge': 1, 'search.index': 2}
        >>> app.close()
        """
        limits.text(topic, "topic", limits.NAME_LENGTH)
        if not handlers:
            raise InvalidInput("handlers", handlers, "at least one handler, or its name")
        for handler in handlers:
            name = limits.text(handler if isinstance(handler, str) else handler.name, "handler", limits.NAME_LENGTH)
            known = self._desk.handlers.get(name)
            self._subscriptions.noted.add((topic, name, ATTEMPTS if known is None else known.attempts))

    def unsubscribe(self, topic: str, handler: str) -> bool:
        """Let a handler have no more tasks of a topic; returns whether it had. What was put is left as it is."""
        desk = self._desk
        for words in (self._subscriptions.noted, self._subscriptions.written):
            words.difference_update({each for each in words if each[:2] == (topic, handler)})
        return desk.perform(lambda: topics.unsubscribe(desk.scope, topic, handler))

    def list(self, topic: str | None = None) -> list[Subscription]:
        """Return who has subscribed to a topic, or to any."""
        desk = self._desk
        return desk.look(lambda: topics.listed(desk.scope, topic))

    def declare_all(self) -> None:
        """Write what the code has subscribed; a process of the application does so when it starts."""
        if self._subscriptions.unwritten:
            self._desk.perform(self._declared)

    def put(
        self,
        topic: str | Topic,
        payload: dict[str, Any] | None = None,
        *,
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        **treatment: Unpack[Treatment],
    ) -> TopicPut:
        """Put a task for each handler that has subscribed: all of them, or none.

        Args:
            topic: its name, or a :class:`Topic` with its payload.
            payload: what each handler is given; those that this application registered must take it.
            at: not before then; or *delay*, a timedelta or seconds.
            delay: or not before so long from now.
            **treatment: as for :meth:`Tasks.put`, without key, scope, existing and dedupe: those are for one task.

        Raises:
            InvalidInput: a value is out of range. InvalidPayload: a handler does not take it.
        """
        action = topic if isinstance(topic, Topic) else Topic.of(topic, payload)
        for name in (*WORDS, "root"):
            if treatment.get(name):
                raise InvalidInput(name, treatment.get(name), "nothing: it is for one task, and a topic puts several")
        columns = NewTask.of(PutTask(action.topic, action.payload), at, delay, treatment).columns()
        columns["attempts"] = treatment.get("attempts")
        for name in ("handler", "action", "payload_version"):
            columns.pop(name)
        desk = self._desk
        for subscribed, name, _ in self._subscriptions.noted:
            handler = desk.handlers.get(name)
            if subscribed == action.topic and handler is not None:
                handler.payload.check(action.payload)

        def verb() -> Verb[TopicPut]:
            yield from self._declared()
            return (yield from topics.put(desk.scope, action.topic, columns))

        return desk.perform(verb)

    def _declared(self) -> Verb[None]:
        """Write what is not written; in a lent transaction it is not taken for written, for that may be rolled back."""
        unwritten = self._subscriptions.unwritten
        yield from topics.subscribe(self._desk.scope, unwritten)
        if not self._desk.lent:
            self._subscriptions.written |= unwritten

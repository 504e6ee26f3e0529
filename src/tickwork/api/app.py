"""The application: one database, one namespace, its handlers, and the verbs on triggers and tasks.

Nothing is connected before it is needed, and nothing runs before :meth:`Tickwork.run`, ``daemon`` or ``worker``: a web
process only writes. What is written through :meth:`Tickwork.on` lives and dies with the user's own transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Self, Unpack, get_args, overload

from tickwork.api import lending
from tickwork.api.bulk import BulkWork
from tickwork.api.generators import Generators
from tickwork.api.jobs import Jobs
from tickwork.api.lending import Asynchronous, Lent, LentAsync
from tickwork.api.limits import Limits
from tickwork.api.objects import Objects
from tickwork.api.retention import RetentionRules
from tickwork.api.seeing import Seeing
from tickwork.api.settings import Settings
from tickwork.api.tasks import Tasks
from tickwork.api.topics import Subscriptions, Topics
from tickwork.api.triggers import Triggers
from tickwork.api.workers import Workers
from tickwork.api.working import Working
from tickwork.clocks.clock import Clock
from tickwork.engine.tasks.bound import Bound, WhenFull
from tickwork.engine.tasks.handler import Handler
from tickwork.errors import InvalidInput
from tickwork.model import limits
from tickwork.model.action import Action, PutTask
from tickwork.model.flow import Then
from tickwork.model.standing_order import Terms, TriggerPut, span
from tickwork.model.task import TaskPut, Treatment
from tickwork.watch import SECOND, Instant, Watch

#: What ``app.job`` says of the handler; everything else it says of the job.
HOW_IT_RUNS = frozenset({"executor", "timeout", "lease", "version", "upgrade"})


class Tickwork(Working, Seeing):
    """Durable clocks and triggers on the database that an application already has.

    Args:
        database: ``sqlite:///work.db`` or ``postgresql://...``; else ``TICKWORK_DATABASE``, else ``tickwork.toml``.
        namespace: whose triggers and tasks these are; keys are unique within it.
        schema: PostgreSQL's schema, on SQLite the prefix of the tables, so that they live beside your own.
        wake: ``notify`` (a write wakes daemons and workers when it commits) or ``none`` (they poll).
        watch: tells the time; for tests, see :mod:`tickwork.testing`.
        **more: pool_size, synchronous: see :class:`tickwork.api.settings.Settings`.

    Raises:
        ConfigurationError: a setting that cannot be; nothing is connected yet.

    >>> from tickwork import Tickwork
    >>> app = Tickwork("sqlite://")
    >>> app.migrate()[0]
    '0001_heart'
    >>> @app.handler("meeting.remind")
    ... def remind(task, meeting_id: int): ...
    >>> app.put(remind.task(meeting_id=7), delay=60).did
    'put'
    >>> app.close()
    """

    def __init__(
        self,
        database: str | None = None,
        *,
        namespace: str | None = None,
        schema: str | None = None,
        wake: str | None = None,
        watch: Watch | None = None,
        **more: Any,
    ) -> None:
        given = {"database": database, "namespace": namespace, "schema": schema, "wake": wake, **more}
        super().__init__(Settings.gather(given), watch)
        desk = self._desk
        self.triggers, self.tasks, self.jobs = Triggers(desk), Tasks(desk), Jobs(desk)
        self.workers = Workers(desk)
        self.generators = Generators(desk, self.store, self.settings.namespace)
        self.objects = Objects(desk)
        self.bulk = BulkWork(desk)
        self.subscriptions = Subscriptions()
        self.topics = Topics(desk, self.subscriptions)
        self.retention = RetentionRules(desk, self.store)
        self.limits = Limits(desk)

    # ------------------------------------------------------------------------------------------------------ handlers

    def handler(self, name: str, **settings: Any) -> Callable[[Callable[..., Any]], Handler]:
        """Register a function as the handler of that name; it can still be called as the function that it is.

        ``handler.task(**payload)`` makes the action that puts a task for it, checked against the signature.

        Args:
            name: how tasks name it; it stays when the function moves.
            **settings: attempts, backoff, lease, keep_result, timeout, version, upgrade, executor (``thread`` or
                ``process``), batch (take up to so many tasks in one call), kind (what rests at a Backpressure), notice
                (the handler that is told when a task gave up), concurrency, rate and limits (how much of it may go on in
                the whole cluster, see docs/concepts/limits.md). A parameter named ``transaction`` is given the
                transaction in which the task is completed.

        Raises:
            ConfigurationError: the name is taken, or a setting is out of range.
        """
        return lambda function: self.handlers.add(name, function, **settings)

    def bound(
        self, queue: str, at_most: int, *, when_full: WhenFull = "refuse", within: timedelta | float = 30
    ) -> None:
        """Let this application put no more than *at_most* waiting tasks into a queue.

        Args:
            queue: its name.
            at_most: so many; the bound is soft where several producers put at the same moment.
            when_full: ``refuse`` raises QueueFull; ``wait`` waits for room first, *within* so long, except in a lent
                transaction. What triggers and follow-ups put is never refused.
            within: a timedelta or seconds.

        Raises:
            InvalidInput: a value is out of range.

        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> app.bound("mail", at_most=1)
        >>> @app.handler("mail.send")
        ... def send(to: str): ...
        >>> app.put(send.task(to="ada"), queue="mail").did
        'put'
        >>> app.put(send.task(to="bob"), queue="mail")
        Traceback (most recent call last):
        tickwork.errors.QueueFull: the queue 'mail' has 1 unfinished tasks, and 1 are allowed: try again later, or ...
        >>> app.close()
        """
        if when_full not in get_args(WhenFull):
            raise InvalidInput("when_full", when_full, "refuse or wait")
        name, most = limits.text(queue, "queue", limits.NAME_LENGTH), limits.number(at_most, "at_most", 1, 10**9)
        self.handlers.bounds[name] = Bound(name, most, when_full, span(within, "within") / SECOND)

    def job(self, name: str, clock: Clock | None = None, **words: Any) -> Callable[[Callable[..., Any]], Handler]:
        """Declare a periodic job whose handler is the function; it never overlaps itself.

        It is written when a process of the application starts, or at ``app.jobs.declare_all()``.

        Args:
            name: the job's name, and that under which the function is registered.
            clock: when it fires; or say ``every="5m"``, ``cron="0 9 * * 1-5"``, daily, weekly, monthly. Neither: one-shot.
            **words: zone, time, payload, retry, misfire, grace, jitter, priority: see :meth:`Jobs.declare`; and how the
                handler runs, as for :meth:`handler`: executor, timeout, lease, version, upgrade.

        Raises:
            InvalidInput: a word that is not known, or a value that is not allowed. ConfigurationError: a function that
                cannot be a job's, for it asks for its task's transaction.
        """
        settings = {word: words.pop(word) for word in HOW_IT_RUNS & words.keys()}

        def registered(function: Callable[..., Any]) -> Handler:
            handler = self.handlers.add(name, function, **settings)
            handler.payload.check(self.jobs.note(name, clock, **words).payload)
            return handler

        return registered

    # --------------------------------------------------------------------------------------------------------- verbs

    def trigger(
        self,
        key: str,
        clock: Clock | datetime,
        action: Action,
        *,
        rearm: bool = False,
        by: str = "",
        unchecked: bool = False,
        **terms: Unpack[Terms],
    ) -> TriggerPut:
        """Write a trigger in a transaction of its own: short for ``app.triggers.put``."""
        return self.triggers.put(key, clock, action, rearm=rearm, by=by, unchecked=unchecked, **terms)

    def put(
        self,
        action: PutTask | Then,
        *,
        at: datetime | Instant | None = None,
        delay: timedelta | float | None = None,
        unchecked: bool = False,
        **treatment: Unpack[Treatment],
    ) -> TaskPut:
        """Put a task in a transaction of its own: short for ``app.tasks.put``."""
        return self.tasks.put(action, at=at, delay=delay, unchecked=unchecked, **treatment)

    @overload
    def on(self, lent: Asynchronous) -> LentAsync: ...

    @overload
    def on(self, lent: Any) -> Lent: ...

    def on(self, lent: Any) -> Any:
        """Write in the transaction that the user already holds: alive or dead with it.

        *lent* is a SQLAlchemy ``Session``, ``Connection``, ``AsyncSession`` or ``AsyncConnection``, a Django connection
        or its alias, a psycopg connection (sync or async), an asyncpg, sqlite3 or aiosqlite connection. On something
        asynchronous the same verbs are awaited. Where no transaction is open and the connection commits each statement
        by itself, each verb is a transaction of its own.

        Raises:
            InvalidInput: it is none of these.
        """
        return lending.lend(lent, self)

    # --------------------------------------------------------------------------------------------------- its life

    def close(self) -> None:
        """Stop what was started and close every connection of the library's own; lent ones are yours."""
        self.stop()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)
        self.close()

"""The application: one database, one namespace, its handlers, and the verbs on triggers and tasks.

Nothing is connected before it is needed, and nothing runs before :meth:`Tickwork.run`, ``daemon`` or ``worker``: a web
process only writes. What is written through :meth:`Tickwork.on` lives and dies with the user's own transaction.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Self, Unpack, get_args, overload

from tickwork.api import agenda, agreement, assembly, lending, opportunity, ticking
from tickwork.api.agenda import Coming
from tickwork.api.bulk import BulkWork
from tickwork.api.explaining import ask as asking
from tickwork.api.explaining.page import Why
from tickwork.api.generators import Generators
from tickwork.api.jobs import Jobs
from tickwork.api.lending import Asynchronous, Lent, LentAsync
from tickwork.api.limits import Limits
from tickwork.api.objects import Objects
from tickwork.api.process import Process
from tickwork.api.retention import RetentionRules
from tickwork.api.settings import Settings
from tickwork.api.tasks import Tasks
from tickwork.api.ticking import Bounds, Tick
from tickwork.api.topics import Subscriptions, Topics
from tickwork.api.triggers import Triggers
from tickwork.api.workers import Workers
from tickwork.clocks.clock import Clock
from tickwork.engine.tasks.bound import Bound, WhenFull
from tickwork.engine.tasks.bounded import BoundedWorker
from tickwork.engine.tasks.foreground import run_these
from tickwork.engine.tasks.registry import Handler, Registry
from tickwork.errors import InvalidInput, StoreError
from tickwork.model import limits
from tickwork.model.action import Action, PutTask
from tickwork.model.flow import Then
from tickwork.model.report import Alive, Counts, TaskRow
from tickwork.model.standing_order import Terms, TriggerPut, span
from tickwork.model.statistic import HandlerFigures
from tickwork.model.status import GONE_AFTER, WORKER, Status
from tickwork.model.task import TaskPut, Treatment
from tickwork.store import reports, statistics, status
from tickwork.store.store import Store
from tickwork.watch import DAY, SECOND, Instant, Watch, to_duration, to_instant

#: What ``app.job`` says of the handler; everything else it says of the job.
HOW_IT_RUNS = frozenset({"executor", "timeout", "lease", "version", "upgrade"})


class Tickwork:
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
        self.settings = Settings.gather(given)
        self.handlers = Registry()
        #: The database behind it all: ``app.store.supports(...)`` says what it can do.
        self.store: Store = assembly.store_of(self.settings, watch)
        desk = assembly.own_desk(self.store, self.settings, self.handlers, self._ready)
        self._desk = desk
        self.triggers, self.tasks, self.jobs = Triggers(desk), Tasks(desk), Jobs(desk)
        self.workers = Workers(desk)
        self.generators = Generators(desk, self.store, self.settings.namespace)
        self.objects = Objects(desk)
        self.bulk = BulkWork(desk, self.tasks)
        self.subscriptions = Subscriptions()
        self.topics = Topics(desk, self.subscriptions)
        self.retention = RetentionRules(desk, self.store)
        self.limits = Limits(desk)
        self._checked = False
        self._checking = threading.RLock()
        self._started: Process | None = None
        self._started_in = 0

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

    # ------------------------------------------------------------------------------------------------------- working

    def run(
        self,
        *,
        upgrade: bool = False,
        queues: Sequence[str] = (),
        concurrency: int = 10,
        lease: timedelta | float | None = None,
        allow_commands: bool = False,
        reserve: int = 0,
    ) -> None:
        """Run the trigger daemon and a worker in this process, until a signal stops them.

        The first signal lets running tasks finish, a second one stops at once. *upgrade* brings the tables up to date.
        *reserve*: so many of the worker's hands take only what is urgent, see :meth:`worker`.
        """
        if upgrade:
            self.migrate()
        self.process(
            queues=queues, concurrency=concurrency, lease=lease, allow_commands=allow_commands, reserve=reserve
        ).run()

    def daemon(self) -> None:
        """Run the trigger daemon alone, until a signal stops it; it runs nothing of yours."""
        self.process(worker=False).run()

    def worker(
        self,
        *,
        queues: Sequence[str] = (),
        concurrency: int = 10,
        lease: timedelta | float | None = None,
        allow_commands: bool = False,
        priority_at_most: int | None = None,
        ageing: timedelta | float | None = None,
        replica_lag: timedelta | float | None = None,
        reserve: int = 0,
    ) -> None:
        """Run a worker alone, until a signal stops it; *lease* is how long a claim lasts unrenewed (30 s).

        It draws from the queue, from jobs, and from the application's generators, by priority. *reserve*: so many of
        its hands take only what is urgent (1000 and better), whatever else waits.
        *priority_at_most*: only what is at least so urgent. *ageing*: what has waited so long counts as one point more
        urgent, so that nothing waits for ever behind a steady stream of better work. *replica_lag*: while a replica of the
        database is further behind than that, no more work is taken.
        """
        self.process(
            daemon=False,
            queues=queues,
            concurrency=concurrency,
            lease=lease,
            allow_commands=allow_commands,
            priority_at_most=priority_at_most,
            ageing=ageing,
            replica_lag=replica_lag,
            reserve=reserve,
        ).run()

    def process(
        self,
        *,
        daemon: bool = True,
        worker: bool = True,
        queues: Sequence[str] = (),
        concurrency: int = 10,
        lease: timedelta | float | None = None,
        allow_commands: bool = False,
        priority_at_most: int | None = None,
        ageing: timedelta | float | None = None,
        replica_lag: timedelta | float | None = None,
        reserve: int = 0,
    ) -> Process:
        """Return what would run, not started: ``with app.process():`` runs it beside your own code.

        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> with app.process(daemon=False):
        ...     app.available()
        True
        >>> app.close()
        """
        self._ready()
        working = (
            assembly.worker_of(
                self.store,
                self.settings,
                self.handlers,
                generators=self.generators.all(),
                jobs=True,
                queues=queues,
                concurrency=concurrency,
                lease=lease,
                allows_commands=allow_commands,
                priority_at_most=priority_at_most,
                ageing=ageing,
                replica_lag=replica_lag,
                reserve=reserve,
            )
            if worker
            else None
        )
        self.jobs.declare_all()
        self.topics.declare_all()
        post = None if working is None else assembly.post_of(self.settings, working, self.generators.asked_every)
        return assembly.process_of(self.store, daemon=daemon, worker=working, post=post)

    def run_tasks(self, *tasks: str | int, allow_commands: bool = False) -> list[TaskRow]:
        """Run these tasks here and now, one after the other, whatever their time; return what became of them.

        A task that runs elsewhere, or is over, is left alone and returned as it stands.

        Raises:
            NotFound: there is no such task; none was run. UnknownHandler: this application has not registered it.

        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("greet")
        ... def greet(name: str): ...
        >>> task = app.put(greet.task(name="Ada"), delay=3600)
        >>> [row.outcome for row in app.run_tasks(task.id)]
        ['done']
        >>> app.close()
        """
        found = [self.tasks.get(task) for task in tasks]
        worker = assembly.worker_of(
            self.store, self.settings, self.handlers, allows_commands=allow_commands, at_once=True
        )
        for row in found:
            self.handlers.find(row.handler)
        run_these(worker, [row.id for row in found])
        return [self.tasks.get(row.id) for row in found]

    def tick(
        self,
        within: timedelta | float = 50,
        *,
        limit: int | None = None,
        memory: float | None = None,
        queues: Sequence[str] = (),
        concurrency: int = 10,
        lease: timedelta | float | None = None,
        allow_commands: bool = False,
        grace: timedelta | float = 30,
        shared: bool = False,
        stop: threading.Event | None = None,
    ) -> Tick:
        """Do one bounded round of everything and return what was done and why it ended (``tickwork tick``).

        It fires what is due, runs tasks and jobs in this process, and ends when nothing is left; after *within*
        seconds; after *limit* runs; when this process takes *memory* megabytes; or when *stop* is set. What runs then
        has *grace* seconds to finish, and is given back. Two rounds of one namespace never overlap, the second one
        says ``busy``, unless they are *shared*, which is safe too.

        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("greet")
        ... def greet(name: str): ...
        >>> _ = app.put(greet.task(name="Ada"))
        >>> done = app.tick(within=5)
        >>> done.reason, done.done
        ('none-ready', 1)
        >>> app.close()
        """
        self._ready()
        bounds = Bounds(
            to_duration(within, "within") / SECOND,
            None if limit is None else limits.number(limit, "limit", 1, 10**9),
            memory,
            to_duration(grace, "grace") / SECOND,
        )

        def worker() -> BoundedWorker:
            self.jobs.declare_all()
            self.topics.declare_all()
            return assembly.bounded_worker_of(
                self.store,
                self.settings,
                self.handlers,
                self.generators.all(),
                limit=limit,
                queues=queues,
                concurrency=concurrency,
                lease=lease,
                allows_commands=allow_commands,
            )

        return ticking.tick(self.store, self.namespace, worker, bounds, shared=shared, stop=stop)

    def opportunity(self, probability: float = 0.05, seconds: float = 0.2, limit: int = 5) -> Tick | None:
        """Do a bounded slice of work after a request, with a probability; for hosts without daemons and without cron.

        At most *limit* tasks are begun within *seconds*; a slice that another one overlaps does nothing. Returns what
        was done, or None. Never raises for what goes wrong in it, which is logged; raises InvalidInput for a
        *probability* that is none. See :mod:`tickwork.integrations.asgi` and ``wsgi`` for middleware that calls this.
        """
        return opportunity.take(self, probability, seconds, limit)

    def start(
        self, *, queues: Sequence[str] = (), concurrency: int = 10, allow_commands: bool = False, upgrade: bool = False
    ) -> Process:
        """Start the trigger daemon and a worker on threads of their own, beside a web server, and return.

        Started already, they go on as they are. ``app.stop()`` ends them; ``async with app:`` does both, in a lifespan.
        Threads do not survive a fork: where a server forks its workers (gunicorn, uwsgi), call this in the child
        (``post_fork``, or the lifespan), each of which then runs its own; a child that was forked later begins anew. On
        SQLite nothing may be at work in the parent while it forks: SQLite itself forbids it.
        """
        with self._checking:
            if self._started is None or self._started_in != os.getpid():
                if upgrade:
                    self.migrate()
                self._started = self.process(queues=queues, concurrency=concurrency, allow_commands=allow_commands)
                self._started.start()
                self._started_in = os.getpid()
            return self._started

    def stop(self, grace: float = 30.0) -> bool:
        """Stop what :meth:`start` started; return whether all that ran could finish within *grace* seconds."""
        with self._checking:
            started, self._started = self._started, None
        return started is None or self._started_in != os.getpid() or started.stop(grace)

    # ------------------------------------------------------------------------------------------------------- reading

    def counts(self) -> Counts:
        """How many triggers, tasks and archived tasks there are, by state and outcome."""
        return self._desk.look(lambda: reports.counts(self._desk.scope))

    def figures(
        self,
        handler: str | None = None,
        *,
        since: datetime | Instant | None = None,
        until: datetime | Instant | None = None,
    ) -> list[HandlerFigures]:
        """Per handler: how tasks ended, the share that failed, and percentiles of wait, lateness and run time.

        Of one handler or all, in a stretch of time (the last day, unless said). Workers roll them up every minute or so;
        the archive itself is not counted.
        """
        now = self._desk.now()
        first = now - DAY if since is None else to_instant(since, "since")
        last = now + 1 if until is None else to_instant(until, "until")
        return self._desk.look(lambda: statistics.read(self._desk.scope, handler, first, last))

    def alive(self) -> list[Alive]:
        """Which kinds of process are registered, and their newest sign of life."""
        return self._desk.look(reports.alive)

    def status(self) -> Status:
        """How things stand: what waits and is late, by handler and source, who is alive, and what needs a person.

        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> app.status().attention
        ()
        >>> app.close()
        """
        return self._desk.look(lambda: status.status(self._desk.scope))

    def why(self, name: str | int) -> Why:
        """Explain why something fires, runs, waits or does nothing: the answer in a sentence, its grounds, what to do.

        Args:
            name: a trigger's key (or id), ``task:ID``, ``job:NAME``, ``generator:NAME`` or ``generator:NAME/ID``. A key
                that looks like one of these is asked for as ``trigger:KEY``.

        Raises:
            NotFound: there is nothing of that name. InvalidInput: it is no name.

        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> @app.handler("greet")
        ... def greet(name: str): ...
        >>> task = app.put(greet.task(name="Ada"))
        >>> why = app.why(f"task:{task.id}")
        >>> why.state, why.verdict.partition(", and ")[2]
        ('ready', 'NO WORKER IS ALIVE to run it')
        >>> app.close()
        """
        return asking.why(self, self._desk, name)

    def agenda(self, span: timedelta | float = timedelta(days=7), *, limit: int = 100) -> list[Coming]:
        """What comes within *span* (a timedelta or seconds): triggers, jobs and delayed tasks in the order of time.

        At most *limit* lines; one that fires often is one line that says how often.

        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> _ = app.jobs.declare("sweep", every="1d")
        >>> [(line.kind, line.name, line.times) for line in app.agenda(timedelta(days=3, hours=1))]
        [('job', 'job:sweep', 3)]
        >>> app.close()
        """
        return agenda.ahead(self, self._desk, span, limits.number(limit, "limit", 1, 100_000))

    def available(self) -> bool:
        """Say whether somebody would do the work: the database answers, and a worker gave a sign of life of late.

        What is put while nobody runs is kept, and done when somebody does.
        """
        try:
            return any(each.kind == WORKER and each.now - each.seen_at < GONE_AFTER for each in self.alive())
        except StoreError:
            return False

    # -------------------------------------------------------------------------------------------------- the database

    def migrate(self) -> list[str]:
        """Bring the tables up to date (``tickwork db upgrade``); return the steps that were taken."""
        taken = self.store.migrate()
        agreement.agree(self.store, self.settings)
        agreement.check(self.store, self.settings)
        self._checked = True
        return taken

    def agree(self) -> None:
        """Make this application's shared settings those of the database, for every process that starts from now on."""
        self.store.check_schema()
        agreement.agree(self.store, self.settings, anew=True)

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

    @property
    def namespace(self) -> str:
        """Whose triggers and tasks these are."""
        return self.settings.namespace

    def ready_for_loans(self) -> None:
        """Find out once, on a connection of our own, which database this is and whether the tables fit.

        On SQLite the file is looked at and no connection is opened: the lent one may hold the only write lock.
        """
        if self.store.dialect.locks_rows:
            self._ready()
        _ = self.store.identity

    def _ready(self) -> None:
        """Check once that the tables are those of this program."""
        if not self._checked:
            with self._checking:
                if not self._checked:
                    self.store.check_schema()
                    agreement.check(self.store, self.settings)
                    self._checked = True

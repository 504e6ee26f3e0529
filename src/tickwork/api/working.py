"""What an application runs: trigger daemon, worker, both in one process, a bounded round, a slice after a request.

Nothing runs before one of these is called. All of them put the same parts together (:mod:`tickwork.api.assembly`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import TypedDict, Unpack

from tickwork.api import assembly, opportunity, ticking
from tickwork.api.generators import Generators
from tickwork.api.jobs import Jobs
from tickwork.api.opened import Opened
from tickwork.api.process import Process
from tickwork.api.settings import Settings
from tickwork.api.tasks import Tasks
from tickwork.api.ticking import Bounds, Tick
from tickwork.api.topics import Topics
from tickwork.engine.tasks.bounded import BoundedWorker
from tickwork.engine.tasks.foreground import run_these
from tickwork.model import limits
from tickwork.model.report import TaskRow
from tickwork.watch import SECOND, Watch, to_duration


class WorkerTerms(TypedDict, total=False):
    """What may be said of a worker; see :meth:`Working.worker`."""

    queues: Sequence[str]
    concurrency: int
    lease: timedelta | float | None
    allow_commands: bool
    priority_at_most: int | None
    ageing: timedelta | float | None
    replica_lag: timedelta | float | None
    reserve: int


class Working(Opened):
    """The verbs that run something."""

    tasks: Tasks
    jobs: Jobs
    topics: Topics
    generators: Generators

    def __init__(self, settings: Settings, watch: Watch | None) -> None:
        super().__init__(settings, watch)
        self._started: Process | None = None
        self._started_in = 0

    def run(self, *, upgrade: bool = False, **terms: Unpack[WorkerTerms]) -> None:
        """Run the trigger daemon and a worker in this process, until a signal stops them.

        The first signal lets running tasks finish, a second one stops at once. *upgrade* brings the tables up to date;
        the other words are those of :meth:`worker`.
        """
        if upgrade:
            self.migrate()
        self.process(**terms).run()

    def daemon(self) -> None:
        """Run the trigger daemon alone, until a signal stops it; it runs nothing of yours."""
        self.process(worker=False).run()

    def worker(self, **terms: Unpack[WorkerTerms]) -> None:
        """Run a worker alone, until a signal stops it.

        It draws from the queue, from jobs, and from the application's generators, by priority.

        Args:
            **terms: queues (which it serves; all), concurrency (how many hands, 10), lease (how long a claim lasts
                unrenewed, 30 s), allow_commands (whether it runs shell commands), priority_at_most (only what is at
                least so urgent), ageing (what has waited so long counts as one point more urgent, so that nothing waits
                for ever behind a steady stream of better work), replica_lag (while a replica of the database is further
                behind than that, no more work is taken), reserve (so many of its hands take only what is urgent, 1000
                and better, whatever else waits). Durations are timedeltas or seconds.

        Raises:
            InvalidInput: a value is out of range.
        """
        self.process(daemon=False, **terms).run()

    def process(self, *, daemon: bool = True, worker: bool = True, **terms: Unpack[WorkerTerms]) -> Process:
        """Return what would run, not started: ``with app.process():`` runs it beside your own code.

        The words of its worker are those of :meth:`worker`.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> with app.process(daemon=False):
        ...     app.available()
        True
        >>> app.close()
        """
        self._ready()
        working = None
        if worker:
            working = assembly.worker_of(
                self.store, self.settings, self.handlers, generators=self.generators.all(), jobs=True, **terms
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

        >>> from tickwork import Tickwork
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
            self.store, self.settings, self.handlers, allow_commands=allow_commands, at_once=True
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

        >>> from tickwork import Tickwork
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
                allow_commands=allow_commands,
            )

        return ticking.tick(self.store, self.namespace, worker, bounds, shared=shared, stop=stop)

    def opportunity(self, probability: float = 0.05, seconds: float = 0.2, limit: int = 5) -> Tick | None:
        """Do a bounded slice of work after a request, with a probability; for hosts without daemons and without cron.

        At most *limit* tasks are begun within *seconds*; a slice that another one overlaps does nothing. Returns what
        was done, or None. Never raises for what goes wrong in it, which is logged; raises InvalidInput for a
        *probability* that is none. See :mod:`tickwork.integrations.asgi` and ``wsgi`` for middleware that calls this.
        """
        return opportunity.take(self, probability, seconds, limit)

    def start(self, *, upgrade: bool = False, **terms: Unpack[WorkerTerms]) -> Process:
        """Start the trigger daemon and a worker on threads of their own, beside a web server, and return.

        The words of its worker are those of :meth:`worker`. Started already, they go on as they are. ``app.stop()`` ends them; ``async with app:`` does both, in a lifespan.
        Threads do not survive a fork: where a server forks its workers (gunicorn, uwsgi), call this in the child
        (``post_fork``, or the lifespan), each of which then runs its own; a child that was forked later begins anew. On
        SQLite nothing may be at work in the parent while it forks: SQLite itself forbids it.
        """
        with self._checking:
            if self._started is None or self._started_in != os.getpid():
                if upgrade:
                    self.migrate()
                self._started = self.process(**terms)
                self._started.start()
                self._started_in = os.getpid()
            return self._started

    def stop(self, grace: float = 30.0) -> bool:
        """Stop what :meth:`start` started; return whether all that ran could finish within *grace* seconds."""
        with self._checking:
            started, self._started = self._started, None
        return started is None or self._started_in != os.getpid() or started.stop(grace)

"""What an application can be asked: how things stand, what comes, why something happens or does not."""

from __future__ import annotations

from datetime import datetime, timedelta

from tickwork.api import agenda
from tickwork.api.agenda import Coming
from tickwork.api.explaining import ask as asking
from tickwork.api.explaining.page import Why
from tickwork.api.generators import Generators
from tickwork.api.jobs import Jobs
from tickwork.api.opened import Opened
from tickwork.errors import StoreError
from tickwork.model import limits
from tickwork.model.report import Alive, Counts
from tickwork.model.statistic import HandlerFigures
from tickwork.model.status import GONE_AFTER, WORKER, Status
from tickwork.store import reports, statistics, status
from tickwork.watch import DAY, Instant, to_instant


class Seeing(Opened):
    """The verbs that read and change nothing."""

    jobs: Jobs
    generators: Generators

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

        >>> from tickwork import Tickwork
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

        >>> from tickwork import Tickwork
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

        >>> from tickwork import Tickwork
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

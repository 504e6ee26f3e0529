"""What people do to jobs: declare, start, stop, delete, apply a file; list, show, and tell their log.

A job is addressed by its name. Declaring the same again changes nothing; another descriptor holds from the next run on.
What the code declares stands in :attr:`Jobs.declared` and is written when a process of the application starts; a job
that has vanished from the code stays, shown as undeclared, until somebody deletes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

from tickwork.api.descriptors import Declarations, described
from tickwork.api.desk import Desk
from tickwork.api.job_seen import JobSeen, seen_of
from tickwork.clocks.clock import Clock
from tickwork.engine.tasks.job_calls import check_handler
from tickwork.errors import InvalidInput, NotFound, StateConflict
from tickwork.model import limits
from tickwork.model.job import Descriptor, JobPut
from tickwork.model.job_history import Run, runs_of
from tickwork.model.job_log import ACTIVE, STATUSES
from tickwork.store import job_orders, job_reading
from tickwork.store.dialect import Verb
from tickwork.store.job_reading import Logged
from tickwork.store.jobs import JobRow

CODE = "code"
PAGE = 1_000
Change = Literal["create", "change", "remove", "keep"]


@dataclass(frozen=True, slots=True)
class JobTale:
    """A job with its last runs, the newest first."""

    job: JobSeen
    runs: list[Run]


@dataclass(frozen=True, slots=True)
class Planned:
    """One line of a plan: what would be done to a job, and from which descriptor to which."""

    name: str
    change: Change
    before: str | None
    after: str | None
    problem: str | None = None
    """Why it cannot be done now."""
    taken_from: str | None = None
    """To which other file or program it belongs till now."""


class Jobs:
    """The jobs of one namespace, through one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.declared: dict[str, Descriptor] = {}

    def declare(self, name: str, clock: Clock | None = None, *, by: str = "", origin: str = "", **words: Any) -> JobPut:
        """Create a job, or give it this descriptor from its next run on; the same again changes nothing.

        Args:
            name: 1 to 200 characters, unique in the namespace.
            clock: when it fires; or say every, cron, daily, weekly, monthly (with time and zone). Neither: one-shot,
                it runs at once, and again when it is started.
            by: who did it, for the log.
            origin: to which file or program the job belongs.
            **words: handler (the name of the job unless said), payload, retry, misfire (fire or skip), grace, jitter,
                priority; durations are timedeltas, seconds or texts such as ``5m``.

        Raises:
            InvalidInput: a word that is not known, or a value that is not allowed. ConfigurationError: its handler takes
                several tasks in one call, or its task's transaction.

        >>> from tickwork import Tickwork
        >>> app = Tickwork("sqlite://")
        >>> _ = app.migrate()
        >>> app.jobs.declare("reports.daily", cron="0 9 * * 1-5", zone="Europe/Berlin").did
        'created'
        >>> app.jobs.declare("reports.daily", cron="0 9 * * 1-5", zone="Europe/Berlin").did
        'unchanged'
        >>> app.jobs.stop("reports.daily").status
        'stopped'
        >>> app.close()
        """
        return self._declare(name, described(name, clock, **words), origin, by)

    def note(self, name: str, clock: Clock | None = None, **words: Any) -> Descriptor:
        """Take down what the code declares, to be written when a process starts; nothing is written now.

        Raises InvalidInput, also where the name is declared twice with different words.
        """
        descriptor = described(name, clock, **words)
        self._fits(descriptor)
        if self.declared.setdefault(name, descriptor) != descriptor:
            raise InvalidInput("name", name, "a job that is not declared twice with different words")
        return descriptor

    def declare_all(self) -> list[JobPut]:
        """Write what the code declares; called when a process of the application starts."""
        return [self._declare(name, descriptor, CODE, "code") for name, descriptor in self.declared.items()]

    def schedule(
        self, name: str, clock: Clock | None = None, *, at_next_run: bool = False, by: str = "", **words: Any
    ) -> JobPut:
        """Deploy a job and run it now, also one that was stopped; one that is active under this descriptor is left alone.

        Raises StateConflict where it is active under another one, unless *at_next_run* says that the new one is for then.
        """
        descriptor = self._fits(described(name, clock, **words))
        return self._desk.perform(
            lambda: job_orders.schedule(self._desk.scope, name, descriptor, at_next_run=at_next_run, by=_by(by))
        )

    def start(self, name: str, *, by: str = "") -> JobPut:
        """Run a job now, whatever its clock says; one that is active is left alone. Raises NotFound."""
        return self._desk.perform(lambda: job_orders.start(self._desk.scope, _name(name), by=_by(by)))

    def stop(self, name: str, *, by: str = "") -> JobPut:
        """Stop a job: it fires no more. One that runs is asked to end. Raises NotFound; twice is once."""
        return self._desk.perform(lambda: job_orders.stop(self._desk.scope, _name(name), by=_by(by)))

    def delete(self, name: str, *, by: str = "") -> JobPut:
        """Delete a job and its log; raises StateConflict while it is active. A missing one answers *unknown*."""
        return self._desk.perform(lambda: job_orders.delete(self._desk.scope, _name(name), by=_by(by)))

    def plan(self, declarations: Declarations) -> list[Planned]:
        """Say what :meth:`apply` would do, and change nothing."""
        return self._desk.look(lambda: self._planning(declarations))

    def apply(self, declarations: Declarations, *, by: str = "") -> list[Planned]:
        """Create, change and remove jobs so that the group is what the declarations say, in one transaction.

        A job of the group that is to be removed while it is active raises StateConflict, and nothing is done.
        """
        for descriptor in declarations.jobs.values():
            self._fits(descriptor)

        def verb() -> Verb[list[Planned]]:
            plan = yield from self._planning(declarations)
            scope = self._desk.scope
            for line in sorted(plan, key=attrgetter("name")):
                if line.problem is not None:
                    raise StateConflict(
                        ["completed", "error", "fatal", "stopped"], line.problem, f"removing {line.name!r}"
                    )
                if line.change == "remove":
                    yield from job_orders.delete(scope, line.name, by=by)
                elif line.change != "keep":
                    descriptor = declarations.jobs[line.name]
                    yield from job_orders.declare(scope, line.name, descriptor, origin=declarations.origin, by=by)
            return plan

        return self._desk.perform(verb)

    def get(self, name: str) -> JobSeen:
        """Return one job; raises NotFound."""

        def verb() -> Verb[JobSeen]:
            row = yield from self._found(name)
            return self.seen(row, fired=row.id in (yield from job_reading.fired_by_clock([row])))

        return self._desk.look(verb)

    def show(self, name: str, runs: int = 10) -> JobTale:
        """Return one job with its last *runs*, the newest first; raises NotFound."""
        limits.number(runs, "runs", 0, PAGE)

        def verb() -> Verb[tuple[JobRow, list[Logged]]]:
            row = yield from self._found(name)
            return row, (yield from job_reading.reading_log(row.id, max(runs, 1) * 8))

        row, logged = self._desk.look(verb)
        told = runs_of(event.entry for event in reversed(logged))[::-1]
        return JobTale(self.seen(row, fired=bool(told) and told[0].nominal_at is not None), told[:runs])

    def log(self, name: str, *, limit: int = 100, before: int | None = None) -> list[Logged]:
        """Return the newest events of a job, the newest first; of a deleted one its last word. Raises NotFound."""
        limits.number(limit, "limit", 1, 1_000_000)
        seq = 2**62 if before is None else limits.number(before, "before", 1, 2**62)

        def verb() -> Verb[list[Logged]]:
            row = yield from job_reading.reading(self._desk.scope, _name(name))
            if row is not None:
                return (yield from job_reading.reading_log(row.id, limit, seq))
            stone = yield from job_reading.reading_tombstone(self._desk.scope, name)
            if stone is None:
                raise self._missing(name)
            return [stone]

        return self._desk.look(verb)

    # ------------------------------------------------------------------------------------------------------- privately

    def _declare(self, name: str, descriptor: Descriptor, origin: str, by: str) -> JobPut:
        self._fits(descriptor)
        belongs = limits.text(origin, "origin", limits.NAME_LENGTH) if origin else ""
        return self._desk.perform(
            lambda: job_orders.declare(self._desk.scope, name, descriptor, origin=belongs, by=_by(by))
        )

    def _fits(self, descriptor: Descriptor) -> Descriptor:
        """Refuse a payload that the handler would refuse, and a handler that cannot be a job's, where this code registers it."""
        handler = self._desk.handlers.get(descriptor.handler)
        if handler is not None:
            check_handler(handler)
            handler.payload.check(descriptor.payload)
        return descriptor

    def _found(self, name: str) -> Verb[JobRow]:
        row = yield from job_reading.reading(self._desk.scope, _name(name))
        if row is None:
            raise self._missing(name)
        return row

    def _missing(self, name: str) -> NotFound:
        return NotFound(f"there is no job {name!r} in the namespace {self._desk.scope.namespace!r}: tickwork job list")

    def _planning(self, declarations: Declarations) -> Verb[list[Planned]]:
        there: dict[str, JobRow] = {}
        after = ""
        while True:
            page = yield from job_reading.listing(self._desk.scope.namespace, after=after, n=PAGE)
            there.update({row.name: row for row in page})
            if len(page) < PAGE:
                break
            after = page[-1].name
        return _plan(declarations, there)

    def _is_declared(self, row: JobRow) -> bool | None:
        if row.origin != CODE or row.name in self.declared:
            return True
        return False if self._desk.handlers else None

    def seen(self, row: JobRow, *, fired: bool = False) -> JobSeen:
        """Return a row as people see it; *fired*: the clock fired its newest run."""
        return seen_of(row, self._is_declared(row), fired=fired)

    # last in its class, where the word still means the type
    def list(
        self, prefix: str | None = None, *, status: str | None = None, after: str = "", limit: int = PAGE
    ) -> list[JobSeen]:
        """List jobs in the order of their names: those that begin with *prefix*, are in *status*, come after *after*.

        Raises InvalidInput for a status that is none, or a limit below 1.
        """
        limits.number(limit, "limit", 1, 1_000_000)
        if status is not None and status not in STATUSES:
            raise InvalidInput("status", status, ", ".join(STATUSES))
        for field, text in (("prefix", prefix), ("after", after)):
            limits.optional_text(text or None, field)

        def verb() -> Verb[tuple[list_of[JobRow], set[int]]]:
            rows = yield from job_reading.listing(
                self._desk.scope.namespace, status=status, prefix=prefix or None, after=after, n=limit
            )
            return rows, (yield from job_reading.fired_by_clock(rows))

        rows, fired = self._desk.look(verb)
        return [self.seen(row, fired=row.id in fired) for row in rows]


list_of = list


def _name(given: Any) -> str:
    return limits.text(given, "name", limits.NAME_LENGTH)


def _by(given: Any) -> str:
    return limits.text(given, "by", limits.NAME_LENGTH) if given != "" else ""


def _plan(declarations: Declarations, there: Mapping[str, JobRow]) -> list[Planned]:
    """Compare what is declared with what is there; jobs of other origins are taken over, never removed."""
    plan = []
    for name, descriptor in sorted(declarations.jobs.items()):
        row = there.get(name)
        if row is None:
            plan.append(Planned(name, "create", None, descriptor.text))
        elif row.descriptor == descriptor.text and row.origin == declarations.origin:
            plan.append(Planned(name, "keep", row.descriptor, descriptor.text))
        else:
            taken_from = None if row.origin == declarations.origin else row.origin or "a verb"
            plan.append(Planned(name, "change", row.descriptor, descriptor.text, taken_from=taken_from))
    for name, row in sorted(there.items()):
        if row.origin == declarations.origin and name not in declarations.jobs:
            problem = row.status if row.state.status in ACTIVE else None
            plan.append(Planned(name, "remove", row.descriptor, None, problem))
    return plan

"""A yard with jobs: a store whose watch is wound by hand, a controller, and a worker that does as it is told."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from tickwork.clocks import Clock, Every
from tickwork.engine.jobs.controller import JobController
from tickwork.model.job import Descriptor, JobPut
from tickwork.model.job_log import State, fold_all
from tickwork.model.job_run import Ended, JobRun, completed, failed
from tickwork.store import job_orders, job_reading, leases
from tickwork.store.job_reading import Logged
from tickwork.store.job_runs import JobRuns
from tickwork.store.jobs import JobRow
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant, ManualWatch, parse_instant, show_instant

NEW_YEAR = "2026-01-01"
HOURLY, FIVE_MINUTES, MINUTELY = Every(3600), Every(300), Every(60)


def instant(text: str) -> Instant:
    """Read ``10:07:12`` (of new year's day) or ``2026-01-04T05:30:00``, UTC."""
    return parse_instant((text if "T" in text else f"{NEW_YEAR}T{text}") + "Z")


def clock_of(at: Instant) -> str:
    """Say an instant of new year's day as its time of day."""
    return show_instant(at)[11:19]


class Yard:
    """One store, one controller, one worker; the time stands still until ``at`` moves it."""

    def __init__(self, store: Store, at: str = "00:00:00") -> None:
        self.store = store
        self.watch = ManualWatch(instant(at))
        store.watch = self.watch
        self.scope = Scope.of(store.dialect, "default", wake=False)
        self.controller = self.another()
        self.tokens = 0
        self.work = JobRuns(store, worker_id=1, token=self._token)
        self.statements: Counter[str] = Counter()

    def _token(self, _: Instant) -> int:
        self.tokens += 1
        return self.tokens

    def another(self, **settings: Any) -> JobController:
        return JobController(self.store, steady=self.watch.now, **settings)

    def at(self, text: str) -> Yard:
        self.watch.set(instant(text))
        return self

    def later(self, seconds: float) -> Yard:
        self.watch.wind(timedelta(seconds=seconds))
        return self

    # ------------------------------------------------------------------------------------------- what applications do

    def perform(self, verb: Any) -> Any:
        with self.store.begin("application") as transaction:
            return transaction.perform(verb)

    def declare(self, name: str = "job", clock: Clock | None = FIVE_MINUTES, **terms: Any) -> JobPut:
        return self.perform(job_orders.declare(self.scope, name, Descriptor(name, clock, **terms)))

    def schedule(
        self, name: str = "job", clock: Clock | None = FIVE_MINUTES, at_next_run: bool = False, **terms: Any
    ) -> JobPut:
        descriptor = Descriptor(name, clock, **terms)
        return self.perform(job_orders.schedule(self.scope, name, descriptor, at_next_run=at_next_run))

    def start(self, name: str = "job") -> JobPut:
        return self.perform(job_orders.start(self.scope, name))

    def stop(self, name: str = "job") -> JobPut:
        return self.perform(job_orders.stop(self.scope, name))

    def delete(self, name: str = "job") -> JobPut:
        return self.perform(job_orders.delete(self.scope, name))

    # ----------------------------------------------------------------------------------------- what happens by itself

    def step(self, controller: JobController | None = None) -> None:
        """Let a controller hear that something happened, and do all that is due now."""
        controller = controller or self.controller
        controller.hear("")
        controller.run_due(self.watch.now())

    def boot(self) -> JobController:
        """Put a fresh controller in the place of the old one; it has done nothing yet but to look."""
        self.controller = fresh = self.another()
        fresh.boot(self.watch.now())
        return fresh

    def take(self, n: int = 1) -> list[JobRun]:
        """Take scheduled jobs as a worker does; their runs begin."""
        return self.take_these(self.work, [each.id for each in self.work.scheduled(n)])

    def take_these(self, work: JobRuns, ids: list[int]) -> list[JobRun]:
        with self.store.begin("worker") as transaction:
            return [run for _, run in work.begun(transaction, ids, self.watch.now())]

    def heartbeat(self, run: JobRun) -> None:
        with self.store.begin("worker") as transaction:
            leases.renew(transaction, [run.token])

    def run(self, ended: Ended | None = None) -> str:
        """Take one scheduled job and end its run, well unless said."""
        (run,) = self.take()
        return self.work.settle(run, ended or completed())

    def fail(self, error: Exception | None = None) -> str:
        (run,) = self.take()
        return self.work.settle(run, failed(error or ValueError("no"), run))

    def completed_at(self, text: str, name: str = "job", lasting: float = 10) -> Yard:
        """Start the job by hand so that its run ends at that time."""
        self.at(text).later(-lasting)
        self.start(name)
        (run,) = self.take()
        self.later(lasting)
        self.work.settle(run, completed())
        return self

    def failed_at(self, text: str, name: str = "job") -> Yard:
        self.at(text)
        self.start(name)
        self.fail()
        return self

    # ----------------------------------------------------------------------------------------------- what there is to see

    def row(self, name: str = "job") -> JobRow | None:
        with self.store.read() as transaction:
            return next(
                (row for row in job_reading.listed(transaction, "default", prefix=name) if row.name == name), None
            )

    def id(self, name: str = "job") -> int:
        row = self.row(name)
        assert row is not None
        return row.id

    def status(self, name: str = "job") -> str:
        row = self.row(name)
        return "gone" if row is None else row.status

    def log(self, name: str = "job") -> list[Logged]:
        row = self.row(name)
        if row is None:
            return []
        with self.store.read() as transaction:
            return job_reading.log_of(transaction, row.id)[::-1]

    def kinds(self, name: str = "job") -> str:
        return " ".join(entry.kind for entry in self.log(name) if entry.kind != "configured")

    def nominals(self, name: str = "job") -> list[str]:
        """The planned times of all fires."""
        return [clock_of(cause["nominal_at"]) for cause in self.causes(name) if cause["by"] == "trigger"]

    def causes(self, name: str = "job") -> list[dict[str, Any]]:
        return [entry.entry.told["cause"] for entry in self.log(name) if entry.kind == "scheduled"]

    def folded(self, name: str = "job") -> State | None:
        return fold_all(entry.entry for entry in self.log(name))

    def timers(self, controller: JobController | None = None) -> dict[int, str]:
        """Job -> planned time, as the controller remembers it."""
        return {job: clock_of(entry.fire_at) for job, entry in (controller or self.controller).timers.items()}

    def entry(self, name: str = "job") -> str | None:
        return self.timers().get(self.id(name))

    def count(self) -> Counter[str]:
        """Begin to count the statements."""
        self.statements = counted = Counter()
        self.store.dialect.on_statement = lambda statement: counted.update([statement])
        return counted

    def force(self, name: str, **columns: Any) -> None:
        """Change a row behind everybody's back, as no statement of ours would."""
        sets = ", ".join(f"{column} = {_literal(value)}" for column, value in columns.items())
        text = f"update tickwork.job set {sets} where name = {_literal(name)};"
        with self.store.begin("installer") as transaction:
            self.store.dialect.script(transaction, text)


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def seconds(span: int) -> float:
    return span / SECOND


def when(text: str) -> datetime:
    return datetime.fromisoformat((text if "T" in text else f"{NEW_YEAR}T{text}") + "+00:00")

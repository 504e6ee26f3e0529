"""A crontab becomes triggers, in one transaction: all of its lines, or none.

The key of a line's trigger is ``crontab/FILE/HASH``, a hash of the line's text, so importing again, or after lines have
moved, doubles nothing; identical lines are told apart by their order (cron runs each of them, and so do we). The
triggers of a file share the container ``crontab:FILE``: pruning cancels those whose line has vanished. It is withheld
while any line is wrong, since a line that was spoilt would otherwise take its job along.

A run is what cron's is: one attempt, overlapping allowed. What fell due while nobody ran is made up for once
(``misfire="latest"``), unless another policy is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tickwork.errors import ConfigurationError
from tickwork.model import limits
from tickwork.model.action import COMMAND, PutTask
from tickwork.model.crontab import Crontab, CrontabJob, Fault, Layout, layout_of, read_crontab
from tickwork.model.policies import Misfire
from tickwork.model.standing_order import StandingOrder, Terms, TriggerPut
from tickwork.store import triggers
from tickwork.store.dialect import Transaction
from tickwork.store.scope import Scope
from tickwork.store.triggers import Edit, Held
from tickwork.watch import Instant, SystemWatch

if TYPE_CHECKING:
    from tickwork.api.app import Tickwork

__all__ = ["Imported", "Layout", "Progress", "TriggerPut", "import_crontab", "layout_of"]

#: Called with (lines written, lines in all).
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one line."""

    line: int
    text: str
    clock: str
    put: TriggerPut


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    name: str
    layout: Layout
    written: bool
    """Whether anything stands in the database now: not after a dry run, nor where wrong lines stopped it."""
    lines: tuple[Line, ...] = ()
    faults: tuple[Fault, ...] = ()
    left_out: tuple[Fault, ...] = ()
    pruned: tuple[TriggerPut, ...] = ()
    prune_withheld: bool = False


class _DryRun(Exception):
    """Undoes the transaction of a dry run."""


@dataclass(frozen=True, slots=True)
class _Import:
    """One import while it is under way."""

    scope: Scope
    name: str
    terms: Terms
    now: Instant
    lines: list[Line] = field(default_factory=list)
    pruned: list[TriggerPut] = field(default_factory=list)

    def put(self, transaction: Transaction, job: CrontabJob) -> None:
        terms: Terms = {**self.terms, "tags": ["crontab"] if job.user is None else ["crontab", f"user:{job.user}"]}
        order = StandingOrder.of(key_of(self.name, job), job.clock, action_of(job), self.now, terms)
        put = transaction.perform(triggers.put(self.scope, order.columns(), rearm=False, by="crontab"))
        self.lines.append(Line(job.line, job.text, order.clock.describe(), put))

    def prune(self, transaction: Transaction, container: str) -> None:
        kept = {line.put.key for line in self.lines}
        for (key,) in transaction.all("triggers_of_container", namespace=self.scope.namespace, container=container):
            if key not in kept:
                self.pruned.append(transaction.perform(triggers.edit(self.scope, key, _cancelled, by="crontab")))


def import_crontab(
    app: Tickwork,
    data: bytes,
    name: str,
    *,
    layout: Layout = "user",
    zone: str | None = None,
    user: str | None = None,
    skip_reboot: bool = False,
    keep_going: bool = False,
    prune: bool = False,
    dry_run: bool = False,
    misfire: Misfire = "latest",
    attempts: int = 1,
    progress: Progress = lambda done, total: None,
) -> Imported:
    """Import a crontab under the *name* of its file; see :func:`tickwork.model.crontab.read_crontab` for how it is read.

    Where a line is wrong nothing is imported, and the answer's ``faults`` say why; with *keep_going* the other lines
    are. *user*: whose jobs may stand in the layout ``system`` (None: anybody's). *prune* cancels what the file had
    before and has no longer. *dry_run* answers what would be done, and undoes it.
    """
    checked_name(name)
    crontab = read_crontab(data, layout, zone=zone or "UTC", user=user, skip_reboot=skip_reboot)
    if crontab.faults and not keep_going:
        return Imported(name, layout, written=False, faults=crontab.faults, left_out=crontab.left_out)
    container = f"crontab:{name}"
    terms: Terms = {"misfire": misfire, "attempts": attempts, "container": container}
    work = _Import(
        Scope.of(app.store.dialect, app.settings.namespace, wake=app.settings.wake == "notify"),
        name,
        terms,
        (app.store.watch or SystemWatch()).now(),
    )
    app.store.check_schema()
    try:
        with app.store.begin("application") as transaction:
            for done, job in enumerate(sorted(crontab.jobs, key=_by_name), 1):
                work.put(transaction, job)
                progress(done, len(crontab.jobs))
            if prune and not crontab.faults:
                work.prune(transaction, container)
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return _imported(work, layout, crontab, written=not dry_run, withheld=prune and bool(crontab.faults))


def _imported(work: _Import, layout: Layout, crontab: Crontab, *, written: bool, withheld: bool) -> Imported:
    return Imported(
        work.name,
        layout,
        written,
        tuple(sorted(work.lines, key=lambda line: line.line)),
        crontab.faults,
        crontab.left_out,
        tuple(work.pruned),
        withheld,
    )


def key_of(name: str, job: CrontabJob) -> str:
    """Return the key of a line's trigger."""
    return f"crontab/{name}/{job.name}"


def action_of(job: CrontabJob) -> PutTask:
    """Return the action that runs a job as cron does: by the file's SHELL, in its HOME, with its environment."""
    shell = job.environment.get("SHELL") or "/bin/sh"
    payload: dict[str, object] = {"argv": [shell, "-c", job.command]}
    if job.input is not None:
        payload["stdin"] = job.input
    if job.environment:
        payload["env"] = dict(job.environment)
    if home := job.environment.get("HOME"):
        payload["cwd"] = home
    return PutTask.of(COMMAND, payload)


def checked_name(name: str) -> str:
    """Refuse a name that would make keys that are too long."""
    limits.text(name, "name", limits.NAME_LENGTH)
    if name in (".", ".."):
        raise ConfigurationError("name", name, "the name of a file")
    return name


def _by_name(job: CrontabJob) -> str:
    """Order the puts as every import of this file does: two at once wait for each other, and do not deadlock."""
    return job.name


def _cancelled(held: Held) -> Edit | TriggerPut:
    if held.state == "cancelled":
        return held.unchanged("already cancelled")
    return Edit("cancelled", {"state": "cancelled"})

"""How things stand at one moment: what waits, what is late, who is alive, and what a person should look at.

``attention`` is the part to act on: one sentence for each thing that will not put itself right. It is empty when all
is well, and that is what the exit code of ``tickwork status`` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tickwork.model.report import Alive
from tickwork.watch import MINUTE, SECOND, Instant, show_instant

#: A process that gave no sign of life for so long counts as gone.
GONE_AFTER = 60 * SECOND
#: What is due for so long is late, whoever should do it.
LATE_AFTER = MINUTE
#: Kinds of process that fire triggers, and that run tasks.
DAEMON, WORKER = "daemon", "worker"


class TriggersNow(NamedTuple):
    """Triggers: letters that no daemon has read, due ones and since when, when the next one is due."""

    at: Instant
    letters: int
    set_aside: int
    due: int
    due_since_at: Instant | None
    next_at: Instant | None


class Backlog(NamedTuple):
    """Unfinished tasks of one handler from one source (trigger, application, follow-up)."""

    handler: str
    source: str
    waiting: int
    ready: int
    running: int
    unhandled: int
    unread: int
    """Those of the unhandled whose handler is known, but to nobody who reads that version of its payload."""
    failing: int
    """Those that wait to be tried again."""
    ready_since_at: Instant | None
    next_at: Instant | None


class Recent(NamedTuple):
    """What ended in the last hour, by handler; ``latest_after`` is how late the latest first attempt began."""

    handler: str
    ended: int
    done: int
    failed: int
    latest_after: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """How the work of one namespace stands."""

    triggers: TriggersNow
    backlog: Sequence[Backlog] = ()
    recent: Sequence[Recent] = ()
    jobs: Mapping[str, int] = field(default_factory=dict)
    alive: Sequence[Alive] = ()
    job_since_at: Instant | None = None
    """Since when the job waits for a worker that has waited longest."""

    @property
    def at(self) -> Instant:
        """The database's time."""
        return self.triggers.at

    @property
    def late_after(self) -> int:
        """How late the most overdue trigger or ready task is, in microseconds; 0 where nothing is due."""
        since = [self.triggers.due_since_at, *(each.ready_since_at for each in self.backlog)]
        return max((self.at - at for at in since if at is not None), default=0)

    @property
    def next_at(self) -> Instant | None:
        """When something is due next."""
        coming = [self.triggers.next_at, *(each.next_at for each in self.backlog)]
        return min((at for at in coming if at is not None), default=None)

    def runs(self, kind: str) -> bool:
        """Say whether a process of that kind gave a sign of life of late."""
        return any(each.kind == kind and each.now - each.seen_at < GONE_AFTER for each in self.alive)

    @property
    def attention(self) -> tuple[str, ...]:
        """What a person should look at, in sentences; nothing where all is well.

        >>> Status(TriggersNow(90_000_000, 0, 0, 3, 10_000_000, None)).attention[0]
        'TRIGGERS ARE DUE AND NOBODY FIRES THEM: 3, since 1970-01-01T00:00:10.000000Z; start `tickwork run`, ...'
        >>> Status(TriggersNow(90_000_000, 0, 0, 0, None, None)).attention
        ()
        """
        return (*self._about_triggers(), *self._about_tasks(), *self._about_jobs())

    def _about_triggers(self) -> list[str]:
        now, said = self.triggers, []
        since = now.due_since_at
        if since is not None and self.at - since >= LATE_AFTER:
            if self.runs(DAEMON):
                said.append(
                    f"triggers are late: {now.due}, since {show_instant(since)}, though a daemon is alive; is it behind, "
                    "or does an open transaction hold them?"
                )
            else:
                said.append(
                    f"TRIGGERS ARE DUE AND NOBODY FIRES THEM: {now.due}, since {show_instant(since)}; start `tickwork "
                    "run`, or `tickwork daemon`, or put `tickwork tick` into cron"
                )
        elif now.letters and not self.runs(DAEMON) and not self.runs("tick"):
            said.append(f"{now.letters} changes of triggers wait for a daemon, and none is alive: start `tickwork run`")
        if now.set_aside:
            said.append(f"{now.set_aside} triggers are set aside; why: tickwork trigger list --state 'set aside'")
        return said

    def _about_tasks(self) -> list[str]:
        ready = sum(each.ready for each in self.backlog)
        since = min((each.ready_since_at for each in self.backlog if each.ready_since_at is not None), default=self.at)
        said = []
        if ready and not self.runs(WORKER) and self.at - since >= LATE_AFTER:
            said.append(
                f"TASKS ARE READY AND NO WORKER RUNS: {ready}, since {show_instant(since)}; start `tickwork run` or "
                "`tickwork worker`, or put `tickwork tick` into cron"
            )
        for each in self.backlog:
            for count, why in (
                (each.unhandled - each.unread, "a handler that no worker knows"),
                (each.unread, "a payload of a version that no worker reads"),
            ):
                if count:
                    said.append(f"{count} tasks have {why}: {each.handler} (from: {each.source})")
        return said

    def _about_jobs(self) -> list[str]:
        since = self.job_since_at
        if since is None or self.runs(WORKER) or self.at - since < LATE_AFTER:
            return []
        what = f"JOBS ARE SCHEDULED AND NO WORKER RUNS: {self.jobs['scheduled']}, since {show_instant(since)}"
        return [f"{what}; start `tickwork run` or `tickwork worker`, or put `tickwork tick` into cron"]

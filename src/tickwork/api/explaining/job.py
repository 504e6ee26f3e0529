"""Why a job runs or does not: its status by its log, what comes next, who could fire and run it, and its last runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from tickwork.api.explaining.page import Why
from tickwork.api.explaining.task_verdicts import START as START_WORKER
from tickwork.api.explaining.trigger import A_MOMENT, START
from tickwork.api.explaining.words import at, coming, one_line, span
from tickwork.api.job_seen import JobSeen
from tickwork.model.job_history import Run, runs_of
from tickwork.store import evidence, job_reading
from tickwork.store.dialect import Verb
from tickwork.store.evidence import Hand, Holder, Scene
from tickwork.store.job_reading import Logged
from tickwork.store.jobs import JobRow
from tickwork.watch import SECOND

#: How many of the last runs are told, and how many events a run has at most, as a rule.
RUNS, EVENTS_PER_RUN = 10, 8
#: Kinds of process that run a controller, and that run jobs.
DAEMON, WORKER = "daemon", "worker"


@dataclass(frozen=True, slots=True)
class Standing:
    """All that an explanation of a job rests on."""

    scene: Scene
    logged: Sequence[Logged]
    knowing: frozenset[int] = frozenset()
    hand: Hand | None = None
    holder: Holder | None = None

    @property
    def runs(self) -> list[Run]:
        """Its last runs, the newest first."""
        return runs_of(event.entry for event in reversed(self.logged))[::-1][:RUNS]

    @property
    def fired(self) -> bool:
        """Whether its clock fired the newest run."""
        return bool(self.runs) and self.runs[0].nominal_at is not None


def standing(row: JobRow) -> Verb[Standing]:
    """Read it all, in at most five statements."""
    scene = yield from evidence.scene()
    logged = yield from job_reading.reading_log(row.id, RUNS * EVENTS_PER_RUN)
    knowing = yield from evidence.who_knows(row.handler)
    hand = yield from evidence.hand(row.lease)
    holder = yield from evidence.holder(job=row.id)
    return Standing(scene, logged, scene.of(knowing), hand, holder)


def explain(job: JobSeen, seen: Standing) -> Why:
    """Answer from what was read; the first sentence is the verdict."""
    said = [*_broken(job), *(_at_work(job, seen) or _at_rest(job, seen)), *_failed(job), *_besides(job)]
    return Why(
        f"job:{job.name}",
        "job",
        seen.scene.now,
        job.status,
        said[0],
        next_at=job.next_at,
        late_for=_late(job, seen),
        facts=_facts(job, seen),
        more=tuple(said[1:]),
        do=tuple(_do(job, seen)),
        lately=tuple(seen.runs),
    )


def deleted(name: str, stone: Logged, scene: Scene) -> Why:
    """Say of a job that is gone when it went; its tombstone is all that is left."""
    who = stone.entry.told.get("by") or stone.writer
    said = f"it was deleted at {at(stone.at)} by {who}, with its log; declare it again to have it back"
    return Why(f"job:{name}", "job", scene.now, "deleted", said, facts={"deleted_at": stone.at, "by": who})


def why(job: JobSeen) -> list[str]:
    """Explain a job in plain sentences from its own row, the most important first.

    What needs more than the row (who is alive, who holds it) is said by ``tickwork why job:NAME``.
    """
    started = "-" if job.started_at is None else at(job.started_at)
    status = [_AT_WORK[job.status].format(handler=job.handler, started=started)] if job.status in _AT_WORK else []
    return [*_broken(job), *status, *_failed(job), *_next(job), *_besides(job)]


def _broken(job: JobSeen) -> list[str]:
    return [] if job.invalid is None else [f"its descriptor cannot be read, so no timer exists: {job.invalid}"]


def _failed(job: JobSeen) -> list[str]:
    if job.error is None or job.status not in ("error", "fatal"):
        return []
    return [f"its last run failed: {job.error.get('code')}: {one_line(str(job.error.get('message')))}"]


def _next(job: JobSeen) -> list[str]:
    if job.next_at is not None:
        return [f"{'it is tried again' if job.next == 'retry' else 'its clock fires'} at {at(job.next_at)}"]
    if job.next is not None or job.invalid is not None or job.status in _AT_WORK:
        return []
    if job.status == "error":
        return ["its retries are used up, and no clock fires it: start it to run it again"]
    if job.clock == "one-shot":
        return ["it is one-shot and over: start it to run it again"]
    return [f"its clock ({job.clock}) does not fire again: start it to run it once more"]


def _besides(job: JobSeen) -> list[str]:
    said = []
    if job.late_for is not None and job.late_for > SECOND:
        said.append(f"its last fire began {job.late_for / SECOND:g} s after the planned time")
    if job.declared is False:
        said.append("the code declares it no more; it goes on until somebody deletes it")
    return said


_AT_WORK = {
    "scheduled": "it is scheduled and waits for a worker that knows the handler {handler!r}",
    "running": "it runs since {started}",
    "stop requested": "somebody asked it to stop; its worker has not answered yet",
    "stopping": "its worker was told to stop it and has not finished",
    "stopped": "it was stopped; start it, or deploy it again, and it goes on",
    "unknown": "its status was written by a newer version of this program",
}


def _at_work(job: JobSeen, seen: Standing) -> list[str]:
    """Say who has it, or who is missing."""
    if job.status == "scheduled":
        return [_scheduled(job, seen)]
    if job.status in ("running", "stopping", "stop requested"):
        return [_in_hand(job, seen)]
    return [_AT_WORK[job.status]] if job.status in _AT_WORK else []


def _at_rest(job: JobSeen, seen: Standing) -> list[str]:
    """Say when it fires, or what keeps it from firing now."""
    now = seen.scene.now
    if job.next_at is None:
        return _next(job)
    if job.next_at > now:
        return [_comes(job, seen)]
    since = f"it is due since {at(job.next_at)}, for {span(now - job.next_at)}"
    if seen.holder is not None:
        who = f" of {seen.holder.application}" if seen.holder.application else ""
        return [f"{since}, and an open transaction{who} (session {seen.holder.pid}) holds its row"]
    if not seen.scene.runs(DAEMON):
        return [f"{since}, and NO CONTROLLER IS ALIVE to fire it"]
    return [f"{since}: a controller is alive and fires it in a moment"]


def _comes(job: JobSeen, seen: Standing) -> str:
    what = "it failed, and is tried again" if job.next == "retry" else "its clock fires next"
    alone = "" if seen.scene.runs(DAEMON) else ", but no controller is alive just now to fire it"
    return f"{what} at {coming(job.next_at or seen.scene.now, seen.scene.now)}{alone}"


def _scheduled(job: JobSeen, seen: Standing) -> str:
    if not seen.scene.runs(WORKER):
        return "it is scheduled, and NO WORKER IS ALIVE to run it"
    if not seen.knowing:
        return f"it is scheduled, and no worker that is alive knows its handler {job.handler!r}"
    return f"it is scheduled, and a worker that knows {job.handler!r} takes it when it is free"


def _in_hand(job: JobSeen, seen: Standing) -> str:
    began = "" if job.started_at is None else f" since {at(job.started_at)} ({span(seen.scene.now - job.started_at)})"
    hand = seen.hand
    if hand is None:
        return f"it is {job.status}{began}, and nobody has it: a controller ends the run in a moment"
    if hand.lease_ends_at < seen.scene.now:
        gone = f"and let its lease run out at {at(hand.lease_ends_at)}"
        return f"{hand} took it{began}, {gone}; a controller ends the run as an error"
    asked = {"stop requested": ", and is asked to stop", "stopping": ", and was told to stop"}.get(job.status, "")
    return f"{hand} runs it{began}{asked}"


def _late(job: JobSeen, seen: Standing) -> int | None:
    if job.next_at is not None and job.next_at <= seen.scene.now:
        return seen.scene.now - job.next_at
    return job.late_for


def _do(job: JobSeen, seen: Standing) -> list[str]:
    name, do = shlex.quote(job.name), []
    due = job.next_at is not None and seen.scene.now - job.next_at > A_MOMENT
    if not seen.scene.runs(DAEMON) and (due or job.next_at is not None):
        do.append(START)
    if job.status == "scheduled" and not (seen.scene.runs(WORKER) and seen.knowing):
        do.append(START_WORKER)
    if job.status in ("error", "fatal", "stopped") or (job.next is None and job.status == "completed"):
        do.append(f"to run it now: tickwork job start {name}")
    if job.invalid is not None:
        do.append("declare it anew: tickwork job apply FILE.toml")
    if job.declared is False:
        do.append(f"if it is not wanted: tickwork job delete {name}")
    return do


def _facts(job: JobSeen, seen: Standing) -> dict[str, object]:
    hand = seen.hand
    return {
        "clock": job.clock,
        "handler": job.handler,
        "next": job.next,
        "last_at": job.nominal_at,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "attempts": job.attempt,
        "attempts_since_completed": job.since_completed,
        "worker": None if hand is None else str(hand),
        "lease_ends_at": None if hand is None else hand.lease_ends_at,
        "controller_alive": seen.scene.runs(DAEMON),
        "workers_that_know": len(seen.knowing),
        "declared": job.declared,
        "origin": job.origin,
        "seq": job.seq,
        "error": None if job.error is None else one_line(f"{job.error.get('code')}: {job.error.get('message')}"),
    }

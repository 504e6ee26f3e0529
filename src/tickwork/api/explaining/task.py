"""Why a task runs, waits or has ended as it did, as one page: the reason, the facts, what else is to be said."""

from __future__ import annotations

from typing import NamedTuple

from tickwork.api.explaining.page import Why
from tickwork.api.explaining.task_standing import WORKER, Standing
from tickwork.api.explaining.task_verdicts import VERDICTS, nobody
from tickwork.api.explaining.words import at, one_line
from tickwork.model.report import Failed
from tickwork.watch import Instant


class Attempt(NamedTuple):
    """One attempt that failed, was lost, or put itself off."""

    attempt: int
    outcome: str
    started_at: Instant | None
    ended_at: Instant
    ran_for: int | None
    worker_id: int | None
    error: str
    """In one line; ``tickwork task show`` has the traceback."""


def explain(seen: Standing) -> Why:
    """Answer from what was read; the first of these that is so is the reason."""
    task = seen.task
    verdict, do = VERDICTS[task.state](seen)
    began_at = task.started_at or (seen.now if task.state == "ready" else None)
    return Why(
        f"task:{task.id}",
        "task",
        seen.now,
        task.outcome or task.state,
        verdict,
        next_at=task.available_at if task.state == "waiting" and task.awaits is None and seen.wait is None else None,
        late_for=None if began_at is None else max(0, began_at - task.asked_at),
        facts=_facts(seen),
        more=tuple(_more(seen)),
        do=tuple(do),
        lately=tuple(_attempt(each) for each in reversed(seen.failures)),
    )


def _more(seen: Standing) -> list[str]:
    task, said = seen.task, []
    if task.state in ("waiting", "ready") and task.lost:
        said.append(f"{task.lost} workers were lost while they ran it, so it is taken alone")
    if task.state == "waiting" and not seen.scene.runs(WORKER):
        said.append("no worker is alive just now")
    if task.state == "waiting" and seen.scene.runs(WORKER) and not seen.knowing:
        said.append(nobody(seen))
    if task.expires_at is not None and task.state != "over":
        said.append(f"it is not run later than {at(task.expires_at)}")
    if task.trigger_key is not None:
        said.append(f"the trigger {task.trigger_key!r} put it, for {at(task.planned_at or task.asked_at)}")
    if task.parent_id is not None:
        said.append(f"the task {task.parent_id} put it")
    return said


def _facts(seen: Standing) -> dict[str, object]:
    task, hand = seen.task, seen.hand
    return {
        "handler": task.handler,
        "key": task.key,
        "queue": task.queue,
        "priority": task.priority,
        "attempt": task.attempt,
        "attempts": task.attempts,
        "lost": task.lost,
        "available_at": task.available_at,
        "asked_at": task.asked_at,
        "created_at": task.created_at,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
        "expires_at": task.expires_at,
        "worker": None if hand is None else str(hand),
        "lease_ends_at": None if hand is None else hand.lease_ends_at,
        "progress": seen.grip.progress,
        "ahead": seen.ahead if task.state == "ready" else None,
        "workers_that_know": len(seen.knowing) if task.state != "over" else None,
        "error": one_line(task.error) or None,
        "reason": task.reason,
        "result": task.result,
        "trigger": task.trigger_key,
        "parent": task.parent_id,
    }


def _attempt(failed: Failed) -> Attempt:
    ran = None if failed.started_at is None else failed.ended_at - failed.started_at
    return Attempt(
        failed.attempt,
        failed.outcome,
        failed.started_at,
        failed.ended_at,
        ran,
        failed.worker_id,
        one_line(failed.error),
    )

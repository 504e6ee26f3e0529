"""Settling: outcomes of runs become rows of the archive, or tasks that wait again, in one transaction.

Everything is fenced by the token of the claim. What is archived is exactly what was deleted under that token; an
outcome whose lease was lost comes to nothing and is told to the caller. A row that somebody else holds locked just
now is passed over and told too, so that one open transaction keeps no batch waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tickwork.model.outcome import Outcome
from tickwork.store import leases, tasks, workers
from tickwork.store.dialect import Row, Transaction
from tickwork.store.scope import Scope


class Settlement(NamedTuple):
    """What became of a batch of outcomes: how many were settled, and which were not."""

    settled: int
    discarded: tuple[Outcome, ...] = ()
    """The lease was lost: another worker owns the task now, or it is over."""
    held_up: tuple[Outcome, ...] = ()
    """Ours still, but somebody has the row locked: try again."""


def settle(transaction: Transaction, worker_id: int, batch: Sequence[Outcome], finished: Iterable[int]) -> Settlement:
    """Settle outcomes, and drop the leases in *finished*, of which this batch has the last tasks."""
    if any(each.settled for each in batch):
        batch = [each for each in batch if not each.settled]
        if not batch:
            leases.drop(transaction, finished)
            return Settlement(0)
    words = [each for each in batch if each.archived]
    plain = len(words) == len(batch) and not any(each.error or each.follow_ups for each in batch)
    if not transaction.dialect.chains_writes or not plain:
        return _step_by_step(transaction, worker_id, batch, finished)
    ids = _archive_at_once(transaction, worker_id, batch, finished)
    return Settlement(len(ids)) if len(ids) == len(batch) else _sorted_out(transaction, batch, ids)


def _archive_at_once(
    transaction: Transaction, worker_id: int, batch: Sequence[Outcome], finished: Iterable[int]
) -> set[int]:
    """Archive a batch that went well: one statement, whatever its size."""
    columns = list(zip(*batch, strict=True))
    rows = transaction.all(
        "archive_tasks",
        id=list(columns[0]),
        token=list(columns[1]),
        outcome=list(columns[2]),
        reason=list(columns[3]),
        result=list(columns[4]),
        error=list(columns[5]),
        attempt=list(columns[6]),
        started_at=list(columns[8]),
        ended_at=list(columns[9]),
        worker_id=worker_id,
        finished=list(finished),
    )
    return {task for (task,) in rows}


def _step_by_step(
    transaction: Transaction, worker_id: int, batch: Sequence[Outcome], finished: Iterable[int]
) -> Settlement:
    """Lock what is ours, then write: archived tasks, waiting ones, and the errors of every attempt."""
    rows = transaction.all("held_tasks", ids=[each.id for each in batch], tokens=sorted({each.token for each in batch}))
    held = {(task, token): (asked, reason) for task, token, asked, reason in rows}
    ours = [(each, *held[each.id, each.token]) for each in batch if (each.id, each.token) in held]
    over = [_last_word(*each, worker_id) for each in ours if each[0].archived or each[1]]
    again = [each for each, asked, _ in ours if not (each.archived or asked)]
    transaction.many(
        "archive_held",
        ("id", "outcome", "reason", "result", "error", "attempt", "started_at", "ended_at", "worker_id"),
        over,
    )
    if over:
        ids = [row[0] for row in over]
        transaction.run("remove_archived", ids=ids)
        if any(asked for _, asked, _ in ours):
            transaction.run("answer_cancels", ids=ids)
    transaction.many(
        "return_tasks",
        ("id", "token", "available_at", "attempt", "lost", "snoozed", "error"),
        [(each.id, each.token, each.available_at, each.attempt, 0, each.snoozed, each.error) for each in again],
    )
    _note(transaction, worker_id, [each for each, _, _ in ours])
    for each in (each for each, asked, _ in ours if each.follow_ups and not asked):
        _put_follow_ups(transaction, each)
    if finished := list(finished):
        leases.drop(transaction, finished)
    if any(each.available_at is not None and each.available_at <= each.ended_at for each in again):
        workers.wake(transaction)
    settled = {each.id for each, _, _ in ours}
    return Settlement(len(settled)) if len(settled) == len(batch) else _sorted_out(transaction, batch, settled)


def _last_word(outcome: Outcome, asked: bool, reason: str | None, worker_id: int) -> Row:
    """Return the archive's row; a task that somebody asked to cancel is cancelled, whatever its run did."""
    return (
        outcome.id,
        "cancelled" if asked else outcome.outcome,
        (reason if asked else None) or outcome.reason,
        None if asked else outcome.result,
        outcome.error,
        outcome.attempt,
        outcome.started_at,
        outcome.ended_at,
        worker_id,
    )


def _put_follow_ups(transaction: Transaction, outcome: Outcome) -> None:
    """Put what a run that went well wants done next, in the transaction that archives it, for its namespace."""
    ((namespace,),) = transaction.all("archived_namespace", id=outcome.id)
    scope = Scope.of(transaction.dialect, namespace, wake=True)
    put = [transaction.perform(tasks.put(scope, columns)) for columns in outcome.follow_ups]
    ids = [each.id for each in put if each.did == "put"]
    transaction.run("adopt_follow_ups", parent_id=outcome.id, ids=ids)


def _note(transaction: Transaction, worker_id: int, ours: Sequence[Outcome]) -> None:
    """Write down every attempt that did not go well, with its error."""
    noted = {"gave up": "failed", "failed": "failed", "snoozed": "snoozed", "lost": "lost", "interrupted": "lost"}
    transaction.many(
        "note_attempts",
        ("task_id", "attempt", "outcome", "error", "worker_id", "started_at", "ended_at"),
        [
            (each.id, each.attempt, noted[each.outcome], each.error, worker_id, each.started_at, each.ended_at)
            for each in ours
            if each.outcome in noted
        ],
    )


def _sorted_out(transaction: Transaction, batch: Sequence[Outcome], settled: set[int]) -> Settlement:
    """Tell what was only locked from what is lost."""
    left = [each for each in batch if each.id not in settled]
    rows = transaction.all(
        "still_under_lease", ids=[each.id for each in left], tokens=sorted({each.token for each in left})
    )
    still = {(task, token) for task, token in rows}
    return Settlement(
        len(settled),
        tuple(each for each in left if (each.id, each.token) not in still),
        tuple(each for each in left if (each.id, each.token) in still),
    )

"""Leases: renewed by a heartbeat that touches no task, and ended by whoever saw them stand still.

Lock order: completion locks its tasks, then drops its lease; rescue locks the lease, then its tasks, and passes over
what is locked. Neither waits for the other, so there is no circle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tickwork.model.lease import LOST_ALLOWED, Standing
from tickwork.model.outcome import Failure
from tickwork.store import flows, workers
from tickwork.store.dialect import Row, Transaction
from tickwork.store.flows import Placed
from tickwork.store.letters import Letter, post
from tickwork.store.scope import Scope
from tickwork.store.store import Store


@dataclass(frozen=True)
class Rescued:
    """What became of the tasks of one ended lease."""

    worker_id: int
    again: int
    lost: int


def renew(transaction: Transaction, tokens: Iterable[int]) -> set[int]:
    """Renew leases for their own lengths; return those that still stand."""
    return {token for (token,) in transaction.all("renew_leases", tokens=sorted(tokens))}


def standing(transaction: Transaction) -> list[Standing]:
    """Return every lease there is (as many as there are batches in work, never as many as there are tasks)."""
    return [Standing._make(row) for row in transaction.all("standing_leases")]


def drop(transaction: Transaction, tokens: Iterable[int]) -> int:
    """Remove leases that no task points to."""
    return transaction.run("drop_leases", tokens=sorted(tokens))


def lengthen(transaction: Transaction, token: int, length: int) -> None:
    """Give a lease another length, from now on."""
    transaction.run("lengthen_lease", token=token, length=length)


def speak(store: Store, words: Mapping[int, list[tuple[float, str | None]]]) -> None:
    """Write down the last word of each run that has a lease of its own: how far it has come."""
    if words:
        with store.begin("worker") as transaction:
            for token, said in sorted(words.items()):
                progress, note = said.pop()
                transaction.run("note_progress_of_lease", token=token, progress=progress, note=note)


def end_if_over(transaction: Transaction, token: int) -> None:
    """End a lease that stands for a lock, where its time by the database's clock is over."""
    transaction.run("end_lease_if_over", token=token)


def grant_unless_held(transaction: Transaction, token: int, worker_id: int, length: int) -> bool:
    """Take a lease that stands for a lock; False where somebody has it."""
    return bool(transaction.all("grant_lease_unless_held", token=token, worker_id=worker_id, length=length))


class Lost(NamedTuple):
    """A task that is archived as lost, and the handler that is to be told."""

    id: int
    notice: str
    namespace: str
    handler: str
    priority: int
    key: str | None
    object: str | None
    container: str | None
    reason: str


#: Makes of a lost task the columns of the task that tells of it.
Notice = Callable[[Lost], Mapping[str, Any]]


def rescue(transaction: Transaction, lease: Standing, notice: Notice | None = None) -> Rescued | None:
    """Give the tasks of an ended lease back to waiting, or archive those that are used up or asked to be cancelled.

    What is known of each: a *mark* says for certain that it was running, so the run counts and so does the loss.
    Without one, a suspect or a last attempt had certainly not begun (these are marked before they start): it is given
    back as it was. Any other may have run for a moment: it is given the run back, and is a suspect from now on, so it
    is claimed alone and marked. Of one that is lost its owner is told by what *notice* makes of it.
    """
    held = transaction.one("hold_ended_lease", token=lease.token, renewals=lease.renewals)
    if held is None:
        return None
    worker_id, now = held
    again: list[Row] = []
    over: list[Row] = []
    notes: list[Row] = []
    told: list[Lost] = []
    letters: list[Letter] = []
    rows = transaction.all("hold_tasks_of_ended_lease", token=lease.token, worker_id=worker_id)
    for task, attempt, attempts, lost, available_at, started_at, asked, group_id, whom, *about in rows:
        charged = _charged(attempt, attempts, lost, started_at)
        error = _error(worker_id) if charged else None
        counted = attempt if started_at is not None else attempt - 1
        again.append((task, lease.token, available_at, counted, int(charged), 0, error))
        if charged:
            notes.append((task, attempt, "lost", error, worker_id, started_at, now))
        if asked:
            over.append((task, "cancelled", None, None, error, counted, started_at, now, None))
        elif started_at is not None and (attempt >= attempts or lost + 1 > LOST_ALLOWED):
            reason = _reason(attempt, attempts, lost + 1)
            over.append((task, "lost", reason, None, error, counted, started_at, now, None))
            if whom is not None:
                told.append(Lost._make((task, whom, *about, reason)))
        if group_id is not None and over and over[-1][0] == task:
            letters.append(Letter(group_id, task, over[-1][1]))
    _write(transaction, again, over, notes)
    if letters:
        transaction.perform(post(Scope.of(transaction.dialect, "", wake=True), letters))
    if notice is not None:
        _tell(transaction, told, notice)
    drop(transaction, [lease.token])
    if len(again) > len(over):
        workers.wake(transaction)
    return Rescued(worker_id, len(again) - len(over), len(over))


def _charged(attempt: int, attempts: int, lost: int, started_at: int | None) -> bool:
    return started_at is not None or (lost == 0 and attempt < attempts)


def _write(transaction: Transaction, again: Sequence[Row], over: Sequence[Row], notes: Sequence[Row]) -> None:
    transaction.many("return_tasks", ("id", "token", "available_at", "attempt", "lost", "snoozed", "error"), again)
    transaction.many(
        "archive_held",
        ("id", "outcome", "reason", "result", "error", "attempt", "started_at", "ended_at", "worker_id"),
        over,
    )
    if over:
        ids = [row[0] for row in over]
        transaction.run("remove_archived", ids=ids)
        transaction.run("answer_cancels", ids=ids)
    transaction.many(
        "note_attempts", ("task_id", "attempt", "outcome", "error", "worker_id", "started_at", "ended_at"), notes
    )


def _tell(transaction: Transaction, told: Sequence[Lost], notice: Notice) -> None:
    """Put what tells of lost tasks, in the transaction that archives them."""
    for each in told:
        scope = Scope.of(transaction.dialect, each.namespace, wake=True)
        transaction.perform(flows.put(scope, [Placed(notice(each), parent_id=each.id)]))


def _error(worker_id: int) -> str:
    return Failure("LeaseLost", f"the lease of worker {worker_id} ran out while it had the task").encode()


def _reason(attempt: int, attempts: int, lost: int) -> str:
    if lost > LOST_ALLOWED:
        return f"its worker was lost {lost} times"
    return f"its worker was lost in attempt {attempt} of {attempts}"

"""Settling: outcomes of runs become rows of the archive, or tasks that wait again, in one transaction.

Everything is fenced by the token of the claim. What is archived is exactly what was deleted under that token; an
outcome whose lease was lost comes to nothing and is told to the caller. A row that somebody else holds locked just
now is passed over and told too, so that one open transaction keeps no batch waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from tickwork.model.outcome import Outcome
from tickwork.store import flows, lanes, leases, workers
from tickwork.store.dialect import Row, Transaction
from tickwork.store.flows import Placed
from tickwork.store.letters import Letter, post
from tickwork.store.scope import Scope


class Settlement(NamedTuple):
    """What became of a batch of outcomes: how many were settled, and which were not."""

    settled: int
    discarded: tuple[Outcome, ...] = ()
    """The lease was lost: another worker owns the task now, or it is over."""
    held_up: tuple[Outcome, ...] = ()
    """Ours still, but somebody has the row locked: try again."""
    letters: bool = False
    """Members of groups have ended: their letters are to be opened."""


class Held(NamedTuple):
    """A task that is ours and locked: whether somebody asked to cancel it and why, its namespace and group."""

    asked: bool
    reason: str | None
    namespace: str
    group_id: int | None


def settle(transaction: Transaction, worker_id: int, batch: Sequence[Outcome], finished: Iterable[int]) -> Settlement:
    """Settle outcomes, and drop the leases in *finished*, of which this batch has the last tasks."""
    if any(each.settled for each in batch):
        letters = any(each.letters for each in batch)
        batch = [each for each in batch if not each.settled]
        if not batch:
            leases.drop(transaction, finished)
            return Settlement(0, letters=letters)
        settlement = settle(transaction, worker_id, batch, finished)
        return settlement._replace(letters=letters or settlement.letters)
    if any(each.limited for each in batch):
        lanes.tell_starts(transaction, batch)
    words = [each for each in batch if each.archived]
    plain = len(words) == len(batch) and not any(each.error or each.follow_ups for each in batch)
    if not transaction.dialect.chains_writes or not plain:
        return _step_by_step(transaction, worker_id, batch, finished, plain=plain)
    ids, letters = _archive_at_once(transaction, worker_id, batch, finished)
    settlement = Settlement(len(ids)) if len(ids) == len(batch) else _sorted_out(transaction, batch, ids)
    return settlement._replace(letters=True) if letters else settlement


def _archive_at_once(
    transaction: Transaction, worker_id: int, batch: Sequence[Outcome], finished: Iterable[int]
) -> tuple[set[int], bool]:
    """Archive a batch that went well: one statement, whatever its size. Return the ids, and whether letters were left."""
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
    return {row[0] for row in rows}, any(row[1] is not None for row in rows)


def _step_by_step(
    transaction: Transaction, worker_id: int, batch: Sequence[Outcome], finished: Iterable[int], *, plain: bool
) -> Settlement:
    """Lock what is ours, then write: archived tasks, waiting ones, and the errors of every attempt."""
    rows = transaction.all("held_tasks", ids=[each.id for each in batch], tokens=sorted({each.token for each in batch}))
    if plain and not transaction.dialect.chains_writes and _is_all(batch, rows):
        return _archive_plain(transaction, worker_id, batch, finished)
    held = {(row[0], row[1]): Held._make(row[2:]) for row in rows}
    ours = [(each, held[each.id, each.token]) for each in batch if (each.id, each.token) in held]
    over = [_last_word(each, it.asked, it.reason, worker_id) for each, it in ours if each.archived or it.asked]
    again = [each for each, it in ours if not (each.archived or it.asked)]
    transaction.many(
        "archive_held",
        ("id", "outcome", "reason", "result", "error", "attempt", "started_at", "ended_at", "worker_id"),
        over,
    )
    if over:
        ids = [row[0] for row in over]
        transaction.run("remove_archived", ids=ids)
        if any(it.asked for _, it in ours):
            transaction.run("answer_cancels", ids=ids)
    transaction.many(
        "return_tasks",
        ("id", "token", "available_at", "attempt", "lost", "snoozed", "error"),
        [(each.id, each.token, each.available_at, each.attempt, 0, each.snoozed, each.error) for each in again],
    )
    _note(transaction, worker_id, [each for each, _ in ours])
    joined = _put_follow_ups(transaction, [(each, it) for each, it in ours if each.follow_ups and not it.asked])
    ended = {row[0]: row[1] for row in over}
    letters = [
        Letter(it.group_id, each.id, ended[each.id], joined[each.id])
        for each, it in ours
        if it.group_id is not None and each.id in ended
    ]
    leave_letters(transaction, letters)
    if finished := list(finished):
        leases.drop(transaction, finished)
    if any(each.available_at is not None and each.available_at <= each.ended_at for each in again):
        workers.wake(transaction)
    settled = {each.id for each, _ in ours}
    whole = Settlement(len(settled)) if len(settled) == len(batch) else _sorted_out(transaction, batch, settled)
    return whole._replace(letters=bool(letters))


def _is_all(batch: Sequence[Outcome], rows: Sequence[Row]) -> bool:
    """Whether these rows hold the whole batch, and nobody asked to cancel one or waits for one with others."""
    under = {row[0]: row[1] for row in rows if not row[2] and row[5] is None}
    return len(under) == len(batch) and all(under.get(each.id) == each.token for each in batch)


def _archive_plain(
    transaction: Transaction, worker_id: int, batch: Sequence[Outcome], finished: Iterable[int]
) -> Settlement:
    """Archive a batch that is held and went well, in few passes over it."""
    columns = list(zip(*batch, strict=True))
    ids = list(columns[0])
    rows = list(zip(ids, *columns[2:5], columns[6], *columns[8:10], strict=True))
    transaction.run("archive_tasks", rows=msgspec.json.encode(rows).decode(), worker_id=worker_id)
    transaction.run("remove_archived", ids=ids)
    if finished := list(finished):
        leases.drop(transaction, finished)
    return Settlement(len(ids))


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


def _put_follow_ups(transaction: Transaction, ours: Sequence[tuple[Outcome, Held]]) -> Counter[int]:
    """Put what runs that went well want done next, all at once for each namespace, in the transaction that archives them.

    Returns how many of them joined the group of the task that put them, for each of these tasks.
    """
    joined: Counter[int] = Counter()
    for namespace in sorted({it.namespace for _, it in ours}):
        scope = Scope.of(transaction.dialect, namespace, wake=True)
        mine = [(each.id, it, flow) for each, it in ours if it.namespace == namespace for flow in each.follow_ups]
        placed = [
            Placed(
                {name: value for name, value in flow.items() if name != "join"},
                it.group_id if flow.get("join") else None,
                task,
            )
            for task, it, flow in mine
        ]
        done = transaction.perform(flows.put(scope, placed))
        joined.update(
            task for (task, _, _), at, put in zip(mine, placed, done, strict=True) if at.group_id and put.did == "put"
        )
    return joined


def leave_letters(transaction: Transaction, letters: Sequence[Letter]) -> None:
    """Tell whoever counts that these members of groups have ended."""
    if letters:
        transaction.perform(post(Scope.of(transaction.dialect, "", wake=False), letters))


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

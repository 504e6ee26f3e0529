"""The ledger's rows, the tasks that they put, and the events that move on: all in the firing's one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tickwork.model.firing import Firing, Previous
from tickwork.store.dialect import Transaction
from tickwork.watch import Instant

_FIRING = (*Firing._fields,)
#: As the slots of SQLite's page: the task's id is handed in, since a statement there cannot write two tables.
_SLOT = (*Firing._fields[:-1], "task_id")


class Step(NamedTuple):
    """Where an event stands after a firing."""

    trigger_id: int
    version: int
    generation: int
    last_at: Instant | None
    next_at: Instant | None
    due_at: Instant | None
    firings: int


def record(transaction: Transaction, firings: Sequence[Firing], now: Instant, *, topics: bool = False) -> int:
    """Write the ledger first, and tasks only for rows that were new there; return how many were new.

    *topics*: some of these triggers name a topic, and each handler that has subscribed to it gets a task.
    """
    if not firings:
        return 0
    if transaction.dialect.chains_writes:
        return transaction.many_counted("record_firings", _FIRING, firings, topics=topics)
    return _record_by_slots(transaction, firings, now, topics=topics)


def _record_by_slots(transaction: Transaction, firings: Sequence[Firing], now: Instant, *, topics: bool) -> int:
    """Where a statement cannot write two tables: hand the slots over once, then write ledger and tasks from them."""
    newest = transaction.one("newest_task_id")
    assert newest is not None
    rows, task_id = [], newest[0]
    for firing in firings:
        task_id += firing[-1]
        rows.append((*firing[:-1], task_id if firing[-1] else None))
    transaction.run("lay_out_slots")
    transaction.run("clear_slots")
    transaction.many("fill_slots", _SLOT, rows)
    if topics:
        transaction.run("leave_out_known_slots")
    new = transaction.run("record_firings", now=now)
    if task_id > newest[0]:
        transaction.run("put_fired_tasks", now=now, all_new=new == len(rows))
    if topics:
        transaction.run("spread_fired_topics", now=now)
    return new


def previous(transaction: Transaction, trigger_ids: Sequence[int]) -> dict[int, Previous]:
    """Return the task that each of these triggers put last, with how it ended if it did."""
    rows = transaction.all("previous_tasks", ids=trigger_ids)
    return {trigger_id: Previous(*found) for trigger_id, *found in rows}


def ask_to_stop(transaction: Transaction, task_ids: Sequence[int]) -> None:
    """Request the end of tasks that a new firing replaces."""
    if task_ids:
        transaction.run("ask_to_stop", ids=task_ids)


def messages(transaction: Transaction, trigger_ids: Sequence[int]) -> dict[int, str]:
    """Return what the log actions of these triggers say."""
    rows = transaction.all("log_payloads", ids=trigger_ids)
    return {trigger_id: str(msgspec.json.decode(payload).get("message", "")) for trigger_id, payload in rows}


def advance(transaction: Transaction, steps: Sequence[Step], now: Instant) -> None:
    """Move the events on."""
    if transaction.dialect.chains_writes:
        transaction.many("advance_events", Step._fields, steps)
    else:
        transaction.many("advance_events", (*Step._fields, "now"), [(*step, now) for step in steps])

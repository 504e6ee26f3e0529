"""Back-pressure as rows: a kind of work that no worker runs before a time; and how far runs have come.

Both are written by workers, and seen by everybody. Two workers that press the same kind do not undo each other: the
later end stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tickwork.store.dialect import Transaction, Verb, ask
from tickwork.store.scope import Scope
from tickwork.watch import Instant


class Pressure(NamedTuple):
    """A kind of work that waits until then."""

    namespace: str
    kind: str
    until_at: Instant
    reason: str | None = None
    worker_id: int | None = None
    since_at: Instant | None = None


class Progress(NamedTuple):
    """How far a run has come, as its handler said: a share from 0 to 1, a few words, and when."""

    share: float
    note: str | None
    at: Instant


class Said(NamedTuple):
    """A word about progress on its way to its row, fenced by the token of its run."""

    id: int
    token: int
    share: float
    note: str | None


def press(transaction: Transaction, pressures: Iterable[Pressure]) -> None:
    """Let kinds wait."""
    for each in pressures:
        transaction.run("press", **each._asdict())


def standing(transaction: Transaction) -> list[Pressure]:
    """Return what waits just now."""
    return [Pressure._make(row) for row in transaction.all("standing_pressures")]


def forget(transaction: Transaction) -> int:
    """Remove what is over; return how much that was."""
    return transaction.run("forget_pressures")


def note_progress(transaction: Transaction, words: Iterable[Said]) -> None:
    """Write down how far runs have come."""
    for each in sorted(words):
        transaction.run("note_progress", **each._asdict())


def pressures() -> Verb[list[Pressure]]:
    """What waits just now, for people."""
    rows = yield from ask("standing_pressures")
    return [Pressure._make(row) for row in rows]


def lift(scope: Scope, kind: str) -> Verb[bool]:
    """Let a kind run again; False where it did not wait."""
    rows = yield from ask("lift_pressure", namespace=scope.namespace, kind=kind)
    return bool(rows)


def progress(scope: Scope, task: int) -> Verb[Progress | None]:
    """How far a task's last run has come, if it said."""
    rows = yield from ask("progress_of_task", namespace=scope.namespace, id=task)
    return Progress._make(rows[0]) if rows and rows[0][0] is not None else None

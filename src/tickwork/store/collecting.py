"""Removing what is no longer needed, a slice at a time: each function returns how many rows it removed."""

from __future__ import annotations

from collections.abc import Sequence

from tickwork.store.dialect import Transaction
from tickwork.watch import Instant

#: How tasks end of which people want to know for longer.
FAILED = ("gave up", "lost")
ENDED = ("done", "expired", "declined", "cancelled")


def archived(transaction: Transaction, outcomes: Sequence[str], before: Instant, n: int, before_id: int = 0) -> int:
    """Remove archived tasks that ended so before an instant, or at it with a smaller id, and the notes of their attempts."""
    rows = transaction.all("collect_archive", outcomes=list(outcomes), before=before, before_id=before_id, n=n)
    if rows:
        transaction.run("collect_attempts_of", ids=[row[0] for row in rows])
    return len(rows)


def cancelled_triggers(transaction: Transaction, before: Instant, n: int) -> int:
    """Remove triggers that were cancelled before an instant, with their trail; the daemon is told, for their events."""
    return _triggers(transaction, "triggers_to_collect", "collect_triggers", before, n)


def finished_triggers(transaction: Transaction, before: Instant, n: int) -> int:
    """Remove triggers that fired for the last time before an instant, in the same way."""
    return _triggers(transaction, "finished_to_collect", "collect_finished", before, n)


def _triggers(transaction: Transaction, found: str, removal: str, before: Instant, n: int) -> int:
    ids = [row[0] for row in transaction.all(found, before=before, n=n)]
    if not ids:
        return 0
    transaction.run("tell_of_collected", ids=ids)
    transaction.run("collect_versions_of", ids=ids)
    return len(transaction.all(removal, ids=ids, before=before))


def old(transaction: Transaction, statement: str, before: Instant, n: int) -> int:
    """Remove one slice by the statement of that name."""
    return len(transaction.all(statement, before=before, n=n))


def orphans(transaction: Transaction, n: int) -> int:
    """Remove the handlers of processes that are gone."""
    return len(transaction.all("collect_handlers", n=n))

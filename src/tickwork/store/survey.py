"""The survey: what one look tells a process about everything that its loops wait for."""

from __future__ import annotations

from typing import NamedTuple

from tickwork.store.claims import Subscription
from tickwork.store.dialect import Transaction
from tickwork.watch import SECOND, Instant

#: A process that gave no sign for so long is worth a look of the rescuer, in microseconds.
SILENT = 60 * SECOND


class Survey(NamedTuple):
    """How things stand; compared with the survey before it, it says who has something to do."""

    at: Instant
    letters: bool
    due: bool
    next_due_at: Instant | None
    ready: int
    next_ready_at: Instant | None
    leases: bool
    silent: bool
    newest_job_event: int
    scheduled: bool
    newest_bulk: int | None
    woken_at: Instant | None
    tending: bool
    next_opening_at: Instant | None

    def news(self, before: Survey | None) -> list[str]:
        """Return the hints for those who have something to do, or whose next moment has changed."""
        said = {
            "trigger": self.letters or self.due or _moved(self.next_due_at, before and before.next_due_at),
            "task": self.ready > 0
            or self.tending
            or _moved(self.next_ready_at, before and before.next_ready_at)
            or _moved(self.next_opening_at, before and before.next_opening_at),
            "lease": self.leases or self.silent,
            "job": self.scheduled or before is None or self.newest_job_event != before.newest_job_event,
            "bulk": _moved(self.newest_bulk, before and before.newest_bulk),
            "generator": _moved(self.woken_at, before and before.woken_at),
        }
        return [hint for hint, has_news in said.items() if has_news]


def survey(transaction: Transaction, subscription: Subscription, mark: Instant) -> Survey:
    """Look once: for tasks as a subscription says, for events from the mark on."""
    row = transaction.one("survey", **subscription.values, mark=mark, silent=SILENT)
    assert row is not None
    return Survey(*row)


def _moved(now: int | None, before: int | None) -> bool:
    return now is not None and now != before

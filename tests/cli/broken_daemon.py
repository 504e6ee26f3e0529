"""A trigger daemon that is broken on purpose: ``python broken_daemon.py loses|doubles|stubborn``. For tests only."""

from __future__ import annotations

import sys
from typing import Any

from tickwork import Tickwork
from tickwork.engine.triggers import firing, planning
from tickwork.store import events, firings

#: One trigger in so many is treated wrongly.
ONE_IN = 20


def loses() -> None:
    """Moves some events on without a row in the ledger and without a task."""
    record = firings.record
    firings.record = lambda transaction, rows, now, **more: record(  # type: ignore[assignment]
        transaction, [row for row in rows if row.trigger_id % ONE_IN], now, **more
    )


def doubles() -> None:
    """Fires some occurrences twice."""
    record = firings.record
    firings.record = lambda transaction, rows, now, **more: record(  # type: ignore[assignment]
        transaction,
        [*rows, *(row._replace(planned_at=row.planned_at + 1) for row in rows if row.trigger_id % ONE_IN == 0)],
        now,
        **more,
    )


def stubborn() -> None:
    """Does not look whether an order is still in force, when it plans and when it fires."""
    plan, due = planning.plan_or_set_aside, events.due

    def planned(order: Any, *rest: Any) -> Any:
        return plan(order._replace(state="active"), *rest)

    def found(*arguments: Any) -> Any:
        dues, now = due(*arguments)
        return [each._replace(order=each.order._replace(state="active")) for each in dues], now

    planning.plan_or_set_aside = firing.plan_or_set_aside = planned  # type: ignore[attr-defined]
    events.due = found


if __name__ == "__main__":
    {"loses": loses, "doubles": doubles, "stubborn": stubborn}[sys.argv[1]]()
    Tickwork().daemon()

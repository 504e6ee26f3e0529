"""Ranges of waiting tasks, one for each (namespace, queue, priority) in use, and the lows from which they are searched.

A *low* says of one range that nothing was seen to wait before it. It is a hint of whoever searches: with it dead entries
of the index are not passed again and again. What lies below it all the same, or in a range that nobody has named, is not
found by a search above lows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tickwork.store.dialect import Transaction
from tickwork.watch import Instant


class Range(NamedTuple):
    """One range of tasks."""

    namespace: str
    queue: str
    priority: int


#: From where each range is searched; without any, all ranges are, from the bottom.
Lows = Mapping[Range, Instant]
NO_LOWS: Lows = MappingProxyType({})


def above(statement: str, lows: Lows) -> str:
    """Return the name of the statement that searches from *lows* on, where there are any."""
    return _ABOVE[statement] if lows else statement


def named(lows: Lows) -> dict[str, object]:
    """The parameters of that statement."""
    if not lows:
        return {}
    return {
        "low_namespaces": [each.namespace for each in lows],
        "low_queues": [each.queue for each in lows],
        "low_priorities": [each.priority for each in lows],
        "lows": list(lows.values()),
    }


_ABOVE = {
    "look_for_tasks": "look_above_lows",
    "range_heads": "range_heads_above_lows",
    "ready_ranges": "ready_ranges_above_lows",
    "claim_tasks": "claim_above_lows",
}


def heads(transaction: Transaction, lows: Lows = NO_LOWS) -> tuple[Instant, dict[Range, Instant]]:
    """Return the database's time, and when the earliest task of each range is ready, or was."""
    rows = transaction.all(above("range_heads", lows), **named(lows))
    return rows[0][0], {Range(*row[1:4]): row[4] for row in rows if row[1] is not None}


def used_since(transaction: Transaction, seen: int) -> tuple[int, set[Range]]:
    """Return the newest task's id, and the ranges of the waiting tasks that are newer than *seen*."""
    rows = transaction.all("ranges_of_new_tasks", seen=seen)
    return rows[0][0], {Range(*row[1:]) for row in rows if row[1] is not None}

"""Figures by handler and window of time: rolled up from the archive a window at a time, read from the windows alone.

A window is counted anew until it lies :data:`GRACE` back, since a task that ended then may be committed later; so each
archived task is read a few times, soon after it ended, and never again. What commits later than that (a cancel in an
application's transaction that was open for longer) is not in the figures. Old windows are put together into hours.
"""

from __future__ import annotations

from tickwork.model.statistic import HandlerFigures, figures_of
from tickwork.store.dialect import Transaction, Verb, ask
from tickwork.store.scope import Scope
from tickwork.store.store import Store
from tickwork.watch import DAY, HOUR, MINUTE, Instant

WIDTH, GRACE = 5 * MINUTE, 15 * MINUTE
#: Windows older than this are put together into hours.
WIDE, WIDE_AFTER = HOUR, 2 * DAY


def roll(store: Store, now: Instant, limit: int) -> int:
    """Count up to *limit* windows, each in a transaction of its own; return how many had anything in them."""
    with store.begin("worker", reading=True) as transaction:
        at = _start(transaction)
    rolled = 0
    while rolled < limit:
        with store.begin("worker") as transaction:
            row = transaction.one("next_finished", at=at)
            if row is None or row[0] is None or row[0] > now:
                break
            at = row[0] - row[0] % WIDTH
            transaction.run("clear_window", at=at, width=WIDTH)
            transaction.run("roll_outcomes", at=at, width=WIDTH)
            transaction.run("roll_measures", at=at, width=WIDTH)
        rolled, at = rolled + 1, at + WIDTH
    return rolled + _widen(store, now, limit - rolled)


def anything_since(transaction: Transaction, rolled_at: Instant) -> bool:
    """Say whether any task has ended, as far as can be seen, since figures were rolled up last, or so shortly before."""
    row = transaction.one("next_finished", at=rolled_at - GRACE)
    return row is not None and row[0] is not None


def _start(transaction: Transaction) -> Instant:
    newest = transaction.one("newest_window", width=WIDTH)
    if newest is not None and newest[0] is not None:
        return int(newest[0]) - GRACE
    wide = transaction.one("newest_window", width=WIDE)
    return 0 if wide is None or wide[0] is None else int(wide[0]) + WIDE


def _widen(store: Store, now: Instant, limit: int) -> int:
    """Put windows together into hours, one at a time; return how many."""
    widened = 0
    while widened < limit:
        with store.begin("worker") as transaction:
            row = transaction.one("oldest_window", width=WIDTH)
            if row is None or row[0] is None or row[0] + WIDE > now - WIDE_AFTER:
                break
            at = row[0] - row[0] % WIDE
            transaction.run("merge_windows", at=at, width=WIDTH, wide=WIDE)
            transaction.run("clear_merged", at=at, width=WIDTH, wide=WIDE)
        widened += 1
    return widened


def read(scope: Scope, handler: str | None, since: Instant, until: Instant) -> Verb[list[HandlerFigures]]:
    """Return the figures of a namespace's handlers in the windows that begin in a stretch of time."""
    rows = yield from ask(
        "read_statistics", namespace=scope.namespace, handler=handler, since=since - since % WIDTH, until=until
    )
    found: dict[str, list[tuple[str, int, int]]] = {}
    for name, measure, size, count in rows:
        found.setdefault(name, []).append((measure, int(size), int(count)))
    return [figures_of(name, each) for name, each in found.items()]

"""Event rows and the mailbox: read under locks, written by the trigger daemon alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from tickwork.model.event import Event, Planned
from tickwork.model.trigger import Order, Pause
from tickwork.store.dialect import Row, Transaction
from tickwork.watch import FIRST_INSTANT, LAST_INSTANT, Instant

_PLANNED = (*Planned._fields,)
_EVENT_WIDTH = len(Event._fields)
_ORDER_WIDTH = len(Order._fields)


class Letter(NamedTuple):
    """A trigger (or a shared clock) was changed, or somebody asks to fire it by hand for a planned time."""

    id: int
    trigger_id: int | None
    clock_id: int | None
    fire_at: Instant | None


class Outlook(NamedTuple):
    """What one look tells a daemon that is about to sleep."""

    due: bool
    next_due_at: Instant | None
    newest_letter: int
    now: Instant


class Due(NamedTuple):
    """A due event with its order, both locked."""

    event: Event
    order: Order


def look(transaction: Transaction, mark: Instant) -> Outlook:
    """Look from the mark on: is something due, when is the next due, is there mail, and what time is it."""
    row = transaction.one("look", mark=mark)
    assert row is not None
    return Outlook(bool(row[0]), *row[1:])


def oldest_daemon_transaction(transaction: Transaction) -> Instant | None:
    """Since when the oldest daemon that has written anything has been at it; needs a transaction of its own."""
    row = transaction.one("oldest_daemon_transaction")
    return row[0] if row else None


def letters(transaction: Transaction, after: int, top: int, n: int) -> list[Letter]:
    """Take up to *n* letters of a sweep, locked; those that another daemon holds are passed over."""
    return [Letter(*row) for row in transaction.all("letters", after=after, top=top, n=n)]


def discard(transaction: Transaction, letters: Iterable[Letter]) -> None:
    ids = [letter.id for letter in letters]
    if ids:
        transaction.run("discard_letters", ids=ids)


def lock_orders(transaction: Transaction, ids: Sequence[int]) -> dict[int, Order]:
    """Lock triggers and return the newest version of those that nobody holds."""
    return {row[0]: Order(*row) for row in transaction.all("lock_orders", ids=ids)}


def lock_events(transaction: Transaction, ids: Sequence[int]) -> dict[int, Event]:
    return {row[0]: Event(*row) for row in transaction.all("lock_events", ids=ids)}


def missing_orders(transaction: Transaction, ids: Sequence[int]) -> set[int]:
    """Which of these triggers do not exist any more (and are not merely held)."""
    return set(ids) - {row[0] for row in transaction.all("orders_that_exist", ids=ids)} if ids else set()


def existing_events(transaction: Transaction, ids: Sequence[int]) -> set[int]:
    """Which of these triggers have an event at all: one that was not locked is held by somebody."""
    return {row[0] for row in transaction.all("events_that_exist", ids=ids)} if ids else set()


def save(transaction: Transaction, planned: Sequence[Planned], now: Instant) -> None:
    """Write whole events, in the order of their ids."""
    if transaction.dialect.chains_writes:
        transaction.many("save_events", _PLANNED, planned)
    else:
        transaction.many("save_events", (*_PLANNED, "now"), [(*row, now) for row in planned])


def remove(transaction: Transaction, ids: Iterable[int]) -> None:
    gone = sorted(ids)
    if gone:
        transaction.run("remove_events", ids=gone)


def note_replaced(transaction: Transaction, dropped: Sequence[Event], now: Instant) -> None:
    """Leave a hint where an edit dropped an overdue slot."""
    rows: list[Row] = [(event.trigger_id, event.version, event.next_at) for event in dropped]
    columns: tuple[str, ...] = ("trigger_id", "version", "next_at")
    if not transaction.dialect.chains_writes:
        columns, rows = (*columns, "now"), [(*row, now) for row in rows]
    transaction.many("note_replaced", columns, rows)


def due(transaction: Transaction, after: tuple[Instant, int], n: int) -> tuple[list[Due], Instant]:
    """Lock up to *n* due events behind a position, each with its trigger; return them and the clock that said so."""
    return _dues(transaction.all("due_events", due=after[0], id=after[1], n=n))


def due_of(transaction: Transaction, ids: Sequence[int]) -> tuple[list[Due], Instant]:
    """Lock those of these triggers that are due and free."""
    return _dues(transaction.all("due_events_of", ids=ids))


def _dues(rows: list[Row]) -> tuple[list[Due], Instant]:
    split, make = _EVENT_WIDTH + _ORDER_WIDTH, tuple.__new__  # as _make, without a call of ours for each
    dues = [make(Due, (make(Event, row[:_EVENT_WIDTH]), make(Order, row[_EVENT_WIDTH:split]))) for row in rows]
    return dues, rows[-1][split] if rows else 0


def pauses(transaction: Transaction, ids: Sequence[int]) -> dict[int, list[Pause]]:
    """Work out from the trail of versions when these triggers were paused, and what each resume said."""
    found: dict[int, list[Pause]] = {}
    for trigger_id, versions in groupby(transaction.all("pauses", ids=ids), key=lambda row: row[0]):
        found[trigger_id] = list(_pauses_of(versions))
    return found


def _pauses_of(versions: Iterable[Row]) -> Iterable[Pause]:
    paused_at: Instant | None = None
    for _, _, state, at, missed in versions:
        if state == "paused":
            paused_at = at if paused_at is None else paused_at
        elif paused_at is not None:
            yield Pause(paused_at, at, missed or "skip")
            paused_at = None
        elif missed is not None:  # it was not paused but set aside: the answer covers all that had been missed
            yield Pause(FIRST_INSTANT, at, missed)
    if paused_at is not None:
        yield Pause(paused_at, LAST_INSTANT, "skip")

"""Planning: letters say that triggers changed; their events are worked out anew.

One transaction per batch. The trigger's row is locked first and read by that lock, so at its newest; then its event.
What somebody holds is passed over and keeps its letters: an application is never waited for. A letter that was read
was visible, so its change had committed before the trigger was read, and no change is lost. There is no cursor:
letters are walked in bounded sweeps whose position lives in memory only, so held ones starve nobody.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tickwork.clocks.zone import tzdata_version
from tickwork.engine.triggers.stopwatch import Stopwatch
from tickwork.errors import ReadOnlyStore, SchemaMismatch, StoreError, StoreUnavailable, TryAgain
from tickwork.model.event import Event, Planned, plan, set_aside
from tickwork.model.firing import by_hand
from tickwork.model.trigger import TOPIC, Order
from tickwork.store import events, firings
from tickwork.store.dialect import Transaction
from tickwork.store.events import Letter
from tickwork.store.store import Store
from tickwork.watch import Instant, show_instant

log = logging.getLogger("tickwork.planning")

BATCH = 1_000
#: Errors that say nothing about the rows of a batch: they are waited out, not hunted down row by row.
NOT_THE_ROWS = (StoreUnavailable, TryAgain, ReadOnlyStore, SchemaMismatch)


@dataclass
class Planning:
    """Turns letters into events, a batch per turn."""

    store: Store
    batch: int = BATCH
    stopwatch: type[Stopwatch] = Stopwatch
    planned: int = 0
    kept: int = 0
    _after: int = 0
    _top: int = 0
    _tzdata: str = field(default_factory=tzdata_version)

    def turn(self, newest_letter: int, now: Instant) -> bool:
        """Serve one batch of letters; return whether more may be served at once."""
        if self._after >= self._top:  # a new sweep goes up to the newest letter that is there now
            self._after, self._top = 0, newest_letter
        if self._top == 0:
            return False
        try:
            return self._sweep_on(now)
        except NOT_THE_ROWS:
            self._after = self._top = 0
            raise
        except StoreError as error:
            self._one_by_one(error, now)
            return True

    def _sweep_on(self, now: Instant) -> bool:
        with self.store.begin("daemon") as transaction:
            taken = events.letters(transaction, self._after, self._top, self.batch)
            served = self._serve(transaction, taken, now) if taken else []
        self.planned += len(served)
        self.kept += len(taken) - len(served)
        self._after = taken[-1].id if len(taken) == self.batch else self._top
        return bool(served) or self._after < self._top

    def _serve(self, transaction: Transaction, taken: Sequence[Letter], now: Instant) -> list[Letter]:
        ids = sorted({letter.trigger_id for letter in taken if letter.trigger_id is not None})
        orders = events.lock_orders(transaction, ids)
        gone = events.missing_orders(transaction, [each for each in ids if each not in orders])
        standing = events.lock_events(transaction, list(orders)) if orders else {}
        held = events.existing_events(transaction, [each for each in orders if each not in standing])
        self._replan(transaction, [orders[each] for each in orders if each not in held], standing, now)
        events.remove(transaction, gone)
        done = (orders.keys() - held) | gone
        served = [letter for letter in taken if letter.trigger_id in done]
        self._fire_by_hand(transaction, served, orders, standing, now)
        events.discard(transaction, served)
        return served

    def _fire_by_hand(
        self,
        transaction: Transaction,
        served: Sequence[Letter],
        orders: dict[int, Order],
        standing: dict[int, Event],
        now: Instant,
    ) -> None:
        """Fire what somebody asked for; a planned time that stands in the ledger already has had its outcome."""
        asked = []
        for letter in served:
            order = orders.get(letter.trigger_id or 0)
            if letter.fire_at is None or order is None or order.state == "cancelled":
                continue
            event = standing.get(order.id)
            asked.append(by_hand(order, letter.fire_at, event.last_at if event is not None else None))
            log.info("trigger %s fires by hand for %s", order.key, show_instant(letter.fire_at))
        topics = any(order.action == TOPIC for order in orders.values())
        firings.record(transaction, asked, now, topics=topics)

    def _replan(
        self, transaction: Transaction, orders: Sequence[Order], standing: dict[int, Event], now: Instant
    ) -> None:
        planned, replaced, watch = [], [], self.stopwatch()
        for order in orders:
            event = standing.get(order.id)
            if event is not None and (event.version, event.generation) == (order.version, order.generation):
                continue  # a second letter resets nothing
            new = plan_or_set_aside(order, event, self._tzdata, now)
            planned.append(new)
            watch.check(order.key)
            if event is not None and event.due_at is not None and dropped(event, new, now):
                replaced.append(event)
        events.save(transaction, planned, now)
        events.note_replaced(transaction, replaced, now)

    def _one_by_one(self, error: StoreError, now: Instant) -> None:
        """The database refused something in the batch: serve its letters alone, so that one is set aside and no other."""
        log.warning("a batch of planning was refused (%s); its triggers are planned one by one", error)
        with self.store.begin("daemon") as transaction:
            taken = events.letters(transaction, self._after, self._top, self.batch)
        for letter in taken:
            try:
                with self.store.begin("daemon") as transaction:
                    alone = events.letters(transaction, letter.id - 1, letter.id, 1)
                    served = self._serve(transaction, alone, now) if alone else []
                self.planned += len(served)
            except NOT_THE_ROWS:
                raise
            except StoreError as refused:
                self._set_aside(letter, refused, now)
        self._after = taken[-1].id if len(taken) == self.batch else self._top

    def _set_aside(self, letter: Letter, error: StoreError, now: Instant) -> None:
        with self.store.begin("daemon") as transaction:
            if letter.trigger_id is None:
                return
            orders = events.lock_orders(transaction, [letter.trigger_id])
            standing = events.lock_events(transaction, list(orders)) if orders else {}
            for order in orders.values():
                events.save(transaction, [set_aside(order, standing.get(order.id), told(error), now)], now)
                events.discard(transaction, [letter])


def dropped(event: Event, new: Planned, now: Instant) -> bool:
    """Whether an edit has dropped a slot that was overdue."""
    return event.next_at is not None and event.next_at <= now and new.next_at != event.next_at


def plan_or_set_aside(order: Order, event: Event | None, tzdata: str, now: Instant) -> Planned:
    """Plan one order inside its own error boundary: a clock that cannot answer sets its trigger aside, and no other."""
    try:
        new = plan(order, event, tzdata)
    except Exception as error:
        log.warning("trigger %s cannot be planned and is set aside: %s", order.key, error)
        return set_aside(order, event, told(error), now)
    if log.isEnabledFor(logging.DEBUG):
        when = "never" if new.next_at is None else show_instant(new.next_at)
        log.debug(
            "planned %s version %d: next %s", order.key, order.version, when,
            extra={"trigger": order.key, "next_at": new.next_at},
        )  # fmt: skip
    return new


def told(error: BaseException) -> str:
    """An error as it is stored where a person will look: type, message, traceback."""
    story: dict[str, Any] = {
        "type": type(error).__name__,
        "message": str(error)[:2_000].replace("\x00", "\\x00"),
        "traceback": "".join(traceback.format_exception(error))[-8_000:].replace("\x00", "\\x00"),
    }
    return msgspec.json.encode(story).decode()

"""Firing: due events become ledger rows and tasks, and move on, in one transaction per batch.

One statement locks both rows, the trigger first, and reads them by that lock. What an application holds is passed
over. Where the order was edited meanwhile it is planned again on the spot, so every row that a turn takes leaves the
head of the queue. The ledger is written first and is a filter: an occurrence that already stands there moves on
without a task. A batch that the database refuses is repeated in halves until the bad row stands alone and is set
aside in a transaction of its own.

A crash anywhere leaves either nothing or everything of a batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tickwork.clocks.zone import tzdata_version
from tickwork.engine.triggers.mark import Mark
from tickwork.engine.triggers.planning import NOT_THE_ROWS, plan_or_set_aside, told
from tickwork.engine.triggers.stopwatch import Stopwatch
from tickwork.errors import InvalidClock, InvalidInput, StatementRefused, StoreError
from tickwork.model.event import Event, Planned, failed, set_aside
from tickwork.model.firing import Firing, Previous, Question, asks_for_previous, judge
from tickwork.model.trigger import ACTIONS, TOPIC, Order, Pause
from tickwork.store import events, firings
from tickwork.store.dialect import Transaction
from tickwork.store.events import Due
from tickwork.store.firings import Step
from tickwork.store.store import Store
from tickwork.watch import FIRST_INSTANT, Instant, show_instant

log = logging.getLogger("tickwork.firing")

BATCH = 1_000
NOWHERE = (FIRST_INSTANT, 0)
LAST_ID = 2**63 - 1
#: Makes a named tuple of a tuple, without a call of Python's own for each event.
_new = tuple.__new__


@dataclass
class Batch:
    """What is to be written for the events of one turn."""

    firings: list[Firing] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    logged: list[tuple[Order, Event]] = field(default_factory=list)
    messages: dict[int, str] = field(default_factory=dict)
    topics: bool = False
    unfinished: bool = False
    """The turn's time was used up: the rest of its rows stays due."""


@dataclass
class Firings:
    """Fires what is due, a batch per turn."""

    store: Store
    batch: int = BATCH
    stopwatch: type[Stopwatch] = Stopwatch
    fired: int = 0
    doubled: int = 0
    aside: int = 0
    mark: Mark = field(default_factory=Mark)
    ring: Callable[[], None] = lambda: None
    """Called when a commit has put tasks: a worker of the same process need not wait until it hears of it."""
    _after: tuple[Instant, int] = NOWHERE
    _tzdata: str = field(default_factory=tzdata_version)

    def turn(self) -> bool:
        """Fire one batch; return whether more may be due at once."""
        begun, after = self._begin()
        dues: list[Due] = []
        watch = self.stopwatch()
        try:
            with self.store.begin("daemon") as transaction:
                dues, now = events.due(transaction, after, self.batch)
                done = self._fire(transaction, dues, now) if dues else Batch()
        except NOT_THE_ROWS:
            raise
        except StoreError as error:
            self._by_halves([due.order.id for due in dues], error)
            return True
        self._tell(done, dues)
        cut = len(dues) == self.batch
        if begun is not None:
            self.mark.scanned(begun, cut=cut or done.unfinished, cost=watch.spent())
        if cut and not done.unfinished:  # go on behind the last row, so that held ones cost once and not per turn
            last = dues[-1].event
            self._after = (last.due_at or 0, last.trigger_id)
        return cut or bool(done.steps or done.planned) or begun is None

    def _begin(self) -> tuple[Instant | None, tuple[Instant, int]]:
        """Return where this scan begins: behind the last row of one that was cut, else at the mark or the bottom."""
        after, self._after = self._after, NOWHERE  # an error or a kill drops the sweep's position
        if after != NOWHERE:
            return None, after
        start = self.mark.start()
        return start, (start - 1, LAST_ID)

    def _by_halves(self, ids: Sequence[int], error: StoreError) -> None:
        """Repeat a refused batch in halves; what stands alone and is refused again is set aside."""
        if len(ids) <= 1:
            self._set_aside(ids, error)
            return
        middle = len(ids) // 2
        for half in (ids[:middle], ids[middle:]):
            try:
                with self.store.begin("daemon") as transaction:
                    dues, now = events.due_of(transaction, half)
                    done = self._fire(transaction, dues, now) if dues else Batch()
            except NOT_THE_ROWS:
                raise
            except StoreError as refused:
                self._by_halves(half, refused)
            else:
                self._tell(done, dues)

    def _set_aside(self, ids: Sequence[int], error: StoreError) -> None:
        with self.store.begin("daemon") as transaction:
            dues, now = events.due_of(transaction, ids)
            for due in dues:
                log.warning("trigger %s was refused by the database and is set aside: %s", due.order.key, error)
                events.save(transaction, [set_aside(due.order, due.event, told(error), now)], now)
                self.aside += 1

    def _fire(self, transaction: Transaction, dues: Sequence[Due], now: Instant) -> Batch:
        batch, watch = Batch(), self.stopwatch()
        pauses, previous = self._pauses(transaction, dues), self._previous(transaction, dues)
        for event, order in dues:
            if (event.version, event.generation) != (order.version, order.generation) or order.state != "active":
                batch.planned.append(plan_or_set_aside(order, event, self._tzdata, now))
            else:
                self._decide(
                    batch,
                    order,
                    event,
                    now,
                    pauses.get(order.id, ()) if pauses else (),
                    previous.get(order.id) if previous else None,
                )
            if watch.check(order.key):
                batch.unfinished = True
                break  # the rest stays due; its locks end with this transaction
        batch.topics = any(order.action == TOPIC for _, order in dues)
        new = firings.record(transaction, batch.firings, now, topics=batch.topics)
        firings.advance(transaction, batch.steps, now)
        events.save(transaction, batch.planned, now)
        firings.ask_to_stop(transaction, batch.replaced)
        if batch.logged:
            batch.messages = firings.messages(transaction, [order.id for order, _ in batch.logged])
        self.doubled += len(batch.firings) - new
        return batch

    def _decide(
        self,
        batch: Batch,
        order: Order,
        event: Event,
        now: Instant,
        pauses: Sequence[Pause],
        previous: Previous | None,
    ) -> None:
        """Judge one trigger inside its own error boundary, before anything is written for it."""
        try:
            verdict = judge(order, event, now, pauses, previous)
            if order.action not in ACTIONS:
                raise InvalidInput("action", order.action, "task, topic or log")
        except InvalidInput as error:
            unfit = isinstance(error, InvalidClock)
            new = set_aside(order, event, told(error), now) if unfit else failed(order, event, told(error), now)
            batch.planned.append(new)
            log.warning("trigger %s cannot fire: %s", order.key, error)
            return
        except Exception as error:
            batch.planned.append(set_aside(order, event, told(error), now))
            log.exception("trigger %s cannot fire and is set aside", order.key)
            return
        if isinstance(verdict, Question):
            batch.planned.append(set_aside(order, event, told(StatementRefused(verdict.text)), now))
            log.warning("trigger %s is set aside: %s", order.key, verdict.text)
            return
        batch.firings.extend(verdict.firings)
        batch.steps.append(
            _new(
                Step,
                (
                    order.id,
                    order.version,
                    order.generation,
                    verdict.last_at,
                    verdict.next_at,
                    verdict.due_at,
                    event.firings + verdict.fired,
                ),
            )
        )
        if verdict.replaces is not None:
            batch.replaced.append(verdict.replaces)
        if order.action == "log":
            batch.logged.append((order, event))

    def _pauses(self, transaction: Transaction, dues: Sequence[Due]) -> dict[int, list[Pause]]:
        gaps = [
            order.id
            for event, order in dues
            if order.resumed_at is not None and event.next_at is not None and event.next_at < order.resumed_at
        ]
        return events.pauses(transaction, gaps) if gaps else {}

    def _previous(self, transaction: Transaction, dues: Sequence[Due]) -> dict[int, Previous]:
        asking = [order.id for _, order in dues if order.policies_text != "{}" and self._asks(order)]
        return firings.previous(transaction, asking) if asking else {}

    @staticmethod
    def _asks(order: Order) -> bool:
        try:
            return asks_for_previous(order.policies)
        except InvalidInput:
            return False  # it is set aside when it is judged

    def _tell(self, batch: Batch, dues: Sequence[Due]) -> None:
        """After the commit: counts, and the lines of log actions."""
        self.fired += sum(firing.outcome == "fired" for firing in batch.firings)
        if batch.topics or any(firing.puts for firing in batch.firings):
            self.ring()
        for order, event in batch.logged:
            logging.getLogger("tickwork.action").info(
                "%s (trigger %s, this %s, last %s)",
                batch.messages.get(order.id, ""),
                order.key,
                "none" if event.next_at is None else show_instant(event.next_at),
                "none" if event.last_at is None else show_instant(event.last_at),
            )
        if log.isEnabledFor(logging.DEBUG):
            keys = {due.order.id: due.order.key for due in dues}
            for firing in batch.firings:
                _tell_firing(firing, keys[firing.trigger_id])


def _tell_firing(firing: Firing, key: str) -> None:
    """Say one row of the ledger as a person would."""
    why = f" ({firing.reason})" if firing.reason else ""
    many = f", which stands for {firing.slots} slots" if firing.slots > 1 else ""
    log.debug(
        "%s %s, planned for %s%s%s", firing.outcome, key, show_instant(firing.planned_at), why, many,
        extra={
            "trigger": key, "outcome": firing.outcome, "planned_at": firing.planned_at, "slots": firing.slots,
            "reason": firing.reason,
        },
    )  # fmt: skip

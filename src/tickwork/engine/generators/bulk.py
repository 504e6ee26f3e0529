"""Bulk work by workers: a slice at a time, at the priority of bulk, whatever becomes of the worker.

Each open bulk is one piece of work. A slice's effects and the place up to which the bulk has come are one transaction
that holds the bulk's row, so a killed worker leaves a whole number of slices, and the next one goes on behind them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from tickwork.engine.generators.generator import Generator
from tickwork.engine.generators.work import Work
from tickwork.errors import InvalidInput, StatementRefused
from tickwork.model.bulk import PUT
from tickwork.model.generator import Offer, Over, Rest, Verdict
from tickwork.store import bulks, selections
from tickwork.store.bulks import Order
from tickwork.store.dialect import Verb
from tickwork.store.selections import Act
from tickwork.watch import SECOND, Instant

NAME = "bulk"
PRIORITY = 3_000
#: How long a worker leaves it alone that found no open bulk and is not told of one.
EVERY = 300.0
#: How long until a bulk's own tasks are counted again.
LOOK_EVERY = 2 * SECOND


class BulkWork(Generator):
    """Does bulk verbs in slices, and says of bulk tasks when all of them have ended."""

    hints: ClassVar[tuple[str, ...]] = ("bulk",)

    def __init__(self, **settings: Any) -> None:
        super().__init__(NAME, **{"priority": PRIORITY, "attempts": None, "every": EVERY, **settings})
        self._open = False

    def offers(self, limit: int, now: Instant) -> Iterable[Offer]:
        with self.store.read() as transaction:
            found = transaction.perform(bulks.waiting(self.scope, limit))
        self._open = bool(found)
        return [Offer(str(number), PRIORITY, changed_at) for number, changed_at in found]

    def next_wake_at(self, now: Instant) -> Instant | None:
        """While any is open, soon: whoever has it in hand may die."""
        return now + LOOK_EVERY if self._open else None

    def run(self, work: Work) -> Verdict | None:
        number = int(work.identifier)
        while not work.stopping.is_set():
            more = self._step(number)
            if more is None:
                return Rest(LOOK_EVERY)
            if not more:
                return Over()
        return Rest(0)

    def _step(self, number: int) -> bool | None:
        """Treat one slice; None: come back in a while."""
        try:
            with self.store.begin("operator") as transaction:
                return transaction.perform(self._slice(number))
        except (InvalidInput, StatementRefused) as error:
            text = str(error)
            with self.store.begin("operator") as transaction:
                held = transaction.perform(bulks.hold(self.scope, number))
                transaction.perform(bulks.fail(self.scope, held, text))
            return False

    def _slice(self, number: int) -> Verb[bool | None]:
        held = yield from bulks.hold(self.scope, number)
        if held.bulk.state not in ("running", "cancelling"):
            return False
        if held.bulk.kind == PUT:
            return None if (yield from bulks.look(self.scope, held)) else False
        return (yield from bulks.treat(self.scope, held, act_of(held)))


def act_of(held: Order) -> Act:
    """Return what a bulk does to a slice."""
    terms = held.terms
    match held.bulk.kind:
        case "cancel":
            return selections.cancelling(terms.get("reason") or f"bulk {held.bulk.id}", held.bulk.by)
        case "retry":
            return selections.retrying(repeat=bool(terms.get("repeat", False)))
        case "delay":
            return selections.editing("delay_tasks", at=terms.get("at"), delay=terms.get("delay", 0))
        case "reprioritise":
            return selections.editing("reprioritise_tasks", priority=terms["priority"])
        case "free":
            return selections.changing("free_tasks", "freed")
    raise InvalidInput("kind", held.bulk.kind, "a verb that this program knows")

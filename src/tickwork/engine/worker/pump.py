"""The heart of a worker: one loop that settles what has run and draws what is to run, from all of its sources by rank.

How much is drawn of whom is planned in :mod:`tickwork.engine.worker.plan`; here it is done. Settling a batch of a source
and claiming its next one are one transaction. What is drawn is never worse than what was ready and could have been had:
only work that was claimed before a better piece became ready may begin before it, and that is what the worker runs in a
fifth of a second.

While nothing is ready a turn is a cheap look that writes nothing. When the acknowledgement of a commit is lost, the token
says what happened: its source is asked about it before anything else is claimed from it, and outcomes are settled again,
which comes to nothing where it had happened.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from tickwork.engine.worker.appetite import Appetite
from tickwork.engine.worker.database_watch import DatabaseWatch
from tickwork.engine.worker.drawing import Drawing
from tickwork.engine.worker.executors import Executor
from tickwork.engine.worker.hands import Hands
from tickwork.engine.worker.obstacle import Obstacle
from tickwork.engine.worker.plan import HELD_FOR, LOOK_EVERY, Plan
from tickwork.engine.worker.seat import Seat
from tickwork.engine.worker.settling import LINGER, Ended
from tickwork.engine.worker.source import Settled, Source, Wish
from tickwork.engine.worker.units import Unit
from tickwork.errors import ReadOnlyStore, StatementRefused, StoreUnavailable
from tickwork.store.store import Store
from tickwork.watch import Instant

log = logging.getLogger("tickwork.worker")

#: The place of a choice among others: priority, since when, whose turn, source, identifier.
Rank = tuple[int, int, int, str, str]


class Pump:
    """Settles and draws for one worker."""

    name = "worker"

    def __init__(
        self,
        store: Store,
        namespace: str,
        sources: Sequence[Source],
        appetite: Appetite,
        watch: DatabaseWatch,
        executors: Sequence[Executor],
        number: Callable[[], int],
    ) -> None:
        self.store, self.watch, self.number = store, watch, number
        self.seats = {source.name: Seat(source) for source in sources}
        self.lead = next((seat for seat in self.seats.values() if seat.source.by_bound), None)
        self.hands = Hands(executors, appetite, sources)
        self.drawing = Drawing(store, namespace, sources, watch)
        self.plan = Plan(self.drawing, self.lead, self.hands, number)
        self.obstacle = Obstacle(store, appetite.replica_lag)
        self.claiming = True
        self.between = threading.Event()
        """Set while no exchange is under way: what was settled is out of hand, so no lease is gone while its work is still here."""
        self.between.set()
        self.stirred = False
        """Somebody inside has finished something."""
        self.began: Callable[[], None] = lambda: None
        """Called when what was claimed has been handed to the executors."""

    # ------------------------------------------------------------------------------------------------ how it stands

    @property
    def empty(self) -> bool:
        """Whether nothing is in the worker's hands."""
        return all(seat.empty for seat in self.seats.values())

    @property
    def idle(self) -> bool:
        """Whether nothing is in the worker's hands and nothing was left to draw at the last look."""
        return self.empty and not (self.plan.has_more and self.claiming)

    def stands_still(self, now: Instant) -> bool:
        """Whether nothing is left but what waits for a while, since it could not be settled just now."""
        if self.idle:
            return True
        waits = all(seat.empty or (seat.settling and now < seat.held_until) for seat in self.seats.values())
        return waits and not (self.hands.busy or self.hands.queued or (self.plan.has_more and self.claiming))

    @property
    def wants_more(self) -> bool:
        """Whether what was claimed ahead runs low while there is more to draw."""
        return self.plan.has_more and self.hands.run_low(self.hands.queued)

    @property
    def unsettled(self) -> int:
        """How many outcomes are not settled yet."""
        return sum(len(seat.settling) for seat in self.seats.values())

    def wake(self, name: str) -> None:
        """A source may have more than it had."""
        self.drawing.wake(name)
        self.plan.rung = True

    # -------------------------------------------------------------------------------------------------------- turns

    def turn(self, now: Instant) -> Instant | None:
        """Settle what has gathered and draw what there is room for; *now* is of a steady clock."""
        stirred, self.stirred = self.stirred, False
        for seat in self.seats.values():
            if seat.doubt is not None:
                self._ask_about(seat, seat.doubt, now)
        self.hands.give_back_unstarted(now)
        queued = self.hands.queued
        due = [seat for seat in self.seats.values() if self._is_due(seat, now, queued)]
        for seat in due:
            if seat.source.expect(seat.settling.peek(seat.source.settles), now):
                self.plan.rung = True
        free = self.claiming and not self.obstacle.stands(now)
        room = self.hands.room(queued) if free and self.plan.is_hungry(now, busy=stirred or bool(due)) else 0
        wishes = self.plan.wishes(room, now, due) if room else {}
        if due or wishes:
            self._exchange_all(due, wishes, now)
        for seat in self.seats.values():
            self._keep_up(seat, now)
        return self._again_at(now)

    def _keep_up(self, seat: Seat, now: Instant) -> None:
        """Let a source do what it does beside; what that made ready is drawn at once."""
        kept = seat.source.upkeep(now)
        seat.upkeep_at = kept.again_at
        if kept.more:
            self.plan.more_ready(seat)

    def settle_all(self, now: Instant) -> None:
        """Settle whatever has gathered, and draw nothing."""
        self._exchange_all([seat for seat in self.seats.values() if seat.settling], {}, now)

    def adopt(self, seat: Seat, units: Sequence[Unit], now: Instant) -> None:
        """Take in what was claimed elsewhere, under a token of this worker's."""
        seat.holdings.take_all(units)
        self._begin(units, now)

    def close(self) -> None:
        """Draw no more, and give back what has not begun."""
        self.claiming = False
        self.plan.close()
        self.hands.give_back()

    def lose(self, token: int) -> None:
        """A lease was lost: what runs under it is told, its results are discarded."""
        for seat in self.seats.values():
            if token in seat.holdings.tokens:
                lost = seat.holdings.lose(token)
                log.warning("a lease of %s was lost with %d pieces; their results will be discarded", seat.name, lost)
                seat.source.lose(token)
        self.hands.cancel(token)

    # ----------------------------------------------------------------------------------------------------- its time

    def _is_due(self, seat: Seat, now: Instant, queued: int) -> bool:
        batch = min(self.hands.appetite.batch, seat.source.settles)
        return now >= seat.held_until and seat.settling.due(now, batch, more_to_come=queued > 0)

    def _again_at(self, now: Instant) -> Instant | None:
        if self.obstacle.reason is not None:
            return now + (LINGER if self.unsettled else LOOK_EVERY)
        room = self.claiming and self.hands.room(self.hands.queued)
        if room and self.plan.draws_again:
            return now
        moments = self.plan.moments() if room else []  # without room it is looked at when something has finished
        for seat in self.seats.values():
            if seat.upkeep_at is not None:
                moments.append(seat.upkeep_at)
            if seat.settling:
                moments.append(max(now + LINGER, seat.held_until))
        if self.hands.unstarted_at is not None:
            moments.append(self.hands.unstarted_at)
        return min(moments, default=None)

    # --------------------------------------------------------------------------------------------- doing it, at once

    def _exchange_all(self, due: Sequence[Seat], wishes: dict[str, Wish], now: Instant) -> None:
        """Settle and claim, source by source; what was claimed begins, whatever becomes of the rest."""
        drawn: list[tuple[int, Unit]] = []
        chosen = sorted(choice[:5] for wish in wishes.values() for choice in wish.choices)
        order = {choice: place for place, choice in enumerate(chosen)}
        try:
            for seat in [seat for seat in due if seat.name not in wishes] + [self.seats[name] for name in wishes]:
                wish = wishes.get(seat.name)
                units = self._served(seat, wish, now, settling=seat in due)
                if wish is not None:
                    drawn += _placed(units, wish, order)
        finally:
            if len(wishes) > 1:
                drawn.sort(key=lambda each: each[0])
            if wishes:
                self.plan.drawn(anything=bool(drawn))
            self._begin([unit for _, unit in drawn], now)

    def _served(self, seat: Seat, wish: Wish | None, now: Instant, *, settling: bool) -> Sequence[Unit]:
        """Settle and claim of one source; the trouble of one that is not the lead is its own."""
        lead = seat is self.lead
        try:
            if settling and not lead:
                for _ in range(len(seat.settling)):
                    self._exchange(seat, seat.settling.take(seat.source.settles), None, now)
                settling = False
            batch = seat.settling.take(seat.source.settles) if settling else []
            return self._exchange(seat, batch, wish, now) if batch or wish is not None else ()
        except (StoreUnavailable, ReadOnlyStore):
            raise
        except Exception:
            if lead:
                raise
            log.exception("%s: an error in its turn; trying again in a second", seat.name)
            if seat.settling:
                seat.held_until = now + LOOK_EVERY
            self.plan.leave(seat, LOOK_EVERY)
            return ()

    def _exchange(self, seat: Seat, batch: Sequence[Ended], wish: Wish | None, now: Instant) -> Sequence[Unit]:
        """Settle a batch of a source and claim another in one transaction."""
        self.between.clear()
        try:
            return self._exchanged(seat, batch, wish, now)
        finally:
            self.between.set()

    def _exchanged(self, seat: Seat, batch: Sequence[Ended], wish: Wish | None, now: Instant) -> Sequence[Unit]:
        units: Sequence[Unit] = ()
        settled = Settled()
        self.number()  # before the transaction: it may have one of its own
        seat.doubt = wish
        try:
            with self.store.begin("worker") as transaction:
                if batch:
                    settled = seat.source.settle(transaction, batch, seat.holdings.finished_by(batch))
                if wish is not None:
                    units = seat.source.claim(transaction, wish)
        except StatementRefused:
            # the database has answered: nothing happened, and what stands under the token is another's
            seat.doubt = None
            if not batch:
                raise
            settled = self._settle_apart(seat, batch)
        except BaseException:
            seat.settling.put_back(batch)
            raise
        seat.doubt = None
        if batch:
            self._settled(seat, batch, settled, now)
        if wish is not None:
            seat.holdings.take_all(units)
            seat.source.taken(units)
            self.plan.drew(seat, wish, units, now)
        return units

    def _settle_apart(self, seat: Seat, batch: Sequence[Ended]) -> Settled:
        try:
            return seat.source.settle_apart(batch, seat.holdings.finished_by(batch))
        except BaseException:
            seat.settling.put_back(batch)
            raise

    def _begin(self, units: Sequence[Unit], now: Instant) -> None:
        """Hand what was claimed to the executors."""
        if not units:
            return
        self.watch.learn(units[0].claimed_at, now)
        if not self.claiming:  # told to stop while the claim was under way
            for unit in units:
                unit.give_back()
            return
        self.hands.take(units)
        self.began()

    def _settled(self, seat: Seat, batch: Sequence[Ended], settled: Settled, now: Instant) -> None:
        if settled.later:
            held = {id(outcome) for outcome in settled.later}
            seat.settling.put_back(settled.later)
            seat.held_until = now + HELD_FOR
            batch = [outcome for outcome in batch if id(outcome) not in held]
        seat.holdings.let_go(batch)
        self.plan.expect(seat.source.settled(batch))
        self.hands.pace.count(len(batch))
        seat.failed += settled.failed
        seat.done += len(batch) - settled.failed
        self.plan.ended(seat, more=self.claiming)

    # --------------------------------------------------------------------------------------------- less usual things

    def _ask_about(self, seat: Seat, wish: Wish, now: Instant) -> None:
        """A commit's answer was lost: if the claim happened, take it."""
        with self.store.begin("worker", reading=True) as transaction:
            units = seat.source.recall(transaction, wish)
        seat.doubt = None
        if units:
            log.info("a claim whose answer was lost had happened: %d pieces are taken up", len(units))
        self.adopt(seat, units, now)


def _placed(units: Iterable[Unit], wish: Wish, order: dict[Rank, int]) -> list[tuple[int, Unit]]:
    """Give each unit its place among all that was chosen; what was claimed by bound takes the places in their order."""
    if not wish.choices:
        return [(0, unit) for unit in units]
    places = [order[choice[:5]] for choice in wish.choices]
    named = {choice.identifier: place for choice, place in zip(wish.choices, places, strict=True)}
    last = len(places) - 1
    return [(named.get(unit.identifier, places[min(number, last)]), unit) for number, unit in enumerate(units)]

"""The heart of a worker: one loop that settles what has run and draws what is to run, from all of its sources by rank.

Settling a batch of a source and claiming its next one are one transaction. The *lead* is a source that claims by bound
(the queue): while its best is better than anything that others could give, it alone is drawn, in batches and ahead of
the hands, and nobody is asked. Otherwise the sources are asked by rank (:mod:`tickwork.model.ranking`), and what goes
first among all that they offer is claimed, each source's in one transaction of its own. What is drawn is never worse than
what was ready and could have been had: only work that was claimed before a better piece became ready may begin before it,
and that is what the worker runs in a fifth of a second.

While nothing is ready a turn is a cheap look that writes nothing. When the acknowledgement of a commit is lost, the token
says what happened: its source is asked about it before anything else is claimed from it, and outcomes are settled again,
which comes to nothing where it had happened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tickwork.engine.worker.database_watch import DatabaseWatch
from tickwork.engine.worker.drawing import Drawing
from tickwork.engine.worker.executors import Executor
from tickwork.engine.worker.obstacle import Obstacle
from tickwork.engine.worker.pace import UNSTARTED, Pace, Prefetch
from tickwork.engine.worker.seat import Seat
from tickwork.engine.worker.settling import LINGER, Ended
from tickwork.engine.worker.source import Settled, Source, Wish
from tickwork.engine.worker.units import Unit
from tickwork.errors import ReadOnlyStore, StatementRefused, StoreUnavailable
from tickwork.model import ranking
from tickwork.model.generator import REALTIME
from tickwork.model.lease import LENGTH, new_token
from tickwork.model.ranking import Choice
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.worker")

#: How long to leave alone what somebody else has locked, in microseconds.
HELD_FOR = 100_000
#: A loop that is kept busy by outcomes still looks for work so often.
LOOK_EVERY = 1 * SECOND
#: The place of a choice among others: priority, since when, whose turn, source, identifier.
Rank = tuple[int, int, int, str, str]
#: No priority is so bad, and none so good.
NONE_SO_BAD, LEAST_URGENT = 10_000, 9_999


@dataclass(frozen=True)
class Appetite:
    """How much a worker takes: hands to run in, the largest batch, the usual lease in microseconds."""

    concurrency: int = 10
    batch: int = 500
    lease: int = LENGTH
    replica_lag: int | None = None
    """How far a replica may be behind, in microseconds, before no more is taken; None: nobody looks."""
    reserve: int = 0
    """How many of the hands wait for what is urgent."""
    urgent: int = REALTIME
    """What is at least so urgent may take a reserved hand."""
    worst: int = LEAST_URGENT
    """Nothing less urgent is taken, from whatever source."""


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
        self.store, self.appetite, self.watch, self.executors = store, appetite, watch, tuple(executors)
        self.number = number
        self.seats = {source.name: Seat(source) for source in sources}
        self.lead = next((seat for seat in self.seats.values() if seat.source.by_bound), None)
        self.drawing = Drawing(store, namespace, sources, watch)
        self.obstacle = Obstacle(store, appetite.replica_lag)
        self.claiming = True
        self.rung = True
        """Somebody outside said that there may be work."""
        self.stirred = False
        """Somebody inside has finished something."""
        self._flowing = False
        """The lead gave something when it was drawn last."""
        self._more = self.has_others
        """Others may have more."""
        self._best: int | None = None
        """The best that the lead had when it was drawn last."""
        self._best_at: Instant | None = None
        self._short = False
        """The lead could not give what it had offered: let the others go first once."""
        self._dry = False
        """The last draw brought nothing."""
        self._again = False
        """The last draw has shown that another one is needed at once."""
        self._saw = False
        """The lead was looked at in this turn."""
        self._looked_at: Instant | None = None
        self._next_at: Instant | None = None
        self._queued_since: Instant | None = None
        widest = max((source.widest for source in sources), default=1)
        self._ahead, self._pace = Prefetch(appetite.batch, least=widest - 1), Pace()

    # ------------------------------------------------------------------------------------------------ how it stands

    @property
    def has_others(self) -> bool:
        """Whether there are sources beside the lead."""
        return len(self.seats) > (self.lead is not None)

    @property
    def empty(self) -> bool:
        """Whether nothing is in the worker's hands."""
        return all(seat.empty for seat in self.seats.values())

    @property
    def idle(self) -> bool:
        """Whether nothing is in the worker's hands and nothing was left to draw at the last look."""
        return self.empty and not ((self._flowing or self._more) and self.claiming)

    @property
    def wants_more(self) -> bool:
        """Whether what was claimed ahead runs low while there is more to draw."""
        return (self._flowing or self._more) and self.queued <= self._ahead.size // 2

    @property
    def queued(self) -> int:
        """How many claimed pieces have not begun."""
        return sum(executor.queued for executor in self.executors)

    @property
    def unsettled(self) -> int:
        """How many outcomes are not settled yet."""
        return sum(len(seat.settling) for seat in self.seats.values())

    @property
    def busy(self) -> int:
        """How many hands are busy."""
        return sum(seat.source.running for seat in self.seats.values())

    def ask_all(self) -> None:
        """Look everywhere at the next turn, whoever rests."""
        self.drawing.rested()
        self.rung = self.drawing.stale = True
        self._more, self._dry = self.has_others, False

    def wake(self, name: str) -> None:
        """A source may have more than it had."""
        self.drawing.wake(name)
        self.rung = True

    # -------------------------------------------------------------------------------------------------------- turns

    def turn(self, now: Instant) -> Instant | None:
        """Settle what has gathered and draw what there is room for; *now* is of a steady clock."""
        stirred, self.stirred = self.stirred, False
        for seat in self.seats.values():
            if seat.doubt is not None:
                self._ask_about(seat, seat.doubt, now)
        self._give_back_unstarted(now)
        queued = self.queued
        due = [seat for seat in self.seats.values() if self._is_due(seat, now, queued)]
        for seat in due:
            if seat.source.expect(seat.settling.peek(seat.source.settles), now):
                self.rung = True
        free = self.claiming and not self.obstacle.stands(now)
        room = self._room(queued) if free and self._is_hungry(now, busy=stirred or bool(due)) else 0
        wishes = self._plan(room, now, due) if room else {}
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
            self.drawing.wake(seat.name)
            self.rung, self._dry = True, False
            self._flowing = self._flowing or seat is self.lead
            self._more = self._more or seat is not self.lead

    def settle_all(self, now: Instant) -> None:
        """Settle whatever has gathered, and draw nothing."""
        self._exchange_all([seat for seat in self.seats.values() if seat.settling], {}, now)

    def adopt(self, seat: Seat, units: Sequence[Unit], now: Instant) -> None:
        """Take in what was claimed elsewhere, under a token of this worker's."""
        seat.holdings.take_all(units)
        self._begin(units, now)

    def close(self) -> None:
        """Draw no more, and give back what has not begun."""
        self.claiming = self._flowing = self._more = False
        self._release()

    def lose(self, token: int) -> None:
        """A lease was lost: what runs under it is told, its results are discarded."""
        for seat in self.seats.values():
            if token in seat.holdings.tokens:
                lost = seat.holdings.lose(token)
                log.warning("a lease of %s was lost with %d pieces; their results will be discarded", seat.name, lost)
                seat.source.lose(token)
        for executor in self.executors:
            executor.cancel(token)

    # ------------------------------------------------------------------------------------------------- what to do

    def _is_due(self, seat: Seat, now: Instant, queued: int) -> bool:
        batch = min(self.appetite.batch, seat.source.settles)
        return now >= seat.held_until and seat.settling.due(now, batch, more_to_come=queued > 0)

    def _room(self, queued: int) -> int:
        """How many to draw: up to the free hands and what will be run at once after them."""
        if queued > self._ahead.size // 2:
            return 0
        return max(0, min(self.appetite.batch, self.appetite.concurrency + self._ahead.size - queued - self.busy))

    def _limits(self, room: int) -> tuple[int, int]:
        """Return how many of these, and how urgent at least: reserved hands are left to what is urgent."""
        appetite = self.appetite
        if not appetite.reserve:
            return room, appetite.worst
        taken = sum(executor.usual for executor in self.executors)
        usual = appetite.concurrency - appetite.reserve + self._ahead.size - taken
        return (min(room, usual), appetite.worst) if usual > 0 else (room, min(appetite.worst, appetite.urgent))

    def _is_hungry(self, now: Instant, *, busy: bool) -> bool:
        """Say whether it is time to look for work: there was some, somebody rang, or nothing else woke us (a poll)."""
        if self._flowing or self._more or self.rung or not busy:
            return True
        if self._next_at is not None and now >= self._next_at:
            return True
        return self._looked_at is None or now - self._looked_at >= LOOK_EVERY

    def _again_at(self, now: Instant) -> Instant | None:
        if self.obstacle.reason is not None:
            return now + (LINGER if self.unsettled else LOOK_EVERY)
        room = self.claiming and self._room(self.queued)
        if (self._flowing or self._more) and room and not self._dry:
            return now
        moments = []
        if room:  # without room it is looked at when something has finished
            moments += [] if self._next_at is None else [self._next_at]
            moments += [self.watch.steadily(until) for until in self.drawing.rests(self.watch.now())]
        for seat in self.seats.values():
            if seat.upkeep_at is not None:
                moments.append(seat.upkeep_at)
            if seat.settling:
                moments.append(max(now + LINGER, seat.held_until))
        if self._queued_since is not None:
            moments.append(self._queued_since + UNSTARTED)
        return min(moments, default=None)

    # ------------------------------------------------------------------------------------------------------ drawing

    def _plan(self, room: int, now: Instant, due: Sequence[Seat]) -> dict[str, Wish]:
        """Say how much is to be had of whom."""
        self.drawing.look(now)
        at, lead, short, self._saw = self.watch.now(), self.lead, self._short, False
        size, worst = self._limits(room)
        awake = self.drawing.awake(at)
        others = [source for source in awake if not source.by_bound]
        best = None
        if lead is not None and lead.source in awake and not short:
            blind = (lead in due or self._flowing) and not others and worst == self.appetite.worst
            best = lead.source.range.best if blind else self._lead_best(lead, now, worst)
        self._short = self._again = self.rung = False
        self._looked_at = now
        if best is None and not short:
            self._flowing = False
        bar = min((source.range.best for source in others), default=None)
        least = worst if bar is None else min(worst, bar - 1)
        if lead is not None and best is not None and best <= least and (bar is None or lead.source.bounded):
            return {lead.name: self._wish(size, least)}
        if not others:
            self._more, self._dry = False, not short
            return {}
        return self._ranked(size, worst, at, best, now)

    def _lead_best(self, lead: Seat, now: Instant, worst: int) -> int | None:
        """The best that the lead has: as it was drawn a moment ago, if nobody rang since; or by a look."""
        fresh = self._best_at is not None and 0 <= now - self._best_at < LOOK_EVERY and not self.rung
        if self._flowing and fresh and worst == self.appetite.worst:
            return self._best
        self._saw, self._best_at = True, now
        outlook = lead.source.look(now)
        self.watch.learn(outlook.at, now)
        self._next_at = None if outlook.next_at is None else self.watch.steadily(outlook.next_at)
        return outlook.best

    def _ranked(self, size: int, worst: int, at: Instant, best: int | None, now: Instant) -> dict[str, Wish]:
        """Ask by rank, and wish for what goes first and finds a hand."""
        appetite, lead = self.appetite, "" if self.lead is None else self.lead.name
        free = min(size, max(0, appetite.concurrency - self.queued - self.busy))
        chosen = self.drawing.choose(size, at, worst, {lead: NONE_SO_BAD if best is None else best})
        givers = {choice.generator for choice in chosen}
        self._more = bool(givers - {lead})
        if lead not in givers and len(chosen) < size and self._flowing:
            self._flowing, self._next_at = False, now  # when the next one will be ready is to be looked for
        taken = ranking.taken(chosen, free, size, appetite.urgent, lead, size - free)
        self._dry = not taken
        wishes: dict[str, list[Choice]] = {}
        for choice in taken:
            wishes.setdefault(choice.generator, []).append(choice)
        return {name: self._wish(len(each), each[-1].priority, tuple(each)) for name, each in wishes.items()}

    def _wish(self, size: int, worst: int, choices: tuple[Choice, ...] = ()) -> Wish:
        starts = max(0, self.appetite.concurrency - self.busy - self.queued)
        return Wish(size, starts, worst, self.number(), new_token(self.watch.now()), choices)

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
                self._dry = not drawn and not self._again
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
            seat.held_until = now + LOOK_EVERY
            self.drawing.rest(seat.name, self.watch.now() + LOOK_EVERY)
            return ()

    def _exchange(self, seat: Seat, batch: Sequence[Ended], wish: Wish | None, now: Instant) -> Sequence[Unit]:
        """Settle a batch of a source and claim another in one transaction."""
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
            if not batch:
                raise
            seat.doubt = None
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
            self._drew(seat, wish, units, now)
        return units

    def _settle_apart(self, seat: Seat, batch: Sequence[Ended]) -> Settled:
        try:
            return seat.source.settle_apart(batch, seat.holdings.finished_by(batch))
        except BaseException:
            seat.settling.put_back(batch)
            raise

    def _drew(self, seat: Seat, wish: Wish, units: Sequence[Unit], now: Instant) -> None:
        """Learn from what a source has given."""
        if seat is not self.lead:
            if units or seat.source.spoiled:
                self.drawing.was_served(seat.name, len(units))
            else:  # somebody else was quicker, or its limit is reached
                self.drawing.rest(seat.name, self.watch.now() + seat.source.every)
            return
        self.drawing.was_served(seat.name, len(units))
        self._ahead.after(*self._pace.read(now))
        self._best_at = now
        missing = wish.size - sum(unit.size for unit in units)
        if wish.choices or wish.worst >= self.appetite.worst:
            self._flowing, self._best = bool(units), units[-1].priority if units else None
            self._short = self._again = bool(wish.choices) and missing > 0
            if not units:  # a claim does not see what is delayed behind what it took: look once more
                self._next_at = now + HELD_FOR if self._saw else now
        elif not (self.appetite.reserve and wish.worst <= self.appetite.urgent):
            # what is worse has not been asked for: it has its turn by rank
            self._flowing, self._again = True, missing > 0
            self._best = wish.worst + 1 if missing > 0 else units[-1].priority

    def _begin(self, units: Sequence[Unit], now: Instant) -> None:
        """Hand what was claimed to the executors."""
        if not units:
            return
        self.watch.learn(units[0].claimed_at, now)
        if not self.claiming:  # told to stop while the claim was under way
            for unit in units:
                unit.give_back()
            return
        plain, coroutines = self.executors
        if plain is coroutines:
            plain.submit(units)
            return
        for executor, of_coroutines in ((plain, False), (coroutines, True)):
            if mine := [unit for unit in units if unit.is_async is of_coroutines]:
                executor.submit(mine)

    def _settled(self, seat: Seat, batch: Sequence[Ended], settled: Settled, now: Instant) -> None:
        if settled.later:
            held = {id(outcome) for outcome in settled.later}
            seat.settling.put_back(settled.later)
            seat.held_until = now + HELD_FOR
            batch = [outcome for outcome in batch if id(outcome) not in held]
        seat.holdings.let_go(batch)
        self._expect(seat.source.settled(batch))
        self._pace.count(len(batch))
        seat.failed += settled.failed
        seat.done += len(batch) - settled.failed
        if seat is not self.lead:
            self.drawing.wake(seat.name)
            self._more, self._dry = self.claiming, False

    def _expect(self, again_at: Instant | None) -> None:
        """What waits for its next run wakes us then, as far as we know of it."""
        if again_at is not None:
            soonest = self.watch.steadily(again_at)
            self._next_at = soonest if self._next_at is None else min(self._next_at, soonest)

    # --------------------------------------------------------------------------------------------- less usual things

    def _ask_about(self, seat: Seat, wish: Wish, now: Instant) -> None:
        """A commit's answer was lost: if the claim happened, take it."""
        with self.store.begin("worker", reading=True) as transaction:
            units = seat.source.recall(transaction, wish)
        seat.doubt = None
        if units:
            log.info("a claim whose answer was lost had happened: %d pieces are taken up", len(units))
        self.adopt(seat, units, now)

    def _give_back_unstarted(self, now: Instant) -> None:
        """Give back what has lain here for a second without beginning: another worker may be free."""
        appetite = self.appetite
        if not self.queued or self.busy < appetite.concurrency - appetite.reserve:
            self._queued_since = None
        elif self._queued_since is None:
            self._queued_since = now
        elif now - self._queued_since >= UNSTARTED:
            self._queued_since, self._ahead.size = None, 0
            self._release()

    def _release(self) -> None:
        """Give back what has not begun."""
        for executor in self.executors:
            for unit in executor.take_back():
                unit.give_back()


def _placed(units: Iterable[Unit], wish: Wish, order: dict[Rank, int]) -> list[tuple[int, Unit]]:
    """Give each unit its place among all that was chosen; what was claimed by bound takes the places in their order."""
    if not wish.choices:
        return [(0, unit) for unit in units]
    places = [order[choice[:5]] for choice in wish.choices]
    named = {choice.identifier: place for choice, place in zip(wish.choices, places, strict=True)}
    last = len(places) - 1
    return [(named.get(unit.identifier, places[min(number, last)]), unit) for number, unit in enumerate(units)]

"""What a worker draws next, how much of whom, and when it looks again; nothing is claimed here.

The *lead* is a source that claims by bound (the queue): while its best is better than anything that others could give, it
alone is drawn, in batches and ahead of the hands, and nobody is asked. Otherwise the sources are asked by rank
(:mod:`tickwork.model.ranking`), and what goes first among all that they offer is wished for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tickwork.engine.worker.database_watch import DatabaseWatch
from tickwork.engine.worker.drawing import Drawing
from tickwork.engine.worker.hands import Hands
from tickwork.engine.worker.seat import Seat
from tickwork.engine.worker.source import Wish
from tickwork.engine.worker.units import Unit
from tickwork.model import ranking
from tickwork.model.lease import Tokens
from tickwork.model.ranking import Choice
from tickwork.watch import SECOND, Instant

#: How long to leave alone what somebody else has locked, in microseconds.
HELD_FOR = 100_000
#: A loop that is kept busy by outcomes still looks for work so often.
LOOK_EVERY = 1 * SECOND
#: No priority is so bad.
NONE_SO_BAD = 10_000


class Plan:
    """Plans what one worker draws, and learns from what that brought. The pump alone asks; anybody may ring."""

    def __init__(self, drawing: Drawing, lead: Seat | None, hands: Hands, number: Callable[[], int]) -> None:
        self.drawing, self.lead, self.hands, self.number = drawing, lead, hands, number
        self.watch: DatabaseWatch = drawing.watch
        self._tokens = Tokens()
        self.rung = True
        """Somebody outside said that there may be work."""
        self.next_at: Instant | None = None
        """When there will be more of the lead, by the steady clock, as far as is known."""
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

    # ------------------------------------------------------------------------------------------------ when to look

    @property
    def has_others(self) -> bool:
        """Whether there are sources beside the lead."""
        return len(self.drawing.sources) > (self.lead is not None)

    @property
    def has_more(self) -> bool:
        """Whether something was left to draw at the last look."""
        return self._flowing or self._more

    @property
    def draws_again(self) -> bool:
        """Whether to draw again at once, where there is room."""
        return self.has_more and not self._dry

    def is_hungry(self, now: Instant, *, busy: bool) -> bool:
        """Say whether it is time to look for work: there was some, somebody rang, or nothing else woke us (a poll)."""
        if self.has_more or self.rung or not busy:
            return True
        if self.next_at is not None and now >= self.next_at:
            return True
        return self._looked_at is None or now - self._looked_at >= LOOK_EVERY

    def moments(self) -> list[Instant]:
        """When there may be more, by the steady clock."""
        rests = [self.watch.steadily(until) for until in self.drawing.rests(self.watch.now())]
        return rests if self.next_at is None else [self.next_at, *rests]

    def ask_all(self) -> None:
        """Look everywhere at the next turn, whoever rests."""
        self.drawing.rested()
        self.rung = self.drawing.stale = True
        self._more, self._dry = self.has_others, False

    def more_ready(self, seat: Seat) -> None:
        """A source has made more ready itself: draw it at once."""
        self.drawing.wake(seat.name)
        self.rung, self._dry = True, False
        self._flowing = self._flowing or seat is self.lead
        self._more = self._more or seat is not self.lead

    def ended(self, seat: Seat, *, more: bool) -> None:
        """Work of a source has ended: one that is not the lead is asked again, where *more* is drawn at all."""
        if seat is not self.lead:
            self.drawing.wake(seat.name)
            self._more, self._dry = more, False

    def expect(self, again_at: Instant | None) -> None:
        """What waits for its next run wakes us then, as far as we know of it."""
        if again_at is not None:
            soonest = self.watch.steadily(again_at)
            self.next_at = soonest if self.next_at is None else min(self.next_at, soonest)

    def close(self) -> None:
        """Nothing more is drawn."""
        self._flowing = self._more = False

    # ------------------------------------------------------------------------------------------------ what to draw

    def wishes(self, room: int, now: Instant, due: Sequence[Seat]) -> dict[str, Wish]:
        """Say how much is to be had of whom; *due* are settled in the same turn."""
        self.drawing.look(now)
        at, lead, short, self._saw = self.watch.now(), self.lead, self._short, False
        size, worst = self.hands.limits(room)
        awake = self.drawing.awake(at)
        others = [source for source in awake if not source.by_bound]
        best = None
        if lead is not None and lead.source in awake and not short:
            blind = (lead in due or self._flowing) and not others and worst == self.hands.appetite.worst
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
        if self._flowing and fresh and worst == self.hands.appetite.worst:
            return self._best
        self._saw, self._best_at = True, now
        outlook = lead.source.look(now)
        self.watch.learn(outlook.at, now)
        self.next_at = None if outlook.next_at is None else self.watch.steadily(outlook.next_at)
        return outlook.best

    def _ranked(self, size: int, worst: int, at: Instant, best: int | None, now: Instant) -> dict[str, Wish]:
        """Ask by rank, and wish for what goes first and finds a hand."""
        lead = "" if self.lead is None else self.lead.name
        free = min(size, self.hands.free)
        chosen = self.drawing.choose(size, at, worst, {lead: NONE_SO_BAD if best is None else best})
        givers = {choice.generator for choice in chosen}
        self._more = bool(givers - {lead})
        if lead not in givers and len(chosen) < size and self._flowing:
            self._flowing, self.next_at = False, now  # when the next one will be ready is to be looked for
        taken = ranking.taken(chosen, free, size, self.hands.appetite.urgent, lead, size - free)
        self._dry = not taken
        wishes: dict[str, list[Choice]] = {}
        for choice in taken:
            wishes.setdefault(choice.generator, []).append(choice)
        return {name: self._wish(len(each), each[-1].priority, tuple(each)) for name, each in wishes.items()}

    def _wish(self, size: int, worst: int, choices: tuple[Choice, ...] = ()) -> Wish:
        at = self.watch.now()
        tokens = tuple(self._tokens.next(at) for _ in range(len(choices) or 1))
        return Wish(size, self.hands.free, worst, self.number(), tokens, choices)

    # ---------------------------------------------------------------------------------------------- what it brought

    def drew(self, seat: Seat, wish: Wish, units: Sequence[Unit], now: Instant) -> None:
        """Learn from what a source has given."""
        if seat is self.lead:
            self._drew_of_lead(wish, units, now)
        elif not units and not seat.source.spoiled:  # somebody else was quicker, or its limit is reached
            self.leave(seat, seat.source.every)
            return
        self.drawing.was_served(seat.name, len(units))

    def _drew_of_lead(self, wish: Wish, units: Sequence[Unit], now: Instant) -> None:
        self.hands.learn_pace(now)
        self._best_at = now
        appetite, missing = self.hands.appetite, wish.size - sum(unit.size for unit in units)
        if wish.choices or wish.worst >= appetite.worst:
            self._flowing, self._best = bool(units), units[-1].priority if units else None
            self._short = bool(wish.choices) and missing > 0
            self._again = self._again or self._short
            if not units:  # a claim does not see what is delayed behind what it took: look once more
                self.next_at = now + HELD_FOR if self._saw else now
        elif not (appetite.reserve and wish.worst <= appetite.urgent):
            # what is worse has not been asked for: it has its turn by rank
            self._flowing, self._again = True, self._again or missing > 0
            self._best = wish.worst + 1 if missing > 0 else units[-1].priority

    def leave(self, seat: Seat, span: int) -> None:
        """A source gave nothing of what it had offered: it rests, and what the others have is asked at once."""
        self.drawing.rest(seat.name, self.watch.now() + span)
        self._again = True

    def drawn(self, *, anything: bool) -> None:
        """All that was wished for was asked for; whether it brought *anything*."""
        self._dry = not anything and not self._again

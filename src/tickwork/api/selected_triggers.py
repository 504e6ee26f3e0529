"""Verbs on all the triggers that a filter selects: cancel, pause, resume, move to a clock, shift by a span.

``app.triggers.where(...)`` selects. However many they are, it is one transaction and a handful of statements: all of
them are changed, or none is. An empty filter is refused by every verb that changes something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tickwork.api.decisions import Missed, cancelled, paused, resumed
from tickwork.api.desk import Desk
from tickwork.clocks.clock import Clock
from tickwork.clocks.codec import decode_json, encode_json
from tickwork.errors import InvalidClock, InvalidInput, NotFound
from tickwork.model.retiming import retimed
from tickwork.model.selection import TriggerFilter
from tickwork.model.standing_order import TriggerDid, TriggerPut, settled
from tickwork.store import selections, triggers
from tickwork.store.dialect import Verb
from tickwork.store.selections import Standing
from tickwork.store.triggers import Decide
from tickwork.watch import Instant, to_duration


@dataclass(frozen=True, slots=True)
class TreatedTriggers:
    """What a bulk verb did: how many triggers were selected, what was done to how many, and to which."""

    selected: int
    did: dict[str, int] = field(default_factory=dict)
    each: tuple[TriggerPut, ...] = field(default=(), repr=False)


#: Returns a trigger's new clock as it is stored, or why it keeps its own.
NewClock = Callable[[Standing], tuple[str, str] | TriggerDid]


class SelectedTriggers:
    """The triggers of one namespace that a filter selects."""

    def __init__(self, desk: Desk, wanted: TriggerFilter) -> None:
        self._desk, self._wanted = desk, wanted

    def list(self) -> tuple[TriggerPut, ...]:
        """Return them as they are, in the order of their ids."""
        desk, wanted = self._desk, self._wanted

        def verb() -> Verb[tuple[TriggerPut, ...]]:
            standing = yield from selections.hold_triggers(desk.scope, wanted)
            return tuple(found.held.unchanged() for found in standing)

        return desk.perform(verb)

    def cancel(self, *, by: str = "", dry_run: bool = False) -> TreatedTriggers:
        """Cancel each of them; once this has committed, nothing is put for them."""
        return self._decide(cancelled, by, dry_run=dry_run)

    def pause(self, *, by: str = "", dry_run: bool = False) -> TreatedTriggers:
        """Pause each of them; their clocks keep their places."""
        return self._decide(paused, by, dry_run=dry_run)

    def resume(self, *, missed: Missed = "skip", by: str = "", dry_run: bool = False) -> TreatedTriggers:
        """Let each go on that was paused or set aside; *missed* says what becomes of the slots in between."""
        return self._decide(resumed(missed), by, dry_run=dry_run)

    def _decide(self, decide: Decide, by: str, *, dry_run: bool) -> TreatedTriggers:
        """Do to each what *decide* says; one for which it is not possible is left as it is."""

        def left(held: triggers.Held) -> triggers.Edit | TriggerPut:
            try:
                return decide(held)
            except NotFound:
                return held.unchanged("already cancelled")

        def act(standing: Sequence[Standing]) -> Verb[list[TriggerPut]]:
            return (yield from selections.edit_triggers(self._desk.scope, [each.held for each in standing], left, by))

        return self._treat(act, dry_run=dry_run)

    def move(self, clock: Clock | datetime, *, by: str = "", dry_run: bool = False) -> TreatedTriggers:
        """Give each of them this clock. Once it has committed, the old times never fire."""
        now = self._desk.now()

        def new(standing: Standing) -> tuple[str, str] | TriggerDid:
            if standing.held.state == "cancelled":
                return "already cancelled"
            found = encode_json(settled(clock, standing.held.key, now))
            return "unchanged" if found == (standing.held.clock_kind, standing.held.clock_params) else found

        return self._retime(new, by, dry_run=dry_run)

    def shift(self, span: timedelta | float, *, by: str = "", dry_run: bool = False) -> TreatedTriggers:
        """Put each of them later by a timedelta or seconds (negative: earlier): its next occurrence moves by that.

        One that has nothing before it (finished, cancelled, or its clock cannot be read here) is left as it is.
        """
        duration = to_duration(span, "span")
        if duration == 0:
            raise InvalidInput("span", span, "a span that is not 0")

        def new(standing: Standing) -> tuple[str, str] | TriggerDid:
            held = standing.held
            if held.state == "cancelled":
                return "already cancelled"
            try:
                clock = decode_json(held.clock_kind, held.clock_params)
                next_at = self._next_of(standing, clock)
                return "unchanged" if next_at is None else encode_json(retimed(clock, duration, next_at))
            except InvalidClock:
                return "unchanged"

        return self._retime(new, by, dry_run=dry_run)

    def _next_of(self, standing: Standing, clock: Clock) -> Instant | None:
        """Return the next occurrence: as the event has it, or as planning will once it has read the letter."""
        if standing.planned_version == standing.held.version:
            return standing.next_at
        return clock.next_at(standing.last_at, standing.since_at)

    def _retime(self, new: NewClock, by: str, *, dry_run: bool) -> TreatedTriggers:
        def act(standing: Sequence[Standing]) -> Verb[list[TriggerPut]]:
            answers = {each.held.id: new(each) for each in standing}
            clocks = [(number, *found) for number, found in answers.items() if not isinstance(found, str)]
            moved = {put.id: put for put in (yield from selections.retime(self._desk.scope, clocks, by))}
            held = {each.held.id: each.held for each in standing}
            return [
                held[number].unchanged(found) if isinstance(found, str) else moved[number]
                for number, found in answers.items()
            ]

        return self._treat(act, dry_run=dry_run)

    def _treat(
        self, act: Callable[[Sequence[Standing]], Verb[Sequence[TriggerPut]]], *, dry_run: bool
    ) -> TreatedTriggers:
        desk, wanted = self._desk, self._wanted
        wanted.refuse_empty()

        def verb() -> Verb[TreatedTriggers]:
            standing = yield from selections.hold_triggers(desk.scope, wanted)
            if dry_run:
                each = tuple(found.held.unchanged() for found in standing)
                return TreatedTriggers(len(each), {"would": len(each)} if each else {}, each)
            each = tuple((yield from act(standing)))
            return TreatedTriggers(len(each), dict(Counter(put.did for put in each)), each)

        return desk.perform(verb)

"""Which slots of a trigger are due, and what becomes of each: the ledger's rows, worked out before anything is written.

Every slot ends in exactly one outcome. A run of slots that is coalesced or skipped is one row with a count and a
range. What was missed in a pause follows what the resume said; what was missed otherwise follows the misfire policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from tickwork.model.event import Event, first_after
from tickwork.model.policies import MISSED_LIMIT, Policies, jitter_of
from tickwork.model.trigger import Order, Pause
from tickwork.watch import SECOND, Instant

#: At most so many firings of one trigger in one turn; the rest stays due.
FIRINGS_PER_TURN = 100
#: How ends a task whose trigger is to pause on failure.
FAILED = frozenset({"gave up", "lost"})
#: When a slot that waits for the previous task is looked at again.
LOOK_AGAIN = 1 * SECOND
#: A run of skipped or coalesced slots is counted so far in one turn (a clock of one second, a day and more).
SLOTS_PER_TURN = 100_000
#: Makes a named tuple of a tuple; its class called by name would cost a call of Python's own for each firing.
_new = tuple.__new__


class Firing(NamedTuple):
    """One row for the ledger, and whether a task is put for it."""

    trigger_id: int
    generation: int
    planned_at: Instant
    outcome: str
    reason: str | None
    slots: int
    until_at: Instant | None
    version: int
    previous_at: Instant | None
    expires_at: Instant | None
    puts: bool


class Verdict(NamedTuple):
    """What a turn makes of one due event: the rows, and where the event stands afterwards."""

    firings: Sequence[Firing]
    last_at: Instant | None
    next_at: Instant | None
    due_at: Instant | None
    fired: int
    replaces: int | None = None
    """The unfinished task that is asked to stop, since this firing replaces it."""


class Previous(NamedTuple):
    """The task that this trigger's last firing put: unfinished, or over with an outcome."""

    task_id: int
    outcome: str | None
    finished_at: Instant | None

    @property
    def unfinished(self) -> bool:
        return self.outcome is None

    def failed_since(self, resumed_at: Instant | None) -> bool:
        """Whether it failed, and nobody has resumed the trigger since."""
        return self.outcome in FAILED and (resumed_at is None or (self.finished_at or 0) > resumed_at)


@dataclass(frozen=True, slots=True)
class Question:
    """Too many slots were missed for anybody to guess: the trigger is set aside until a person has answered."""

    text: str


class Slot(NamedTuple):
    """One due slot: when it was planned, and what its fate is (``all``, ``latest``, ``skip``) and why."""

    planned_at: Instant
    fate: str
    reason: str


def judge(
    order: Order, event: Event, now: Instant, pauses: Sequence[Pause] = (), previous: Previous | None = None
) -> Verdict | Question:
    """Decide about every due slot of an event whose order is active and in force.

    *previous* is handed in where the policies ask for it (:func:`asks_for_previous`).
    """
    planned_at, policies = event.next_at, order.policies
    if planned_at is None:
        return Verdict((), event.last_at, None, None, 0)
    if asks_for_previous(policies):
        return _judge_beside(order, event, now, pauses, previous)
    if policies.misfire == "all" and not pauses and not policies.jitter and not policies.max_firings:
        next_at = first_after(order, planned_at)
        if next_at is None or next_at > now:  # nearly always: one slot, which fires
            firing = fired(order, planned_at, event.last_at, 1)
            return _new(Verdict, ((firing,), planned_at, next_at, next_at, 1, None))
    if (question := _too_many(order, planned_at, now, pauses)) is not None:
        return question
    return _judge_each(order, event, policies, list(_due_slots(order, planned_at, now, policies, pauses)))


def asks_for_previous(policies: Policies) -> bool:
    """Whether the policies look at the task of the last firing: overlap, or pause on failure."""
    return policies.overlap != "allow" or policies.pause_on_failure


def _judge_beside(
    order: Order, event: Event, now: Instant, pauses: Sequence[Pause], previous: Previous | None
) -> Verdict | Question:
    """Judge with an eye on the previous task; one firing per turn, since the next slot has that one as its previous."""
    policies, planned_at = order.policies, event.next_at
    if policies.pause_on_failure and previous is not None and previous.failed_since(order.resumed_at):
        return Question(f"its last task, {previous.task_id}, ended as {previous.outcome!r}: resume the trigger")
    if previous is not None and previous.unfinished:
        if policies.overlap == "queue":
            return Verdict((), event.last_at, planned_at, now + LOOK_AGAIN, 0)
        if policies.overlap == "skip":
            slots = [slot.planned_at for slot in _due_slots(order, planned_at, now, policies, pauses)]
            if not slots:
                return Verdict((), event.last_at, planned_at, event.due_at, 0)
            next_at = first_after(order, slots[-1])
            due_at = None if next_at is None else next_at + jitter_of(order.id, next_at, policies.jitter)
            return Verdict((passed(order, "skipped", "overlap", slots),), slots[-1], next_at, due_at, 0)
    if planned_at is not None and (question := _too_many(order, planned_at, now, pauses)) is not None:
        return question
    slots_due = list(_due_slots(order, planned_at, now, policies, pauses))
    verdict = _judge_each(order, event, policies, slots_due, firings_per_turn=1)
    if verdict.fired and policies.overlap == "replace" and previous is not None and previous.unfinished:
        return verdict._replace(replaces=previous.task_id)
    return verdict


def _too_many(order: Order, planned_at: Instant, now: Instant, pauses: Sequence[Pause]) -> Question | None:
    if order.policies.misfire != "all" or pauses or (missed := _count_due(order, planned_at, now)) <= MISSED_LIMIT:
        return None
    return Question(
        f"more than {missed - 1:,} slots were missed and the misfire policy is 'all': "
        "resume the trigger with missed='all', 'latest' or 'skip'"
    )


def _judge_each(
    order: Order, event: Event, policies: Policies, slots: Sequence[Slot], firings_per_turn: int = FIRINGS_PER_TURN
) -> Verdict:
    left = firings_per_turn
    if policies.max_firings is not None:
        left = min(left, policies.max_firings - event.firings)
    firings: list[Firing] = []
    last_at, begun_with = event.last_at, left
    for (fate, reason), run in groupby(slots, key=lambda slot: slot[1:]):
        instants = [slot.planned_at for slot in run]
        if fate == "skip":
            firings.append(passed(order, "skipped", reason, instants))
        elif left <= 0:
            break
        elif fate == "latest":
            if instants[:-1]:
                firings.append(passed(order, "coalesced", reason, instants[:-1]))
                last_at = instants[-2]
            firings.append(fired(order, instants[-1], last_at, len(instants)))
            left -= 1
        else:
            instants = instants[:left]
            for previous_at, planned_at in zip([last_at, *instants], instants, strict=False):
                firings.append(fired(order, planned_at, previous_at, 1))
            left -= len(instants)
        last_at = instants[-1]
    count = begun_with - left
    over = policies.max_firings is not None and event.firings + count >= policies.max_firings
    next_at = None if over else first_after(order, last_at)
    due_at = None if next_at is None else next_at + jitter_of(order.id, next_at, policies.jitter)
    return Verdict(firings, last_at, next_at, due_at, count)


def _due_slots(
    order: Order, planned_at: Instant | None, now: Instant, policies: Policies, pauses: Sequence[Pause]
) -> Iterator[Slot]:
    alone = 0
    for _ in range(SLOTS_PER_TURN):
        if planned_at is None or planned_at + jitter_of(order.id, planned_at, policies.jitter) > now:
            return
        fate, reason = _fate(planned_at, now, policies, pauses)
        alone += fate == "all"
        if alone > FIRINGS_PER_TURN:
            return
        yield Slot(planned_at, fate, reason)
        planned_at = first_after(order, planned_at)


def _fate(planned_at: Instant, now: Instant, policies: Policies, pauses: Sequence[Pause]) -> tuple[str, str]:
    for pause in pauses:
        if pause.from_at <= planned_at < pause.until_at:
            return pause.missed, "paused"
    if now - planned_at > policies.grace:
        return policies.misfire, "misfire"
    return "all", ""


def _count_due(order: Order, planned_at: Instant | None, now: Instant) -> int:
    counted = 0
    while planned_at is not None and planned_at <= now and counted <= MISSED_LIMIT:
        counted, planned_at = counted + 1, first_after(order, planned_at)
    return counted


def fired(order: Order, planned_at: Instant, previous_at: Instant | None, slots: int) -> Firing:
    """The row of a slot that fires, standing for *slots* slots."""
    expires_at = None if order.expires_after is None else planned_at + order.expires_after
    return _new(
        Firing,
        (
            order.id,
            order.generation,
            planned_at,
            "fired",
            None,
            slots,
            None,
            order.version,
            previous_at,
            expires_at,
            order.action == "task",
        ),
    )


def by_hand(order: Order, planned_at: Instant, previous_at: Instant | None) -> Firing:
    """The row of a firing that a person asked for; the clock's place is left as it is."""
    return fired(order, planned_at, previous_at, 1)._replace(outcome="by hand")


def passed(order: Order, outcome: str, reason: str, instants: Sequence[Instant]) -> Firing:
    """The row of a run of slots that do not fire by themselves."""
    until_at = instants[-1] if len(instants) > 1 else None
    return Firing(
        order.id,
        order.generation,
        instants[0],
        outcome,
        reason,
        len(instants),
        until_at,
        order.version,
        None,
        None,
        puts=False,
    )

"""An event: where a trigger stands, its last and its next occurrence. Only the trigger daemon writes it.

Here are the pure rules of planning. Time, order and event are handed in; an answer comes out.
"""

from __future__ import annotations

from typing import NamedTuple

from tickwork.clocks.clock import Clock
from tickwork.errors import InvalidClock
from tickwork.model.policies import jitter_of
from tickwork.model.trigger import Order
from tickwork.watch import FIRST_INSTANT, LAST_INSTANT, MINUTE, SECOND, Instant, show_instant

FIRST_WAIT, LONGEST_WAIT = 30 * SECOND, 60 * MINUTE
FAILURES_ALLOWED = 10


class Event(NamedTuple):
    """The event's row as it was locked."""

    trigger_id: int
    version: int
    generation: int
    last_at: Instant | None
    next_at: Instant | None
    due_at: Instant | None
    firings: int
    task_id: int | None
    failures: int
    set_aside_at: Instant | None


class Planned(NamedTuple):
    """What planning writes: the event's new row."""

    trigger_id: int
    version: int
    generation: int
    last_at: Instant | None
    next_at: Instant | None
    due_at: Instant | None
    firings: int
    task_id: int | None
    tzdata: str
    failures: int
    error: str | None
    set_aside_at: Instant | None


def first_after(order: Order, last_at: Instant | None) -> Instant | None:
    """Ask the order's clock for the next occurrence after *last_at*; it must lie strictly after it.

    After an edit of the clock, slots before the edit count only for clocks that reach back (one-time, interval).
    """
    clock = order.clock
    after = last_at
    if last_at is not None and last_at < order.since_at and not clock.reaches_back:
        after = order.since_at
    return strictly_after(clock, after, order.since_at)


def strictly_after(clock: Clock, after: Instant | None, since_at: Instant) -> Instant | None:
    """Return the clock's answer, or raise InvalidClock when it is no instant or does not move forward."""
    answer = clock.next_at(after, since_at)
    if answer is None:
        return None
    if type(answer) is not int:
        raise InvalidClock("clock", answer, f"an answer in whole microseconds, or None (kind {clock.kind})")
    if after is not None and answer <= after:
        raise InvalidClock(
            "clock",
            show_instant(answer),
            f"an occurrence after the last one, {show_instant(after)} (kind {clock.kind})",
        )
    if not FIRST_INSTANT <= answer <= LAST_INSTANT:
        raise InvalidClock("clock", answer, f"an instant in the years 1 to 9999 (kind {clock.kind})")
    return answer


def plan(order: Order, event: Event | None, tzdata: str) -> Planned:
    """Return the event of an order that was written or edited; the last occurrence counts for its generation only."""
    same = event is not None and event.generation == order.generation
    last_at = event.last_at if event is not None and same else None
    firings = event.firings if event is not None and same else 0
    task_id = event.task_id if event is not None else None
    next_at = due_at = None
    if order.state != "cancelled" and not (order.policies.max_firings and firings >= order.policies.max_firings):
        next_at = first_after(order, last_at)
        if next_at is not None and order.state == "active":
            due_at = next_at + jitter_of(order.id, next_at, order.policies.jitter)
    return Planned(
        order.id, order.version, order.generation, last_at, next_at, due_at, firings, task_id, tzdata, 0, None, None
    )


def set_aside(order: Order, event: Event | None, error: str, at: Instant) -> Planned:
    """Return the event of an order that cannot be planned or fired: out of the way, visible, its place kept."""
    same = event is not None and event.generation == order.generation
    return Planned(
        order.id,
        order.version,
        order.generation,
        event.last_at if event is not None and same else None,
        event.next_at if event is not None and same else None,
        None,
        event.firings if event is not None and same else 0,
        event.task_id if event is not None else None,
        "",
        event.failures if event is not None else 0,
        error,
        at,
    )


def failed(order: Order, event: Event, error: str, at: Instant) -> Planned:
    """Return the event after a failure of its action: tried again later, set aside at the tenth."""
    failures = event.failures + 1
    if failures >= FAILURES_ALLOWED:
        return set_aside(order, event._replace(failures=failures), error, at)
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1))
    return Planned(
        order.id,
        order.version,
        order.generation,
        event.last_at,
        event.next_at,
        at + wait,
        event.firings,
        event.task_id,
        "",
        failures,
        error,
        None,
    )

"""Why a generator's work is done, waits or is left alone: paused, parked, in hand, resting, or simply not offered."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import msgspec

from tickwork.api.explaining.page import Why
from tickwork.api.explaining.task_standing import WORKER
from tickwork.api.explaining.task_verdicts import START
from tickwork.api.explaining.words import at, coming, one_line
from tickwork.errors import NotFound
from tickwork.model.generator import Parked
from tickwork.store import evidence
from tickwork.store.dialect import Verb
from tickwork.store.evidence import Hand, Scene, WorkRow
from tickwork.store.scope import Scope


@dataclass(frozen=True, slots=True)
class Standing:
    """All that an explanation of a piece of work, or (without a key) of its generator, rests on."""

    name: str
    key: str
    scene: Scene
    head: WorkRow | None
    row: WorkRow | None = None
    parked: Parked | None = None
    hand: Hand | None = None
    in_hands: int = 0
    registered: bool = False
    """Whether the code at hand registers the generator."""

    @property
    def about(self) -> dict[str, Any]:
        """What the generator says about itself: its range, its limit."""
        about: dict[str, Any] = {} if self.head is None else msgspec.json.decode(self.head.about)
        return about

    @property
    def full(self) -> bool:
        """Whether as much of it is in hands as it allows."""
        limit = self.about.get("limit")
        return limit is not None and self.in_hands >= limit


def standing(scope: Scope, name: str, key: str, *, registered: bool) -> Verb[Standing]:
    """Read it all, in at most five statements; raises NotFound where nobody has ever drawn from such a generator."""
    head, row = yield from evidence.work(scope, name, key)
    if head is None and row is None and not registered:
        raise NotFound(f"there is no generator {name!r} in the namespace {scope.namespace!r}: tickwork generator list")
    scene = yield from evidence.scene()
    parked = (yield from evidence.parked(scope, name, key)) if key else None
    hand = yield from evidence.hand(None if row is None else row.token)
    in_hands = 0 if head is None else (yield from evidence.in_hands(head.namespace, name))
    return Standing(name, key, scene, head, row, parked, hand, in_hands, registered)


def explain(seen: Standing) -> Why:
    """Answer from what was read; the first of these that is so is the reason."""
    apart = seen.parked is not None or seen.hand is not None  # whatever becomes of its generator
    of_all = None if apart else _of_generator(seen)
    state, verdict, do = of_all or (_of_work(seen) if seen.key else _at_ease(seen))
    row = seen.row if seen.key else seen.head
    waits = row is not None and row.next_wake_at is not None and row.next_wake_at > seen.scene.now
    return Why(
        f"generator:{seen.name}/{seen.key}" if seen.key else f"generator:{seen.name}",
        "work" if seen.key else "generator",
        seen.scene.now,
        state,
        verdict,
        next_at=row.next_wake_at if row is not None and waits else None,
        facts=_facts(seen),
        do=tuple(do),
    )


def _of_generator(seen: Standing) -> tuple[str, str, list[str]] | None:
    """What holds for all that a generator offers."""
    head, now = seen.head, seen.scene.now
    whole = "the generator" if seen.key else "it"
    if head is None:
        return "unknown", f"no worker has drawn from {whole} yet", [] if seen.scene.runs(WORKER) else [START]
    if head.paused_at is not None:
        said = f"{whole} is paused since {at(head.paused_at)}: nothing of it is handed out"
        return "paused", said, [f"tickwork generator resume {seen.name}"]
    if head.failures and head.next_wake_at is not None and head.next_wake_at > now:
        said = f"{whole} raised when it was asked, {head.failures} times in a row ({one_line(head.error)})"
        return (
            "in trouble",
            f"{said}, and is left alone until {coming(head.next_wake_at, now)}",
            [f"mend it, or ask it at once: tickwork generator wake {seen.name}"],
        )
    if not seen.scene.runs(WORKER):
        return "waiting", f"NO WORKER IS ALIVE to draw from {whole}", [START]
    return None


def _of_work(seen: Standing) -> tuple[str, str, list[str]]:
    row, now, which = seen.row, seen.scene.now, shlex.quote(f"{seen.name}/{seen.key}")
    if seen.parked is not None:
        tries = f"after {seen.parked.attempts} attempts"
        said = f"it is parked since {at(seen.parked.parked_at)}, {tries}: {one_line(seen.parked.reason)}"
        more = f" ({one_line(seen.parked.error)})" if seen.parked.error else ""
        return "parked", f"{said}{more}", [f"tickwork generator parked release {which}"]
    if row is not None and row.paused_at is not None:
        return "paused", f"it is paused since {at(row.paused_at)}", [f"tickwork generator resume {which}"]
    if seen.hand is not None and row is not None:
        said = f"{seen.hand} has it in hand since {at(row.served_at or now)}"
        if seen.hand.lease_ends_at < now:
            said += (
                f", and let its lease run out at {at(seen.hand.lease_ends_at)}: a worker that is alive takes it over"
            )
        return "in hand", said, ["tickwork worker list"]
    if row is not None and row.lease is not None:
        return "lost", "the worker that had it died; it is offered again, as one more failure", []
    if row is not None and row.next_wake_at is not None and row.next_wake_at > now:
        failed = f"its last {row.failures} runs failed ({one_line(row.error)}); " if row.failures else ""
        said = f"{failed}it is not offered again before {coming(row.next_wake_at, now)}"
        return "resting", said, [f"to offer it at once: tickwork generator wake {which}"]
    if seen.full:
        limit = seen.about.get("limit")
        return "waiting", f"as much of its generator is in hands as it allows ({limit}): it waits its turn", []
    if row is None:
        return (
            "not offered",
            "nothing is remembered of it, and nobody has it: its generator does not offer it just now",
            [
                f"tickwork generator show {seen.name}",
                f"to have it looked at: tickwork generator wake {seen.name}",
            ],
        )
    return (
        "waiting",
        "nothing stands in its way: a worker takes it as soon as its generator offers it",
        [f"to have it looked at: tickwork generator wake {which}"],
    )


def _at_ease(seen: Standing) -> tuple[str, str, list[str]]:
    head, now = seen.head, seen.scene.now
    if seen.full:
        return "waiting", f"as much of it is in hands as it allows: {seen.in_hands}", ["tickwork worker list"]
    if head is not None and head.next_wake_at is not None and head.next_wake_at > now:
        return (
            "resting",
            f"it has nothing to offer before {coming(head.next_wake_at, now)}",
            [f"to ask it at once: tickwork generator wake {seen.name}"],
        )
    hands = f"{seen.in_hands} pieces of its work are in hands" if seen.in_hands else "it offers nothing just now"
    last = "" if head is None or head.served_at is None else f"; a worker last drew from it at {at(head.served_at)}"
    return "active", f"nothing stands in its way: {hands}{last}", [f"tickwork generator show {seen.name}"]


def _facts(seen: Standing) -> dict[str, object]:
    row = seen.row if seen.key else seen.head
    about = seen.about
    return {
        "about": about.get("about") or None,
        "best": about.get("best"),
        "worst": about.get("worst"),
        "limit": about.get("limit"),
        "in_hands": seen.in_hands,
        "done": None if row is None else row.done,
        "failed": None if row is None else row.failed,
        "failures": None if row is None else row.failures,
        "served_at": None if row is None else row.served_at,
        "paused_at": None if row is None else row.paused_at,
        "parked_at": None if seen.parked is None else seen.parked.parked_at,
        "attempts": None if seen.parked is None else seen.parked.attempts,
        "source": None if seen.parked is None else seen.parked.source,
        "worker": None if seen.hand is None else str(seen.hand),
        "lease_ends_at": None if seen.hand is None else seen.hand.lease_ends_at,
        "error": (one_line(row.error) or None) if row is not None else None,
        "registered_here": seen.registered,
    }

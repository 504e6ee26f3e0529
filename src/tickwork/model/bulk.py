"""Bulk work: very many tasks under one name, or a verb that is done to very many tasks, with counts that add up.

A bulk of kind ``put`` has tasks of its own, in the container ``bulk:ID``; the others do their verb (cancel, retry,
delay, reprioritise, free) to what a filter selects, a slice at a time, and remember how far they have come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tickwork.errors import InvalidInput
from tickwork.watch import Instant

PUT = "put"
#: What can be done to all that a filter selects, and what each takes.
VERBS = {
    "cancel": ("reason",),
    "retry": ("repeat",),
    "delay": ("at", "delay"),
    "reprioritise": ("priority",),
    "free": (),
}
STATES = ("running", "done", "failed", "cancelling", "cancelled")
#: Outcomes of a bulk's own tasks that are no success.
FAILED = ("gave up", "lost", "expired")


@dataclass(frozen=True, slots=True)
class Bulk:
    """One piece of bulk work as it stands; done, failed and what is left add up to the total."""

    id: int
    key: str | None
    kind: str
    title: str
    state: str
    total: int
    done: int
    failed: int
    counts: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    created_at: Instant = 0
    changed_at: Instant = 0
    by: str = ""

    @property
    def container(self) -> str:
        """Where a bulk of kind ``put`` has its tasks."""
        return container_of(self.id)

    @property
    def left(self) -> int:
        """How many have not been treated, or have not ended."""
        return max(0, self.total - sum(self.counts.values()))


def container_of(number: int) -> str:
    """Return the container of a bulk's own tasks.

    >>> container_of(7)
    'bulk:7'
    """
    return f"bulk:{number}"


def folded(counts: Mapping[str, int]) -> tuple[int, int, str]:
    """Return how many of a bulk's own tasks went well, how many failed, and all counts as they are stored.

    >>> folded({"done": 3, "lost": 1, "cancelled": 2})
    (3, 1, '{"cancelled":2,"done":3,"lost":1}')
    """
    failed = sum(counts.get(outcome, 0) for outcome in FAILED)
    done = counts.get("done", 0) + counts.get("declined", 0)
    return done, failed, msgspec.json.encode(counts, order="sorted").decode()


def verb_terms(kind: str, terms: Mapping[str, Any]) -> dict[str, Any]:
    """Check what a verb takes.

    >>> verb_terms("reprioritise", {"speed": 7})
    Traceback (most recent call last):
    tickwork.errors.InvalidInput: speed: 7 is not allowed; expected one of what reprioritise takes: priority
    """
    if kind not in VERBS:
        raise InvalidInput("kind", kind, f"one of {', '.join(VERBS)}")
    for name, value in terms.items():
        if name not in VERBS[kind]:
            raise InvalidInput(name, value, f"one of what {kind} takes: {', '.join(VERBS[kind]) or 'nothing'}")
    return dict(terms)

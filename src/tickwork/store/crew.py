"""Who works, and what each of them has in hand: the processes with the work under their leases, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tickwork.store.dialect import Verb, ask
from tickwork.watch import Instant


class InHand(NamedTuple):
    """One piece of work in the hands of a worker; ``started_at`` is None where its start is not known yet."""

    generator: str
    identifier: str
    handler: str | None
    """Which handler runs it, where one does."""
    attempt: int
    started_at: Instant | None
    progress: float | None
    progress_note: str | None
    lease_ends_at: Instant

    @property
    def work(self) -> str:
        """``generator/identifier``: ``queue/4711``, ``jobs/reports.daily``, ``webhooks/7``."""
        return f"{self.generator}/{self.identifier}"


@dataclass(frozen=True, slots=True)
class Member:
    """One process that has registered, and what it has in hand."""

    id: int
    kind: str
    host: str
    pid: int
    name: str
    started_at: Instant
    seen_at: Instant
    now: Instant
    works: tuple[InHand, ...]


def crew() -> Verb[list[Member]]:
    """Return everybody who has registered, the one that started first in front."""
    members = yield from ask("crew")
    hands: dict[int, list[InHand]] = {}
    for row in (yield from ask("in_hand")):
        hands.setdefault(row[0], []).append(InHand._make(row[1:]))
    return [Member(*(*row, tuple(hands.get(row[0], ())))) for row in members]

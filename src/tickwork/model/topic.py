"""A topic is something that happens; every handler that has subscribed to it gets a task of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from tickwork.watch import Instant


@dataclass(frozen=True, slots=True)
class Subscription:
    """One handler's subscription; its tasks are allowed so many attempts."""

    topic: str
    handler: str
    attempts: int
    since_at: Instant


@dataclass(frozen=True, slots=True)
class TopicPut:
    """What a put of a topic did: the id of each handler's task, by the handler's name."""

    topic: str
    tasks: dict[str, int] = field(default_factory=dict)

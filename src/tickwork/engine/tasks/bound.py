"""Bounded queues: a producer that is faster than its workers is refused, or waits, by choice.

The bound is looked at in the transaction that puts the task. It is soft: producers that look at the same moment may
pass it together, by as many as they are; and while there is plenty of room not every put looks. What triggers and
follow-ups put is never refused, for it would be lost.
"""

from __future__ import annotations

import threading
from typing import Literal

from tickwork.errors import QueueFull
from tickwork.store.dialect import Verb, ask
from tickwork.store.scope import Scope
from tickwork.watch import SECOND, Instant

WhenFull = Literal["refuse", "wait"]
#: How long a look at a queue counts, and how often somebody who waits looks again.
LOOK_EVERY = 1 * SECOND
WAIT_SECONDS = 0.1


class Bound:
    """At most so many unfinished tasks in one queue of one namespace, as far as this application puts them."""

    def __init__(self, queue: str, at_most: int, when_full: WhenFull, within: float) -> None:
        self.queue, self.at_most, self.when_full, self.within = queue, at_most, when_full, within
        self._credit, self._until = 0, 0
        self._guard = threading.Lock()

    def admit(self, scope: Scope, count: int, now: Instant) -> Verb[None]:
        """Let *count* more in, or raise QueueFull; half of the room that was seen is not looked at again for a second."""
        with self._guard:
            if now < self._until and self._credit >= count:
                self._credit -= count
                return
        if not scope.chains_writes:
            yield from ask("become_writer")  # before the first read, so that a lent transaction can still write
        rows = yield from ask("queue_depth", namespace=scope.namespace, queue=self.queue, most=self.at_most + 1)
        room = self.at_most - rows[0][0]
        if room < count:
            raise QueueFull(
                f"the queue {self.queue!r} has {rows[0][0]} unfinished tasks, and {self.at_most} are allowed: "
                f"{'it stayed so' if self.when_full == 'wait' else 'try again'} later, or run more workers"
            )
        with self._guard:
            self._credit, self._until = (room - count) // 2, now + LOOK_EVERY

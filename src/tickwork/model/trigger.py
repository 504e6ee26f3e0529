"""A trigger as the daemon reads it: the standing order, in the version that is in force.

Applications write it, the daemon never does. What a firing puts (handler, payload, priority ...) stays in the row
and is copied by the database, so it is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tickwork.clocks.clock import Clock
from tickwork.clocks.codec import decode_json
from tickwork.model.policies import Policies, decode_policies
from tickwork.watch import Instant

#: What a firing can do; anything else in a row is a fault of that trigger's action.
ACTIONS = frozenset({"task", "topic", "log"})
#: An action of this kind puts a task for each handler that has subscribed to what it names.
TOPIC = "topic"


class Order(NamedTuple):
    """One trigger's row as planning and firing need it."""

    id: int
    version: int
    generation: int
    state: str
    clock_kind: str
    clock_params: str
    since_at: Instant
    policies_text: str
    action: str
    expires_after: int | None
    resumed_at: Instant | None
    key: str

    @property
    def clock(self) -> Clock:
        """The clock; raises InvalidClock when this program cannot build it."""
        return decode_json(self.clock_kind, self.clock_params)

    @property
    def policies(self) -> Policies:
        return decode_policies(self.policies_text)


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which a trigger was paused, and what its resume said about the slots that fell into it."""

    from_at: Instant
    until_at: Instant
    missed: str

"""What a worker process serves, in words that can be handed on: so that somebody can look out for its work in its absence."""

from __future__ import annotations

import msgspec

from tickwork.store.claims import LEAST_URGENT, Subscription
from tickwork.store.workers import Known
from tickwork.watch import HOUR, SECOND

#: A pool with generators that must be asked more often than this has always somebody there to ask them.
SHORTEST_ABSENCE = 30 * SECOND
#: However quiet it is, so often somebody comes to clean up what Tickwork itself keeps.
LONGEST_ABSENCE = 1 * HOUR


class Post(msgspec.Struct, frozen=True):
    """The database, what is served of it, and the handlers that are known."""

    address: str
    schema: str
    namespaces: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    priority_at_most: int = LEAST_URGENT
    handlers: dict[str, Known] = {}
    absence: int = LONGEST_ABSENCE
    """For how long nobody need be there, in microseconds: its generators are asked at least so often."""

    @property
    def may_be_left(self) -> bool:
        """Whether all of its processes may go."""
        return self.absence >= SHORTEST_ABSENCE

    @property
    def subscription(self) -> Subscription:
        return Subscription(self.namespaces, self.queues, self.priority_at_most)

    def encode(self) -> bytes:
        """Return it as one line.

        >>> Post.decode(Post("sqlite:////srv/work.db", "tickwork").encode()).address
        'sqlite:////srv/work.db'
        """
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, line: bytes) -> Post:
        return msgspec.json.decode(line, type=cls)

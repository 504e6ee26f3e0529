"""The ends of members of groups, as one worker opens them: counted in transactions of their own, after a turn has settled.

What nobody has counted is found by the look at the queue; a worker that is busy, and so does not look, asks now and then.
"""

from __future__ import annotations

import logging

from tickwork.engine.worker.source import Upkeep
from tickwork.errors import StoreError
from tickwork.store import groups
from tickwork.store.groups import Tended
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

log = logging.getLogger("tickwork.worker")

#: A worker that is busy, and so does not look, asks so often whether ends of groups' members lie about.
TEND_EVERY = 10 * SECOND
#: How long they are left that could not be counted.
LEFT_FOR = 1 * SECOND
#: How many transactions one turn spends on them at most.
ROUNDS = 20


class Letters:
    """What one worker knows of letters that lie about."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._waiting = False
        """Members of groups have ended; their letters are to be opened."""
        self._tended_at: Instant = 0
        self._again_at: Instant = 0

    def left(self, *, any_left: bool) -> None:
        """A batch was settled, and has left some."""
        self._waiting = self._waiting or any_left

    def seen(self, now: Instant, *, any_there: bool) -> None:
        """A look has shown whether any lie about."""
        if not any_there:
            self._tended_at = now
        elif now >= self._again_at:
            self._waiting = True

    def turn(self, now: Instant, *, busy: bool) -> Upkeep:
        """Open them where that is due."""
        released = False
        if self._waiting or (busy and now - self._tended_at >= TEND_EVERY):
            released = self._open(now)
        return Upkeep(released, self._again_at if self._again_at > now else None)

    def _open(self, now: Instant) -> bool:
        self._waiting, self._tended_at, self._again_at = False, now, 0
        tended, released = Tended(), False
        try:
            for _ in range(ROUNDS):
                with self.store.begin("worker") as transaction:
                    tended = groups.tend(transaction)
                released = released or bool(tended.released)
                if not tended.again:
                    break
        except StoreError as error:
            log.warning("the ends of members of groups could not be counted just now: %s", error)
            tended = Tended(left=True)  # what was taken in that transaction lies there again
        if tended.left or tended.again:
            self._again_at = now + LEFT_FOR
        return released

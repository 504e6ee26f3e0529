"""The trigger daemon: plans triggers that changed, fires events that are due, and does nothing else.

Any number of daemons run at once; correctness comes from rows and transactions only. A turn is one look, then at
most one batch of letters and one batch of firings, each a transaction of its own. It says when the next event is due,
so that the loop around it sleeps until then or until a bell rings.
"""

from __future__ import annotations

from tickwork.engine.triggers.firing import Firings
from tickwork.engine.triggers.planning import Planning
from tickwork.engine.triggers.stopwatch import Stopwatch
from tickwork.store import events
from tickwork.store.events import Outlook
from tickwork.store.store import Store
from tickwork.watch import SECOND, Instant

#: How long to wait when all that is due or changed is held by somebody.
HELD_PAUSE = SECOND // 2


class TriggerDaemon:
    """A loop: ``turn(now)`` returns when it wants to be called again, on the watch of *now*."""

    name = "trigger-daemon"

    def __init__(self, store: Store, batch: int = 1_000) -> None:
        self.store = store
        self.planning = Planning(store, batch)
        self.firings = Firings(store, batch)
        self._expected_at: Instant | None = None
        """When the next event is due, by the clock of the loop."""

    def turn(self, now: Instant) -> Instant | None:
        """Plan a batch, fire a batch; return *now* while there is more, else when the next event is due."""
        expected, self._expected_at = self._expected_at, None
        # what the last look has told need not be looked for
        fired = expected is not None and now >= expected and self.firings.turn()
        outlook = self._look(fired=fired)
        more = bool(outlook.newest_letter) and self.planning.turn(outlook.newest_letter, outlook.now)
        if outlook.due:
            more = self.firings.turn() or more
        if more:
            return now
        waits = [HELD_PAUSE] if outlook.due or outlook.newest_letter else []
        if outlook.next_due_at is not None:
            waits.append(outlook.next_due_at - outlook.now)
            self._expected_at = now + max(0, outlook.next_due_at - outlook.now)
        if self.firings.mark.bottom_in is not None:  # what was held while the mark rose is found at the bottom
            waits.append(self.firings.mark.bottom_in)
        if not waits:
            return None
        return now + max(0, min(waits))

    def _look(self, *, fired: bool) -> Outlook:
        """Look, and take a bound for the next scan once a second, while there is something to fire or something has *fired*."""
        mark = self.firings.mark
        start = mark.start()
        outlook = self._look_from(start)
        if mark.start() < start:  # only the look told what time it is: the bottom's turn came while the daemon slept
            outlook = self._look_from(mark.start())
        # a bound is the server's own time: where the time is handed in there is none, and no mark
        busy = fired or outlook.due
        if busy and self.store.dialect.locks_rows and self.store.watch is None and mark.wants_bound:
            with self.store.read() as transaction:
                mark.bound(events.oldest_daemon_transaction(transaction))
        return outlook

    def _look_from(self, start: Instant) -> Outlook:
        mark, watch = self.firings.mark, Stopwatch()
        with self.store.begin("daemon", reading=True) as transaction:
            outlook = events.look(transaction, start)
        mark.see(outlook.now)
        if not outlook.due:
            mark.idle(start, watch.spent())
        return outlook

    def run_due(self, now: Instant) -> None:
        """Take turns until nothing is left to do at this moment."""
        while self.turn(now) == now:
            pass
